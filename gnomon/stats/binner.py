"""Binner: the lookup tables of a profile, made once and shared by all of its sketches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import tables
from gnomon.stats.casts import seen_as
from gnomon.stats.columns import Column, Labels, Numbers
from gnomon.stats.encoder import Encoder
from gnomon.stats.kernels import BLOCK_ROWS, Bins, Scaling, Values, Words, count_block
from gnomon.stats.profile import Profile

Arrays = tuple[Words, Scaling, Bins, Values]


class Binner:
    """Counts rows into the slots of a profile. Immutable, so threads may share it.

    Making one takes some milliseconds for 30 monitors, and the first in a process compiles the kernel.
    """

    __slots__ = ("_arrays", "_encoders", "_kinds", "_plain", "_slot_ends", "_slots", "profile")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._kinds: list[str] = [monitor.kind for monitor in profile.monitors]
        self._plain = set(self._kinds) <= {"float32"}
        self._slots = profile.slots
        self._slot_ends = np.cumsum([0, *(monitor.slots for monitor in profile.monitors)])
        self._arrays = {kind: self._laid_out(kind) for kind in {"float32", *self._kinds} if kind != "categorical"}
        self._encoders = {
            place: Encoder(monitor.categories)
            for place, monitor in enumerate(profile.monitors)
            if monitor.categories is not None
        }

    def count(self, batch: NDArray[Any], monitors: slice, counts: NDArray[np.int64]) -> None:
        """Add `batch` (n_rows, n_monitors), a column a monitor, to the flat `counts` (slots,) int64.

        Row-major and large column-major blocks are read where they are; others are copied. Where all monitors
        are of float32 nothing else is taken (cast it first: that is what the model saw); else each casts to its kind.

        Raises:
            ValueError: another type, not a column for each monitor, or counts of another length.
        """
        first, stop, step = monitors.indices(len(self._kinds))
        if step != 1:
            raise ValueError(f"monitors must be neighbours, got {monitors}")
        if counts.shape != (self._slots,):
            raise ValueError(f"this profile has {self._slots} slots, got {counts.shape}")
        if self._plain and batch.dtype != np.float32:
            raise ValueError(f"a batch must be float32, got {batch.dtype}")
        if batch.ndim != 2 or batch.shape[1] != max(0, stop - first):
            raise ValueError(f"a batch must have shape (rows, {max(0, stop - first)}), got {batch.shape}")
        if self._plain:
            self._count_block("float32", batch, first, counts)
            return
        for begin, end in self._runs(first, stop):
            block = batch[:, begin - first : end - first]
            if self._kinds[begin] == block.dtype.name:
                self._count_block(block.dtype.name, block, begin, counts)
            else:
                for place in range(begin, end):
                    self.count_column(Numbers(values=block[:, place - begin]), place, counts)

    def count_column(self, column: Column, monitor: int, counts: NDArray[np.int64]) -> None:
        """Add a column of one monitor, by its number, to the flat `counts` (slots,); numbers are cast to its kind.

        Raises:
            ValueError: labels for a monitor of numbers.
        """
        slots = counts[self._slot_ends[monitor] : self._slot_ends[monitor + 1]]
        if monitor in self._encoders:
            slots += self._encoders[monitor].count(column)
            return
        if isinstance(column, Labels):
            raise ValueError(f"monitor {self.profile.monitors[monitor].name!r} is of numbers, got labels")  # noqa: TRY004
        kind = self._kinds[monitor]
        column = seen_as(column, kind)
        assert isinstance(column, Numbers)
        values = column.values
        if column.missing is not None:
            slots[-1] += np.count_nonzero(column.missing)
            values = values[~column.missing]
        self._count_block(kind, np.ascontiguousarray(values)[:, np.newaxis], monitor, counts)

    def _count_block(self, kind: str, block: Values, first: int, counts: NDArray[np.int64]) -> None:
        if block.flags.f_contiguous and len(block) >= BLOCK_ROWS:
            for column in range(block.shape[1]):
                count_block(kind)(block[:, column : column + 1], first + column, *self._arrays[kind], counts)
        else:
            count_block(kind)(np.ascontiguousarray(block), first, *self._arrays[kind], counts)

    def _runs(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Neighbouring monitors of one kind, [begin, end)."""
        while first < stop:
            end = first + 1
            while end < stop and self._kinds[end] == self._kinds[first]:
                end += 1
            yield first, end
            first = end

    def _laid_out(self, kind: str) -> Arrays:
        """Words (n_monitors, 7) of mode, table range, slot range, k0 and shift; scalings; bases and edges end to end.

        Of the monitors of one kind; the rows of the others are there, and never read.
        """
        edge_type = np.dtype(kind)
        words = np.zeros((len(self._kinds), 7), np.int64)
        scalings = np.zeros((len(self._kinds), 3), edge_type if edge_type.kind == "f" else np.float64)
        bases, edges, end = [np.zeros(0, np.uint16)], [np.zeros((2, 0), edge_type)], 0
        for row, monitor in enumerate(self.profile.monitors):
            if monitor.kind != kind:
                continue
            table = tables.build(monitor.edges)
            bases.append(table.base)
            edges.append(np.stack([table.edge, table.pair]))
            slots = self._slot_ends[row : row + 2]
            words[row] = (table.mode, end, end + len(table.base), *slots, table.k0, table.shift)
            scalings[row] = table.scaling
            end += len(table.base)
        return words, scalings, np.concatenate(bases), np.concatenate(edges, axis=1)
