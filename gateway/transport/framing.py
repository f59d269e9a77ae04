"""Messages of gRPC in a byte stream: one byte of flags, four of length, the message."""

from collections.abc import Callable, Sequence

import grpc

from gateway.transport.refusal import Refusal, too_large

PREFIX_BYTES = 5
Inflate = Callable[[bytes, int], bytes]


def frame(message: bytes, *, compressed: bool = False) -> bytes:
    return (b"\1" if compressed else b"\0") + len(message).to_bytes(4, "big") + message


def check_flag(flag: int, inflate: Inflate | None) -> None:
    """Raises: Refusal: the compressed flag needs an encoding, and other flags are not defined."""
    if flag > 1:
        raise Refusal(grpc.StatusCode.INTERNAL, f"message flags {flag}; only 0 and 1 are defined")
    if flag and inflate is None:
        raise Refusal(grpc.StatusCode.INTERNAL, "a compressed message in a call without grpc-encoding")


class Reassembler:
    """Cuts messages out of chunks as they arrive. Each byte is copied twice at most, however it was split.

    Holds one unfinished message, at most `limit` bytes and what came with its last chunk.
    """

    __slots__ = ("_chunks", "_inflate", "_limit", "_needed", "held")

    def __init__(self, limit: int, inflate: Inflate | None) -> None:
        self._limit, self._inflate = limit, inflate
        self._chunks: list[bytes] = []
        self._needed = PREFIX_BYTES
        self.held = 0

    def feed(self, chunk: bytes) -> Sequence[bytes]:
        """The messages this chunk completes. Raises: Refusal."""
        self._chunks.append(chunk)
        self.held += len(chunk)
        if self.held < self._needed:
            return ()
        block = b"".join(self._chunks) if len(self._chunks) > 1 else chunk
        messages, at = [], 0
        while (end := self._end_of_message(block, at)) <= len(block):
            messages.append(self._message(block[at], block[at + PREFIX_BYTES : end]))
            at = end
        self._chunks = [block[at:]] if at < len(block) else []
        self.held, self._needed = len(block) - at, end - at
        return messages

    def _end_of_message(self, block: bytes, at: int) -> int:
        """Raises: Refusal for a length that is not taken, before its bytes are."""
        if len(block) - at < PREFIX_BYTES:
            return at + PREFIX_BYTES
        check_flag(block[at], self._inflate)
        size = int.from_bytes(block[at + 1 : at + PREFIX_BYTES], "big")
        if size > self._limit:
            raise too_large(size, self._limit)
        return at + PREFIX_BYTES + size

    def _message(self, flag: int, data: bytes) -> bytes:
        return self._inflate(data, self._limit) if flag and self._inflate else data
