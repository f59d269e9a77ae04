"""Drift counts: each answered row binned against its version's profile, in sub-windows of wall-clock time."""

import base64
import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.observe.together import Together
from gateway.observe.watched import Watched
from gnomon.evidence import DriftTick
from gnomon.stats.binner import Binner
from gnomon.stats.profile import Profile

log = logging.getLogger(__name__)

TICKS_KEPT = 1_800  # of each version: how far behind a report may be
OPEN_TICKS = 60  # the newest ones wait for late rows
ALWAYS_REPORTED = 3


class TickKey(NamedTuple):
    """One sub-window of one version."""

    model: str
    version: int
    tick: int


@dataclass
class Tick:
    """Counts (slots,) of one sub-window. `change` numbers its last change, `reported` the last acknowledged."""

    rows: int
    counts: NDArray[np.int64]
    change: int = 0
    reported: int = -1
    packed: tuple[int, str] = (-1, "")  # (change, text) of the last `text`

    def text(self) -> str:
        """The counts as a checkpoint keeps them; packed again only after a change."""
        if self.packed[0] != self.change:
            packed = zlib.compress(self.counts.astype("<i8").tobytes(), 1)
            self.packed = (self.change, base64.b64encode(packed).decode())
        return self.packed[1]

    @classmethod
    def of(cls, rows: int, text: str, change: int, reported: int) -> "Tick":
        counts = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8").astype(np.int64)
        return cls(rows, counts, change, reported, (change, text))


Version = tuple[str, int]
ProfileOf = Callable[[str, int], Profile | None]


class Drift:
    """Sub-windows of all versions that have a profile. Written by: the observer."""

    def __init__(self, profile_of: ProfileOf, tick_s: float) -> None:
        self.tick_s = tick_s
        self.ticks: dict[TickKey, Tick] = {}
        self.late = 0  # rows that came after their sub-window was closed
        self.changes = 0
        self.together = Together()
        self._profile_of = profile_of
        self._binners: dict[tuple[str, int], Binner] = {}
        self._closed: dict[tuple[str, int], int] = {}  # the newest sub-window of a version that is closed

    def update(self, group: Group) -> None:
        """Counts the rows of answered calls of one version, each in the sub-window it arrived in."""
        for version in np.unique(group.headers["version"]).tolist():
            binner = self._binner(group.model, version)
            if binner is not None:
                self._count(binner, version, group.where(group.headers["version"] == version))

    def _count(self, binner: Binner, version: int, group: Group) -> None:
        watched = Watched.of(binner.profile, group)
        tick_of = (group.headers["arrived_unix_ns"] // np.uint64(round(self.tick_s * 1e9))).astype(np.int64)
        for tick in np.unique(tick_of).tolist():
            chosen = tick_of == tick
            rows = int(chosen.sum()) * watched.rows
            if tick <= self._closed.get((group.model, version), -1):
                self.late += rows
                continue
            key = TickKey(group.model, version, tick)
            found = self._tick(key, binner.profile.slots)
            found.rows += rows
            self.together.add(key, binner.profile, watched, chosen)
            for monitors, block in watched.blocks:
                binner.count(block[chosen].reshape(-1, block.shape[2]), monitors, found.counts)
            for each in watched.alone:
                binner.count_column(each.column(chosen), each.monitor, found.counts)

    def _tick(self, key: TickKey, slots: int) -> Tick:
        found = self.ticks.get(key)
        if found is None or len(found.counts) != slots:
            found = self.ticks[key] = Tick(0, np.zeros(slots, np.int64))
        self.changes += 1
        found.change = self.changes
        return found

    def _binner(self, model: str, version: int) -> Binner | None:
        key = (model, version)
        if key not in self._binners:
            profile = self._profile_of(model, version)
            if profile is None:
                return None
            self._binners[key] = Binner(profile)
        return self._binners[key]

    def profile(self, model: str, version: int) -> Profile | None:
        """That of a version whose rows are counted."""
        binner = self._binner(model, version)
        return None if binner is None else binner.profile

    def window(self, version: Version, after_tick: int) -> tuple[int, NDArray[np.int64] | None]:
        """Rows and counts (slots,) of a version's sub-windows after one, added up; None where there are none."""
        ticks = [tick for key, tick in self.ticks.items() if key[:2] == version and key.tick > after_tick]
        if len({len(tick.counts) for tick in ticks}) != 1:  # none, or its profile was another once
            return 0, None
        return sum(tick.rows for tick in ticks), np.sum([tick.counts for tick in ticks], axis=0)

    def report(self, limit_bytes: int) -> tuple[tuple[DriftTick, ...], dict[TickKey, int]]:
        """What the registry is to be told, oldest first, and the changes it then knows of.

        What changed since it was last acknowledged, and the newest of each version; no more than fit `limit_bytes`.
        """
        wanted: list[TickKey] = []
        size, newest = 0, self._newest()
        for key in sorted(self.ticks, key=lambda key: key.tick):
            tick = self.ticks[key]
            if tick.change == tick.reported and key.tick <= newest[key[:2]] - ALWAYS_REPORTED:
                continue
            size += tick.counts.nbytes
            if wanted and size > limit_bytes:
                break
            wanted.append(key)
        messages = tuple(self._message(key) for key in wanted)
        return messages, {key: self.ticks[key].change for key in wanted}

    def untold_unix_ms(self, changes: dict[TickKey, int]) -> Iterator[int]:
        """Starts of the sub-windows with news that a report with these `changes` leaves out."""
        for key, tick in self.ticks.items():
            if tick.change != tick.reported and key not in changes:
                yield round(key.tick * self.tick_s * 1000)

    def acknowledged(self, changes: dict[TickKey, int]) -> None:
        for key, change in changes.items():
            if key in self.ticks:
                self.ticks[key].reported = change

    def forget(self) -> None:
        """Closes sub-windows that were reported and have been left behind, and those too far behind to be reported.

        To be called when all journals are read to their ends: one that is read later may be behind in time.
        """
        newest = self._newest()
        for key, tick in list(self.ticks.items()):
            behind = newest[key[:2]] - key.tick
            if behind > TICKS_KEPT or (behind > OPEN_TICKS and tick.change == tick.reported):
                del self.ticks[key]
                version = (key.model, key.version)
                self._closed[version] = max(self._closed.get(version, -1), key.tick)
        self.together.keep(self.ticks)

    def _newest(self) -> dict[tuple[str, int], int]:
        newest: dict[tuple[str, int], int] = {}
        for key in self.ticks:
            newest[key[:2]] = max(newest.get(key[:2], key.tick), key.tick)
        return newest

    def _message(self, key: TickKey) -> DriftTick:
        tick = self.ticks[key]
        counts = tick.counts.astype("<i8").tobytes()
        return DriftTick(**key._asdict(), tick_s=self.tick_s, rows=tick.rows, counts=counts)

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        ticks = [[*key, tick.rows, tick.text(), tick.change, tick.reported] for key, tick in self.ticks.items()]
        closed = [[*key, tick] for key, tick in self._closed.items()]
        counts = {"ticks": ticks, "closed": closed, "together": self.together.state()}
        return {"tick_s": self.tick_s, **counts, "late": self.late, "changes": self.changes}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state, unless its sub-windows had another length: those are of no use any more."""
        if state.get("tick_s") != self.tick_s:
            return
        self.ticks = {TickKey(*key): Tick.of(*kept) for *key, kept in _split(state["ticks"])}
        self._closed = {(model, version): tick for model, version, tick in state["closed"]}
        self.together.restore(state.get("together", []))
        self.late, self.changes = state["late"], state["changes"]


def _split(rows: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (*row[:3], row[3:])
