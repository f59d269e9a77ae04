"""Drift of what a version was asked: the ticks of a span added, held against the profile of its training data.

A tick belongs to a span when its start lies in [from, to). Counts that do not fit the profile (another version's, by a
gateway's mistake) are left out and logged.
"""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import Drift, DriftTick, MonitorDrift
from gnomon.stats.profile import Profile

log = logging.getLogger(__name__)

STATISTICS = 3  # tests of each monitor that share alpha: PSI, KS, the share of missing values


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """[from, to) in Unix milliseconds."""

    from_unix_ms: int
    to_unix_ms: int

    def holds(self, tick: DriftTick) -> bool:
        return self.from_unix_ms <= start_unix_ms(tick) < self.to_unix_ms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """What is known of a span: rows, and the counts (slots,) of all monitors."""

    span: Span
    rows: int
    counts: NDArray[np.int64]


def start_unix_ms(tick: DriftTick) -> int:
    return round(tick.tick * tick.tick_s * 1000)


def span_of(ticks: Sequence[DriftTick], from_unix_ms: int, to_unix_ms: int, now_unix_ms: int) -> Span:
    """The span asked for; 0 stands for the first tick that is kept, and for now."""
    first = min((start_unix_ms(tick) for tick in ticks), default=0)
    return Span(from_unix_ms=from_unix_ms or first, to_unix_ms=to_unix_ms or now_unix_ms)


def drift_of(
    model: str,
    version: int,
    reference: Profile,
    found: Counted,
    *,
    alpha: float,
    tolerance: float,
    ks_tolerance: float = 0.1,
) -> Drift:
    """Judges a span. CPU-bound, some milliseconds: for a thread, not for the event loop."""
    # Imported here: it brings scipy, which a registry without drift questions need not load.
    from gnomon.stats.drift import judge

    verdicts = judge(reference, found.counts, alpha=alpha, tolerance=tolerance, ks_tolerance=ks_tolerance)
    return Drift(
        model=model,
        version=version,
        from_unix_ms=found.span.from_unix_ms,
        to_unix_ms=found.span.to_unix_ms,
        rows=found.rows,
        alpha=alpha / (STATISTICS * max(1, len(verdicts))),
        tolerance=tolerance,
        monitors=tuple(MonitorDrift(**dataclasses.asdict(verdict)) for verdict in verdicts),
    )


def fitting(ticks: Sequence[DriftTick], slots: int) -> list[DriftTick]:
    fitting = [tick for tick in ticks if len(tick.counts) == 8 * slots]
    if len(fitting) < len(ticks):
        log.warning("%d drift ticks left out: the profile has %d slots", len(ticks) - len(fitting), slots)
    return fitting


def of_span(ticks: Sequence[DriftTick], span: Span, slots: int) -> Counted:
    """The ticks of a span that fit the profile, added."""
    chosen = fitting([tick for tick in ticks if span.holds(tick)], slots)
    return Counted(span=span, rows=sum(tick.rows for tick in chosen), counts=summed(chosen, slots))


def summed(ticks: Sequence[DriftTick], slots: int) -> NDArray[np.int64]:
    total = np.zeros(slots, np.int64)
    for tick in ticks:
        total += np.frombuffer(tick.counts, "<i8")
    return total
