"""Latency histogram: 64 buckets an octave from 1 us to 4295 s, merged by addition.

The bucket is read off the bits of a float32: its exponent is the octave, the six highest bits of its mantissa the part
of it. That makes buckets 1/64 of their octave wide, at most 1.6 % of the value, and a midpoint at most 0.8 % off, as
an HdrHistogram or a DDSketch (Masson et al., VLDB 2019) would, without a logarithm. Needs numpy alone.
"""

import math
from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.stats.samples import NotEnoughSamples

SUB_BUCKETS = 64
OCTAVES = 32
BUCKETS = OCTAVES * SUB_BUCKETS

_SHIFT = 23 - 6  # a float32 has 23 bits of mantissa; six of them are kept
_FIRST = 127 << 6  # 127 is the exponent of 1.0, so bucket 0 begins at 1 us


def bucket_of(values_us: ArrayLike) -> NDArray[np.int32]:
    """Bucket of each duration in microseconds, in the shape of `values_us`.

    Below 1 us is bucket 0, and so is a negative duration; beyond the last edge, and NaN, is the last bucket: what
    cannot be told is not called fast. A duration within float32 rounding below an edge may count as at it.
    """
    with np.errstate(over="ignore"):
        values = np.asarray(values_us).astype(np.float32)
    told = np.where(np.isnan(values), np.float32(np.inf), np.maximum(values, np.float32(1)))
    buckets: NDArray[np.int32] = np.minimum((told.view(np.int32) >> _SHIFT) - _FIRST, BUCKETS - 1)
    return buckets


def lower_edge_us(bucket: int) -> float:
    """Where a bucket begins, in microseconds; `lower_edge_us(BUCKETS)` is where the last one ends.

    Raises:
        ValueError: no such bucket.
    """
    if not 0 <= bucket <= BUCKETS:
        raise ValueError(f"buckets go from 0 to {BUCKETS}, got {bucket}")
    octave, part = divmod(bucket, SUB_BUCKETS)
    return math.ldexp(1 + part / SUB_BUCKETS, octave)


def edge_near_us(value_us: float) -> float:
    """The bucket edge nearest to a duration, at most 0.8 % away from 1 us on: where a budget is counted exactly.

    Raises:
        ValueError: not between 1 us and the last edge.
    """
    if not 1 <= value_us <= lower_edge_us(BUCKETS):
        raise ValueError(f"an edge lies between 1 us and {lower_edge_us(BUCKETS):.0f} us, got {value_us}")
    octave = min(math.frexp(value_us)[1] - 1, OCTAVES - 1)
    return lower_edge_us(octave * SUB_BUCKETS + round((math.ldexp(value_us, -octave) - 1) * SUB_BUCKETS))


def classic_edges_us(budgets_us: Iterable[float] = ()) -> tuple[float, ...]:
    """Upper edges for a Prometheus histogram: doubling from 256 us to 67 s, and one at every budget.

    All but the budgets are bucket edges; where a budget is none, `below` says how exact its count is.
    """
    return tuple(sorted({*(2.0**octave for octave in range(8, 27)), *budgets_us}))


def below(counts: NDArray[np.int64], edges_us: Iterable[float]) -> NDArray[np.int64]:
    """How many durations lie below each edge: the cumulative buckets of a classic histogram, `le` the edge.

    `counts` (BUCKETS,). Exact at bucket edges (`edge_near_us` gives one; powers of two, and 1.5 times those, are), up
    to a duration of exactly the edge, which counts as above it. Between two bucket edges the durations of that one
    bucket, those within 1.6 % of the edge, all count as above it: a share over a budget is never told too small. Where
    it must be exact at any budget, count it beside the histogram, as a route's latency thresholds do.

    Raises:
        ValueError: counts of another shape.
    """
    if counts.shape != (BUCKETS,):
        raise ValueError(f"counts must have the shape ({BUCKETS},), got {counts.shape}")
    upper = np.array([lower_edge_us(bucket) for bucket in range(1, BUCKETS + 1)])
    whole = np.searchsorted(upper, np.fromiter(edges_us, np.float64), side="right")
    found: NDArray[np.int64] = np.concatenate(([0], counts.cumsum()))[whole]
    return found


class Histogram:
    """Counts of durations; `counts` is (BUCKETS,) int64, written by the one thread that updates it."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(BUCKETS, np.int64)

    @property
    def count(self) -> int:
        """How many durations it has seen."""
        return int(self.counts.sum())

    def update(self, values_us: ArrayLike) -> None:
        """Count durations in microseconds, of any shape."""
        self.counts += np.bincount(bucket_of(values_us).ravel(), minlength=BUCKETS)

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another; exact in any order."""
        self.counts += other.counts

    def snapshot(self) -> NDArray[np.int64]:
        """A copy (BUCKETS,) of the counts."""
        return self.counts.copy()

    def quantile(self, p: float) -> float:
        """The duration in microseconds that a share `p` does not exceed, within 0.8 %.

        The middle of the first bucket by which ceil(p * count) durations have been seen.

        Raises:
            NotEnoughSamples: nothing was counted.
            ValueError: p is not between 0 and 1.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p must be between 0 and 1, got {p}")
        total = self.count
        if total == 0:
            raise NotEnoughSamples(0, 1, "durations")
        bucket = int(np.searchsorted(np.cumsum(self.counts), max(1, math.ceil(p * total))))
        return (lower_edge_us(bucket) + lower_edge_us(bucket + 1)) / 2

    def sparse(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The buckets that were hit, ascending, and their counts: a few dozen pairs where all would be 2048."""
        indices = np.flatnonzero(self.counts)
        return indices, self.counts[indices]

    @classmethod
    def from_sparse(cls, indices: ArrayLike, counts: ArrayLike) -> Self:
        """The histogram that `sparse` took apart; a bucket named twice gets both counts.

        Raises:
            ValueError: no such bucket, a negative count, or not a count for each bucket.
        """
        buckets, amounts = np.asarray(indices, np.int64), np.asarray(counts, np.int64)
        if buckets.shape != amounts.shape or buckets.ndim != 1:
            raise ValueError(f"each bucket needs a count, got shapes {buckets.shape} and {amounts.shape}")
        if len(buckets) and not 0 <= buckets.min() <= buckets.max() < BUCKETS:
            raise ValueError(f"buckets go from 0 to {BUCKETS - 1}, got {buckets.min()} to {buckets.max()}")
        if (amounts < 0).any():
            raise ValueError(f"counts cannot be negative, got {amounts.min()}")
        histogram = cls()
        np.add.at(histogram.counts, buckets, amounts)
        return histogram
