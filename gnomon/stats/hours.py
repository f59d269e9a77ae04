"""A reference by hour of the week: night traffic is held against nights. The bins stay those of the whole reference.

So counts of all hours still merge, and what changes with the hour is only what they are held against.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOURS = 168
_MONDAY_H = 72  # 1 January 1970 was a Thursday


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hour:
    """How the rows of one hour of the week fell: `counts` (slots of the profile,) int64, a read-only copy.

    Hour 0 is Monday from 00:00 to 01:00 UTC. Raises: ValueError: there is no such hour.
    """

    hour_of_week: int
    rows: int
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not 0 <= self.hour_of_week < HOURS:
            raise ValueError(f"an hour of the week is 0 to {HOURS - 1}, got {self.hour_of_week}")
        counts = np.array(self.counts, np.int64)
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)


def overlaps(from_s: float, to_s: float) -> dict[int, float]:
    """The hours of the week that [from_s, to_s) touches, and how much of each beside the one it covers most of."""
    if to_s - from_s >= HOURS * 3600:
        return dict.fromkeys(range(HOURS), 1.0)
    starts = np.arange(from_s // 3600, np.ceil(to_s / 3600)) * 3600
    shares = (np.minimum(starts + 3600, to_s) - np.maximum(starts, from_s)) / 3600
    touched: dict[int, float] = {}
    for hour, share in zip(hour_of_week(starts).tolist(), shares.tolist(), strict=True):
        touched[hour] = touched.get(hour, 0.0) + share
    return {hour: share / max(touched.values()) for hour, share in touched.items()}


def drawn(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """As many of the rows that `counts` (n,) are of as `total`, each place with its share: to the nearest whole row."""
    rows = int(counts.sum())
    if rows == total:
        return counts
    exact = counts * (total / rows)
    found: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    found[np.argsort(found - exact, kind="stable")[: total - int(found.sum())]] += 1
    return found


def hour_of_week(times: ArrayLike) -> NDArray[np.int64]:
    """(n,) of times (n,): seconds since 1970, or datetime64, in UTC either way.

    Raises:
        ValueError: not numbers or datetime64, or one that is not a time.
    """
    given: NDArray[Any] = np.asarray(times)
    if given.dtype.kind == "M":
        missing, seconds = np.isnat(given), given.astype("M8[s]").astype(np.int64)
    elif given.dtype.kind in "iuf":
        missing, seconds = ~np.isfinite(given), np.floor(np.where(np.isfinite(given), given, 0)).astype(np.int64)
    else:
        raise ValueError(f"times must be seconds since 1970 or datetime64, got {given.dtype}")
    if missing.any():
        raise ValueError(f"{np.count_nonzero(missing)} times are missing")
    return (seconds // 3600 + _MONDAY_H) % HOURS
