"""Binner: the lookup tables of a profile, made once and shared by all of its sketches."""

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import tables
from gnomon.stats.kernels import Bins, Floats, Words, count_block
from gnomon.stats.profile import Profile


class Binner:
    """Counts blocks of rows into the slots of a profile. Immutable, so threads may share it.

    Making one takes some milliseconds for 30 monitors, and the first in a process compiles the kernel.
    """

    __slots__ = ("_arrays", "_columns", "_kernel", "_slots", "profile")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._kernel = count_block()
        self._columns = len(profile.monitors)
        self._slots = profile.slots
        self._arrays = _laid_out(profile)

    def count(self, batch: NDArray[np.float32], monitors: slice, counts: NDArray[np.int64]) -> None:
        """Add `batch` (n_rows, n_monitors) float32, a column a monitor, to the flat `counts` (slots,) int64.

        Raises:
            ValueError: not float32 (cast it first: that is what the model saw), not a column for each monitor, or
                counts of another length.
        """
        first, stop, step = monitors.indices(self._columns)
        if step != 1:
            raise ValueError(f"monitors must be neighbours, got {monitors}")
        if batch.dtype != np.float32:
            raise ValueError(f"a batch must be float32, got {batch.dtype}")
        if batch.ndim != 2 or batch.shape[1] != max(0, stop - first):
            raise ValueError(f"a batch must have shape (rows, {max(0, stop - first)}), got {batch.shape}")
        if counts.shape != (self._slots,):
            raise ValueError(f"this profile has {self._slots} slots, got {counts.shape}")
        self._kernel(np.ascontiguousarray(batch), first, *self._arrays, counts)


def _laid_out(profile: Profile) -> tuple[Words, Floats, Bins, Floats]:
    """Words (n_monitors, 7) of mode, table range, slot range, k0 and shift; scalings; bases and edges end to end."""
    made = [tables.build(monitor.edges) for monitor in profile.monitors]
    table_ends = np.cumsum([0, *(len(table.base) for table in made)])
    slot_ends = np.cumsum([0, *(monitor.slots for monitor in profile.monitors)])
    words = np.zeros((len(made), 7), np.int64)
    for row, table in enumerate(made):
        words[row] = (table.mode, *table_ends[row : row + 2], *slot_ends[row : row + 2], table.k0, table.shift)
    scalings = np.array([table.scaling for table in made], np.float32).reshape(-1, 3)
    bases = np.concatenate([np.zeros(0, np.uint16), *(table.base for table in made)])
    edges = np.concatenate([np.zeros((2, 0), np.float32), *(np.stack([t.edge, t.pair]) for t in made)], axis=1)
    return words, scalings, bases, edges
