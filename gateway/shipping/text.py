"""Strings of many frames at once, as Arrow arrays: ids, and the two texts a frame carries."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from gateway.journal.columns import HEAD_BYTES, Group

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_UUID_BYTES = 36
_UUID_DIGITS = [*range(8), *range(9, 13), *range(14, 18), *range(19, 23), *range(24, 36)]


def uuids(raw: NDArray[Any], *, nullable: bool = False) -> pa.Array:
    """Ids (n,) of 16 bytes as people see them; all zero is null where `nullable`."""
    octets = np.frombuffer(raw.tobytes(), np.uint8).reshape(len(raw), 16)
    text = np.full((len(raw), _UUID_BYTES), ord("-"), np.uint8)
    text[:, _UUID_DIGITS] = _HEX[octets].reshape(len(raw), 32)
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * _UUID_BYTES
    array = _strings(offsets, text)
    if not nullable:
        return array
    return pa.compute.if_else(pa.array(octets.any(axis=1)), array, pa.scalar(None, pa.string()))


def trace_ids(raw: NDArray[Any]) -> pa.Array:
    """Ids (n,) of 16 bytes as 32 digits; all zero is null."""
    octets = np.frombuffer(raw.tobytes(), np.uint8).reshape(len(raw), 16)
    array = _strings(np.arange(len(raw) + 1, dtype=np.int32) * 32, _HEX[octets])
    return pa.compute.if_else(pa.array(octets.any(axis=1)), array, pa.scalar(None, pa.string()))


def request_ids(group: Group) -> pa.Array:
    lengths = group.headers["request_id_bytes"].astype(np.int32)
    return _texts(group, np.zeros(len(group), np.int32), lengths)


def reasons(group: Group) -> pa.Array:
    return _texts(
        group, group.headers["request_id_bytes"].astype(np.int32), group.headers["reason_bytes"].astype(np.int32)
    )


def names(codes: NDArray[Any], of: dict[int, str]) -> pa.Array:
    """Names of small codes (n,)."""
    return pa.array([of.get(code, "") for code in range(256)], pa.string()).take(pa.array(codes.astype(np.int32)))


def _texts(group: Group, begin: NDArray[np.int32], lengths: NDArray[np.int32]) -> pa.Array:
    """Bytes [begin, begin + length) behind each frame's head. What is not UTF-8 is replaced."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    width = int((begin + lengths).max(initial=0))
    at = np.arange(width, dtype=np.int32)
    inside = (at >= begin[:, None]) & (at < (begin + lengths)[:, None])
    array = _strings(offsets, group.matrix[:, HEAD_BYTES : HEAD_BYTES + width][inside])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([item.as_py().decode("utf-8", "replace") for item in array.view(pa.binary())], pa.string())
    return array


def _strings(offsets: NDArray[np.int32], characters: NDArray[np.uint8]) -> pa.Array:
    data = pa.py_buffer(np.ascontiguousarray(characters))
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), data)
