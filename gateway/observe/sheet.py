"""Drift of what this gateway was asked lately, judged and written down as the lines that a scrape shows.

The window of a version are its open sub-windows: five minutes, where a sub-window is five seconds. Judging takes the
observer some tens of milliseconds a version, so it is done one version after the other, in a tenth of the time at
most; the sheet says when each was judged. What the registry makes of all gateways together, and of longer spans, is
another answer.
"""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.metrics import METRICS
from gateway.observe.drift import OPEN_TICKS, Drift, Version
from gnomon.exposition import Family, render, sample

if TYPE_CHECKING:
    from gnomon.stats.drift import MonitorVerdict

log = logging.getLogger(__name__)

SHARE: Final = 10  # a look that takes t is followed by one after 10 t at the earliest
OF_MONITORS: Final = {
    "gnomon_drift_psi": "psi",
    "gnomon_drift_psi_lower": "psi_lower",
    "gnomon_drift_ks": "ks_lo",
    "gnomon_drift_missing_ratio": "missing_share",
}
OF_VERSIONS: Final = (
    "gnomon_drift_rows",
    "gnomon_drift_alarmed_features",
    "gnomon_drift_judged_timestamp_seconds",
)

Stamp = tuple[int, int]  # the last change, and the oldest sub-window: what makes another judgement


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines of one version, by metric, and how many were left out."""

    stamp: Stamp
    lines: dict[str, list[str]]
    dropped: int


class Sheet:
    """Written by: the observer. `versions` and `features` of each are shown, those with most rows and most drift."""

    def __init__(self, drift: Drift, path: Path, *, versions: int, features: int) -> None:
        self._drift, self._path, self._versions, self._features = drift, path, versions, features
        self._judged: dict[Version, Judged] = {}
        self._queue: list[tuple[Version, Stamp]] = []
        self._unnamed = 0  # versions with rows that are not shown
        self._again_s = self._round_s = 0.0
        self._path.unlink(missing_ok=True)

    @property
    def dropped(self) -> int:
        """Series that are left out."""
        unnamed = self._unnamed * len(OF_VERSIONS)
        return unnamed + sum(judged.dropped for judged in self._judged.values())

    def look(self, now_unix_s: float, now_s: float) -> bool:
        """Judges the next version whose window has changed, when there is time. Whether it did anything.

        `now_s` is of a clock that `done` is told too.
        """
        if now_s < self._again_s:
            return False
        first = int(now_unix_s // self._drift.tick_s) - OPEN_TICKS
        if not self._queue and not self._line_up(first, now_s):
            return False
        if self._queue:
            self._judge(*self._queue.pop(0), first, now_unix_s)
        if not self._queue:
            self._write()
        return True

    def done(self, began_s: float, now_s: float) -> None:
        """What the look took is waited for, several times over."""
        self._again_s = now_s + SHARE * (now_s - began_s)

    def _line_up(self, first: int, now_s: float) -> bool:
        """Finds the versions to be judged, once a sub-window. Whether anything is to be written."""
        if now_s < self._round_s:
            return False
        self._round_s = now_s + self._drift.tick_s
        rows: Counter[Version] = Counter()
        stamps: dict[Version, Stamp] = {}
        for key, tick in self._drift.ticks.items():
            if key.tick > first:
                version = (key.model, key.version)
                change, oldest = stamps.get(version, (0, key.tick))
                stamps[version] = (max(change, tick.change), min(oldest, key.tick))
                rows[version] += tick.rows
        chosen = [version for version, _ in rows.most_common(self._versions)]
        self._unnamed = len(rows) - len(chosen)
        gone = self._judged.keys() - chosen
        for version in gone:
            del self._judged[version]
        stamped = {version: judged.stamp for version, judged in self._judged.items()}
        self._queue = [(version, stamps[version]) for version in chosen if stamps[version] != stamped.get(version)]
        return bool(self._queue or gone)

    def _judge(self, version: Version, stamp: Stamp, first: int, now_unix_s: float) -> None:
        # Imported here: it brings scipy, and a start does not wait for it.
        from gnomon.stats.drift import judge

        profile, (rows, counts) = self._drift.profile(*version), self._drift.window(version, first)
        if profile is None or counts is None or counts.shape != (profile.slots,):
            self._judged.pop(version, None)
            return
        self._judged[version] = lines_of(version, stamp, rows, judge(profile, counts), self._features, now_unix_s)

    def _write(self) -> None:
        families = [
            Family(name, METRICS[name], [line for judged in self._judged.values() for line in judged.lines[name]])
            for name in (*OF_MONITORS, *OF_VERSIONS)
        ]
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(render(families))
            os.replace(temporary, self._path)
        except OSError as error:  # a full disk: the next one says more
            log.error("%s: %s", self._path, error)


def lines_of(
    version: Version, stamp: Stamp, rows: int, verdicts: Sequence["MonitorVerdict"], features: int, now_unix_s: float
) -> Judged:
    """What is shown of a version: its most drifted features. What too few values speak for is left out. Pure."""
    labels = {"model": version[0], "version": str(version[1])}
    ranked = sorted(verdicts, key=lambda verdict: (verdict.alarmed, _known(verdict.psi_lower), _known(verdict.psi)))
    texts = [(verdict, sample("", {**labels, "feature": verdict.name})) for verdict in ranked[-features:]]
    lines = {
        name: [f"{name}{text} {value:.6g}" for verdict, text in texts if (value := getattr(verdict, field)) == value]
        for name, field in OF_MONITORS.items()
    }
    alarmed = sum(verdict.alarmed for verdict in verdicts)
    for name, value in zip(OF_VERSIONS, (rows, alarmed, int(now_unix_s)), strict=True):
        lines[name] = [f"{sample(name, labels)} {value}"]
    return Judged(stamp, lines, len(OF_MONITORS) * max(0, len(verdicts) - features))


def _known(value: float) -> float:
    """NaN is no drift."""
    return value if value == value else 0.0
