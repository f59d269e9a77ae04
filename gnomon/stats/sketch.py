"""Sketch: how many values of live traffic fell in each bin of a profile. Integers, so merging is addition."""

from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import drift, nominal, two_sample
from gnomon.stats.binner import Binner
from gnomon.stats.casts import as_numbers
from gnomon.stats.columns import Column, columns_of, is_table
from gnomon.stats.drift import MonitorVerdict
from gnomon.stats.nominal import ChiSquareResult, OutsideResult, ShareResult
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.two_sample import KsResult, PsiResult

Result = TypeVar("Result")

_WIRE = np.dtype("<i8")


class Sketch:
    """Counts over all monitors of a profile. Merging is exact, whatever the order.

    One thread updates a sketch. Give sketches of one profile the same `binner`, else each makes tables of its own.
    """

    __slots__ = ("_binner", "_counts", "_places", "profile")

    def __init__(self, profile: Profile, binner: Binner | None = None) -> None:
        if binner is not None and not profile.same_bins(binner.profile):
            raise ValueError("the binner is of a profile with other bins")
        self.profile = profile
        self._binner = Binner(profile) if binner is None else binner
        self._places = {monitor.name: place for place, monitor in enumerate(profile.monitors)}
        self._counts = np.zeros(profile.slots, np.int64)  # written by the one thread that updates

    @property
    def counts(self) -> NDArray[np.int64]:
        """Read-only view (slots,) int64: each monitor's bins and NaN slot, end to end."""
        view = self._counts.view()
        view.flags.writeable = False
        return view

    @property
    def rows(self) -> int:
        """Rows counted, by the first monitor; 0 without monitors."""
        return int(self._counts[: self.profile.monitors[0].slots].sum()) if self.profile.monitors else 0

    def update(self, batch: Any, monitors: slice = slice(None)) -> None:
        """Count a batch of rows: an array with a column for each of `monitors` in order, or a table with their names.

        Arrays (n_rows, n_monitors) of float32 are the quick way; other numbers are cast to each monitor's kind. Tables
        are what `Profile.fit` takes; columns that are not in the profile are left out.

        Raises:
            ValueError: a column that is missing, not numeric where the profile is, or not a column for each monitor.
        """
        if is_table(batch):
            names = [monitor.name for monitor in self.profile.monitors[monitors]]
            self.update_columns(columns_of(batch, names))
            return
        numbers = as_numbers(batch)
        if numbers.dtype != np.float32 and all(monitor.kind == "float32" for monitor in self.profile.monitors):
            with np.errstate(over="ignore"):
                numbers = numbers.astype(np.float32)
        self._binner.count(numbers, monitors, self._counts)

    def update_columns(self, columns: Mapping[str, Column]) -> None:
        """Count columns by the names of their monitors, as `columns.columns_of` makes them of a table.

        Raises:
            ValueError: a name without a monitor, or labels for a monitor of numbers; columns before it are counted.
        """
        for name, column in columns.items():
            if name not in self._places:
                raise ValueError(f"no monitor {name!r} among {sorted(self._places)}")
            self._binner.count_column(column, self._places[name], self._counts)

    def update_inputs(self, batch: NDArray[np.float32]) -> None:
        """Count (n_rows, n_inputs) float32."""
        self.update(batch, self.profile.inputs)

    def update_scores(self, batch: NDArray[np.float32]) -> None:
        """Count (n_rows, n_scores) float32."""
        self.update(batch, self.profile.scores)

    def merge(self, other: "Sketch") -> None:
        """Add the counts of another sketch.

        Raises:
            ValueError: it counts in other bins.
        """
        if not self.profile.same_bins(other.profile):
            raise ValueError("sketches of profiles with different monitors or edges cannot be merged")
        self._counts += other._counts

    def reset(self) -> None:
        """Back to no rows."""
        self._counts[:] = 0

    def snapshot(self) -> NDArray[np.int64]:
        """A copy (slots,) of the counts."""
        return self._counts.copy()

    @classmethod
    def from_counts(cls, profile: Profile, flat: NDArray[np.int64], binner: Binner | None = None) -> Self:
        """The sketch that had these `counts` (slots,).

        Raises:
            ValueError: another length, or a negative count.
        """
        flat = np.asarray(flat)
        profile.split(flat)
        if (flat < 0).any():
            raise ValueError(f"counts cannot be negative, got {flat.min()}")
        sketch = cls(profile, binner)
        sketch._counts[:] = flat
        return sketch

    def to_bytes(self) -> bytes:
        """The counts as little-endian int64, without the profile."""
        return self._counts.astype(_WIRE).tobytes()

    @classmethod
    def from_bytes(cls, profile: Profile, data: bytes, binner: Binner | None = None) -> Self:
        """The sketch that `to_bytes` wrote.

        Raises:
            ValueError: not the length this profile has, or a negative count.
        """
        if len(data) != profile.slots * _WIRE.itemsize:
            raise ValueError(f"this profile needs {profile.slots * _WIRE.itemsize} bytes, got {len(data)}")
        return cls.from_counts(profile, np.frombuffer(data, _WIRE).astype(np.int64), binner)

    def psi(self, tolerance: float = 0.1, alpha: float = 0.01) -> dict[str, PsiResult]:
        """PSI of each monitor against its reference; `lower` is the bound that holds but for a chance of `alpha`.

        Raises:
            NotEnoughSamples: of any one monitor, which it names; `judge` goes on with the others.
        """
        return self._each(lambda monitor, window: two_sample.psi(
            monitor.counts[:-1], window[:-1], tolerance=tolerance, alpha=alpha
        ))  # fmt: skip

    def ks(self) -> dict[str, KsResult]:
        """Kolmogorov-Smirnov distance of each monitor of numbers from its reference; categories have no order.

        Raises:
            NotEnoughSamples: of any one monitor, which it names; `judge` goes on with the others.
        """
        return self._each(
            lambda monitor, window: two_sample.ks(monitor.counts[:-1], window[:-1], monitor.singleton),
            names=False,
        )

    def chi_square(self) -> dict[str, ChiSquareResult]:
        """Of each categorical monitor. Raises: NotEnoughSamples: of any one, which it names."""
        return self._each(lambda monitor, window: nominal.chi_square(monitor.counts[:-1], window[:-1]), names=True)

    def missing(self) -> dict[str, ShareResult]:
        """The share of missing values of each monitor. Raises: NotEnoughSamples: no rows."""
        return self._each(nominal.missing_share)

    def new_categories(self) -> dict[str, ShareResult]:
        """The share of values not in the reference, of each categorical monitor. Raises: NotEnoughSamples."""
        return self._each(nominal.new_share, names=True)

    def outside(self) -> dict[str, OutsideResult]:
        """The shares of values below and above all of the reference, of each monitor of numbers.

        Raises:
            NotEnoughSamples: one has no values.
        """
        return self._each(nominal.outside, names=False)

    def judge(self, **options: float) -> list[MonitorVerdict]:
        """`drift.judge` of these counts: each statistic of each monitor that has enough values, and what alarms."""
        return drift.judge(self.profile, self._counts, **options)

    def at(self, unix_s: float) -> "Sketch":
        """The same counts, held against the reference of that hour of the week, where the profile has one."""
        return Sketch.from_counts(self.profile.at(unix_s), self._counts, self._binner)

    def _each(
        self, statistic: Callable[[Monitor, NDArray[np.int64]], Result], names: bool | None = None
    ) -> dict[str, Result]:
        """The statistic by name of monitor: of all, of the categorical ones, or of the others."""
        found = {}
        for monitor, window in zip(self.profile.monitors, self.profile.split(self._counts), strict=True):
            if names is None or names == (monitor.kind == "categorical"):
                try:
                    found[monitor.name] = statistic(monitor, window)
                except NotEnoughSamples as error:
                    raise NotEnoughSamples(error.n, error.needed, f"values of {monitor.name!r}") from None
        return found
