"""Tensors put together again from an exported row: what tensors.py took apart."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa


class Whole(NamedTuple):
    """A tensor as it was journaled."""

    side: str  # input, output or live_output
    name: str
    datatype: str
    shape: tuple[int, ...]
    values: np.ndarray[Any, Any]


def tensors_of(row: Mapping[str, Any], schema: pa.Schema) -> Iterator[Whole]:
    """Every tensor that a row of a file carries (`Table.to_pylist`), in the order of the file's columns; one of which a
    policy left features out, or hashed them, is none any more.
    """
    parts: dict[tuple[str, str, str], list[pa.Field]] = {}
    for field in schema:
        about = field.metadata or {}
        if b"tensor" in about and b"treatment" not in about and row[field.name] is not None:
            key = (about[b"side"].decode(), about[b"tensor"].decode(), about[b"datatype"].decode())
            parts.setdefault(key, []).append(field)
    for (side, name, datatype), fields in parts.items():
        shape = tuple(row[f"{side}.{name}.shape"])
        kind = object if datatype == "BYTES" else fields[0].type.value_type.to_pandas_dtype()
        columns = [np.array(row[field.name], kind) for field in fields]
        values = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        if values.size == math.prod(shape):
            yield Whole(side, name, datatype, shape, values.reshape(shape))
