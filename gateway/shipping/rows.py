"""Frames as Arrow tables: a row a call, whatever became of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.journal.columns import Group
from gateway.journal.format import RULE_NAMES, STATUS_NAMES
from gateway.shipping import tensors, text
from gateway.shipping.names import HOUR_NS, Partition
from gnomon.domain import Role

ROLE_NAMES = {int(role): role.name.lower() for role in Role}
TIMESTAMP = pa.timestamp("us", tz="UTC")


def tables(group: Group, journal: str) -> Iterator[tuple[Partition, pa.Table]]:
    """The group's rows, parted by version and hour."""
    hours = (group.headers["arrived_unix_ns"] // np.uint64(HOUR_NS)).astype(np.int64)
    versions = group.headers["version"].astype(np.int64)
    for version, hour in sorted(set(zip(versions.tolist(), hours.tolist(), strict=True))):
        part = group.where((versions == version) & (hours == hour))
        yield Partition(part.model, version, hour), table(part, journal)


def table(group: Group, journal: str) -> pa.Table:
    """Every frame of a group as a row."""
    fixed = {**_who(group, journal), **_why(group), **_how(group)}
    fields = [pa.field(name, array.type) for name, array in fixed.items()]
    arrays = list(fixed.values())
    for column in tensors.columns(group.schema):
        fields += column.fields()
        arrays += tensors.arrays(group, column)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _who(group: Group, journal: str) -> dict[str, pa.Array]:
    headers = group.headers
    return {
        "prediction_id": text.uuids(headers["prediction_id"]),
        "parent_id": text.uuids(headers["parent_id"], nullable=True),
        "request_id": text.request_ids(group),
        "trace_id": text.trace_ids(headers["trace_id"]),
        "journal": _same(group, journal),
        "sequence": pa.array(headers["sequence"].astype(np.int64)),
        "arrived": pa.array((headers["arrived_unix_ns"] // np.uint64(1000)).astype(np.int64)).cast(TIMESTAMP),
    }


def _why(group: Group) -> dict[str, pa.Array]:
    headers = group.headers
    return {
        "model": _same(group, group.model).dictionary_encode(),  # as readers of the folder take its name for it
        "version": pa.array(headers["version"].astype(np.int64)),
        "role": text.names(headers["role"], ROLE_NAMES),
        "epoch": pa.array(headers["epoch"].astype(np.int64)),
        "rule": text.names(headers["rule"], RULE_NAMES),
        "bucket": pa.array(headers["bucket"].astype(np.int32)),
        "weight_bp": pa.array(headers["weight_bp"].astype(np.int32)),
        "key_hash": pa.array(headers["key_hash"].astype(np.uint64)),
    }


def _how(group: Group) -> dict[str, pa.Array]:
    headers = group.headers
    return {
        "status": text.names(headers["status"], STATUS_NAMES),
        "reason": text.reasons(group),
        "rows": pa.array(headers["rows"].astype(np.int32)),
        **{f"{stage}_us": _microseconds(headers, stage) for stage in ("decode", "queue", "run", "total")},
        "artifact_sha256": _same(group, str(group.schema.get("artifact_sha256", ""))),
    }


def _microseconds(headers: Any, stage: str) -> pa.Array:
    return pa.array(headers[f"{stage}_ns"] / 1e3)


def _same(group: Group, value: str) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), len(group))
