"""References of slices: the rows that have one value in one column, which such rows of the traffic are held against.

A slice has fewer rows than the whole, so its counts are kept in fewer bins, those of `coarse`: a sixth of the memory.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.stats.bins import coarsen
from gnomon.stats.columns import Labels, Numbers, column
from gnomon.stats.monitor import Monitor

BINS = 40  # of a monitor of numbers
VALUES = 16  # of a column: its most frequent
ROWS = 500  # a value with fewer reference rows is no slice


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """How the rows with one `value` of one `column` fell: `counts` (slots of `coarse` monitors,), a read-only copy."""

    column: str
    value: str
    rows: int
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        counts = np.array(self.counts, np.int64)
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)

    @property
    def name(self) -> str:
        return f"{self.column}={self.value}"


def coarse(monitor: Monitor) -> Monitor:
    """The same with BINS bins at most between the least and the largest of the reference, of about as many rows each.
    Names stay as they are."""
    if monitor.kind == "categorical":
        return monitor
    counts, outside = monitor.counts[:-1], monitor.above.stop - monitor.above.start
    inside = slice(monitor.below.stop, len(monitor.counts) - 1 - outside)
    labels = np.arange(len(counts), dtype=np.intp)
    labels[inside] = inside.start + coarsen(counts[inside], BINS)
    labels[inside.stop :] = labels[inside.stop - 1] + 1
    merged = np.bincount(labels, counts).astype(np.int64)
    alone = (np.bincount(labels) == 1) & (np.bincount(labels, monitor.singleton) == 1)
    return dataclasses.replace(
        monitor,
        edges=monitor.edges[np.flatnonzero(np.diff(labels))],
        counts=np.append(merged, monitor.counts[-1]),
        singleton=alone,
    )


def text_of(number: float) -> str:
    """A number that is a name, as people write it."""
    return f"{number + 0.0:.15g}"  # no sign of zero


def rows_by_value(values: ArrayLike, name: str, rows: int) -> dict[str, NDArray[np.intp]]:
    """The rows of each value that is a slice, the most frequent first.

    Raises:
        ValueError: not a value for each row, or no value with ROWS of them.
    """
    found = column(values, name)
    if len(found) != rows:
        raise ValueError(f"{rows} rows need as many values of {name!r}, got {len(found)}")
    places = _by_label(found) if isinstance(found, Labels) else _by_number(found)
    large = {value: of for value, of in places.items() if len(of) >= ROWS}
    if not large:
        raise ValueError(f"no value of {name!r} has {ROWS} rows or more: it makes no slice")
    most = sorted(large, key=lambda value: (-len(large[value]), value))[:VALUES]
    return {value: large[value] for value in most}


def _by_label(found: Labels) -> dict[str, NDArray[np.intp]]:
    return {str(label): np.flatnonzero(found.codes == code) for code, label in enumerate(found.labels)}


def _by_number(found: Numbers) -> dict[str, NDArray[np.intp]]:
    there = found.values if found.missing is None else np.where(found.missing, np.nan, found.values)
    numbers, counts = np.unique(there[~np.isnan(there)], return_counts=True)
    return {text_of(number): np.flatnonzero(there == number) for number in numbers[counts >= ROWS].tolist()}
