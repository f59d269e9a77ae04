"""Drift over time: a span in stretches, each of them one window of every monitor."""

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
    """Counts (stretches, slots) and the Unix millisecond each begins at."""

    from_unix_ms: tuple[int, ...]
    counts: NDArray[np.int64]


def of_ticks(ticks: Sequence[DriftTick], span: Span, points: int, slots: int) -> Stretches:
    """The ticks of a span in `points` stretches of the same length."""
    length = max(1, span.to_unix_ms - span.from_unix_ms)
    counts = np.zeros((points, slots), np.int64)
    for tick in ticks:
        if span.holds(tick) and len(tick.counts) == 8 * slots:
            counts[(start_unix_ms(tick) - span.from_unix_ms) * points // length] += np.frombuffer(tick.counts, "<i8")
    starts = tuple(span.from_unix_ms + length * number // points for number in range(points))
    return Stretches(from_unix_ms=starts, counts=counts)


def of_rings(held: VersionWindows, points: int) -> Stretches:
    """The coarsest ring in `points` stretches at most, as many neighbouring sub-windows each, the newest last."""
    ring, last = held.windows.levels[held.level], held.windows.closed(held.level)
    together = math.ceil(ring.kept / points)
    ends = [last - together * back for back in reversed(range(ring.kept // together))]
    windows = [held.windows.window(end, together, held.level) for end in ends]
    return Stretches(
        from_unix_ms=tuple(round(1000 * window.from_s) for window in windows),
        counts=np.stack([window.counts for window in windows]),
    )


def history(profile: Profile, stretches: Stretches) -> list[tuple[DriftPoint, ...]]:
    """Points of each monitor; PSI without its bias, 0 where that leaves nothing."""
    ends = np.cumsum([monitor.slots for monitor in profile.monitors])
    columns = np.split(stretches.counts, ends[:-1], axis=1) if profile.monitors else []
    return [
        _points(monitor, counts, stretches.from_unix_ms)
        for monitor, counts in zip(profile.monitors, columns, strict=True)
    ]


def _points(monitor: Monitor, counts: NDArray[np.int64], starts: tuple[int, ...]) -> tuple[DriftPoint, ...]:
    reference, there = monitor.counts[:-1], counts[:, :-1]
    n, rows, m = there.sum(1), counts.sum(1), int(reference.sum())
    labels = coarsen(reference, GROUPS)
    old = np.bincount(labels, reference).astype(np.int64)
    new = np.stack([np.bincount(labels, window) for window in there]).astype(np.int64)
    bias = labels[-1] / deviance.effective(max(1, m), n)
    psi = np.where(n >= ROWS_A_GROUP * GROUPS, np.maximum(0, deviance.psi(old, new) - bias), np.nan)
    ks = np.where(n >= KS_ROWS, deviance.ks(reference, there), np.nan)
    missing = np.where(rows > 0, counts[:, -1] / np.maximum(rows, 1), np.nan)
    return tuple(
        DriftPoint(from_unix_ms=start, rows=int(row), psi=float(p), ks=float(k), missing_share=float(share))
        for start, row, p, k, share in zip(starts, rows, psi, ks, missing, strict=True)
    )
