"""Tensors of many frames at once, as Arrow columns: a list of values a row, and the shape beside it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gateway.journal.columns import Group, Place
from gateway.journal.format import INPUT, LIVE_OUTPUT, OUTPUT
from gateway.tensors import bytes_elements

ARROW_OF = {
    "BOOL": pa.bool_(), "INT8": pa.int8(), "INT16": pa.int16(), "INT32": pa.int32(), "INT64": pa.int64(),
    "UINT8": pa.uint8(), "UINT16": pa.uint16(), "UINT32": pa.uint32(), "UINT64": pa.uint64(),
    "FP16": pa.float16(), "FP32": pa.float32(), "FP64": pa.float64(), "BYTES": pa.binary(),
}  # fmt: skip
SHAPE = pa.list_(pa.int32())
SIDES = ((INPUT, "input", "inputs"), (OUTPUT, "output", "outputs"), (LIVE_OUTPUT, "live_output", "live_outputs"))


class Column(NamedTuple):
    """A tensor of a schema, and what its column is called."""

    name: str
    direction: int
    number: int  # its index in the schema
    datatype: str

    def fields(self) -> list[pa.Field]:
        values = pa.field(self.name, pa.list_(ARROW_OF[self.datatype]), metadata={"datatype": self.datatype})
        return [values, pa.field(f"{self.name}.shape", SHAPE)]


def columns(schema: dict[str, Any]) -> Iterator[Column]:
    """Of every tensor that a schema names."""
    for direction, side, kind in SIDES:
        for number, tensor in enumerate(schema.get(kind, [])):
            yield Column(f"{side}.{tensor['name']}", direction, number, tensor["datatype"])


def arrays(group: Group, column: Column) -> tuple[pa.Array, pa.Array]:
    """(values, shapes) of a column; null where the frames do not carry the tensor, or not of its datatype."""
    place = group.place(column.direction, column.number)
    kind = pa.list_(ARROW_OF[column.datatype])
    if place is None or place.datatype != column.datatype:
        return pa.nulls(len(group), kind), pa.nulls(len(group), SHAPE)
    values = _binary(group, place) if place.datatype == "BYTES" else _fixed(group, place)
    return values, _lists(np.tile(np.array(place.shape, np.int32), len(group)), len(group))


def _fixed(group: Group, place: Place) -> pa.Array:
    return _lists(group.values(place).reshape(-1), len(group))


def _lists(flat: NDArray[Any], rows: int) -> pa.Array:
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(len(flat) // rows)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))


def _binary(group: Group, place: Place) -> pa.Array:
    return pa.array([bytes_elements(raw.tobytes()) for raw in group.raw(place)], pa.list_(pa.binary()))
