"""A webhook: drift events posted as JSON, signed, tried again with a growing pause.

Owner: the event loop; the post itself runs in a thread of its own. The queue is bounded: what it refuses, and what is
given up, is counted, logged, and still to be had from the store by its number (`ListDriftEvents`).

    X-Gnomon-Timestamp: Unix seconds of this attempt
    X-Gnomon-Signature: sha256=HMAC-SHA256(secret, timestamp + "." + body), in hexadecimal
    X-Gnomon-Delivery: number of the first event; the same at each attempt, so that a receiver can tell repeats

Known weakness: what is queued when the registry stops is not posted after its restart.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import math
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPException
from typing import IO, Any

from gnomon.drift import DriftEvent
from registry.threads import Lane

log = logging.getLogger(__name__)

ATTEMPTS = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
TIMEOUT_S = 10.0
QUEUED_LIMIT = 1_000
TOGETHER = 100  # events of one post
TRY_AGAIN = (408, 425, 429)  # and all from 500 on


class Refused(Exception):
    """The receiver does not want it, however often it is sent."""


class NotDelivered(Exception):
    """The receiver did not take it this time."""


Post = Callable[[bytes, dict[str, str]], None]


@dataclass(slots=True)
class Counts:
    """Events posted, given up, and refused by the full queue; and attempts that failed."""

    delivered: int = 0
    dropped: int = 0
    refused: int = 0
    failed_attempts: int = 0


class Webhook:
    """Events to one URL, in order."""

    def __init__(
        self,
        post: Post,
        secret: bytes,
        *,
        now_unix_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        queued_limit: int = QUEUED_LIMIT,
    ) -> None:
        self.counts = Counts()
        self._post = post
        self._secret = secret
        self._now_unix_s = now_unix_s
        self._sleep = sleep
        self._limit = queued_limit
        self._queue: deque[DriftEvent] = deque()
        self._some = asyncio.Event()
        self._lane = Lane("webhook")

    def offer(self, events: Sequence[DriftEvent]) -> None:
        """Queues events to be posted; never waits."""
        room = max(0, self._limit - len(self._queue))
        self._queue.extend(events[:room])
        if len(events) > room:
            self.counts.refused += len(events) - room
            log.error("webhook: %d drift events refused, %d wait already", len(events) - room, len(self._queue))
        self._some.set()

    async def run(self) -> None:
        """Posts what is queued until it is cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._queue:
                together = [self._queue.popleft() for _ in range(min(TOGETHER, len(self._queue)))]
                await self._deliver(together)

    def close(self) -> None:
        """Waits for a post that is under way."""
        if self._queue:
            log.error("webhook: %d drift events were not posted", len(self._queue))
        self._lane.close()

    async def _deliver(self, events: list[DriftEvent]) -> None:
        body = json.dumps({"events": [plain(event) for event in events]}).encode()
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1)))
            try:
                await self._lane.run(self._post, body, self._headers(body, events[0].id))
            except NotDelivered as error:
                self.counts.failed_attempts += 1
                log.warning("webhook, attempt %d of %d: %s", attempt + 1, ATTEMPTS, error)
            except Refused as error:
                self.counts.failed_attempts += 1
                log.error("webhook: %s", error)
                break
            else:
                self.counts.delivered += len(events)
                return
        self.counts.dropped += len(events)
        log.error("webhook: drift events %d to %d given up", events[0].id, events[-1].id)

    def _headers(self, body: bytes, delivery: int) -> dict[str, str]:
        timestamp = str(int(self._now_unix_s()))
        return {
            "Content-Type": "application/json",
            "X-Gnomon-Timestamp": timestamp,
            "X-Gnomon-Signature": sign(self._secret, timestamp, body),
            "X-Gnomon-Delivery": str(delivery),
        }


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """What a receiver computes, too, and compares in constant time."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def plain(event: DriftEvent) -> dict[str, Any]:
    """As JSON has it: the kind by name, null for what could not be told."""
    fields = {
        name: None if isinstance(item, float) and math.isnan(item) else item for name, item in asdict(event).items()
    }
    return fields | {"kind": event.kind.name.lower()}


def poster(url: str, timeout_s: float = TIMEOUT_S) -> Post:
    """Posts to `url`; redirects are not followed, since a signature is meant for one receiver."""
    opener = urllib.request.build_opener(_NoRedirect)

    def post(body: bytes, headers: dict[str, str]) -> None:
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        try:
            with opener.open(request, timeout=timeout_s) as reply:
                reply.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code >= 500 or error.code in TRY_AGAIN:
                raise NotDelivered(f"{url} answered {error.code}") from None
            raise Refused(f"{url} answered {error.code}") from None
        except (OSError, HTTPException) as error:
            raise NotDelivered(f"{url}: {error}") from None

    return post


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None
