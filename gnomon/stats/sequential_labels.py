"""Which arm, or which side, did a bad event come from: comparisons that the weather of the service cannot disturb.

Given that a bad event happened, only its label is random. How many events there are, and how that changes with the
hour, does not matter.
"""

import math
from collections.abc import Iterable

import numpy as np

from gnomon.stats.sequential_bets import FEWER, MORE, Bets, check_counts, log_mean, scores

Segment = tuple[float, float, float]


def label_log_e(segments: Iterable[Segment], ratio: float) -> float:
    """Evidence that p_canary / p_baseline > ratio, from which arm the bad events came from.

    Each segment is (bad events of the canary, bad events of both arms, the canary's share of traffic), for a stretch of
    time in which the share was constant. Whatever slows both arms together does not count against the canary. A segment
    with share 0 or 1 has nothing to compare and adds nothing.

    What is bad has to be fixed before the canary starts (an error; slower than the baseline's old p99), and routing has
    to be random call by call: sticky routing makes the events of one user one event. Calls that are dealt out evenly
    instead of drawn make the labels vary less, which errs on the safe side.

    Raises:
        ValueError: counts or share out of range, or ratio not positive.
    """
    return _label_log_e(segments, ratio, MORE)


def label_compliance_log_e(segments: Iterable[Segment], ratio: float) -> float:
    """Evidence that p_canary / p_baseline < ratio, the mirror of `label_log_e`: "not worse by more than a margin".

    Raises:
        ValueError: as there.
    """
    return _label_log_e(segments, ratio, FEWER)


def label_share(share: float, ratio: float) -> float:
    """The chance that a bad event is the canary's, at this share of traffic and this ratio of the arms' rates."""
    return share * ratio / (share * ratio + 1 - share)


def flip_log_e(up: float, down: float) -> float:
    """Evidence that pairs which differ do so more often one way than the other: McNemar's test, sequential, two-sided.

    For decisions, `up` and `down` are the flips either way; for outcomes, the pairs in which only one was right.

    Raises:
        ValueError: a negative count.
    """
    check_counts(up, up + down)
    check_counts(down, up + down)
    more_up, more_down = (label_log_e([(side, up + down, 0.5)], 1.0) for side in (up, down))
    return float(np.logaddexp(more_up, more_down)) - math.log(2)


def _label_log_e(segments: Iterable[Segment], ratio: float, bets: Bets) -> float:
    if not 0 < ratio < math.inf:
        raise ValueError(f"ratio must be positive, got {ratio}")
    made = np.zeros(len(bets.odds))
    for canary, total, share in segments:
        if not 0 <= canary <= total:
            raise ValueError(f"canary events must be between 0 and {total}, got {canary}")
        if not 0 <= share <= 1:
            raise ValueError(f"share must be between 0 and 1, got {share}")
        if 0 < share < 1:
            made += scores(canary, total, label_share(share, ratio), bets)
    return float(log_mean(made, bets))
