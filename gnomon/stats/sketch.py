"""Sketch: how many values of live traffic fell in each bin of a profile. Integers, so merging is addition."""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import two_sample
from gnomon.stats.binner import Binner
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.two_sample import KsResult, PsiResult

_WIRE = np.dtype("<i8")


class Sketch:
    """Counts over all monitors of a profile. Merging is exact, whatever the order.

    One thread updates a sketch. Give sketches of one profile the same `binner`, else each makes tables of its own.
    """

    __slots__ = ("_binner", "_counts", "profile")

    def __init__(self, profile: Profile, binner: Binner | None = None) -> None:
        if binner is not None and not profile.same_bins(binner.profile):
            raise ValueError("the binner is of a profile with other bins")
        self.profile = profile
        self._binner = Binner(profile) if binner is None else binner
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

    def update(self, batch: NDArray[np.float32], monitors: slice = slice(None)) -> None:
        """Count `batch` (n_rows, n_monitors) float32, a column for each of `monitors` in profile order.

        Raises:
            ValueError: not float32 (cast it first), or not a column for each monitor.
        """
        self._binner.count(batch, monitors, self._counts)

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

    def psi(self, tolerance: float = 0.1, alpha: float = 0.01) -> list[PsiResult]:
        """PSI of each monitor against its reference.

        Raises:
            NotEnoughSamples: of any one monitor; `drift.judge` goes on with the others.
        """
        return [
            two_sample.psi(monitor.counts[:-1], window[:-1], tolerance=tolerance, alpha=alpha)
            for monitor, window in self._pairs()
        ]

    def ks(self) -> list[KsResult]:
        """Kolmogorov-Smirnov distance of each monitor from its reference.

        Raises:
            NotEnoughSamples: of any one monitor; `drift.judge` goes on with the others.
        """
        return [two_sample.ks(monitor.counts[:-1], window[:-1], monitor.singleton) for monitor, window in self._pairs()]

    def _pairs(self) -> Iterator[tuple[Monitor, NDArray[np.int64]]]:
        return zip(self.profile.monitors, self.profile.split(self._counts), strict=True)
