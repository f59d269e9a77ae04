"""A confidence sequence for a latency quantile, from the counts of a histogram: what to draw around a p99."""

import math

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.latency import BUCKETS, lower_edge_us
from gnomon.stats.sequential_bets import FEWER, MORE, check_share, goal, log_mean, scores


def quantile_interval(counts: NDArray[np.int64], p: float, alpha: float) -> tuple[float, float]:
    """Microseconds between which the p-quantile lies, at every look at once, with probability 1 - alpha.

    `counts` are those of a `gnomon.stats.latency.Histogram`, (BUCKETS,). The lower end is the highest bucket edge that
    evidence (at alpha/2) says more than 1 - p of the calls reach, the upper end the lowest that fewer reach: 0 and
    infinity where nothing is evident yet. Fewer calls reach a higher edge, so evidence at a wrong edge is evidence at
    the quantile itself: looking at all edges costs nothing.

    Raises:
        ValueError: p or alpha not strictly between 0 and 1, or counts of another shape.
    """
    check_share(p)
    bar = goal(alpha) + math.log(2)
    if counts.shape != (BUCKETS,):
        raise ValueError(f"counts must have the shape ({BUCKETS},), got {counts.shape}")
    reach = counts[::-1].cumsum()[::-1]
    total = np.full(BUCKETS, counts.sum())
    more = log_mean(scores(reach, total, 1 - p, MORE), MORE) >= bar
    fewer = log_mean(scores(reach, total, 1 - p, FEWER), FEWER) >= bar
    low = lower_edge_us(int(np.flatnonzero(more)[-1])) if more.any() else 0.0
    high = lower_edge_us(int(np.flatnonzero(fewer)[0])) if fewer.any() else math.inf
    return low, high
