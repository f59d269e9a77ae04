"""Calibration: of the predictions that said 0.3, did three in ten come true? From sums by bins of the score.

Two tests, one p-value: in the large (is the mean score the share that came true?), and Spiegelhalter's z, which also
sees scores that are too bold or too shy. Source: Spiegelhalter, Statistics in Medicine 5 (1986). Sums merge by
addition. Known weakness: outcomes are taken as independent.
"""

import dataclasses
import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 20  # of the score, from 0 to 1
LEAST = 50  # outcomes, for a p-value
SUMS = ("outcomes", "scores", "labels", "variance", "leaning", "leaning_variance", "squares")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Outcomes of predictions with a score in [low, high): their mean score, and the share that came true."""

    low: float
    high: float
    outcomes: int
    mean_score: float
    share: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`error` is the expected calibration error, the mean distance over the bins; it is never quite 0 by chance alone,
    which `p_value`, of perfect calibration, knows. NaN: too few outcomes."""

    outcomes: int
    mean_score: float
    share: float
    error: float
    brier: float
    p_value: float
    bins: tuple[Bin, ...]


class Reliability:
    """Sums (SUMS, BINS) float64 over outcomes; see `terms`."""

    __slots__ = ("sums",)

    def __init__(self, sums: NDArray[np.float64] | None = None) -> None:
        self.sums = np.zeros((len(SUMS), BINS)) if sums is None else sums

    def update(self, scores: ArrayLike, labels: ArrayLike) -> None:
        """Adds outcomes: `scores` (n,) from 0 to 1, `labels` (n,) 0 or 1.

        Raises:
            ValueError: others, or not as many of one as of the other.
        """
        p, y = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
        if p.shape != y.shape or p.ndim != 1:
            raise ValueError(f"a label for each score expected, got {y.shape} for {p.shape}")
        if not (((p >= 0) & (p <= 1)).all() and np.isin(y, (0, 1)).all()):
            raise ValueError("scores from 0 to 1 and labels of 0 or 1 expected")
        places = np.minimum((p * BINS).astype(np.intp), BINS - 1)
        for row, values in enumerate(terms(p, y)):
            self.sums[row] += np.bincount(places, values, BINS)

    def merge(self, other: Self) -> None:
        self.sums += other.sums

    def calibration(self) -> Calibration:
        n, scores, labels, *_ = self.sums
        total, score, label, variance, leaning, leaning_variance, squares = self.sums.sum(axis=1).tolist()
        there = n > 0
        means, shares = scores[there] / n[there], labels[there] / n[there]
        edges = np.arange(BINS + 1) / BINS
        return Calibration(
            outcomes=round(total),
            mean_score=score / total if total else math.nan,
            share=label / total if total else math.nan,
            error=float((n[there] * abs(means - shares)).sum() / total) if total else math.nan,
            brier=squares / total if total else math.nan,
            p_value=_p_value(total, label - score, variance, leaning, leaning_variance),
            bins=tuple(
                Bin(low=low, high=high, outcomes=round(count), mean_score=mean, share=share)
                for low, high, count, mean, share in zip(
                    edges[:-1][there].tolist(), edges[1:][there].tolist(), n[there].tolist(), means.tolist(),
                    shares.tolist(), strict=True,
                )
            ),
        )  # fmt: skip


def terms(p: Any, y: Any) -> list[Any]:
    """What is summed of each outcome, by SUMS: of arrays (n,), or of whatever else can be multiplied."""
    away, bold, variance = y - p, 1 - 2 * p, p * (1 - p)
    return [0 * p + 1, p, y, variance, away * bold, bold * bold * variance, away * away]


def _p_value(total: float, away: float, variance: float, leaning: float, leaning_variance: float) -> float:
    if total < LEAST:
        return math.nan
    found = [_two_sided(away, variance), _two_sided(leaning, leaning_variance)]
    return min(1.0, 2 * min(found))


def _two_sided(away: float, variance: float) -> float:
    """Of a sum whose mean is 0; without variance there was nothing to err about, or an error for certain."""
    if variance <= 0:
        return 1.0 if abs(away) < 1e-9 else 0.0
    return math.erfc(abs(away) / math.sqrt(2 * variance))
