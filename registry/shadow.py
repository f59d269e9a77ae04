"""What shadows answered beside the live arms: from counts of pairs to numbers people read, and a verdict. Pure.

The verdict is on the share of pairs that disagree: "fail" on evidence that it is above the limit, "pass" on evidence
that it is below, else "need_more" with an estimate. Either is valid however often one looks (gnomon.stats.sequential).
Over all comparisons of a report together, fails are found as e-BH does (Wang & Ramdas 2022): of those called "fail" a
share alpha at most, in expectation, are not, however slices depend on each other.

Weakness: rows are taken as independent; a call of many rows counts as many.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import Histogram, PairStats, ShadowBooks, ShadowComparison, ShadowReport
from gnomon.stats import latency
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.sequential import calls_needed, compliance_log_e, exceedance_log_e
from registry.sums import sum_books, sum_pairs

GROUPS = 20  # of either axis of the joint counts
MICRO = 1e6
MAX_DISAGREEMENT_SHARE, ALPHA = 0.01, 0.05
PASS, FAIL, NEED_MORE = "pass", "fail", "need_more"


def report_of(
    model: str, epochs: Sequence[int], pairs: Iterable[PairStats], books: Iterable[ShadowBooks],
    *, limit: float, alpha: float,
) -> ShadowReport:  # fmt: skip
    """Everything about a model's shadows in `epochs`. Pairs of the same shadow, live version and slice are added."""
    found: dict[tuple[int, int, str, str], list[PairStats]] = {}
    for pair in pairs:
        found.setdefault((pair.version, pair.live_version, pair.slice, pair.value), []).append(pair)
    added = [sum_pairs(found[key]) for key in sorted(found)]
    ended: dict[int, list[ShadowBooks]] = {}
    for book in books:
        ended.setdefault(book.version, []).append(book)
    failed = failing([exceedance_log_e(pair.disagreements, pair.pairs, limit) for pair in added], alpha)
    return ShadowReport(
        model=model, from_epoch=min(epochs, default=0), to_epoch=max(epochs, default=0),
        max_disagreement_share=limit, alpha=alpha,
        books=tuple(_without_epoch(sum_books(ended[version])) for version in sorted(ended)),
        comparisons=tuple(
            compare(pair, limit, alpha, fails=fails) for pair, fails in zip(added, failed, strict=True)
        ),
    )  # fmt: skip


def failing(log_e: Sequence[float], alpha: float) -> list[bool]:
    """Which of several hypotheses e-BH rejects: the k with the most evidence, if each has (all / k) / alpha or more."""
    count = len(log_e)
    order = sorted(range(count), key=lambda index: -log_e[index])
    reached = [k for k in range(1, count + 1) if log_e[order[k - 1]] >= math.log(count / (k * alpha))]
    chosen = set(order[: max(reached, default=0)])
    return [index in chosen for index in range(count)]


def compare(pair: PairStats, limit: float, alpha: float, *, fails: bool) -> ShadowComparison:
    """The numbers of one comparison."""
    verdict, need = _verdict(pair, limit, alpha, fails=fails)
    delta, run = _histogram(pair.delta), _histogram(pair.run)
    finite = pair.pairs - pair.not_finite
    psi, ks = distances(pair)
    return ShadowComparison(
        version=pair.version, live_version=pair.live_version, slice=pair.slice, value=pair.value, pairs=pair.pairs,
        disagreements=pair.disagreements, equal=pair.equal, not_finite=pair.not_finite, flips_up=pair.flips_up,
        flips_down=pair.flips_down, delta_p50=_delta(delta, 0.5), delta_p90=_delta(delta, 0.9),
        delta_p99=_delta(delta, 0.99), delta_max=_delta(delta, 1.0),
        mean_shift=pair.sum_delta / finite if finite else math.nan, pearson=pearson(pair),
        rank_correlation=rank_correlation(pair), psi=psi, ks=ks, run_p50_us=_quantile(run, 0.5),
        run_p99_us=_quantile(run, 0.99), verdict=verdict, need=need, reason=_reason(pair, limit),
    )  # fmt: skip


def _verdict(pair: PairStats, limit: float, alpha: float, *, fails: bool) -> tuple[str, int]:
    if fails:
        return FAIL, 0
    bad, seen = pair.disagreements, pair.pairs
    if compliance_log_e(bad, seen, limit) >= -math.log(alpha):
        return PASS, 0
    evidence = exceedance_log_e if seen and bad / seen > limit else compliance_log_e
    needed = calls_needed(limit, bad, seen, alpha, evidence)
    return NEED_MORE, max(1, needed or seen)


def _reason(pair: PairStats, limit: float) -> str:
    if not pair.pairs:
        return "no pair was seen yet"
    share = f"{pair.disagreements} of {pair.pairs} pairs disagree ({pair.disagreements / pair.pairs:.2%})"
    words = [f"{share}; at most {limit:.2%} allowed"]
    flips = pair.flips_up + pair.flips_down
    for many, where in ((pair.flips_up, "up"), (pair.flips_down, "down")):
        log_e = exceedance_log_e(many, flips, 0.5) if flips else 0.0
        if log_e >= math.log(20):
            words.append(f"{many} of {flips} flips go {where}, which is no chance (log E {log_e:.1f})")
    return "; ".join(words)


def pearson(pair: PairStats) -> float:
    """Of the two scores of a pair; NaN where one of them never changes.

    Weakness: from sums, so scores far from 0 in terms of their spread lose digits.
    """
    n = pair.pairs - pair.not_finite
    if n < 2:
        return math.nan
    live = pair.sum_live_squared - pair.sum_live**2 / n
    shadow = pair.sum_shadow_squared - pair.sum_shadow**2 / n
    product = pair.sum_product - pair.sum_live * pair.sum_shadow / n
    if live <= 1e-12 * pair.sum_live_squared or shadow <= 1e-12 * pair.sum_shadow_squared:
        return math.nan
    return max(-1.0, min(1.0, product / math.sqrt(live * shadow)))


def rank_correlation(pair: PairStats) -> float:
    """Spearman's, of scores in 20 groups each: ties have their middle rank. NaN where one side has a single group."""
    joint = _dense(pair.joint, GROUPS * GROUPS).reshape(GROUPS, GROUPS).astype(np.float64)
    total = joint.sum()
    if total < 2:
        return math.nan
    live, shadow = joint.sum(axis=1), joint.sum(axis=0)
    a, b = _middle_ranks(live) - total / 2, _middle_ranks(shadow) - total / 2
    spread = float((live * a * a).sum() * (shadow * b * b).sum())
    return float(a @ joint @ b) / math.sqrt(spread) if spread > 0 else math.nan


def _middle_ranks(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks: NDArray[np.float64] = np.cumsum(counts) - counts / 2
    return ranks


def distances(pair: PairStats) -> tuple[float, float]:
    """(PSI without its bias, KS) of the shadow's scores against the live ones. Effect sizes: pairs are dependent."""
    from gnomon.stats.two_sample import ks, psi  # brings scipy, which a registry without such questions need not load

    size = max((*pair.live_scores.bucket, *pair.shadow_scores.bucket), default=0) + 1
    live, shadow = _dense(pair.live_scores, size), _dense(pair.shadow_scores, size)
    try:
        return psi(live, shadow).corrected, ks(live, shadow, np.zeros(size, np.bool_)).lo
    except NotEnoughSamples:
        return math.nan, math.nan


def _dense(counts: Histogram, size: int) -> NDArray[np.int64]:
    dense = np.zeros(size, np.int64)
    inside = [(bucket, count) for bucket, count in zip(counts.bucket, counts.count, strict=True) if bucket < size]
    for bucket, count in inside:
        dense[bucket] += count
    return dense


def _histogram(sparse: Histogram) -> latency.Histogram:
    return latency.Histogram.from_sparse(sparse.bucket, sparse.count)


def _quantile(histogram: latency.Histogram, share: float) -> float:
    try:
        return histogram.quantile(share)
    except NotEnoughSamples:
        return math.nan


def _delta(histogram: latency.Histogram, share: float) -> float:
    """Of differences, which are counted in millionths; what is below one is 0."""
    found = _quantile(histogram, share)
    return 0.0 if found < latency.lower_edge_us(1) else found / MICRO


def _without_epoch(books: ShadowBooks) -> ShadowBooks:
    return dataclasses.replace(books, epoch=0)
