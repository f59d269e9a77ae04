"""How much longer: how many more calls until evidence suffices, if things go on as seen; how many a plan has to expect.

All are estimates for a progress display or a plan, not promises: evidence is a random walk.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from gnomon.stats.sequential_bets import check_counts, check_share, goal
from gnomon.stats.sequential_difference import Compared, difference_compliance_log_e
from gnomon.stats.sequential_labels import Segment, label_compliance_log_e, label_share
from gnomon.stats.sequential_mean import mean_compliance_log_e
from gnomon.stats.sequential_share import compliance_log_e

_HORIZON_CALLS = 1_000_000_000

Evidence = Callable[[float, float, float], float]
LabelEvidence = Callable[[Sequence[Segment], float], float]
DifferenceEvidence = Callable[[Sequence[Compared], float, float], float]
MeanEvidence = Callable[[float, float, float, float, float, float], float]


def calls_until(log_e: Callable[[int], float], alpha: float) -> int | None:
    """The smallest number of calls after which `log_e` of it reaches ln(1/alpha); None beyond a thousand million.

    `log_e` must not fall again once it has got there.

    Raises:
        ValueError: alpha not strictly between 0 and 1.
    """
    bar, high = goal(alpha), 1
    if log_e(0) >= bar:
        return 0
    while log_e(high) < bar:
        high *= 2
        if high > _HORIZON_CALLS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_e(middle) >= bar else (middle, high)
    return high


def calls_needed(p0: float, bad: float, n: float, alpha: float, evidence: Evidence = compliance_log_e) -> int | None:
    """How many more calls until `evidence` reaches ln(1/alpha), if bad events go on at the rate seen so far.

    0 when it is there already; None when that rate never gets there (or not in a thousand million calls), or n is 0.

    Raises:
        ValueError: as the evidence, or alpha not strictly between 0 and 1.
    """
    if evidence(bad, n, p0) >= goal(alpha):
        return 0
    if n == 0:
        return None
    rate = bad / n
    return calls_until(lambda more: evidence(bad + rate * more, n + more, p0), alpha)


def label_calls_needed(
    segments: Sequence[Segment],
    calls: float,
    ratio: float,
    alpha: float,
    *,
    share: float | None = None,
    evidence: LabelEvidence = label_compliance_log_e,
) -> int | None:
    """How many more calls of both arms until label `evidence` suffices, if events go on as seen.

    `calls` is how many calls of both arms the segments' events came from. What is to come has the canary's `share`
    (default: that of the last segment), the rate of events seen, and the ratio of the arms' rates seen. None when that
    never suffices, or when there is nothing to go by: no event, no call, or no traffic of one of the arms.

    Raises:
        ValueError: as the evidence; more events than calls; alpha not strictly between 0 and 1.
    """
    if evidence(segments, ratio) >= goal(alpha):
        return 0
    events = sum(total for _, total, _ in segments)
    check_counts(events, calls)
    ahead = share if share is not None else segments[-1][2] if segments else 0.0
    seen = _ratio_seen(segments)
    if not events or seen is None or not 0 < ahead < 1:
        return None
    per_call, theta = events / calls, label_share(ahead, seen)

    def after(more: int) -> float:
        return evidence([*segments, (per_call * more * theta, per_call * more, ahead)], ratio)

    return calls_until(after, alpha)


def difference_calls_needed(
    segments: Sequence[Compared],
    margin: float,
    alpha: float,
    center: float = 0.0,
    evidence: DifferenceEvidence = difference_compliance_log_e,
) -> int | None:
    """How many more calls of both arms until `evidence` suffices, if the last segment goes on as seen.

    For a quantile p the center is 1 - p. None when that never suffices, or there is nothing to go by.

    Raises:
        ValueError: as the evidence, or alpha not strictly between 0 and 1.
    """
    if evidence(segments, margin, center) >= goal(alpha):
        return 0
    *before, last = segments or [Compared(0, 0, 0, 0, 0.0)]
    calls = last.calls + last.stable_calls
    if not calls or not 0 < last.share < 1:
        return None

    def after(more: int) -> float:
        times = 1 + more / calls
        grown = last._replace(
            bad=last.bad * times,
            calls=last.calls * times,
            stable_bad=last.stable_bad * times,
            stable_calls=last.stable_calls * times,
        )
        return evidence([*before, grown], margin, center)

    return calls_until(after, alpha)


def mean_calls_needed(
    n: float,
    total: float,
    squares: float,
    limit: float,
    alpha: float,
    *,
    low: float = -1.0,
    high: float = 1.0,
    evidence: MeanEvidence = mean_compliance_log_e,
) -> int | None:
    """How many more values until `evidence` about their mean suffices, if they go on as seen; None if never, or n is 0.

    Raises:
        ValueError: as the evidence, or alpha not strictly between 0 and 1.
    """
    if evidence(n, total, squares, limit, low, high) >= goal(alpha):
        return 0
    if n == 0:
        return None

    def after(more: int) -> float:
        times = 1 + more / n
        return evidence(n * times, total * times, squares * times, limit, low, high)

    return calls_until(after, alpha)


def sample_size(
    p0: float, p: float, alpha: float, power: float = 0.9, evidence: Evidence = compliance_log_e
) -> int | None:
    """How many calls to plan for, so that `evidence` suffices with probability `power` when P(bad) is `p`.

    In the normal approximation of the count: within a tenth or so where some ten bad events are expected. None where
    the evidence never gets there.

    Raises:
        ValueError: p0, alpha or power not strictly between 0 and 1, or p not a probability.
    """
    check_share(p0)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, got {p}")
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1, got {power}")
    away = math.copysign(NormalDist().inv_cdf(power), p0 - p)

    def after(calls: int) -> float:
        unlucky = calls * p + away * math.sqrt(calls * p * (1 - p))
        return evidence(min(max(unlucky, 0.0), calls), calls, p0)

    return calls_until(after, alpha)


def _ratio_seen(segments: Sequence[Segment]) -> float | None:
    """The ratio of the arms' rates under which the canary's events are as many as were seen; None if any would do."""
    compared = [segment for segment in segments if 0 < segment[2] < 1 and segment[1] > 0]
    canary, total = sum(each[0] for each in compared), sum(each[1] for each in compared)
    if not total:
        return None
    low, high = -20.0, 20.0  # of the logarithm
    for _ in range(60):
        middle = (low + high) / 2
        expected = sum(events * label_share(share, math.exp(middle)) for _, events, share in compared)
        low, high = (low, middle) if expected >= canary else (middle, high)
    return math.exp(low)
