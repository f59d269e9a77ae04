"""Bets on how much likelier a bad event is than a hypothesis says; what all sequential tests of shares are made of.

A bet that the odds of a bad event are rho times those under the hypothesis multiplies its stake by rho / c at a bad
event and by 1 / c at a good one, with c = 1 + (rho - 1) p0. Under P(bad) = p0 that is fair, and where the truth lies on
the other side of p0 it loses on average: the stake is a supermartingale. A mixture of such bets is one too.

The mixtures are fixed and their weights are priors: nearly all on what a p99 that is a fifth longer makes of the odds,
1.9 to 4.5 times; a little on less, for long rollouts, and on outright failures, for short ones.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bets:
    """Multiples of the odds that are betted on, (K,), and the logarithms of the shares of the stake, (K,)."""

    odds: Floats
    log_weights: Floats

    @classmethod
    def of(cls, weights: dict[float, float]) -> "Bets":
        """From multiple of the odds to weight; weights need not add up to one."""
        shares = np.array(list(weights.values()), np.float64)
        return cls(np.array(list(weights), np.float64), np.log(shares / shares.sum()))


MORE = Bets.of({1.01: 1, 1.05: 2, 1.3: 6, 1.8: 110, 2.9: 73, 15: 8})
FEWER = Bets.of({0.98: 1, 0.9: 2, 0.8: 4, 0.7: 4, 0.6: 4, 0.5: 4, 0.35: 3, 0.2: 3, 0.05: 4})

# Where every other call is "bad", as over a median, the same slowness moves the odds far less.
MORE_OF_MANY = Bets.of({1.02: 1, 1.06: 2, 1.12: 4, 1.2: 5, 1.35: 5, 1.6: 4, 2.2: 2, 4: 1})
FEWER_OF_MANY = Bets(1 / MORE_OF_MANY.odds, MORE_OF_MANY.log_weights)


def scores(bad: ArrayLike, n: ArrayLike, p0: float, bets: Bets) -> Floats:
    """Log of what each bet has made of its stake after `bad` of `n`: (..., K) for counts of shape (...).

    Scores of separate stretches, each with its own p0, are added.
    """
    events, calls = np.asarray(bad, np.float64)[..., None], np.asarray(n, np.float64)[..., None]
    found: Floats = events * np.log(bets.odds) - calls * np.log1p((bets.odds - 1) * p0)
    return found


def log_mean(scores: Floats, bets: Bets) -> Floats:
    """Log of the mixture, (...), of scores (..., K); -inf where every bet has lost all."""
    weighted = scores + bets.log_weights
    top = weighted.max(axis=-1)
    finite = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        found: Floats = finite + np.log(np.exp(weighted - finite[..., None]).sum(axis=-1))
    return found


def goal(alpha: float) -> float:
    """What log E has to reach: ln(1 / alpha).

    Raises:
        ValueError: alpha not strictly between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    return -math.log(alpha)


def check_share(p0: float) -> None:
    """A share that is tested against.

    Raises:
        ValueError: not strictly between 0 and 1.
    """
    if not 0 < p0 < 1:
        raise ValueError(f"p0 must be between 0 and 1, got {p0}")


def check_counts(bad: float, n: float) -> None:
    """Bad events among calls.

    Raises:
        ValueError: more bad events than calls, or a negative count.
    """
    if not 0 <= bad <= n:
        raise ValueError(f"bad events must be between 0 and {n}, got {bad}")
