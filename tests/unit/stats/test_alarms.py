"""From a budget to levels, from levels to thresholds, and alarms that neither flutter nor fall silent."""

import math

import numpy as np
import pytest
from scipy import stats

from gnomon.stats import Bar, Budget, State, Tolerance, by, e_bh, next_state, thresholds

DAY_S = 86_400.0


def test_the_level_is_the_budget_over_all_tests_and_looks():
    # statistics.md's example: 31 monitors, 2 statistics, a look every 10 s, one false alarm in 30 days
    assert Budget().level(31 * 2, 10.0) == pytest.approx(6.2e-8, rel=0.01)
    assert Budget(false_alarms=4, per_s=DAY_S).level(1, 60.0) == pytest.approx(4 / 1_440)
    assert Budget(false_alarms=1e9).level(1, 60.0) == 0.5


def test_thresholds_follow_the_rows():
    strict = Tolerance(psi=0, ks=0, missing=0)
    at = {n: thresholds(n, 50_000, 20, 1e-4, strict) for n in (500, 1_000, 10_000)}
    assert [round(at[n].psi, 4) for n in at] == [0.1026, 0.0518, 0.0061]
    assert at[500].ks == pytest.approx(0.0997, abs=0.001)
    assert at[10_000].ks == pytest.approx(0.0244, abs=0.001)
    tolerant = thresholds(10_000, 50_000, 20, 1e-4, Tolerance(psi=0.02, ks=0.05))
    assert tolerant.psi > 0.02 + at[10_000].psi
    assert tolerant.ks == pytest.approx(0.05 + at[10_000].ks)
    assert thresholds(10_000, 50_000, 20, 1e-4, strict, design_effect=10).ks == pytest.approx(at[1_000].ks)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Budget(false_alarms=0), "false_alarms must be a positive number, got 0"),
        (lambda: Budget(per_s=math.inf), "per_s must be a positive number, got inf"),
        (lambda: Budget().level(0, 1.0), "1 test or more"),
        (lambda: Tolerance(ks=-1), "tolerance ks must be a number from 0, got -1"),
        (lambda: thresholds(0, 5, 20, 0.1, Tolerance()), "expected, got 0, 5 and 0.1"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def follow(bars, raise_after_s=20.0, clear_after_s=30.0):
    """States after looks of these initials, one every 10 s."""
    kinds = {"a": Bar.ABOVE, "-": Bar.BETWEEN, "b": Bar.BELOW, "?": Bar.UNKNOWN}
    states, state = [], State()
    for number, bar in enumerate(bars):
        state = next_state(state, kinds[bar], 10.0 * number, raise_after_s=raise_after_s, clear_after_s=clear_after_s)
        states.append(state)
    return states


def shape(bars, **after_s):
    return "".join("!" if state.alarmed else "." for state in follow(bars, **after_s))


@pytest.mark.parametrize(
    ("situation", "bars", "alarms"),
    [
        ("one look above is not yet an alarm", "ba-ba-b", "......."),
        ("above for the whole time raises", "bbaaab", "....!!"),
        ("a look between takes the turning back", "aa-aaa", ".....!"),
        ("silence does not take the turning back", "a??a", "...!"),
        ("between the bars an alarm stays", "aaa--------", "..!!!!!!!!!"),
        ("silence does not clear", "aaa????????", "..!!!!!!!!!"),
        ("below for the whole time clears", "aaabbbb", "..!!!!."),
        ("a look above takes the way back back", "aaabbabbbb", "..!!!!!!!."),
    ],
)
def test_an_alarm(situation, bars, alarms):
    assert shape(bars) == alarms, situation


def test_without_minimum_durations_one_look_raises_and_one_clears():
    assert shape("ab-aab", raise_after_s=0, clear_after_s=0) == "!..!!."


def test_an_alarm_knows_since_when_it_drifted():
    assert follow("bbaaaa")[-1].since_s == 20.0


def test_the_list_keeps_its_false_share_where_features_are_copies_of_each_other():
    rng, false_share = np.random.default_rng(3), []
    for _ in range(400):
        true = stats.norm.sf(rng.normal(4, size=10))
        null = np.repeat(rng.random(10), 9)  # ninety features, ten things
        listed = by(np.concatenate([true, null]), 0.1)
        false_share.append(listed[10:].sum() / max(1, listed.sum()))
    assert np.mean(false_share) < 0.1


def test_the_list_leaves_out_what_could_not_be_tested():
    assert by(np.array([1e-9, math.nan, 0.4]), 0.05).tolist() == [True, False, False]
    assert by(np.full(3, math.nan), 0.05).tolist() == [False] * 3
    assert by(np.zeros(0), 0.05).tolist() == []


def test_e_values_are_listed_when_they_are_large_for_their_rank():
    enough = np.log([100 / (0.05 * 1), 100 / (0.05 * 2)])
    quiet = np.zeros(98)
    assert e_bh(np.concatenate([enough, quiet]), 0.05).sum() == 2
    assert e_bh(np.concatenate([enough - 1e-6, quiet]), 0.05).sum() == 0
