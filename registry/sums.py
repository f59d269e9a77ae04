"""Counts of several gateways, or epochs, as one. Exact: integers added, in any order."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from gnomon.evidence import ArmStats, Histogram, PairStats, ShadowBooks


def sum_arms(arms: Sequence[ArmStats]) -> ArmStats:
    """One ArmStats of at least one; names are the first's."""
    return dataclasses.replace(
        arms[0],
        answered=sum(arm.answered for arm in arms),
        failed=sum(arm.failed for arm in arms),
        over=tuple(sum(column) for column in zip_longest(*(arm.over for arm in arms), fillvalue=0)),
        latency=sum_histograms(arm.latency for arm in arms),
        run=sum_histograms(arm.run for arm in arms),
    )


PAIR_SUMS = (
    "pairs",
    "disagreements",
    "flips_up",
    "flips_down",
    "sum_live",
    "sum_shadow",
    "sum_live_squared",
    "sum_shadow_squared",
    "sum_product",
    "equal",
    "not_finite",
    "sum_delta",
    "sum_delta_squared",
)


def sum_pairs(pairs: Sequence[PairStats]) -> PairStats:
    """One PairStats of at least one; names are the first's."""
    totals = {name: sum(getattr(pair, name) for pair in pairs) for name in PAIR_SUMS}
    delta, run = sum_histograms(pair.delta for pair in pairs), sum_histograms(pair.run for pair in pairs)
    return dataclasses.replace(pairs[0], **totals, delta=delta, run=run, **_scores(pairs))


def _scores(pairs: Sequence[PairStats]) -> dict[str, Any]:
    """Score counts of those that have the bins of the first; what has others cannot be added."""
    bins = next((pair.bins for pair in pairs if pair.bins), "")
    alike = [pair for pair in pairs if pair.bins == bins]
    names = ("live_scores", "shadow_scores", "joint")
    return {"bins": bins} | {name: sum_histograms(getattr(pair, name) for pair in alike) for name in names}


def sum_books(books: Sequence[ShadowBooks]) -> ShadowBooks:
    """One of at least one; names are the first's."""
    names = ("run", "shed", "expired", "failed")
    return dataclasses.replace(books[0], **{name: sum(getattr(book, name) for book in books) for name in names})


def sum_histograms(histograms: Iterable[Histogram]) -> Histogram:
    totals: Counter[int] = Counter()
    for histogram in histograms:
        totals.update(dict(zip(histogram.bucket, histogram.count, strict=True)))
    buckets = tuple(sorted(totals))
    return Histogram(bucket=buckets, count=tuple(totals[bucket] for bucket in buckets))
