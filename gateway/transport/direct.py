"""A unary call without a task: its handler is a function, called from the socket's callback, that answers later."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import grpc

from gateway.transport.framing import PREFIX_BYTES, check_flag, frame
from gateway.transport.gzip import deflate
from gateway.transport.head import Head
from gateway.transport.metadata import decode_binary
from gateway.transport.refusal import Refusal, too_large
from gateway.transport.reply import CACHED_HEADERS, CACHED_TRAILERS, GZIP_HEADERS, failure, missing

if TYPE_CHECKING:
    from gateway.transport.h2 import Http2

log = logging.getLogger(__name__)

Handler = Callable[[bytes | memoryview, "DirectCall"], None]
VIEW_BYTES = 4096  # larger messages are handed over as a view of what was received, smaller ones cost less copied


class DirectCall:
    """One call. Ends with the first `reply` or `fail`; later ones, and those of a caller that has left, do nothing.

    `cancelled` and `on_cancel` tell of a caller that has left. Deadlines are the handler's to honour. All in the
    event loop; the handler must not wait.
    """

    __slots__ = (
        "_chunks", "_compress", "_connection", "_done", "_handler", "_head", "_limit", "_needed", "_size",
        "_stream_id", "cancelled", "deadline", "on_cancel",
    )  # fmt: skip

    def __init__(
        self, connection: "Http2", stream_id: int, head: Head, handler: Handler, limit: int, compress: bool
    ) -> None:
        self._connection, self._stream_id, self._head = connection, stream_id, head
        self._handler, self._limit, self._compress = handler, limit, compress
        self.deadline = head.deadline
        self.cancelled = self._done = False
        self.on_cancel: Callable[[], None] | None = None
        self._chunks: list[bytes] | None = None
        self._size = 0

    # For the handler.

    @property
    def peer(self) -> str:
        return self._connection.peer

    def metadata(self, name: str) -> bytes | None:
        """The first value of that name, decoded where the name ends in -bin."""
        wanted = name.encode()
        for key, value in self._head.headers:
            if key == wanted:
                return decode_binary(value.split(b",", 1)[0]) if wanted.endswith(b"-bin") else value
        return None

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, None where there is none."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def reply(self, message: bytes) -> None:
        if self._done or self.cancelled:
            return
        self._done = True
        if self._compress:
            self._connection.answer(
                self._stream_id, GZIP_HEADERS, frame(deflate(message), compressed=True), CACHED_TRAILERS
            )
        else:
            framed = b"\0" + len(message).to_bytes(4, "big") + message
            self._connection.answer(self._stream_id, CACHED_HEADERS, framed, CACHED_TRAILERS)

    def fail(self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, str]] = ()) -> None:
        if not (self._done or self.cancelled):
            fields = failure(code, details, trailing)
            self._done = True
            self._release()
            self._connection.end(self._stream_id, fields, begun=False)

    # For the connection.

    def receive(self, data: bytes, ended: bool) -> bool:
        """The whole message in one frame is the common case; the rest is gathered."""
        if self._done:
            return True
        try:
            if ended and self._chunks is None:
                self._take(data)
            else:
                self._gather(data, ended)
        except Refusal as refusal:
            self.fail(refusal.code, refusal.details)
        except Exception as error:
            log.error("a direct handler raised", exc_info=error)
            self.fail(grpc.StatusCode.INTERNAL, "internal error")
        return True

    def lost(self) -> None:
        self._release()
        if not self._done:
            self.cancelled = True
            self._tell()

    def writable(self) -> None:
        """Nothing waits: an answer is queued whole."""

    def _tell(self) -> None:
        if self.on_cancel is not None:
            try:
                self.on_cancel()
            except Exception as error:
                log.error("on_cancel of a direct call raised", exc_info=error)

    def _take(self, data: bytes) -> None:
        """Raises: Refusal."""
        size = len(data) - PREFIX_BYTES
        if size < 0 or data[0] or int.from_bytes(data[1:PREFIX_BYTES], "big") != size or size > self._limit:
            self._handler(self._uncommon(data), self)
        elif size < VIEW_BYTES:
            self._handler(data[PREFIX_BYTES:], self)
        else:
            self._handler(memoryview(data)[PREFIX_BYTES:], self)

    def _uncommon(self, data: bytes) -> bytes:
        """The message of data that is not simply one. Raises: Refusal."""
        if not data:
            raise missing()
        if len(data) < PREFIX_BYTES:
            raise Refusal(grpc.StatusCode.INTERNAL, "a message that ends before its length")
        inflate = self._head.inflate
        check_flag(data[0], inflate)
        size = int.from_bytes(data[1:PREFIX_BYTES], "big")
        if size > self._limit:
            raise too_large(size, self._limit)
        if size != len(data) - PREFIX_BYTES:
            raise Refusal(grpc.StatusCode.INTERNAL, f"one message of {size} bytes was to come, not {len(data) - 5}")
        return inflate(data[PREFIX_BYTES:], self._limit) if data[0] and inflate else data[PREFIX_BYTES:]

    def _gather(self, data: bytes, ended: bool) -> None:
        """Raises: Refusal, also for more unfinished messages than one connection may have here."""
        if self._chunks is None:
            self._chunks = []
        self._chunks.append(data)
        self._size += len(data)
        self._connection.received += len(data)
        if self._size > self._limit + PREFIX_BYTES:
            raise too_large(self._announced(), self._limit)
        if self._connection.received > self._connection.limits.received_bytes:
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many unfinished messages on this connection")
        if self._size == len(data) and len(data) >= PREFIX_BYTES and self._announced() > self._limit:
            raise too_large(self._announced(), self._limit)
        if ended:
            whole = b"".join(self._chunks)
            self._release()
            self._take(whole)

    def _announced(self) -> int:
        return int.from_bytes(b"".join(self._chunks or ())[1:PREFIX_BYTES], "big")

    def _release(self) -> None:
        if self._chunks:
            self._connection.received -= self._size
            self._chunks = None
            self._size = 0
