"""Histograms, and other counts, without their zeros: for a checkpoint, and for a report."""

import numpy as np
from numpy.typing import NDArray

from gnomon import evidence
from gnomon.stats.latency import Histogram


def state(histogram: Histogram) -> list[list[int]]:
    """[buckets, counts], as JSON takes it."""
    return pairs(histogram.counts)


def histogram(state: list[list[int]]) -> Histogram:
    return Histogram.from_sparse(*state)


def evidence_of(histogram: Histogram) -> evidence.Histogram:
    return counts_of(histogram.counts)


def pairs(counts: NDArray[np.int64]) -> list[list[int]]:
    """[places, counts] of what is not zero."""
    places = np.flatnonzero(counts)
    return [places.tolist(), counts[places].tolist()]


def dense(state: list[list[int]], size: int) -> NDArray[np.int64]:
    """The counts that `pairs` took apart."""
    counts = np.zeros(size, np.int64)
    counts[state[0]] = state[1]
    return counts


def counts_of(counts: NDArray[np.int64]) -> evidence.Histogram:
    places, amounts = pairs(counts)
    return evidence.Histogram(bucket=tuple(places), count=tuple(amounts))
