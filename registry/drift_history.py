"""Drift over time: a span in stretches, each one window of every monitor, held against the reference of its hours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import DriftPoint, DriftTick
from gnomon.stats import deviance
from gnomon.stats.bins import coarsen
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.two_sample import KS_ROWS
from registry.drift import Span, start_unix_ms
from registry.drift_windows import VersionWindows

GROUPS = 10  # of PSI: stretches are short
ROWS_A_GROUP = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretches:
    """Counts (stretches, slots), the Unix millisecond each begins at, and how long each is."""

    from_unix_ms: tuple[int, ...]
    length_s: float
    counts: NDArray[np.int64]


def of_ticks(ticks: Sequence[DriftTick], span: Span, points: int, slots: int) -> Stretches:
    """The ticks of a span in `points` stretches of the same length."""
    length = max(1, span.to_unix_ms - span.from_unix_ms)
    counts = np.zeros((points, slots), np.int64)
    for tick in ticks:
        if span.holds(tick) and len(tick.counts) == 8 * slots:
            counts[(start_unix_ms(tick) - span.from_unix_ms) * points // length] += np.frombuffer(tick.counts, "<i8")
    starts = tuple(span.from_unix_ms + length * number // points for number in range(points))
    return Stretches(from_unix_ms=starts, length_s=length / points / 1000, counts=counts)


def of_rings(held: VersionWindows, points: int) -> Stretches:
    """The coarsest ring in `points` stretches at most, as many neighbouring sub-windows each, the newest last."""
    ring, last = held.windows.levels[held.level], held.windows.closed(held.level)
    together = math.ceil(ring.kept / points)
    ends = [last - together * back for back in reversed(range(ring.kept // together))]
    windows = [held.windows.window(end, together, held.level) for end in ends]
    return Stretches(
        from_unix_ms=tuple(round(1000 * window.from_s) for window in windows),
        length_s=windows[0].to_s - windows[0].from_s,
        counts=np.stack([window.counts for window in windows]),
    )


def history(profile: Profile, stretches: Stretches) -> list[tuple[DriftPoint, ...]]:
    """Points of each monitor; PSI without its bias, 0 where that leaves nothing."""
    if not profile.monitors:
        return []
    ends = np.cumsum([monitor.slots for monitor in profile.monitors])[:-1]
    old, new = (np.split(counts, ends, axis=1) for counts in (_references(profile, stretches), stretches.counts))
    return [_points(*each, stretches.from_unix_ms) for each in zip(profile.monitors, old, new, strict=True)]


def _references(profile: Profile, stretches: Stretches) -> NDArray[np.int64]:
    """Counts (stretches, slots), or (1, slots) where they are the same of all hours."""
    if not profile.hours:
        return profile.counts()[np.newaxis]
    starts = [start / 1000 for start in stretches.from_unix_ms]
    return np.stack([profile.over(start, start + stretches.length_s).counts() for start in starts])


def _points(
    monitor: Monitor, references: NDArray[np.int64], counts: NDArray[np.int64], starts: tuple[int, ...]
) -> tuple[DriftPoint, ...]:
    reference, there = references[:, :-1], counts[:, :-1]
    n, rows, m = there.sum(1), counts.sum(1), reference.sum(1)
    labels = coarsen(monitor.counts[:-1], GROUPS)
    old, new = (np.stack([np.bincount(labels, each) for each in sums]).astype(np.int64) for sums in (reference, there))
    bias = labels[-1] / deviance.effective(np.maximum(1, m).astype(np.float64), n)
    psi = np.where(n >= ROWS_A_GROUP * GROUPS, np.maximum(0, deviance.psi(old, new) - bias), np.nan)
    ks = np.where(n >= KS_ROWS, deviance.ks(reference, there), np.nan)
    missing = np.where(rows > 0, counts[:, -1] / np.maximum(rows, 1), np.nan)
    return tuple(
        DriftPoint(from_unix_ms=start, rows=int(row), psi=float(p), ks=float(k), missing_share=float(share))
        for start, row, p, k, share in zip(starts, rows, psi, ks, missing, strict=True)
    )
