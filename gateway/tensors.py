"""Tensors as bytes and as arrays: the raw form of the Open Inference Protocol, little-endian and row-major."""

import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gateway.journal.format import NUMPY_OF
from gnomon.errors import InvalidInput

_LENGTH = struct.Struct("<I")


def bytes_elements(raw: bytes | memoryview) -> list[bytes]:
    """Elements of a BYTES tensor: each has its length before it, 4 bytes little-endian.

    Raises: InvalidInput when a length points past the end.
    """
    elements, at = [], 0
    view = memoryview(raw)
    while at < len(view):
        end = at + 4
        size = _LENGTH.unpack_from(view, at)[0] if end <= len(view) else len(view)
        if end + size > len(view):
            raise InvalidInput(f"BYTES contents: the element at byte {at} reaches past the end, {len(view)}")
        elements.append(bytes(view[end : end + size]))
        at = end + size
    return elements


def bytes_raw(elements: Iterable[bytes]) -> bytes:
    """The raw form of a BYTES tensor."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)


def array_of(datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> np.ndarray[Any, Any]:
    """The tensor, as a read-only view of `raw` where its datatype has a fixed width; BYTES as an object array of str,
    BF16 as float32, which holds each of its values.

    Raises: InvalidInput when `raw` is not as long as `shape` needs, or BYTES are not UTF-8.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        elements = bytes_elements(raw)
        if len(elements) != count:
            raise InvalidInput(f"{len(elements)} BYTES elements; shape {list(shape)} needs {count}")
        return strings(elements).reshape(shape)
    if datatype == "BF16":
        if len(raw) != 2 * count:
            raise InvalidInput(f"{len(raw)} bytes; BF16 of shape {list(shape)} needs {2 * count}")
        return widened(np.frombuffer(raw, "<u2")).reshape(shape)
    dtype = NUMPY_OF[datatype]
    if len(raw) != count * dtype.itemsize:
        raise InvalidInput(f"{len(raw)} bytes; {datatype} of shape {list(shape)} needs {count * dtype.itemsize}")
    return np.frombuffer(raw, dtype).reshape(shape)


def kept(datatype: str) -> str:
    """The datatype of what `array_of` gives, and of what the journal keeps: NumPy has no BF16."""
    return "FP32" if datatype == "BF16" else datatype


def widened(bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """float32 from BF16 as uint16: its upper half."""
    return (bits.astype("<u4") << 16).view("<f4")


def narrowed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """BF16 as uint16 from float32. Exact for what was widened; else to nearest, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(array, "<f4").view("<u4")
    upper = bits >> 16
    nan = np.where(upper & 0x7F, upper, upper | 0x40)
    return np.where(np.isnan(array), nan, bits + (0x7FFF + (upper & 1)) >> 16).astype("<u2")


def sent(datatype: str, data: bytes) -> bytes:
    """Raw bytes of an output for its caller, from those that are kept of it."""
    return narrowed(np.frombuffer(data, "<f4")).tobytes() if datatype == "BF16" else data


def strings(elements: Sequence[bytes]) -> np.ndarray[Any, Any]:
    """(n,) objects of str, as ONNX Runtime takes them. Raises: InvalidInput for bytes that are not UTF-8."""
    array = np.empty(len(elements), object)
    for index, element in enumerate(elements):
        try:
            array[index] = element.decode()
        except UnicodeDecodeError:
            raise InvalidInput(f"BYTES element {index} is not UTF-8: {element[:32]!r}") from None
    return array


def raw_of(array: np.ndarray[Any, Any]) -> bytes:
    """The raw form of an output."""
    if array.dtype.kind in "OUS":
        return bytes_raw(item if isinstance(item, bytes) else str(item).encode() for item in array.ravel())
    return array.tobytes()  # row-major, however the array lies in memory
