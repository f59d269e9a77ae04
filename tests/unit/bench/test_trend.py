"""Whether a series of readings stays where it is."""

import pytest

from bench.trend import Trend


def test_what_stays_has_no_slope_whatever_it_did_at_first() -> None:
    readings = [10.0, 90.0] + [100.0] * 8
    assert Trend.of(range(0, 1_000, 100), readings) == Trend(first=100.0, last=100.0, per_thousand=pytest.approx(0.0))


def test_what_grows_is_told_by_how_much_in_a_thousand() -> None:
    happened = list(range(0, 1_000, 50))
    found = Trend.of(happened, [50 + 0.02 * number for number in happened])
    assert found.per_thousand == pytest.approx(20.0)
    assert found.last > found.first


def test_too_few_readings_are_no_trend() -> None:
    with pytest.raises(ValueError, match="too few"):
        Trend.of([1, 2], [1.0, 2.0])
