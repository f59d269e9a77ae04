"""A call whose handler awaits: messages in and out of one stream, bounded both ways."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from gateway.transport.framing import Reassembler, frame
from gateway.transport.gzip import deflate
from gateway.transport.h2 import Http2
from gateway.transport.head import Head
from gateway.transport.metadata import Headers
from gateway.transport.refusal import Refusal, too_large
from gateway.transport.reply import CACHED_HEADERS, CACHED_TRAILERS, GZIP_HEADERS, missing, status


class Gone(ConnectionError):
    """The call has ended; nothing can be read or written any more."""


class Call:
    """The stream's owner. Written by: the event loop.

    `start` is called when the handler may begin: at once where it reads a stream, else when its message is whole.
    `task` is what to cancel when the caller leaves. `finished`: a status was sent, or can not be.
    """

    __slots__ = (
        "_frames", "_held", "_messages", "_queued", "_reader", "_timer", "_unfinished", "_writer", "begun", "compress",
        "connection", "ended", "finished", "head", "lost_by_peer", "start", "stream_id", "task", "unary",
    )  # fmt: skip

    def __init__(self, connection: Http2, stream_id: int, head: Head, *, unary: bool) -> None:
        self.connection, self.stream_id, self.head, self.unary = connection, stream_id, head, unary
        self._frames = Reassembler(connection.limits.max_message_bytes, head.inflate)
        self._messages: deque[bytes] = deque()
        self._queued = self._held = self._unfinished = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.ended = self.begun = self.finished = self.lost_by_peer = self.compress = False
        self.start: Callable[[], None] | None = None
        self.task: asyncio.Task[Any] | None = None

    def watch_deadline(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        if self.head.deadline is not None:
            self._timer = loop.call_later(max(0.0, self.head.deadline - now), self._expire)

    # For the connection.

    def receive(self, data: bytes, ended: bool) -> bool:
        if self.finished:
            return True
        try:
            self._take(data, ended)
        except Refusal as refusal:
            self.fail(refusal.code, refusal.details)
            return True
        _wake(self._reader)
        if ended and self.unary:
            self._begin()
        if self._queued < self.connection.limits.stream_window_bytes:
            return True
        self._held += len(data)
        return False

    def lost(self) -> None:
        self.lost_by_peer = True
        self._over()

    def writable(self) -> None:
        _wake(self._writer)

    def _take(self, data: bytes, ended: bool) -> None:
        """Raises: Refusal."""
        for message in self._frames.feed(data) if data else ():
            self._messages.append(message)
            self._queued += len(message)
        self._account(self._frames.held)
        self.ended = self.ended or ended
        if ended and self._frames.held:
            raise Refusal(grpc.StatusCode.INTERNAL, "the call ended in the middle of a message")
        if self.unary and (len(self._messages) > 1):
            raise Refusal(grpc.StatusCode.INTERNAL, "more than one message, where one was to come")
        if ended and self.unary and not self._messages:
            raise missing()

    def _account(self, held: int) -> None:
        """Raises: Refusal when all calls of the connection together hold too much that is not finished."""
        self.connection.received += held - self._unfinished
        self._unfinished = held
        if held and self.connection.received > self.connection.limits.received_bytes:
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many unfinished messages on this connection")

    def _begin(self) -> None:
        start, self.start = self.start, None
        if start is not None:
            start()

    def _expire(self) -> None:
        self.fail(grpc.StatusCode.DEADLINE_EXCEEDED, "the call's deadline has passed")

    # For the handler's runner.

    async def read(self) -> bytes | None:
        """The next message, None after the last. Raises: Gone."""
        while not self._messages:
            if self.finished:
                raise Gone("the call has ended")
            if self.ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self.pop()

    def pop(self) -> bytes:
        message = self._messages.popleft()
        self._queued -= len(message)
        if self._held and self._queued * 2 <= self.connection.limits.stream_window_bytes:
            held, self._held = self._held, 0
            self.connection.consumed(self.stream_id, held)
        return message

    def begin(self, headers: Headers) -> None:
        """Sends the initial metadata."""
        if not (self.begun or self.finished):
            self.begun = True
            self.connection.headers(self.stream_id, headers)

    async def write(self, message: bytes) -> None:
        """Queues a message, and waits while more is queued than a slow reader may cost us. Raises: Gone."""
        self._check_size(message)
        self._send(message)
        while not self.finished and self._is_full():
            self._writer = asyncio.get_running_loop().create_future()
            self.connection.wait(self.stream_id, self)
            await self._writer

    def answer(self, message: bytes, trailers: Headers) -> None:
        """Message and status of a call with one answer."""
        self._check_size(message)
        if self.begun or not self.ended:
            self._send(message)
            self.close(trailers)
        elif not self.finished:
            headers = GZIP_HEADERS if self.compress else CACHED_HEADERS
            self._over(cancel=False)
            self.connection.answer(self.stream_id, headers, self._framed(message), trailers)

    def close(self, trailers: Headers = CACHED_TRAILERS) -> None:
        """Sends the status, once."""
        if not self.finished:
            self._over(cancel=False)
            self._send_status(trailers)

    def fail(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call from outside its handler, which is cancelled."""
        if not self.finished:
            self._over()
            self._send_status(status(code, details))

    def _send_status(self, trailers: Headers) -> None:
        fields = trailers if self.begun else [*CACHED_HEADERS, *trailers]
        self.connection.end(self.stream_id, fields, begun=self.begun)

    def _send(self, message: bytes) -> None:
        """Raises: Gone."""
        if self.finished:
            raise Gone("the call has ended")
        self.begin(GZIP_HEADERS if self.compress else CACHED_HEADERS)
        self.connection.data(self.stream_id, self._framed(message))

    def _framed(self, message: bytes) -> bytes:
        return frame(deflate(message), compressed=True) if self.compress else frame(message)

    def _check_size(self, message: bytes) -> None:
        """Raises: Refusal."""
        if len(message) > self.connection.limits.max_message_bytes:
            raise too_large(len(message), self.connection.limits.max_message_bytes)

    def _is_full(self) -> bool:
        connection, limits = self.connection, self.connection.limits
        queued = connection.queued(self.stream_id)
        return queued > limits.send_stream_bytes or (queued > 0 and connection.queued() > limits.send_connection_bytes)

    def _over(self, *, cancel: bool = True) -> None:
        self.finished = True
        self.connection.received -= self._unfinished
        self._unfinished = 0
        if self._held:
            self.connection.consumed(self.stream_id, self._held)
            self._held = 0
        if self._timer is not None:
            self._timer.cancel()
        _wake(self._reader)
        _wake(self._writer)
        if cancel and self.task is not None:
            self.task.cancel()


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
