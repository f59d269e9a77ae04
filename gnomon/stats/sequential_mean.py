"""The mean of a bounded quantity: paired differences of scores or of losses, where 0/1 would throw information away.

Betting on a mean (Waudby-Smith & Ramdas, JRSSB 86(1) 2024) multiplies a stake by 1 + lambda y at every observation, y
being what exceeds the limit, in units in which y >= -1. Their own bets change with what was seen, so their evidence
depends on the order. Here each lambda is fixed, the stakes are mixed, and the logarithm is bounded from below:

    ln(1 + lambda y) >= lambda y - psi(lambda) y^2,   psi(lambda) = -ln(1 - lambda) - lambda   (Fan, Grama & Liu 2015)

so that the number, the sum and the sum of squares are all that is needed, and those of several workers are added.
Valid for any distribution in the bounds. Known weakness: of rare, large excesses less is learnt than the bets allow.
"""

import math
from collections.abc import Callable

import numpy as np

from gnomon.stats.sequential_bets import Floats, goal

_STAKES = np.array([0.95, 0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.004, 0.001])
_STEADY = np.minimum(_STAKES, 0.58)  # up to here 2 psi < lambda, which makes evidence fall in the limit


def mean_log_e(n: float, total: float, squares: float, limit: float, low: float = -1.0, high: float = 1.0) -> float:
    """Evidence that the mean is above `limit`, from `n` values in [low, high], their sum and their sum of squares.

    Raises:
        ValueError: sums that no n values in the bounds have, or a limit not strictly between the bounds.
    """
    _check(n, total, squares, low, high)
    if not low < limit < high:
        raise ValueError(f"limit must be between {low} and {high}, got {limit}")
    return _log_e(n, total, squares, limit, limit - low, _STAKES)


def mean_compliance_log_e(
    n: float, total: float, squares: float, limit: float, low: float = -1.0, high: float = 1.0
) -> float:
    """Evidence that the mean is below `limit`, the mirror of `mean_log_e`.

    Raises:
        ValueError: as there.
    """
    return mean_log_e(n, -total, squares, -limit, -high, -low)


def mean_interval(
    n: float, total: float, squares: float, alpha: float, low: float = -1.0, high: float = 1.0
) -> tuple[float, float]:
    """Confidence sequence of the mean: contains it at every look at once, with probability 1 - alpha.

    Its bets are somewhat smaller than those of the tests, so that what they reject is an interval: it can still hold a
    limit that a test at alpha/2 has just rejected.

    Raises:
        ValueError: sums that no n values in the bounds have, or alpha not strictly between 0 and 1.
    """
    _check(n, total, squares, low, high)
    bar, width = goal(alpha) + math.log(2), high - low

    def above(limit: float) -> bool:
        return _log_e(n, total, squares, limit, width, _STEADY) >= bar

    def below(limit: float) -> bool:
        return _log_e(n, -total, squares, -limit, width, _STEADY) >= bar

    return _last(above, low, high), _last(below, high, low)


def _log_e(n: float, total: float, squares: float, limit: float, unit: float, stakes: Floats) -> float:
    excess = (total - n * limit) / unit
    spread = max(0.0, squares - 2 * limit * total + n * limit * limit) / (unit * unit)
    made = stakes * excess + (np.log1p(-stakes) + stakes) * spread
    top = float(made.max())
    return top + math.log(float(np.exp(made - top).mean()))


def _last(holds: Callable[[float], bool], start: float, end: float) -> float:
    """The farthest point from `start` towards `end` up to which `holds`, within a 2^-50th of the way; start if none."""
    if not holds(start):
        return start
    for _ in range(50):
        middle = (start + end) / 2
        start, end = (middle, end) if holds(middle) else (start, middle)
    return start


def _check(n: float, total: float, squares: float, low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")
    if not 0 <= n < math.inf:
        raise ValueError(f"n must be a count, got {n}")
    slack = 1e-6 * n * max(abs(low), abs(high))
    if not n * low - slack <= total <= n * high + slack:
        raise ValueError(f"the sum of {n} values in [{low}, {high}] cannot be {total}")
    if not 0 <= squares <= n * max(low * low, high * high) + slack * max(abs(low), abs(high)):
        raise ValueError(f"the sum of squares of {n} values in [{low}, {high}] cannot be {squares}")
