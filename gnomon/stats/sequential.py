"""Evidence that may be looked at after every call: e-processes for events counted as bad or not.

log E is the logarithm of a betting score against a hypothesis H0. While H0 is true, E ever reaches 1/alpha with
probability alpha at most, however often one looks and whenever one stops (Ville's inequality). So decide when
log E >= ln(1/alpha), and do not reset it to look again.

All depends on sums of counts alone: counts of several workers are added, in any order, and evidence is computed from
the sums. Each score is the mean of a few bets on a fixed grid of alternatives, which needs no special function and
cannot underflow; -inf means that the data are impossible under every bet.

Sources: Howard & Ramdas, Bernoulli 28(3) 2022; Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567). Needs numpy alone.

Known weakness: calls are taken as independent. A burst that hits one replica counts as many bad events.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

_MORE_ODDS = np.array([1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10])
_LESS_SHARE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
_MORE_RATIO = np.array([1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10])
_LESS_RATIO = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
_HORIZON_CALLS = 1_000_000_000

Segment = tuple[float, float, float]
Evidence = Callable[[float, float, float], float]


def exceedance_log_e(bad: float, n: float, p0: float) -> float:
    """Evidence that P(bad) > p0, from `bad` events in `n` calls: against a budget that must not be exceeded.

    With p99 <= budget as the goal, bad is "slower than the budget" and p0 is 0.01.

    Raises:
        ValueError: more bad events than calls, a negative count, or p0 not strictly between 0 and 1.
    """
    _check(bad, n, p0)
    # A bet on odds rho times those of p0: ln(p/p0) = ln(rho) - ln(1 + (rho-1) p0), ln((1-p)/(1-p0)) without ln(rho).
    return _log_mean_exp(bad * np.log(_MORE_ODDS) - n * np.log1p((_MORE_ODDS - 1) * p0))


def compliance_log_e(bad: float, n: float, p0: float) -> float:
    """Evidence that P(bad) < p0, the mirror of `exceedance_log_e`: what a promotion needs.

    Raises:
        ValueError: as there.
    """
    _check(bad, n, p0)
    return _log_mean_exp(bad * np.log(_LESS_SHARE) + (n - bad) * (np.log1p(-_LESS_SHARE * p0) - math.log1p(-p0)))


def label_log_e(segments: Iterable[Segment], ratio: float) -> float:
    """Evidence that p_canary / p_baseline > ratio, from which arm the bad events came from.

    Each segment is (bad events of the canary, bad events of both arms, the canary's share of traffic), for a stretch of
    time in which the share was constant. How many events there are does not matter, so whatever slows both arms
    together, the weather of the whole service, does not count against the canary. Exact for rare events, conservative
    else. A segment with share 0 or 1 has nothing to compare and adds nothing.

    What is bad has to be fixed before the canary starts (an error; slower than the baseline's old p99), and routing has
    to be random call by call: sticky routing makes the events of one user one event.

    Raises:
        ValueError: counts or share out of range, or ratio not positive.
    """
    return _label_log_e(segments, ratio, _MORE_RATIO)


def noninferiority_log_e(segments: Iterable[Segment], ratio: float) -> float:
    """Evidence that p_canary / p_baseline < ratio, the mirror of `label_log_e`: "not worse by more than a margin".

    Raises:
        ValueError: as there.
    """
    return _label_log_e(segments, ratio, _LESS_RATIO)


def calls_needed(p0: float, bad: float, n: float, alpha: float, evidence: Evidence = compliance_log_e) -> int | None:
    """How many more calls until `evidence` reaches ln(1/alpha), if bad events go on at the rate seen so far.

    0 when it is there already; None when that rate never gets there (or not in a thousand million calls), or n is 0.
    An estimate for a progress display, not a promise.

    Raises:
        ValueError: as the evidence, or alpha not strictly between 0 and 1.
    """
    goal = _goal(alpha)
    if evidence(bad, n, p0) >= goal:
        return 0
    if n == 0:
        return None
    rate, high = bad / n, 1

    def reached(more: int) -> bool:
        return evidence(rate * (n + more), n + more, p0) >= goal

    while not reached(high):
        high *= 2
        if high > _HORIZON_CALLS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def exceedance_interval(bad: float, n: float, alpha: float) -> tuple[float, float]:
    """Confidence sequence of P(bad): contains it at every look at once, with probability 1 - alpha.

    The rates that neither evidence rejects at alpha/2. Both are monotone in p0, so the ends are found by bisection.
    Known weakness: bets are on odds of at most 10 times, and shares of at least a tenth, so it is wider than need be
    for very few events.

    Raises:
        ValueError: more bad events than calls, a negative count, or alpha not strictly between 0 and 1.
    """
    _check(bad, n, 0.5)
    goal = _goal(alpha / 2)
    low = _bisect(lambda p0: exceedance_log_e(bad, n, p0) < goal)
    high = 1 - _bisect(lambda q0: compliance_log_e(bad, n, 1 - q0) < goal)
    return low, high


def _bisect(holds: Callable[[float], bool]) -> float:
    """The smallest p for which `holds`, which it goes on to do above; 0 if it does from the start, 1 if never."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low


def _label_log_e(segments: Iterable[Segment], ratio: float, multiples: NDArray[np.float64]) -> float:
    if not 0 < ratio < math.inf:
        raise ValueError(f"ratio must be positive, got {ratio}")
    scores = np.zeros(len(multiples))
    for canary, total, share in segments:
        if not 0 <= canary <= total:
            raise ValueError(f"canary events must be between 0 and {total}, got {canary}")
        if not 0 <= share <= 1:
            raise ValueError(f"share must be between 0 and 1, got {share}")
        if 0 < share < 1:
            # theta = w r / (w r + 1 - w) is the chance that a bad event is the canary's; ln of both bets over H0's.
            ours, theirs = share * ratio, 1 - share
            scores += canary * np.log(multiples) - total * np.log((ours * multiples + theirs) / (ours + theirs))
    return _log_mean_exp(scores)


def _log_mean_exp(scores: NDArray[np.float64]) -> float:
    top = float(scores.max())
    if math.isinf(top):
        return top
    return top + math.log(float(np.exp(scores - top).mean()))


def _check(bad: float, n: float, p0: float) -> None:
    if not 0 <= bad <= n:
        raise ValueError(f"bad events must be between 0 and {n}, got {bad}")
    if not 0 < p0 < 1:
        raise ValueError(f"p0 must be between 0 and 1, got {p0}")


def _goal(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    return -math.log(alpha)
