"""A webhook against a receiver that fails, refuses and comes back; pauses are told, not waited for."""

import asyncio
import dataclasses
import hashlib
import hmac
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gnomon.drift import DriftEvent, DriftEventKind
from registry.webhook import ATTEMPTS, NotDelivered, Post, Refused, Webhook, poster, sign

SECRET = b"between us"


def events(*numbers: int) -> list[DriftEvent]:
    raised = DriftEvent(
        kind=DriftEventKind.RAISED, model="m", version=1, monitor="wind", at_unix_ms=5, since_unix_ms=4, psi=0.3
    )
    return [dataclasses.replace(raised, id=number) for number in numbers]


class Receiver:
    """Answers with each of `replies` in turn, then with 200; keeps what it got."""

    def __init__(self, *replies: int) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.replies = list(replies)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((dict(self.headers.items()), body))
                code = outer.replies.pop(0) if outer.replies else 200
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


async def deliver(post: Post, *offers: list[DriftEvent], until: Any, **options: Any) -> tuple[Webhook, list[float]]:
    """Runs a webhook until `until(counts)`; the webhook, and the pauses it took."""
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)

    hook = Webhook(post, SECRET, now_unix_s=lambda: 1_234.9, sleep=sleep, **options)
    for offer in offers:
        hook.offer(offer)
    running = asyncio.create_task(hook.run())
    async with asyncio.timeout(20):
        while not until(hook.counts):
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    hook.close()
    return hook, pauses


async def test_events_are_posted_together_and_signed(receiver: Receiver) -> None:
    await deliver(poster(receiver.url), events(7), events(8), until=lambda counts: counts.delivered == 2)
    ((headers, body),) = receiver.got
    expected = hmac.new(SECRET, b"1234." + body, hashlib.sha256).hexdigest()
    assert headers["X-Gnomon-Signature"] == f"sha256={expected}"
    assert (headers["X-Gnomon-Timestamp"], headers["X-Gnomon-Delivery"]) == ("1234", "7")
    first = json.loads(body)["events"][0]
    assert (first["id"], first["kind"], first["monitor"], first["psi"], first["ks"]) == (7, "raised", "wind", 0.3, None)


def test_another_body_time_or_secret_has_another_signature() -> None:
    signatures = {sign(SECRET, "1", b"a"), sign(SECRET, "1", b"b"), sign(SECRET, "2", b"a"), sign(b"no", "1", b"a")}
    assert len(signatures) == 4


async def test_a_receiver_that_comes_back_gets_the_same_after_growing_pauses(receiver: Receiver) -> None:
    receiver.replies = [500, 503, 429]
    hook, pauses = await deliver(poster(receiver.url), events(1), until=lambda counts: counts.delivered)
    assert pauses == [1, 2, 4]
    assert (hook.counts.failed_attempts, hook.counts.dropped) == (3, 0)
    assert len({(headers["X-Gnomon-Delivery"], body) for headers, body in receiver.got}) == 1


@pytest.mark.parametrize("code", [400, 401, 404, 302])
async def test_a_receiver_that_does_not_want_it_is_not_asked_again(receiver: Receiver, code: int) -> None:
    receiver.replies = [code]
    hook, pauses = await deliver(poster(receiver.url), events(1), events(2), until=lambda counts: counts.dropped)
    assert (pauses, len(receiver.got), hook.counts.dropped) == ([], 1, 2)


async def test_a_receiver_that_never_comes_back_is_given_up_and_the_next_events_are_not() -> None:
    left = ATTEMPTS

    def post(body: bytes, headers: dict[str, str]) -> None:
        nonlocal left
        if left:
            left -= 1
            raise NotDelivered("nobody there")

    hook, pauses = await deliver(post, events(*range(150)), until=lambda counts: counts.delivered)
    assert (hook.counts.dropped, hook.counts.delivered) == (100, 50)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(NotDelivered, match=address):
        poster(f"http://{address}/")(b"{}", {})


async def test_a_full_queue_refuses_and_counts() -> None:
    hook, _ = await deliver(
        lambda body, headers: None, events(1, 2), events(3, 4), until=lambda counts: counts.delivered, queued_limit=3
    )
    assert (hook.counts.refused, hook.counts.delivered) == (1, 3)


def test_what_the_poster_raises_is_one_of_two_things(receiver: Receiver) -> None:
    receiver.replies = [418, 599]
    with pytest.raises(Refused, match="418"):
        poster(receiver.url)(b"{}", {})
    with pytest.raises(NotDelivered, match="599"):
        poster(receiver.url)(b"{}", {})
