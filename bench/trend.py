"""Trend: whether a series of readings stays where it is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SETTLING = 0.2  # of the readings, at the beginning: caches fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Of what was read against how much had happened by then."""

    first: float
    last: float
    per_thousand: float  # slope of the line of least squares, for a thousand of what happened

    @classmethod
    def of(cls, happened: Sequence[float], read: Sequence[float]) -> "Trend":
        """Leaves the first fifth out. Raises: ValueError for fewer than three readings after that."""
        skipped = int(len(read) * SETTLING)
        x, y = np.asarray(happened[skipped:], float), np.asarray(read[skipped:], float)
        if len(y) < 3:
            raise ValueError(f"{len(read)} readings: too few for a trend")
        slope = float(np.polyfit(x, y, 1)[0]) if x[-1] > x[0] else 0.0
        return cls(first=float(y[0]), last=float(y[-1]), per_thousand=1_000 * slope)
