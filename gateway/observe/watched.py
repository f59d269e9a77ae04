"""What the monitors of a profile watch, out of frames: blocks of float32 beside each other, and all else by itself."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group, Place
from gateway.journal.format import INPUT, OUTPUT
from gateway.observe.scores import column_of, table_of
from gateway.tensors import bytes_elements
from gnomon.stats.binner import Binner
from gnomon.stats.columns import Column, Labels, Numbers
from gnomon.stats.confidence import confidence
from gnomon.stats.profile import Monitor, Profile

Tables = dict[tuple[int, int], NDArray[Any] | None]  # by (direction, index)
Block = tuple[slice, NDArray[np.float32]]  # monitors, and (calls, rows of a call, monitors) of what they watch


class Alone(NamedTuple):
    """A column of another kind than float32: `values` (calls, rows of a call) are numbers, or places in `labels`."""

    monitor: int
    values: NDArray[Any]
    labels: tuple[str, ...] | None = None

    def column(self, chosen: NDArray[np.bool_]) -> Column:
        """Of the `chosen` (calls, rows of a call), row by row."""
        values = self.values[chosen]
        return Numbers(values=values) if self.labels is None else Labels(codes=values, labels=self.labels)


class Watched(NamedTuple):
    """Of calls of one layout. What a frame does not have, or has as text where the profile has numbers, is left out."""

    blocks: list[Block]
    alone: list[Alone]

    @property
    def rows(self) -> int:
        """Of each call."""
        if self.blocks:
            return int(self.blocks[0][1].shape[1])
        return int(self.alone[0].values.shape[1]) if self.alone else 1

    def put(self, binner: Binner, counts: NDArray[np.int64], rows: NDArray[np.bool_]) -> None:
        """Adds the `rows` (calls, rows of a call) that are chosen to the flat `counts` (slots,)."""
        every = bool(rows.all())
        for monitors, block in self.blocks:
            binner.count(block.reshape(-1, block.shape[2]) if every else block[rows], monitors, counts)
        for each in self.alone:
            binner.count_column(each.column(rows), each.monitor, counts)

    def values(self, monitor: int) -> tuple[NDArray[Any], tuple[str, ...] | None] | None:
        """(calls, rows of a call) of what a monitor watches, numbers or places in labels; None: it is not there."""
        for monitors, block in self.blocks:
            if monitors.start <= monitor < monitors.stop:
                return block[:, :, monitor - monitors.start], None
        return next(((each.values, each.labels) for each in self.alone if each.monitor == monitor), None)

    @classmethod
    def of(cls, profile: Profile, group: Group) -> "Watched":
        tables = {(place.direction, place.index): table_of(group, place) for place in group.places}
        columns = [_column(monitor, group, tables) for monitor in profile.monitors]
        others = ((place, each) for place, each in enumerate(profile.monitors) if each.kind != "float32")
        found = (_alone(number, monitor, group, tables) for number, monitor in others)
        return cls(list(_blocks(columns)), [each for each in found if each is not None])


def _blocks(columns: list[NDArray[np.float32] | None]) -> Iterator[Block]:
    """For each run of neighbouring monitors that the frames have."""
    first = 0
    while first < len(columns):
        stop = first
        while stop < len(columns) and _beside(columns[first], columns[stop]):
            stop += 1
        if stop > first:
            yield slice(first, stop), np.stack([column for column in columns[first:stop] if column is not None], axis=2)
        first = max(stop, first + 1)


def _beside(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape


def _key(monitor: Monitor, group: Group) -> tuple[int, int] | None:
    """(direction, index) of the tensor that a monitor watches."""
    direction, kind = (OUTPUT, "outputs") if monitor.is_score else (INPUT, "inputs")
    names = [tensor["name"] for tensor in group.schema.get(kind, [])]
    return (direction, names.index(monitor.tensor)) if monitor.tensor in names else None


def _column(monitor: Monitor, group: Group, tables: Tables) -> NDArray[np.float32] | None:
    """What a monitor of float32 watches, (n, rows of a call)."""
    key = _key(monitor, group) if monitor.kind == "float32" else None
    table = None if key is None else tables.get(key)
    if table is None:
        return None
    return confidence(table).astype(np.float32) if monitor.derived else column_of(table, monitor.column)


def _alone(number: int, monitor: Monitor, group: Group, tables: Tables) -> Alone | None:
    key = _key(monitor, group)
    place = None if key is None else group.place(*key)
    if key is None or place is None:
        return None
    if place.datatype == "BYTES":
        return _text(number, monitor, group, place)
    table = tables[key]
    if table is None or not -table.shape[2] <= monitor.column < table.shape[2]:
        return None
    return Alone(number, widened(table[:, :, monitor.column]))


def widened(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers as float32, float64 or int64. What int64 cannot hold becomes its largest."""
    if values.dtype.kind == "f":
        return values.astype(np.float32) if values.dtype.itemsize < 4 else values
    largest = np.iinfo(np.int64).max
    return (np.minimum(values, largest) if values.dtype == np.uint64 else values).astype(np.int64)


def _text(number: int, monitor: Monitor, group: Group, place: Place) -> Alone | None:
    """Text of a monitor of names. The empty one is missing, where the reference did not have it: a tensor has no other
    way to say so. Parsed once for calls that sent the same bytes.
    """
    categories = monitor.categories
    if categories is None or not place.shape or 0 in place.shape:
        return None
    raw = np.ascontiguousarray(group.raw(place)).view(f"V{place.size}").ravel()
    distinct, inverse = np.unique(raw, return_inverse=True)
    known = {} if "" in categories.values or "" in categories.others else {"": -1}
    missing = len(known)
    codes = [
        [known.setdefault(element.decode("utf-8", "replace"), len(known) - missing) for element in bytes_elements(each)]
        for each in map(bytes, distinct)
    ]
    table = np.array(codes, np.intp)[inverse].reshape(len(group), place.shape[0], -1)
    if not -table.shape[2] <= monitor.column < table.shape[2]:
        return None
    return Alone(number, table[:, :, monitor.column], tuple(text for text, code in known.items() if code >= 0))
