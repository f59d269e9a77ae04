"""Frames as Arrow tables: a row a call, whatever became of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gateway.journal.format import RULE_NAMES, STATUS_NAMES
from gateway.shipping import tensors, text
from gateway.shipping.frames import Frames
from gateway.shipping.names import HOUR_NS, Partition
from gateway.shipping.policy import EVERYTHING, Treatments
from gnomon.domain import Role

ROLE_NAMES = {int(role): role.name.lower() for role in Role}
TIMESTAMP = pa.timestamp("us", tz="UTC")


class Part(NamedTuple):
    """Frames of one schema, version and hour."""

    partition: Partition
    schema: dict[str, Any]
    frames: Frames

    @property
    def tensors(self) -> list[tensors.Tensor]:
        return tensors.tensors(self.schema)


def parts(frames: Frames, schemas: dict[int, dict[str, Any]]) -> Iterator[Part]:
    """The frames, parted by schema, version and hour; in the order of their sequence within each."""
    headers = frames.headers
    hours = headers["arrived_unix_ns"] // np.uint64(HOUR_NS)
    keys = [np.asarray(key).astype(np.int64) for key in (headers["schema"], headers["version"], hours)]
    for (number, version, hour), rows in _alike(keys):
        schema = schemas.get(number, {})
        partition = Partition(str(schema.get("model", "")), version, hour)
        yield Part(partition, schema, frames if rows is None else frames.take(rows))


def _alike(keys: list[NDArray[np.int64]]) -> Iterator[tuple[tuple[int, ...], NDArray[np.intp] | None]]:
    """(key, rows that have it) in the order of keys; rows is None where all have the same."""
    if all((key == key[0]).all() for key in keys):
        yield tuple(int(key[0]) for key in keys), None
        return
    order = np.lexsort(keys[::-1])  # stable
    ordered = [key[order] for key in keys]
    changes = np.any([key[1:] != key[:-1] for key in ordered], axis=0)
    for rows in np.split(order, np.flatnonzero(changes) + 1):
        yield tuple(int(key[rows[0]]) for key in keys), rows


def table(part: Part, journal: str, treatments: Treatments = EVERYTHING) -> pa.Table:
    """Every frame of a part as a row, as far as it may leave the host."""
    sampled = treatments.sampled(part.frames)
    fixed = {**_who(part, journal), **_why(part), **_how(part), "sampled": pa.array(sampled)}
    fields = [pa.field(name, array.type) for name, array in fixed.items()]
    arrays = [treatments.header(name, array) for name, array in fixed.items()]
    for tensor, column, named in tensors.columns(part.frames, part.tensors, sampled):
        for field, array in [named] if column == tensors.SHAPE_COLUMN else treatments.treated(tensor, column, named):
            fields.append(field)
            arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _who(part: Part, journal: str) -> dict[str, pa.Array]:
    headers = part.frames.headers
    return {
        "prediction_id": text.uuids(headers["prediction_id"]),
        "parent_id": text.uuids(headers["parent_id"], nullable=True),
        "request_id": text.request_ids(part.frames),
        "trace_id": text.trace_ids(headers["trace_id"]),
        "journal": _same(part.frames, journal),
        "sequence": pa.array(headers["sequence"].astype(np.int64)),
        "arrived": pa.array((headers["arrived_unix_ns"] // np.uint64(1000)).astype(np.int64)).cast(TIMESTAMP),
    }


def _why(part: Part) -> dict[str, pa.Array]:
    headers = part.frames.headers
    return {
        "model": _same(part.frames, part.partition.model).dictionary_encode(),  # as its folder is read
        "version": pa.array(headers["version"].astype(np.int64)),
        "role": text.names(headers["role"], ROLE_NAMES),
        "epoch": pa.array(headers["epoch"].astype(np.int64)),
        "rule": text.names(headers["rule"], RULE_NAMES),
        "bucket": pa.array(headers["bucket"].astype(np.int32)),
        "weight_bp": pa.array(headers["weight_bp"].astype(np.int32)),
        "key_hash": pa.array(headers["key_hash"].astype(np.uint64)),
    }


def _how(part: Part) -> dict[str, pa.Array]:
    headers = part.frames.headers
    return {
        "status": text.names(headers["status"], STATUS_NAMES),
        "reason": text.reasons(part.frames),
        "rows": pa.array(headers["rows"].astype(np.int32)),
        **{f"{stage}_us": _microseconds(headers, stage) for stage in ("decode", "queue", "run", "total")},
        "artifact_sha256": _same(part.frames, str(part.schema.get("artifact_sha256", ""))),
    }


def _microseconds(headers: Any, stage: str) -> pa.Array:
    return pa.array(headers[f"{stage}_ns"] / 1e3)


def _same(frames: Frames, value: str) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), len(frames))


def joined(found: list[pa.Table]) -> pa.Table:
    """Tables of one segment as one, in the order of their sequence; null in columns that some have not."""
    if len(found) == 1:
        return found[0]
    return pa.concat_tables(found, promote_options="default").sort_by("sequence")
