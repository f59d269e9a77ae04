"""The head of a call: what its header fields say, checked, before any byte of a message is taken."""

from typing import NamedTuple

import grpc

from gateway.transport.framing import Inflate
from gateway.transport.gzip import inflate
from gateway.transport.metadata import Headers, timeout_s
from gateway.transport.refusal import Refusal

ACCEPTED = b"identity,gzip"
_INFLATE: dict[bytes | None, Inflate | None] = {None: None, b"identity": None, b"gzip": inflate}


class NotGrpc(Exception):
    """A request that cannot be answered in gRPC; the text is an HTTP status."""


class Head(NamedTuple):
    """What a call says of itself. `deadline` in seconds of the clock its arrival was taken from."""

    path: bytes
    headers: Headers
    deadline: float | None
    inflate: Inflate | None
    accepts_gzip: bool


def is_grpc(content_type: bytes | None) -> bool:
    return content_type is not None and (
        content_type == b"application/grpc" or content_type.startswith((b"application/grpc+", b"application/grpc;"))
    )


def read(headers: Headers, fields: dict[bytes, bytes], arrived: float) -> Head:
    """Raises: NotGrpc, Refusal. `fields` is `headers` as a mapping."""
    if fields.get(b":method") != b"POST":
        raise NotGrpc("405")
    if not is_grpc(fields.get(b"content-type")):
        raise NotGrpc("415")
    encoding = fields.get(b"grpc-encoding")
    if encoding not in _INFLATE:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"messages in encoding {_shown(encoding)}; known: gzip, identity")
    accepts = fields.get(b"grpc-accept-encoding", b"")
    deadline = deadline_of(fields.get(b"grpc-timeout"), arrived)
    return Head(fields.get(b":path", b""), headers, deadline, _INFLATE[encoding], b"gzip" in accepts)


def deadline_of(timeout: bytes | None, arrived: float) -> float | None:
    """Raises: Refusal for a timeout that cannot be read."""
    if timeout is None:
        return None
    seconds = timeout_s(timeout)
    if seconds is None:
        raise Refusal(
            grpc.StatusCode.INTERNAL, f"grpc-timeout {_shown(timeout)}: up to 8 digits and one of H M S m u n"
        )
    return arrived + seconds


def list_bytes(headers: Headers) -> int:
    """Size of a header list as RFC 9113, section 6.5.2 counts it."""
    return sum(len(name) + len(value) + 32 for name, value in headers)


def _shown(value: bytes | None) -> str:
    return ascii((value or b"")[:40].decode("latin-1"))
