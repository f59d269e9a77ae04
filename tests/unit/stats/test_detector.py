"""The detector against what it promises: seldom an alarm while all is well, soon one when it is not."""

import math
from statistics import mean, median

import numpy as np
import pytest

from gnomon.stats.detector import ODDS, ExceedanceDetector

SHARE = 0.01


def alarm_after(chance: float, patience: float, seed: int, most: int = 200_000) -> int:
    """Events until the alarm, `most` at most."""
    detector, random = ExceedanceDetector(), np.random.default_rng(seed)
    for number, bad in enumerate(random.random(most) < chance, 1):
        detector.update(int(bad), 1, SHARE)
        if bad and detector.level >= math.log(patience):
            return number
    return most


def test_the_level_is_the_sum_of_the_evidence_since_every_moment() -> None:
    events, shares = [0, 1, 0, 0, 1, 1, 0, 1], [0.01, 0.02, 0.01, 0.3, 0.01, 0.05, 0.01, 0.01]
    detector = ExceedanceDetector()
    for bad, share in zip(events, shares, strict=True):
        detector.update(bad, 1, share)
    expected = 0.0
    for odds in ODDS:
        factors = [odds**bad / (1 + (odds - 1) * share) for bad, share in zip(events, shares, strict=True)]
        expected += sum(math.prod(factors[begin:]) for begin in range(len(factors))) / len(ODDS)
    assert detector.level == pytest.approx(math.log(expected))


def test_good_events_are_taken_one_by_one_however_many_there_are_at_once() -> None:
    one, other = ExceedanceDetector(), ExceedanceDetector()
    for detector in (one, other):
        detector.update(0, 3, SHARE)
        detector.update(2, 5, SHARE)
    for _ in range(500):
        one.update(0, 1, SHARE)
    other.update(0, 500, SHARE)
    other.update(0, 0, SHARE)
    assert one.level == pytest.approx(other.level)


def test_false_alarms_are_as_rare_as_promised_at_the_very_share_that_is_allowed() -> None:
    patience = 1_000
    assert mean(alarm_after(SHARE, patience, seed, most=20_000) for seed in range(40)) >= patience


@pytest.mark.parametrize(("chance", "soon"), [(1.0, 5), (0.5, 20), (0.2, 60), (0.05, 400)])
def test_a_share_that_is_too_large_is_found_soon(chance: float, soon: int) -> None:
    assert median(alarm_after(chance, 1e6, seed, most=5_000) for seed in range(15)) <= soon


def test_a_good_past_delays_nothing() -> None:
    detector = ExceedanceDetector()
    for _ in range(1_000):
        detector.update(0, 1_000, SHARE)
    for _ in range(4):
        detector.update(1, 1, SHARE)
    assert detector.level >= math.log(1e6)


def test_where_many_may_be_bad_many_are_no_alarm() -> None:
    detector = ExceedanceDetector()
    for _ in range(2_000):
        detector.update(4, 10, 0.5)
    assert detector.level < math.log(1e3)


@pytest.mark.parametrize(("bad", "n", "share"), [(2, 1, 0.1), (-1, 1, 0.1), (0, 1, 0.0), (0, 1, 1.0), (0, 1, math.nan)])
def test_counts_that_cannot_be_are_refused(bad: int, n: int, share: float) -> None:
    with pytest.raises(ValueError, match="0 <= bad <= n and 0 < share < 1 expected"):
        ExceedanceDetector().update(bad, n, share)
