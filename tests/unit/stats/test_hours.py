"""A reference by hour of the week: the hour's own where it has rows enough, in the bins of all."""

import numpy as np
import pytest

from gnomon.stats import Profile, Sketch
from gnomon.stats.hours import HOURS, drawn, hour_of_week, overlaps

MONDAY = 1_767_571_200  # 5 January 2026, 00:00 UTC
WEEK_S = 7 * 86_400


def traffic(weeks, seed):
    """(times, table) of 20 rows a minute whose mean goes up and down with the day."""
    rng = np.random.default_rng(seed)
    times = MONDAY + np.sort(rng.integers(0, weeks * WEEK_S, weeks * HOURS * 1_200))
    cycle = 2 * np.sin(2 * np.pi * times / 86_400)
    return times, {"load": rng.normal(cycle), "kind": np.where(cycle > rng.normal(size=len(times)), "day", "night")}


@pytest.fixture(scope="module")
def profile():
    times, table = traffic(1, 0)
    return Profile.fit(table, by_hour_of_week=times)


def test_hours_of_the_week_begin_on_monday_in_utc():
    times = [MONDAY, MONDAY + 3_599, MONDAY + 3_600, MONDAY - 1, 0]
    assert hour_of_week(times).tolist() == [0, 0, 1, 167, 72]
    assert hour_of_week(np.array(times, "M8[s]").astype("M8[ns]")).tolist() == [0, 0, 1, 167, 72]
    assert hour_of_week(np.array(times) + 0.5).tolist() == [0, 0, 1, 167, 72]


def test_every_row_is_in_its_hour(profile):
    assert [hour.hour_of_week for hour in profile.hours] == list(range(HOURS))
    assert sum(hour.rows for hour in profile.hours) == profile.rows
    assert np.array_equal(sum(hour.counts for hour in profile.hours), profile.counts())


def test_a_night_is_drift_against_the_week_and_none_against_nights(profile):
    times, table = traffic(1, 1)
    night = (times // 3_600) % 24 == 18
    sketch = Sketch(profile)
    sketch.update({name: values[night] for name, values in table.items()})
    assert all(result.lower > 0.1 for result in sketch.psi().values())
    then = sketch.at(MONDAY + 18 * 3_600)
    assert all(result.lower < 0.1 for result in then.psi().values())
    assert then.ks()["load"].lo < 0.1
    assert profile.at(MONDAY + 18 * 3_600).same_bins(profile)


def test_an_hour_with_few_rows_is_held_against_the_whole():
    times = np.repeat([MONDAY, MONDAY + 3_600], [499, 500])
    profile = Profile.fit(np.arange(999.0), by_hour_of_week=times)
    assert [profile.at(MONDAY + hour * 3_600).rows for hour in range(3)] == [999, 500, 999]


def test_a_window_touches_hours_as_far_as_it_covers_them():
    assert overlaps(MONDAY + 1_800, MONDAY + 7_200 + 900) == {0: 0.5, 1: 1.0, 2: 0.25}
    assert overlaps(MONDAY - 3_600, MONDAY) == overlaps(MONDAY - 60, MONDAY) == {167: 1.0}
    assert overlaps(MONDAY + 3_540, MONDAY + 3_720) == {0: 0.5, 1: 1.0}
    assert overlaps(0, WEEK_S) == dict.fromkeys(range(HOURS), 1.0)
    most = overlaps(MONDAY + 1_800, MONDAY + WEEK_S - 1_800 + 900)
    assert (len(most), most[0], most[167]) == (168, 0.5, 0.75)


@pytest.mark.parametrize("total", [0, 1, 499, 500, 1_000])
def test_a_share_of_rows_is_whole_rows_in_the_same_proportions(total):
    counts = np.array([1, 0, 300, 699])
    found = drawn(counts, total)
    assert found.sum() == total
    assert (found <= counts).all()
    assert np.abs(found - counts * total / 1_000).max() < 1


def test_the_reference_of_a_window_is_of_its_hours(profile):
    begin, hours = MONDAY + 17 * 3_600, {hour.hour_of_week: hour.rows for hour in profile.hours}
    over = profile.over(begin + 1_800, begin + 3 * 3_600)
    assert over.rows == round(hours[17] / 2) + hours[18] + hours[19]
    assert profile.over(begin, begin + WEEK_S).counts().tolist() == profile.counts().tolist()
    times, table = traffic(1, 2)
    window = (times >= begin + 1_800) & (times < begin + 3 * 3_600)
    sketch = Sketch(profile)
    sketch.update({name: values[window] for name, values in table.items()})
    counts = sketch.snapshot()
    moved = Sketch.from_counts(profile, counts).psi()
    same = Sketch.from_counts(over, counts).psi()
    assert all(moved[name].lower > 0.1 and same[name].lower < 0.02 for name in ("load", "kind"))


def test_bytes_give_back_the_hours_and_scores_join_inputs(profile):
    again = Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    times = traffic(1, 0)[0]
    scores = Profile.fit(np.zeros(len(times)), ["score"], "y", True, by_hour_of_week=times)
    both = profile.extended(scores)
    assert both.at(MONDAY).rows == profile.at(MONDAY).rows == both.hours[0].rows
    with pytest.raises(ValueError, match="same hours"):
        profile.extended(Profile.fit(np.zeros(len(times)), ["score"], "y", True))


@pytest.mark.parametrize(
    ("times", "message"),
    [([0.0], "3 rows need as many times"), (["a"] * 3, "got <U1"), ([np.nan] * 3, "3 times are missing")],
)
def test_bad_times_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        Profile.fit(np.ones(3), by_hour_of_week=times)
    with pytest.raises(ValueError, match="1 times are missing"):
        hour_of_week(np.array(["NaT"], "M8[s]"))
