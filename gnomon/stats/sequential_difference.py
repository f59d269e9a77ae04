"""How much more often is a call bad in the canary than in stable: a difference of rates, and of latency quantiles.

A call that is bad counts 1 / share for the canary and -1 / (1 - share) for stable; with calls routed at random by that
share, the mean of this is p_canary - p_stable, whatever the rates are at that hour. What is tested is a bet on its mean
(Waudby-Smith & Ramdas, JRSSB 86(1) 2024), with sizes from the label test's grid: with margin 0 and center 0 it is the
label test at ratio 1, bet for bet.

Use a ratio (`label_log_e`) where "twice as many errors" is bad however few they are, a difference where "half a percent
of the calls" is what users notice.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from gnomon.stats.sequential_bets import (
    FEWER,
    FEWER_OF_MANY,
    MORE,
    MORE_OF_MANY,
    Bets,
    Floats,
    check_counts,
    check_share,
    log_mean,
)

_MANY = 0.1  # of the calls: where bad is no longer rare
_LARGEST = 0.95  # of the stake: a bet may never lose all


class Compared(NamedTuple):
    """What both arms counted while the canary had one share of the calls."""

    bad: float  # of the canary
    calls: float
    stable_bad: float
    stable_calls: float
    share: float  # that the canary was given, not the one it happened to get


def difference_log_e(segments: Iterable[Compared], margin: float, center: float = 0.0) -> float:
    """Evidence that p_canary - p_stable > margin.

    `center` is a guess of the share of bad calls, fixed beforehand: calls then count as bad minus center, which leaves
    the difference as it is and takes noise away where bad calls are not rare. A segment with share 0 or 1 adds nothing.

    Raises:
        ValueError: counts or share out of range, or margin or center out of [-1, 1] or [0, 1].
    """
    return _difference_log_e(segments, margin, center, harm_bets(center))


def difference_compliance_log_e(segments: Iterable[Compared], margin: float, center: float = 0.0) -> float:
    """Evidence that p_canary - p_stable < margin, the mirror of `difference_log_e`: what a promotion needs.

    Raises:
        ValueError: as there.
    """
    return _difference_log_e(segments, margin, center, promotion_bets(center))


def quantile_log_e(segments: Iterable[Compared], p: float, margin: float = 0.0) -> float:
    """Evidence that the canary is slower than stable at its p-quantile (0.5, 0.99).

    A call is bad that took longer than stable's p-quantile, frozen before the canary began. Margin: so much more of the
    canary's calls than of stable's may be. Both arms' calls of the same time are compared, so a slow hour of the whole
    service is no evidence.

    Raises:
        ValueError: p not strictly between 0 and 1, or as `difference_log_e`.
    """
    check_share(p)
    return difference_log_e(segments, margin, 1 - p)


def quantile_compliance_log_e(segments: Iterable[Compared], p: float, margin: float) -> float:
    """Evidence that the canary is not slower than stable at its p-quantile by the margin, mirror of `quantile_log_e`.

    Raises:
        ValueError: as there.
    """
    check_share(p)
    return difference_compliance_log_e(segments, margin, 1 - p)


def harm_bets(center: float) -> Bets:
    """The bets of `difference_log_e` at this center."""
    return MORE_OF_MANY if center >= _MANY else MORE


def promotion_bets(center: float) -> Bets:
    """The bets of `difference_compliance_log_e` at this center."""
    return FEWER_OF_MANY if center >= _MANY else FEWER


def payoffs(share: float, margin: float, center: float, bets: Bets) -> Floats:
    """Log of what a call multiplies each bet's stake by, (4, K).

    Rows: a bad call of the canary, a good one, a bad one of stable, a good one.
    """
    ours, theirs = 1 / share, 1 / (1 - share)
    worth = np.array([ours * (1 - center), -ours * center, -theirs * (1 - center), theirs * center]) - margin
    sizes = share * bets.odds / (share * bets.odds + 1 - share) - share
    sizes = np.clip(sizes, -_LARGEST / worth.max(), _LARGEST / -worth.min())
    made: Floats = np.log1p(worth[:, None] * sizes)
    return made


def _difference_log_e(segments: Iterable[Compared], margin: float, center: float, bets: Bets) -> float:
    if not -1 < margin < 1:
        raise ValueError(f"margin must be between -1 and 1, got {margin}")
    if not 0 <= center <= 1:
        raise ValueError(f"center must be between 0 and 1, got {center}")
    made = np.zeros(len(bets.odds))
    for bad, calls, stable_bad, stable_calls, share in segments:
        check_counts(bad, calls)
        check_counts(stable_bad, stable_calls)
        if not 0 <= share <= 1:
            raise ValueError(f"share must be between 0 and 1, got {share}")
        if 0 < share < 1:
            counts = np.array([bad, calls - bad, stable_bad, stable_calls - stable_bad])
            made += counts @ payoffs(share, margin, center, bets)
    return float(log_mean(made, bets))
