"""The simulation of model-months: what it draws is what it says, and its judges are the library's."""

import numpy as np
import pytest

from bench import false_alarms
from bench.false_alarms import ALARM, EVIDENCE, RULES, alarms, by_time_of_day, days, days_against_a_night
from bench.model_months import BINS, DAYS, SLOTS, World, month, traffic
from gnomon.stats import Tolerance, deviance, thresholds

WORLD = World(features=3, rows_a_day=4_000)


@pytest.fixture(scope="module")
def simulated():
    return month(WORLD, np.random.default_rng(5))


def test_a_month_has_the_traffic_and_the_cycle_it_says(simulated):
    assert simulated.windows.shape == (DAYS * SLOTS, 3, BINS)
    by_slot = simulated.windows.reshape(DAYS, SLOTS, 3, BINS).sum((0, 3)) / DAYS
    assert by_slot == pytest.approx(np.repeat(4_000 * traffic()[:, np.newaxis], 3, axis=1), rel=0.03)
    shares = simulated.windows.sum(0) / simulated.windows.sum((0, 2))[:, np.newaxis]
    assert shares.mean() == pytest.approx(1 / BINS)
    assert np.abs(shares - 1 / BINS).max() < 0.002  # over whole days, the bins hold what the reference's do


def test_views_hold_windows_against_the_references_they_name(simulated):
    daily = days(simulated)
    assert np.array_equal(daily.windows[3], simulated.windows[3 : 3 + SLOTS].sum(0))
    assert daily.ks[7, 1] == pytest.approx(float(deviance.ks(simulated.reference[1], daily.windows[7, 1])), abs=1e-6)
    assert daily.psi.shape == daily.deviance_p_value.shape == daily.missing_p_value.shape == (DAYS * SLOTS - 7, 3)
    hourly = by_time_of_day(simulated)
    assert np.array_equal(hourly.windows[2, 5], simulated.windows[2 * SLOTS + 5])
    assert hourly.ks_p_value.shape == (DAYS, SLOTS, 3)


def test_nothing_is_alarmed_where_nothing_drifts_and_much_where_the_reference_does_not_fit(simulated):
    assert alarms(ALARM(days(simulated))) == alarms(ALARM(by_time_of_day(simulated))) == 0
    assert alarms(ALARM(days_against_a_night(simulated))) >= 2
    assert alarms(RULES["KS p < 0.05"](days(simulated))) > 0


def test_a_shift_is_found_by_the_thresholds_of_the_library():
    shifted = month(WORLD, np.random.default_rng(6), shift=0.4, shifted_from=0)
    above = EVIDENCE(days(shifted))
    assert above[:, 0].all()
    assert not above[:, 1:].any()
    view, level = days(shifted), false_alarms.BUDGET.level(300, 10_800)
    bars = thresholds(int(view.n[0, 0]), int(view.m[0, 0]), view.groups, level, Tolerance())
    assert view.psi[0, 0] > bars.psi
    assert ALARM(view)[0, 0]


def test_a_slice_has_its_part_of_the_rows_and_of_the_budget():
    part = month(WORLD, np.random.default_rng(7), share=0.1)
    assert part.windows.sum() == pytest.approx(0.1 * 4_000 * DAYS * 3, rel=0.05)
    assert part.reference.sum() == pytest.approx(0.1 * 50_000 * 3, rel=0.05)
    looked = false_alarms.days_of_a_slice(part)
    assert looked.windows.shape[-1] == looked.reference.shape[-1] == 40
    assert np.array_equal(looked.windows[3, 1, 2], part.windows[3 : 3 + SLOTS, 1, 12:18].sum())
    counted = false_alarms.count_sliced(World(features=2, rows_a_day=2_000), 8)
    assert counted.shape == (1, len(RULES))
    assert counted[0, -1] == 0


def test_an_alarm_is_counted_once_for_as_long_as_it_stands():
    above = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], bool)
    assert alarms(above) == 3
