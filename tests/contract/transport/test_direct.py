"""Functions of the fast path, called with grpcio's clients and raw HTTP/2."""

import asyncio
import threading
from typing import Any

import grpc
import pytest
import uvloop

from gateway.transport.direct import DirectCall
from gateway.transport.server import Server
from tests.contract.transport.conftest import OPTIONS, Ours
from tests.contract.transport.servicer import path
from tests.contract.transport.wire import Wire, framed, headers


async def answer_of(ours: Ours, handler: Any, message: bytes = b"x", **options: Any) -> bytes:
    running = await ours({path("Echo"): handler})
    async with grpc.aio.insecure_channel(running.target, options=OPTIONS) as channel:
        return await channel.unary_unary(path("Echo"))(message, **options)  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", [0, 1, 4000, 5000, 300_000, 4 << 20])
async def test_a_function_answers_at_once(ours: Ours, size: int) -> None:
    message = bytes(size)
    assert await answer_of(ours, lambda data, call: call.reply(bytes(data)), message) == message


async def test_metadata_and_time_are_read_when_asked_for(ours: Ours) -> None:
    def tell(data: Any, call: DirectCall) -> None:
        remaining = call.time_remaining()
        assert remaining is not None
        assert 4 < remaining <= 5.5  # clients round what they send up
        assert call.metadata("absent") is None
        assert call.peer.startswith("ipv4:127.0.0.1:")
        call.reply(b"|".join(call.metadata(name) or b"" for name in ("x-key", "x-raw-bin")))

    sent = (("x-key", "first"), ("x-key", "second"), ("x-raw-bin", b"\0\1"))
    assert await answer_of(ours, tell, metadata=sent, timeout=5) == b"first|\0\1"


async def test_no_deadline_is_none(ours: Ours) -> None:
    assert await answer_of(ours, lambda data, call: call.reply(repr(call.time_remaining()).encode())) == b"None"


async def test_a_failure_has_code_words_and_trailers(ours: Ours) -> None:
    def refuse(data: Any, call: DirectCall) -> None:
        call.fail(grpc.StatusCode.NOT_FOUND, "kein Modell: ä", (("name", "flights"),))
        call.reply(b"too late")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer_of(ours, refuse)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "kein Modell: ä")
    assert dict(caught.value.trailing_metadata())["name"] == "flights"


async def test_a_function_that_raises_is_an_internal_error(ours: Ours) -> None:
    def fall(data: Any, call: DirectCall) -> None:
        raise KeyError("secret")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer_of(ours, fall)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")


async def test_a_caller_that_leaves_is_told_of_and_not_answered(ours: Ours, wire: Any) -> None:
    calls: list[DirectCall] = []
    left = asyncio.Event()

    def keep(data: Any, call: DirectCall) -> None:
        call.on_cancel = left.set
        calls.append(call)

    running = await ours({path("Echo"): keep})
    client: Wire = await wire(running)
    stream = client.request(headers("Echo"), framed(b"x"))
    kept = client.request(headers("Echo"), framed(b"y"))
    while len(calls) < 2:
        await asyncio.sleep(0.01)
    client.h2.reset_stream(stream)
    client.flush()
    await asyncio.wait_for(left.wait(), 5)
    assert [call.cancelled for call in calls] == [True, False]
    for call in calls:
        call.reply(b"answer")
    assert (await client.answer(kept))[1] == framed(b"answer")


async def test_answers_given_together_leave_together(ours: Ours, wire: Any) -> None:
    """A batcher answers many calls of several connections later, and flushes once."""
    calls: list[DirectCall] = []
    running = await ours({path("Echo"): lambda data, call: calls.append(call)})
    clients: list[Wire] = [await wire(running) for _ in range(3)]
    streams = [[client.request(headers("Echo"), framed(b"x")) for _ in range(10)] for client in clients]
    while len(calls) < 30:
        await asyncio.sleep(0.01)
    for number, call in enumerate(calls):
        call.reply(str(number).encode())
    running.server.flush()
    for client, mine in zip(clients, streams, strict=True):
        assert [await client.status(stream) for stream in mine] == [0] * 10


async def test_a_disconnect_cancels_all_of_its_calls(ours: Ours, wire: Any) -> None:
    calls: list[DirectCall] = []
    running = await ours({path("Echo"): lambda data, call: calls.append(call)})
    client: Wire = await wire(running)
    for _ in range(5):
        client.request(headers("Echo"), framed(b"x"))
    while len(calls) < 5:
        await asyncio.sleep(0.01)
    client.writer.transport.abort()
    async with asyncio.timeout(5):
        while not all(call.cancelled for call in calls):
            await asyncio.sleep(0.01)
    calls[0].reply(b"nobody hears")
    calls[1].fail(grpc.StatusCode.INTERNAL, "nobody hears")


def test_it_runs_on_uvloop() -> None:
    """The loop workers use, in a thread of its own, called from this one."""
    ready: list[int] = []
    started, stopping = threading.Event(), []

    async def serve() -> None:
        server = Server()
        server.add_direct(path("Echo"), lambda data, call: call.reply(bytes(data)))
        ready.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        stopping.append(lambda: loop.call_soon_threadsafe(stop.set))
        started.set()
        await stop.wait()
        await server.stop(2)

    thread = threading.Thread(target=lambda: uvloop.run(serve()))
    thread.start()
    started.wait(5)
    with grpc.insecure_channel(f"127.0.0.1:{ready[0]}", options=OPTIONS) as channel:
        for size in (0, 10, 100_000, 3 << 20):
            assert channel.unary_unary(path("Echo"))(bytes(size), timeout=5) == bytes(size)
    stopping[0]()
    thread.join(5)
    assert not thread.is_alive()
