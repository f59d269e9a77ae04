"""One column of a request's inputs, by its name in a route: its value in each row, and a routing key made of one.

What is missing, or is not as its description says, has no values: whoever checks the call says what is wrong with it.
"""

import functools
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gnomon.oip import CONTENTS_OF
from gnomon.rules import COLUMN, INPUT_SIDE

FORMS = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "BF16": "H", "FP32": "f", "FP64": "d",
}  # fmt: skip
MOST_ROWS_KNOWN = 1024  # shapes that are remembered
SHORTEST = {"FP16": np.float16, "FP32": np.float32, "BF16": np.float32}  # writes with the digits of its own datatype
WHOLE = 1 << 63  # whole numbers below are written without a point or an exponent

_make = tuple.__new__  # of a named tuple, at half the price

Value = bool | int | float | bytes


class Values(NamedTuple):
    """A column of a call: its datatype, and its value in each row, one at least."""

    datatype: str
    rows: tuple[Value, ...]

    def key(self) -> bytes:
        """The routing key of the first row; empty where that is NaN or infinite.

        Text is itself, a boolean 0 or 1. A whole number is its decimal digits, any other the shortest decimal that is
        read back as the same value of its datatype: so 42 is one key as an integer, as a float and as a header.
        """
        value = self.rows[0]
        if isinstance(value, bytes):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                return b""
            if not (value.is_integer() and abs(value) < WHOLE):
                narrow = SHORTEST.get(self.datatype)
                return (repr(value) if narrow is None else str(narrow(value))).encode()
        return str(int(value)).encode()


class Column(NamedTuple):
    """`features[3]`: element 3 of each row of an input. Without a number: of an input whose rows have one element."""

    names: tuple[str, ...]  # of the input: as it stands, and without the side before it
    index: int | None  # type: ignore[assignment]  # hides tuple.index

    @classmethod
    def named(cls, text: str) -> "Column":
        """From a name that gnomon.rules has checked."""
        found = COLUMN.fullmatch(text)
        assert found is not None
        tensor, index = found["tensor"], found["index"]
        names = (tensor, tensor.removeprefix(INPUT_SIDE)) if tensor.startswith(INPUT_SIDE) else (tensor,)
        return cls(names, None if index is None else int(index))

    def place(self, shape: Sequence[int]) -> int | None:
        """Which element it is of a row of a tensor; None where there is no such one, or it has to be named."""
        return _place(self.index, math.prod(shape[1:]))

    def of_raw(self, datatype: str, shape: Sequence[int], raw: bytes) -> Values | None:
        """From an input's raw contents."""
        return self.reader(datatype, tuple(shape))(raw)

    def reader(self, datatype: str, shape: tuple[int, ...]) -> Callable[[bytes], Values | None]:
        """Reads the raw contents of inputs of this shape. Cost: 0.3 µs, and 0.1 for each row from the second."""
        if datatype == "BYTES":
            return lambda raw: self._of_elements(datatype, shape, _elements(raw))
        return _reader(self.index, datatype, shape)

    def of_message(self, request: Any) -> Values | None:
        """From a ModelInferRequest, with raw contents or typed ones."""
        for position, tensor in enumerate(request.inputs):
            if tensor.name in self.names:
                if position < len(request.raw_input_contents):
                    return self.of_raw(tensor.datatype, tensor.shape, request.raw_input_contents[position])
                return self._of_typed(tensor)
        return None

    def _of_typed(self, tensor: Any) -> Values | None:
        contents = CONTENTS_OF.get(tensor.datatype)
        elements = [] if contents is None else getattr(tensor.contents, contents)
        return self._of_elements(tensor.datatype, tensor.shape, elements)

    def _of_elements(self, datatype: str, shape: Sequence[int], elements: Sequence[Any]) -> Values | None:
        """Of a tensor whose elements are at hand."""
        width = math.prod(shape[1:])
        at = _place(self.index, width)
        if at is None or not elements or len(elements) != math.prod(shape):
            return None
        return Values(datatype, tuple(elements[at::width]))


def _place(index: int | None, width: int) -> int | None:
    """Where in a row of `width` elements; None where there is no such place, or it has to be named."""
    if index is None:
        return 0 if width == 1 else None
    return index if index < width else None


@functools.lru_cache(maxsize=MOST_ROWS_KNOWN)
def _reader(index: int | None, datatype: str, shape: tuple[int, ...]) -> Callable[[bytes], Values | None]:
    """Reads the element of each row of a tensor of this shape, and leaves out the others."""
    width, form = math.prod(shape[1:]), FORMS.get(datatype)
    at, rows = _place(index, width), shape[0] if shape else 1
    if form is None or at is None or rows < 1:
        return _nothing
    size = struct.calcsize(f"<{form}")
    try:
        row = struct.Struct(f"<{at * size}x{form}{(width - at - 1) * size}x")
    except struct.error:  # larger than memory can be
        return _nothing

    def read(raw: bytes) -> Values | None:
        if len(raw) != wanted:
            return None
        values = row.unpack(raw) if rows == 1 else tuple([value for (value,) in row.iter_unpack(raw)])
        return _make(Values, (datatype, values if datatype != "BF16" else tuple(map(_widened, values))))

    wanted = rows * row.size
    return read


def _nothing(raw: bytes) -> None:
    """Of a column that is not there."""


def _widened(bits: int) -> float:
    """The value of a BF16: the upper half of a float32."""
    value: float = struct.unpack("<f", struct.pack("<I", bits << 16))[0]
    return value


def _elements(raw: bytes) -> list[bytes]:
    """Of a BYTES tensor, each with its length before it; none where one reaches past the end, or is no text."""
    elements, at = [], 0
    try:
        while at < len(raw):
            (size,) = struct.unpack_from("<I", raw, at)
            elements.append(raw[at + 4 : at + 4 + size])
            at += 4 + size
            elements[-1].decode()
    except (struct.error, UnicodeDecodeError):
        return []
    return elements if at == len(raw) else []
