"""How far two distributions are apart at least, by bounds that hold at every look: from counts in bins alone.

The bins of the two may differ: between two edges of its own, a distribution function lies between its values at them.
So each share is held between a count that is surely in it and one that may be, each of these between the ends of a
confidence sequence (bets on the odds, as `gnomon.stats.sequential.exceedance_log_e`), and the distance is that of the
nearest ends. With `bounds` ends at level alpha / bounds each, a distance that is reported too large has probability
alpha at most over all looks.

Known weakness: rows are taken as independent; and the bounds pay for holding at every look, so a difference just above
a limit takes many rows to show.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]

GROUPS = 10
_ODDS = np.array([1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20])[:, np.newaxis]
_HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binned:
    """Counts (n_edges + 1,) of one column, without NaN: bin of x is the number of `edges` (n_edges,) that are <= x."""

    edges: NDArray[np.float32]
    counts: Counts

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def below(self, cuts: NDArray[np.float32]) -> tuple[Counts, Counts]:
        """Rows surely below each cut, and rows that may be: the same where the cut is an edge of its own."""
        total = np.concatenate([[0], np.cumsum(self.counts)])
        bin_of = np.searchsorted(self.edges, cuts, side="right")
        own = (bin_of > 0) & (self.edges[np.maximum(bin_of - 1, 0)] == cuts) if len(self.edges) else bin_of < 0
        return total[bin_of], np.where(own, total[bin_of], total[bin_of + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Lower bounds of the population stability index over ten groups, and of the Kolmogorov-Smirnov distance."""

    psi: float
    ks: float


def cuts_of(reference: Binned) -> NDArray[np.float32]:
    """Edges that part the reference into ten groups of about the same mass, or fewer: fixed before any traffic."""
    shares = np.cumsum(reference.counts)[:-1] / max(1, reference.rows)
    wanted = np.searchsorted(shares, np.arange(1, GROUPS) / GROUPS)
    return np.unique(reference.edges[wanted[wanted < len(reference.edges)]])


def distance(a: Binned, b: Binned, cuts: NDArray[np.float32], log_goal: float) -> Distance:
    """Of two samples, each bound at a level of exp(-log_goal); 0 where nothing is shown."""
    if not len(cuts) or not a.rows or not b.rows:
        return Distance(psi=0.0, ks=0.0)
    below_a, below_b = a.below(cuts), b.below(cuts)
    return Distance(
        psi=_psi(_ends(_groups(below_a, a.rows), a.rows, log_goal), _ends(_groups(below_b, b.rows), b.rows, log_goal)),
        ks=_ks(_ends(below_a, a.rows, log_goal), _ends(below_b, b.rows, log_goal)),
    )


def bounds_of(cuts: int) -> int:
    """How many ends `distance` rests on: two of each group, and of each cut, on either side."""
    return 4 * (cuts + 1) + 4 * cuts


def lower_bound(events: Counts, n: int, log_goal: float) -> Shares:
    """The smallest share that the evidence of `events` (k,) in n does not put aside, at every look at once."""
    low, high = np.zeros(len(events)), np.ones(len(events))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        scores = events * np.log(_ODDS) - n * np.log1p((_ODDS - 1) * middle)
        top = scores.max(axis=0)
        rejected = top + np.log(np.exp(scores - top).mean(axis=0)) >= log_goal
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return low


def _groups(below: tuple[Counts, Counts], n: int) -> tuple[Counts, Counts]:
    """Rows surely in each group between neighbouring cuts, and rows that may be."""
    sure, may = (np.concatenate([[0], each, [n]]) for each in below)
    return np.maximum(0, sure[1:] - may[:-1]), may[1:] - sure[:-1]


def _ends(counts: tuple[Counts, Counts], n: int, log_goal: float) -> tuple[Shares, Shares]:
    sure, may = counts
    return lower_bound(sure, n, log_goal), 1 - lower_bound(n - may, n, log_goal)


def _psi(a: tuple[Shares, Shares], b: tuple[Shares, Shares]) -> float:
    """Of the nearest ends; a group whose intervals meet adds nothing."""
    total = 0.0
    for (low, _), (_, high) in ((a, b), (b, a)):
        apart = low > high
        total += float(((low - high) * np.log(np.where(apart, low, 1.0) / np.where(apart, high, 1.0)))[apart].sum())
    return total


def _ks(a: tuple[Shares, Shares], b: tuple[Shares, Shares]) -> float:
    return max(0.0, float((a[0] - b[1]).max()), float((b[0] - a[1]).max()))


def log_goal(alpha: float, columns: int, cuts: int) -> float:
    """What each bound is held to, so that all of them hold over `columns` with probability 1 - alpha."""
    return math.log(max(1, columns) * bounds_of(cuts) / alpha)
