"""gzip of messages, in and out. What comes in is bounded while it is inflated, not after."""

import zlib

import grpc

from gateway.transport.refusal import Refusal

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_LEVEL = 1  # messages are tensors: higher levels cost much and win little


def inflate(data: bytes, limit: int) -> bytes:
    """Raises: Refusal for what is not gzip, is cut off, or grows past `limit` bytes."""
    engine = zlib.decompressobj(_GZIP_WINDOW)
    try:
        message = engine.decompress(data, limit + 1)
    except zlib.error:
        raise Refusal(grpc.StatusCode.INTERNAL, "a message that is not gzip, as its encoding says") from None
    if len(message) > limit:
        raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of over {limit} bytes when inflated")
    if not engine.eof or engine.unused_data:
        raise Refusal(grpc.StatusCode.INTERNAL, "a gzip message that does not end where it says")
    return message


def deflate(message: bytes) -> bytes:
    engine = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return engine.compress(message) + engine.flush()
