"""Strings of many frames at once, as Arrow arrays: ids, and the two texts a frame carries."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from gateway.shipping import kernels
from gateway.shipping.frames import Frames, Memory

_UUID_BYTES = 36
_TRACE_BYTES = 32
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)


def uuids(raw: NDArray[Any], *, nullable: bool = False) -> pa.Array:
    """Ids (n,) of 16 bytes as people see them; all zero is null where `nullable`."""
    octets = np.frombuffer(raw.tobytes(), np.uint8).reshape(len(raw), 16)
    empty = ~octets.any(axis=1) if nullable else None
    if empty is not None and empty.all():
        return pa.nulls(len(raw), pa.string())
    text = np.empty((len(raw), _UUID_BYTES), np.uint8)
    kernels.hexadecimal(octets, text)
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * _UUID_BYTES
    array = pa.StringArray.from_buffers(len(raw), pa.py_buffer(offsets), pa.py_buffer(text))
    return array if empty is None else pa.compute.if_else(pa.array(empty), pa.scalar(None, pa.string()), array)


def trace_ids(raw: NDArray[Any]) -> pa.Array:
    """Ids (n,) of 16 bytes as 32 digits; all zero is null."""
    octets = np.frombuffer(raw.tobytes(), np.uint8).reshape(len(raw), 16)
    given = octets.any(axis=1)
    if not given.any():
        return pa.nulls(len(raw), pa.string())
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * _TRACE_BYTES
    array = pa.StringArray.from_buffers(len(raw), pa.py_buffer(offsets), pa.py_buffer(_HEX[octets]))
    return pa.compute.if_else(pa.array(given), array, pa.scalar(None, pa.string()))


def request_ids(frames: Frames) -> pa.Array:
    return _texts(frames.memory, frames.texts_at(), frames.headers["request_id_bytes"].astype(np.int64))


def reasons(frames: Frames) -> pa.Array:
    begin = frames.texts_at() + frames.headers["request_id_bytes"]
    return _texts(frames.memory, begin.astype(np.int64), frames.headers["reason_bytes"].astype(np.int64))


def names(codes: NDArray[Any], of: dict[int, str]) -> pa.Array:
    """Names of small codes (n,)."""
    return pa.array([of.get(code, "") for code in range(256)], pa.string()).take(pa.array(codes.astype(np.int32)))


def packed(memory: Memory, begin: NDArray[np.int64], sizes: NDArray[np.int64]) -> pa.Array:
    """Bytes [begin, begin + size) of the segment, each an element."""
    offsets = np.zeros(len(begin) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    kernels.pack(memory.octets, begin, sizes, data)
    return pa.Array.from_buffers(pa.binary(), len(begin), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _texts(memory: Memory, begin: NDArray[np.int64], sizes: NDArray[np.int64]) -> pa.Array:
    """What is not UTF-8 is replaced."""
    array = packed(memory, begin, sizes)
    text = array.view(pa.string())
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([item.as_py().decode("utf-8", "replace") for item in array], pa.string())
    return text
