"""Profile: what a version's training data looked like, one Monitor a feature or score.

A profile is part of a version's artifact. It fixes the bins, so every sketch of the version merges with every other.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.stats import stored
from gnomon.stats.casts import as_numbers, seen_as
from gnomon.stats.columns import Column, Numbers, columns_of, is_table
from gnomon.stats.confidence import DERIVED, confidence
from gnomon.stats.hours import HOURS, Hour, drawn, hour_of_week, overlaps
from gnomon.stats.monitor import Kind, Monitor
from gnomon.stats.slices import Slice, coarse, rows_by_value

__all__ = ["Hour", "Kind", "Monitor", "Profile", "Slice"]

HOUR_ROWS = 500  # an hour with fewer reference rows is held against the whole


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The monitors of a version, inputs before scores, all of the same reference rows.

    `hours` are the same rows by hour of the week, in order; `at` chooses one of them. `slices` are those that have one
    value in one column; `of_slice` chooses. `reference` says what rows, where they are not those of training.

    Raises:
        ValueError: a monitor's counts do not sum to `rows`, nor an hour's or a slice's to its own, a name, an hour or a
            slice is there twice, or an input follows a score.
    """

    monitors: tuple[Monitor, ...]
    rows: int
    data_sha256: str = ""
    hours: tuple[Hour, ...] = ()
    slices: tuple[Slice, ...] = ()
    reference: str = ""

    def __post_init__(self) -> None:
        for monitor in self.monitors:
            if monitor.counts.sum() != self.rows:
                raise ValueError(f"monitor {monitor.name!r} counts {monitor.counts.sum()} rows, not {self.rows}")
        names = [monitor.name for monitor in self.monitors]
        if len(set(names)) < len(names):
            raise ValueError(f"monitor names must differ, got {min(n for n in names if names.count(n) > 1)!r} twice")
        scores = [monitor.is_score for monitor in self.monitors]
        if scores != sorted(scores):
            raise ValueError(f"scores must follow inputs, got {names} with is_score {scores}")
        for hour in self.hours:
            for monitor, counts in zip(self.monitors, self.split(hour.counts), strict=True):
                if counts.sum() != hour.rows or (counts < 0).any():
                    raise ValueError(f"monitor {monitor.name!r} does not count {hour.rows} rows in {hour.hour_of_week}")
        of_week = [hour.hour_of_week for hour in self.hours]
        if of_week != sorted(set(of_week)):
            raise ValueError(f"hours of the week must ascend, got {of_week}")
        if self.slices:
            self._check_slices()

    def _check_slices(self) -> None:
        fewer = self.coarse()
        for each in self.slices:
            for monitor, counts in zip(fewer.monitors, fewer.split(each.counts), strict=True):
                if counts.sum() != each.rows or (counts < 0).any():
                    raise ValueError(f"monitor {monitor.name!r} does not count {each.rows} rows in {each.name}")
        names = [each.name for each in self.slices]
        if len(set(names)) < len(names):
            raise ValueError(f"slices must differ, got {min(n for n in names if names.count(n) > 1)!r} twice")

    @classmethod
    def fit(
        cls,
        data: Any,
        names: Sequence[str] | None = None,
        tensor: str = "",
        score: bool = False,
        data_sha256: str = "",
        *,
        categorical: Collection[str] = (),
        dtype: str | None = None,
        by_hour_of_week: ArrayLike | None = None,
        by_slice: Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """Fit one monitor a column.

        Args:
            data: (n_rows, n_columns) or (n_rows,) numbers; or a table: a mapping of columns, a DataFrame of pandas or
                polars, a pyarrow Table. In a table text, truth values and coded columns are categorical.
            names: one a column of an array, default tensor[0], tensor[1] …; which columns of a table, default all.
            tensor: the model input (or output, with `score`) these are the columns of.
            categorical: names of columns whose whole numbers are names, not quantities.
            dtype: float32, float64 or int64, as which numbers are seen. Default: those of an array as float32, what a
                served model is given; those of a table in their own type.
            by_hour_of_week: the time (n_rows,) of each row, as seconds since 1970 or datetime64; then `at` chooses.
            by_slice: by the name of an input, its value (n_rows,) in each row, names or numbers that are names: each
                value with 500 rows or more, 16 of them at most, has a reference of its own; then `of_slice` chooses.

        Raises:
            ValueError: no rows, not numeric, as many names as there are not columns, as many times or values as not
                rows, or a column of slices whose values all have too few.
        """
        columns = _columns(data, names, tensor, dtype, categorical)
        rows = len(next(iter(columns.values()))) if columns else 0
        if rows == 0:
            raise ValueError("a profile needs at least 1 row, got 0")
        monitors = tuple(
            (Monitor.fit_categories if name in categorical else Monitor.fit)(
                column, name=name, tensor=tensor, column=place, is_score=score
            )
            for place, (name, column) in enumerate(columns.items())
        )
        whole = cls(monitors=monitors, rows=rows, data_sha256=data_sha256)
        if by_hour_of_week is not None:
            whole = whole._with_hours(columns, hour_of_week(by_hour_of_week))
        return whole._with_slices(columns, by_slice) if by_slice else whole

    @classmethod
    def fit_confidence(cls, probabilities: ArrayLike, *, tensor: str, name: str = DERIVED, **more: Any) -> Self:
        """One monitor, of how sure the model is: of the `probabilities` (n_rows, n_classes) of its output `tensor`.

        `more`: as `fit` takes it. Raises: ValueError: as `fit`.
        """
        whole = cls.fit(confidence(probabilities), names=[name], tensor=tensor, score=True, **more)
        return dataclasses.replace(whole, monitors=(dataclasses.replace(whole.monitors[0], derived=DERIVED),))

    def _with_hours(self, columns: Mapping[str, Column], hour_of_row: NDArray[np.int64]) -> Self:
        from gnomon.stats.sketch import Sketch  # it brings a compiler, which reading a profile does not need

        if hour_of_row.shape != (self.rows,):
            raise ValueError(f"{self.rows} rows need as many times, got {hour_of_row.shape}")
        sketch, hours = Sketch(self), []
        for hour in range(HOURS):
            rows = np.flatnonzero(hour_of_row == hour)
            if len(rows):
                sketch.reset()
                sketch.update_columns({name: column.take(rows) for name, column in columns.items()})
                hours.append(Hour(hour_of_week=hour, rows=len(rows), counts=sketch.snapshot()))
        return dataclasses.replace(self, hours=tuple(hours))

    def _with_slices(self, columns: Mapping[str, Column], by_slice: Mapping[str, ArrayLike]) -> Self:
        from gnomon.stats.sketch import Sketch  # it brings a compiler, which reading a profile does not need

        sketch, slices = Sketch(self.coarse()), []
        for name, values in by_slice.items():
            for value, rows in rows_by_value(values, name, self.rows).items():
                sketch.reset()
                sketch.update_columns({each: column.take(rows) for each, column in columns.items()})
                slices.append(Slice(column=name, value=value, rows=len(rows), counts=sketch.snapshot()))
        return dataclasses.replace(self, slices=tuple(slices))

    def coarse(self) -> "Profile":
        """The same reference in fewer bins, those that slices are counted in; hours and slices are left out."""
        monitors = tuple(coarse(monitor) for monitor in self.monitors)
        return Profile(monitors=monitors, rows=self.rows, data_sha256=self.data_sha256)

    def of_slice(self, name: str) -> "Profile":
        """The reference of a slice, by COLUMN=VALUE, in the bins of `coarse`. Raises: KeyError."""
        found = {each.name: each for each in self.slices}[name]
        return self.coarse().recounted(found.counts)

    def at(self, unix_s: float) -> "Profile":
        """The reference of the hour of the week of that time; the whole, where it has fewer than 500 rows of it.

        Its bins are the same, so counts over either may be added.
        """
        first_s = unix_s // 3600 * 3600
        return self.over(first_s, first_s + 3600)

    def over(self, from_s: float, to_s: float) -> "Profile":
        """The reference of the hours of the week that a window [from_s, to_s) covers.

        All rows of the hour it covers most of, and of others in proportion; the whole, where that is fewer than 500.
        """
        if not self.hours:
            return self
        touched, found = overlaps(from_s, to_s), np.zeros(self.slots, np.int64)
        for hour in self.hours:
            rows = round(hour.rows * touched.get(hour.hour_of_week, 0.0))
            if rows:
                found += _end_to_end([drawn(counts, rows) for counts in self.split(hour.counts)])
        return self.recounted(found) if self.monitors and self.split(found)[0].sum() >= HOUR_ROWS else self

    def recounted(self, counts: NDArray[np.int64]) -> "Profile":
        """The same bins with another reference, the flat `counts` (slots,) of a sketch; hours are left out.

        For a reference too large to be fitted at once: fit the bins to a sample, sketch all of it, and recount.

        Raises:
            ValueError: counts of another length, or monitors that count different numbers of rows.
        """
        monitors = tuple(
            dataclasses.replace(monitor, counts=found)
            for monitor, found in zip(self.monitors, self.split(counts), strict=True)
        )
        rows = int(monitors[0].counts.sum()) if monitors else self.rows
        return Profile(monitors=monitors, rows=rows, data_sha256=self.data_sha256)

    @property
    def slots(self) -> int:
        """Length of a flat count vector over all monitors."""
        return sum(monitor.slots for monitor in self.monitors)

    @property
    def inputs(self) -> slice:
        """Where the monitors of inputs are."""
        return slice(0, sum(not monitor.is_score for monitor in self.monitors))

    @property
    def scores(self) -> slice:
        """Where the monitors of scores are."""
        return slice(self.inputs.stop, len(self.monitors))

    def counts(self) -> NDArray[np.int64]:
        """The reference itself as a flat count vector (slots,)."""
        return _end_to_end([monitor.counts for monitor in self.monitors])

    def split(self, counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Views of a flat count vector (slots,), one a monitor.

        Raises:
            ValueError: the vector has another length.
        """
        ends = np.cumsum([monitor.slots for monitor in self.monitors], dtype=np.int64)
        slots = int(ends[-1]) if self.monitors else 0
        if counts.shape != (slots,):
            raise ValueError(f"this profile has {slots} slots, got counts of shape {counts.shape}")
        return [counts[end - monitor.slots : end] for monitor, end in zip(self.monitors, ends.tolist(), strict=True)]

    def same_bins(self, other: "Profile") -> bool:
        """Whether counts over both may be added."""
        return self is other or (
            len(self.monitors) == len(other.monitors)
            and all(mine.same_bins(theirs) for mine, theirs in zip(self.monitors, other.monitors, strict=True))
        )

    def extended(self, other: "Profile") -> "Profile":
        """With the monitors of another profile of the same rows, as inputs with scores.

        Raises:
            ValueError: another number of rows, or of rows in an hour or a slice, or the union is not a profile.
        """
        if other.rows != self.rows:
            raise ValueError(f"profiles of the same rows can be joined, got {self.rows} and {other.rows}")
        mine, theirs = ({hour.hour_of_week: hour.rows for hour in profile.hours} for profile in (self, other))
        if mine != theirs:
            raise ValueError("profiles with the same rows in the same hours of the week can be joined")
        parts, others = ({each.name: each.rows for each in profile.slices} for profile in (self, other))
        if parts != others:
            raise ValueError("profiles with the same rows in the same slices can be joined")
        return Profile(
            monitors=self.monitors + other.monitors,
            rows=self.rows,
            data_sha256=self.data_sha256 or other.data_sha256,
            hours=tuple(
                dataclasses.replace(one, counts=np.concatenate([one.counts, two.counts]))
                for one, two in zip(self.hours, other.hours, strict=True)
            ),
            slices=tuple(
                dataclasses.replace(one, counts=np.concatenate([one.counts, two.counts]))
                for one, two in zip(self.slices, other.slices, strict=True)
            ),
        )

    def only(self, kept: slice) -> "Profile":
        """The monitors at these places alone, with their hours and slices."""
        fewer = self.coarse() if self.slices else self
        return Profile(
            monitors=self.monitors[kept],
            rows=self.rows,
            data_sha256=self.data_sha256,
            hours=tuple(
                dataclasses.replace(each, counts=_end_to_end(self.split(each.counts)[kept])) for each in self.hours
            ),
            slices=tuple(
                dataclasses.replace(each, counts=_end_to_end(fewer.split(each.counts)[kept])) for each in self.slices
            ),
        )

    def to_bytes(self) -> bytes:
        """As a serialised gnomon.profile.v1.Profile; equal profiles give equal bytes."""
        return stored.write(self.rows, self.data_sha256, self.monitors, self.hours, self.slices, self.reference)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The profile that `to_bytes` wrote.

        Raises:
            ValueError: not such a message, or one that is not a valid profile.
        """
        return cls(**stored.read(data))


def _end_to_end(counts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *counts])


def _columns(
    data: Any, names: Sequence[str] | None, tensor: str, dtype: str | None, categorical: Collection[str]
) -> dict[str, Column]:
    """The columns to be fitted, by name: of a table as they are or as `dtype`, of an array as `dtype` or float32."""
    if is_table(data):
        columns = columns_of(data, names)
    else:
        table, dtype = as_numbers(data), dtype or "float32"
        names = [f"{tensor or 'column'}[{place}]" for place in range(table.shape[1])] if names is None else list(names)
        if len(names) != table.shape[1]:
            raise ValueError(f"{table.shape[1]} columns need {table.shape[1]} names, got {len(names)}")
        if len(set(names)) < len(names):
            raise ValueError(f"names must differ, got {min(name for name in names if names.count(name) > 1)!r} twice")
        columns = {name: Numbers(values=table[:, place]) for place, name in enumerate(names)}
    strangers = [name for name in categorical if name not in columns]
    if strangers:
        raise ValueError(f"no column {strangers[0]!r} to be categorical among {sorted(columns)}")
    return {name: found if name in categorical else seen_as(found, dtype) for name, found in columns.items()}
