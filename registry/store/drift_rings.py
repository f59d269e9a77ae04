"""Rings of sub-windows of drift inside a transaction: what changed is put over what was, what is too old goes."""

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, bindparam, delete, insert, select

from gnomon.stats.windows import Kept
from registry.store import tables

SHARD = 0  # the level of counts that are a gateway's, in the finest sub-windows; those of coarser ones are everybody's
EVERYBODY = ""


class RingKey(NamedTuple):
    """Whose rings: all traffic of a version or a slice, and of what: rows in bins, or how alike those of calls are."""

    model: str
    version: int
    slice: str
    what: str


class Change(NamedTuple):
    """What is to be put over what is kept. `shape` says what rings they are: of others nothing stays."""

    key: RingKey
    shape: str
    kept: Kept
    oldest: tuple[int, ...]  # epoch of each level that is held yet


def find(connection: Connection, key: RingKey, shape: str) -> Kept | None:
    """What is kept of rings of this shape."""
    if connection.execute(_of(select(tables.drift_rings.c.shape), tables.drift_rings, key)).scalar() != shape:
        return None
    shards, sums = {}, {}
    for row in connection.execute(_of(select(tables.drift_counts), tables.drift_counts, key)).all():
        counted = (row.rows, _unpacked(row.counts))
        if row.level == SHARD:
            shards[row.epoch, row.source] = counted
        else:
            sums[row.level, row.epoch] = counted
    sources = connection.execute(_of(select(tables.drift_sources), tables.drift_sources, key)).all()
    return Kept(
        shards=shards, sums=sums, sources={row.source: (row.first, row.through, row.retired) for row in sources}
    )


def put(connection: Connection, change: Change) -> None:
    key = change.key._asdict()
    before = connection.execute(_of(select(tables.drift_rings.c.shape), tables.drift_rings, change.key)).scalar()
    if before != change.shape:
        _remove(connection, change.key)
        connection.execute(insert(tables.drift_rings).values(**key, shape=change.shape))
    shards = [(SHARD, epoch, source, *counted) for (epoch, source), counted in change.kept.shards.items()]
    sums = [(level, epoch, EVERYBODY, *counted) for (level, epoch), counted in change.kept.sums.items()]
    rows = [
        {**key, "level": level, "epoch": epoch, "source": source, "rows": count, "counts": _packed(counts)}
        for level, epoch, source, count, counts in (*shards, *sums)
    ]
    sources = [
        {**key, "source": name, "first": first, "through": through, "retired": retired}
        for name, (first, through, retired) in change.kept.sources.items()
    ]
    _replace(connection, tables.drift_counts, ("level", "epoch", "source"), rows)
    connection.execute(_of(delete(tables.drift_sources), tables.drift_sources, change.key))
    if sources:
        connection.execute(insert(tables.drift_sources), sources)
    for level, oldest in enumerate(change.oldest):
        there = tables.drift_counts.c
        connection.execute(
            _of(delete(tables.drift_counts), tables.drift_counts, change.key).where(
                there.level == level, there.epoch < oldest
            )
        )


def forget(connection: Connection, versions: Iterable[tuple[str, int]]) -> None:
    """Removes the rings of all other versions."""
    kept = set(versions)
    for row in connection.execute(select(tables.drift_rings)).all():
        if (row.model, row.version) not in kept:
            _remove(connection, RingKey(row.model, row.version, row.slice, row.what))


def _remove(connection: Connection, key: RingKey) -> None:
    for table in (tables.drift_counts, tables.drift_sources, tables.drift_rings):
        connection.execute(_of(delete(table), table, key))


def _replace(connection: Connection, table: Table, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if rows:
        names = (*RingKey._fields, *columns)
        same = [table.c[name] == bindparam(f"old_{name}") for name in names]
        connection.execute(delete(table).where(*same), [{f"old_{name}": row[name] for name in names} for row in rows])
        connection.execute(insert(table), rows)


def _of(statement: Any, table: Table, key: RingKey) -> Any:
    return statement.where(*(table.c[name] == value for name, value in key._asdict().items()))


def _packed(counts: NDArray[np.int64]) -> bytes:
    return zlib.compress(counts.astype("<i8").tobytes(), 1)


def _unpacked(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(zlib.decompress(data), "<i8").astype(np.int64)
