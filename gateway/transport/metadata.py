"""Metadata, timeouts and status texts of gRPC as HTTP/2 header fields, and back.

The rules are those of the protocol's description, "gRPC over HTTP2": lower-case names, `-bin` values in base64 with or
without padding, `grpc-message` percent-encoded, names beginning with `grpc-` reserved.
"""

import binascii
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

Headers = Sequence[tuple[bytes, bytes]]
Pairs = Iterable[tuple[str, str | bytes]]

_HIDDEN = {b"te", b"content-type", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding", b"grpc-status",
           b"grpc-message", b"host"}  # fmt: skip
_NAME = re.compile(rb"[0-9a-z_.\-]+")
_VALUE = re.compile(rb"[\x20-\x7e]*")
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_UNESCAPED = bytes(byte for byte in range(0x20, 0x7F) if byte != ord("%"))


class Metadatum(NamedTuple):
    """A pair, as grpcio's handlers meet it: a tuple with names."""

    key: str
    value: str | bytes


def decode_binary(value: bytes) -> bytes:
    """Raises: ValueError for what is not base64."""
    return binascii.a2b_base64(value + b"=" * (-len(value) % 4))


def metadatum(name: bytes, value: bytes) -> list[Metadatum]:
    """One field as pairs: several where equal binary names were joined with commas. Raises: ValueError."""
    key = name.decode("ascii")
    if not name.endswith(b"-bin"):
        return [Metadatum(key, value.decode("latin-1"))]
    return [Metadatum(key, decode_binary(part.strip())) for part in value.split(b",")]


def metadata_of(headers: Headers) -> tuple[Metadatum, ...]:
    """What the caller sent of its own. Raises: ValueError for a binary value that is not base64."""
    pairs: list[Metadatum] = []
    for name, value in headers:
        if name[0] != 58 and name not in _HIDDEN:  # a colon begins the names of HTTP itself
            pairs.extend(metadatum(name, value))
    return tuple(pairs)


def headers_of(metadata: Pairs) -> list[tuple[bytes, bytes]]:
    """Fields for what a handler wants sent. Raises: ValueError for names and values that cannot be."""
    return [_header(key, value) for key, value in metadata]


def _header(key: str, value: str | bytes) -> tuple[bytes, bytes]:
    name = key.lower().encode("ascii", "replace")
    if not _NAME.fullmatch(name) or name.startswith(b"grpc-"):
        raise ValueError(f"{key!r} cannot be a name of metadata: 0-9 a-z _ . - and not grpc-")
    raw = value.encode() if isinstance(value, str) else bytes(value)
    if name.endswith(b"-bin"):
        return name, binascii.b2a_base64(raw, newline=False).rstrip(b"=")
    if not _VALUE.fullmatch(raw):
        raise ValueError(f"the value of {key} is not printable ASCII; names that end in -bin carry any bytes")
    return name, raw.strip()


def escape(details: str) -> bytes:
    """A status text as `grpc-message` carries it."""
    return quote_from_bytes(details.encode("utf-8", "replace"), safe=_UNESCAPED).encode()


@lru_cache(4096)
def timeout_s(value: bytes) -> float | None:
    """Seconds of a `grpc-timeout`, None where it is malformed."""
    match = _TIMEOUT.fullmatch(value)
    return None if match is None else int(match[1]) * _UNIT_S[match[2]]
