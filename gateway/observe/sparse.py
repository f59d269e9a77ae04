"""Latency histograms without their zeros: for a checkpoint, and for a report."""

from gnomon import evidence
from gnomon.stats.latency import Histogram


def state(histogram: Histogram) -> list[list[int]]:
    """[buckets, counts], as JSON takes it."""
    buckets, counts = histogram.sparse()
    return [buckets.tolist(), counts.tolist()]


def histogram(state: list[list[int]]) -> Histogram:
    return Histogram.from_sparse(*state)


def evidence_of(histogram: Histogram) -> evidence.Histogram:
    buckets, counts = histogram.sparse()
    return evidence.Histogram(bucket=tuple(buckets.tolist()), count=tuple(counts.tolist()))
