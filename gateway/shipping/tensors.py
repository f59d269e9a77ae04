"""Tensors of many frames at once, as Arrow columns.

A tensor with one axis behind that of the rows has a column a feature, each a list with a value for every row of the
call; any other is one list of its values. The shape stands beside it, so a tensor is put together again without loss
(whole.py).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gateway.journal.format import DATATYPE_CODES, INPUT, LIVE_OUTPUT, NUMPY_OF, OUTPUT
from gateway.shipping import kernels, text
from gateway.shipping.frames import Frames

ARROW_OF = {
    "BOOL": pa.bool_(), "INT8": pa.int8(), "INT16": pa.int16(), "INT32": pa.int32(), "INT64": pa.int64(),
    "UINT8": pa.uint8(), "UINT16": pa.uint16(), "UINT32": pa.uint32(), "UINT64": pa.uint64(),
    "FP16": pa.float16(), "FP32": pa.float32(), "FP64": pa.float64(), "BYTES": pa.binary(),
}  # fmt: skip
SHAPE = pa.list_(pa.int32())
SIDES = ((INPUT, "input", "inputs"), (OUTPUT, "output", "outputs"), (LIVE_OUTPUT, "live_output", "live_outputs"))
FEATURES_MOST = 512  # a tensor that is wider is an embedding or an image: one column of lists

SHAPE_COLUMN = -1
Named = tuple[pa.Field, pa.Array]


class Tensor(NamedTuple):
    """A tensor of a schema, and what its columns are called."""

    side: str  # input, output or live_output
    tensor: str
    direction: int
    number: int  # its index in the schema
    datatype: str
    width: int  # columns of its own; 0: it is one list

    @property
    def name(self) -> str:
        return f"{self.side}.{self.tensor}"

    @property
    def shape_name(self) -> str:
        return f"{self.name}.shape"

    def column_name(self, column: int) -> str:
        return f"{self.name}[{column}]"

    def field(self, column: int | None = None) -> pa.Field:
        about = {"datatype": self.datatype, "side": self.side, "tensor": self.tensor}
        name = self.name if column is None else self.column_name(column)
        place = {} if column is None else {"column": str(column)}
        return pa.field(name, pa.list_(ARROW_OF[self.datatype]), metadata=about | place)


class Found(NamedTuple):
    """A column: of one feature, of a whole tensor (None), or of its shapes (SHAPE_COLUMN)."""

    tensor: Tensor
    column: int | None
    named: Named


def tensors(schema: dict[str, Any]) -> list[Tensor]:
    """Every tensor that a schema names."""
    return [
        Tensor(side, spec["name"], direction, number, spec["datatype"], _width(spec.get("shape", ())))
        for direction, side, kind in SIDES
        for number, spec in enumerate(schema.get(kind, []))
    ]


def _width(shape: Any) -> int:
    return int(shape[1]) if len(shape) == 2 and 0 < shape[1] <= FEATURES_MOST else 0


def columns(frames: Frames, wanted: list[Tensor], sampled: NDArray[np.bool_]) -> Iterator[Found]:
    """Every column of `wanted`; null where a frame does not carry the tensor, or not of its datatype, or is not
    `sampled`.
    """
    places = _places(frames, wanted)
    places[:, ~sampled] = -1
    for tensor, place in zip(wanted, places, strict=True):
        yield from _features(frames, tensor, place) if tensor.width else _flat(frames, tensor, place)
        yield Found(tensor, SHAPE_COLUMN, (pa.field(tensor.shape_name, SHAPE), _shapes(frames, place)))


def _places(frames: Frames, wanted: list[Tensor]) -> NDArray[np.int64]:
    """(tensors, n, 4): data, bytes, dimensions, how many of them; -1 where a frame has no such tensor."""
    places = np.full((len(wanted), len(frames), 4), -1, np.int64)
    keys = [(tensor.direction, tensor.number, DATATYPE_CODES[tensor.datatype]) for tensor in wanted]
    if keys:
        kernels.locate(
            frames.memory.octets, frames.memory.numbers, frames.tensors_at(), frames.ends(),
            frames.headers["tensors"].astype(np.int64), np.array(keys, np.int64), places,
        )  # fmt: skip
    return places


def _features(frames: Frames, tensor: Tensor, place: NDArray[np.int64]) -> Iterator[Found]:
    """A column a feature. Tensors of another width, if there are any, in one column of lists besides."""
    last = frames.memory.numbers[np.where(place[:, 3] == 2, place[:, 2] + 4, 0) >> 2]
    fits = (place[:, 3] == 2) & (last == tensor.width)
    for column, values in enumerate(_values(frames, tensor, place, fits, tensor.width)):
        yield Found(tensor, column, (tensor.field(column), values))
    if (~fits & (place[:, 0] >= 0)).any():
        yield from _flat(frames, tensor, place, ~fits)


def _flat(
    frames: Frames, tensor: Tensor, place: NDArray[np.int64], which: NDArray[np.bool_] | None = None
) -> Iterator[Found]:
    fits = place[:, 0] >= 0
    (values,) = _values(frames, tensor, place, fits if which is None else fits & which, 1)
    yield Found(tensor, None, (tensor.field(), values))


def _values(
    frames: Frames, tensor: Tensor, place: NDArray[np.int64], fits: NDArray[np.bool_], width: int
) -> list[pa.Array]:
    """`width` arrays of lists, null where not `fits`."""
    begin, sizes = place[fits, 0], place[fits, 1]
    if tensor.datatype == "BYTES":
        counts, flat = _strings(frames, begin, sizes, width)
    else:
        counts, flat = _numbers(frames, tensor.datatype, begin, sizes, width)
    offsets = _offsets(counts, fits)
    return [pa.ListArray.from_arrays(offsets, values) for values in flat]


def _numbers(
    frames: Frames, datatype: str, begin: NDArray[np.int64], sizes: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], list[pa.Array]]:
    """(rows of each tensor, values of each column)."""
    dtype = NUMPY_OF[datatype]
    items = frames.memory.items(dtype.itemsize)
    counts = sizes // (dtype.itemsize * width)
    out = np.empty((width, int(counts.sum())), items.dtype)
    kernels.transpose(items, begin // dtype.itemsize, counts, out)
    return counts, [pa.array(column.view(dtype)) for column in out]


def _strings(
    frames: Frames, begin: NDArray[np.int64], sizes: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], list[pa.Array]]:
    counts = np.zeros(len(begin), np.int64)
    kernels.count_elements(frames.memory.octets, begin, sizes, counts)
    whole = np.where((counts >= 0) & (counts % width == 0), counts, 0)
    places, lengths = np.empty((2, int(whole.sum())), np.int64)
    kernels.elements(frames.memory.octets, begin, whole, places, lengths)
    each = [(places[column::width].copy(), lengths[column::width].copy()) for column in range(width)]
    return whole // width, [text.packed(frames.memory, *one) for one in each]


def _offsets(counts: NDArray[np.int64], fits: NDArray[np.bool_]) -> pa.Array:
    """Of lists of `counts` values where `fits`, and of nulls elsewhere."""
    steps = np.zeros(len(fits), np.int64)
    steps[fits] = counts
    offsets = np.zeros(len(fits) + 1, np.int32)
    np.cumsum(steps, out=offsets[1:])
    return pa.array(offsets, mask=None if fits.all() else np.append(~fits, False))


def _shapes(frames: Frames, place: NDArray[np.int64]) -> pa.Array:
    fits = place[:, 0] >= 0
    counts = place[fits, 3]
    flat = np.empty((1, int(counts.sum())), np.uint32)
    kernels.transpose(frames.memory.numbers, place[fits, 2] >> 2, counts, flat)
    return pa.ListArray.from_arrays(_offsets(counts, fits), pa.array(flat[0].view(np.int32)))
