"""The header fields answers are made of. Those of a plain answer are made once."""

from collections.abc import Sequence

import grpc

from gateway.transport.head import ACCEPTED
from gateway.transport.metadata import Headers, Pairs, escape, headers_of
from gateway.transport.refusal import Refusal

_BEGIN: list[tuple[bytes, bytes]] = [(b":status", b"200"), (b"content-type", b"application/grpc")]
CACHED_HEADERS: Headers = (*_BEGIN, (b"grpc-accept-encoding", ACCEPTED))
GZIP_HEADERS: Headers = (*CACHED_HEADERS, (b"grpc-encoding", b"gzip"))
CACHED_TRAILERS: Headers = ((b"grpc-status", b"0"),)
STATUS: dict[grpc.StatusCode, bytes] = {code: str(code.value[0]).encode() for code in grpc.StatusCode}
DETAILS_BYTES = 4096  # of a status text, once escaped: peers bound their header lists


def missing() -> Refusal:
    return Refusal(grpc.StatusCode.INTERNAL, "the call ended without a message")


def initial(metadata: Sequence[tuple[str, str | bytes]], *, gzip: bool) -> Headers:
    """Raises: ValueError for metadata that cannot be sent."""
    base = GZIP_HEADERS if gzip else CACHED_HEADERS
    return [*base, *headers_of(metadata)] if metadata else base


def status(code: grpc.StatusCode, details: str, metadata: Pairs = ()) -> list[tuple[bytes, bytes]]:
    """Raises: ValueError for metadata that cannot be sent."""
    fields = [(b"grpc-status", STATUS[code])]
    if details:
        fields.append((b"grpc-message", _bounded(escape(details))))
    fields.extend(headers_of(metadata))
    return fields


def failure(code: grpc.StatusCode, details: str, metadata: Pairs = ()) -> Headers:
    """A call that ends without an answer: one header block."""
    return [*CACHED_HEADERS, *status(code, details, metadata)]


def not_grpc(status: str) -> Headers:
    """RFC 9110 alone: the caller does not speak gRPC."""
    return [(b":status", status.encode()), (b"content-length", b"0")]


def _bounded(escaped: bytes) -> bytes:
    """Cut so that no escape is torn."""
    if len(escaped) <= DETAILS_BYTES:
        return escaped
    cut = escaped[:DETAILS_BYTES]
    return cut[: cut.rindex(b"%")] if b"%" in cut[-2:] else cut
