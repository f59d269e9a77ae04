"""One share against a limit: calls over a budget, failures, pairs that disagree.

Exact for every true share on the hypothesis' side. Depends on the two counts alone. Known weakness: calls are taken as
independent.
"""

import math
from collections.abc import Callable

from gnomon.stats.sequential_bets import FEWER, MORE, Bets, check_counts, check_share, goal, log_mean, scores


def exceedance_log_e(bad: float, n: float, p0: float) -> float:
    """Evidence that P(bad) > p0, from `bad` events in `n` calls: against a budget that must not be exceeded.

    With p99 <= budget as the goal, bad is "slower than the budget" and p0 is 0.01.

    Raises:
        ValueError: more bad events than calls, a negative count, or p0 not strictly between 0 and 1.
    """
    return _share_log_e(bad, n, p0, MORE)


def compliance_log_e(bad: float, n: float, p0: float) -> float:
    """Evidence that P(bad) < p0, the mirror of `exceedance_log_e`: what a promotion needs.

    Raises:
        ValueError: as there.
    """
    return _share_log_e(bad, n, p0, FEWER)


def exceedance_interval(bad: float, n: float, alpha: float) -> tuple[float, float]:
    """Confidence sequence of P(bad): contains it at every look at once, with probability 1 - alpha.

    The rates that neither evidence rejects at alpha/2. Both are monotone in p0, so the ends are found by bisection.
    Known weakness: the smallest bets are on odds of 1.01 and 0.98 times, so beyond some millions of calls it stays
    about one percent of the rate wide on either side.

    Raises:
        ValueError: more bad events than calls, a negative count, or alpha not strictly between 0 and 1.
    """
    check_counts(bad, n)
    bar = goal(alpha) + math.log(2)
    low = _bisect(lambda p0: exceedance_log_e(bad, n, p0) < bar)
    high = 1 - _bisect(lambda q0: compliance_log_e(bad, n, 1 - q0) < bar)
    return low, high


def _share_log_e(bad: float, n: float, p0: float, bets: Bets) -> float:
    check_counts(bad, n)
    check_share(p0)
    return float(log_mean(scores(bad, n, p0, bets), bets))


def _bisect(holds: Callable[[float], bool]) -> float:
    """The smallest p for which `holds`, which it goes on to do above; 0 if it does from the start, 1 if never."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low
