"""Sub-windows of wall-clock time: counts that are told until they are acknowledged, and closed when left behind."""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import DriftTick


class TickKey(NamedTuple):
    """One sub-window of one version, or of a slice of its traffic."""

    model: str
    version: int
    tick: int
    slice: str = ""  # COLUMN=VALUE; empty: all

    @property
    def owner(self) -> "Owner":
        return self.model, self.version, self.slice


Owner = tuple[str, int, str]


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


class Ticks:
    """Sub-windows of one length. Written by: the observer."""

    def __init__(self, tick_s: float, *, kept: int, opened: int, always_told: int) -> None:
        """Of each owner `kept` at most are held for a report; the newest `opened` wait for late rows; and the newest
        `always_told` are told with every report."""
        self.tick_s = tick_s
        self.ticks: dict[TickKey, Tick] = {}
        self.late = 0  # rows that came after their sub-window was closed
        self.changes = 0
        self._kept, self._opened, self._always_told = kept, opened, always_told
        self._closed: dict[Owner, int] = {}  # the newest sub-window of an owner that is closed

    def epochs(self, unix_ns: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The sub-windows that instants lie in."""
        return (unix_ns // np.uint64(round(self.tick_s * 1e9))).astype(np.int64)

    def open(self, key: TickKey, slots: int, rows: int) -> NDArray[np.int64] | None:
        """Where `rows` more of a sub-window are to be counted; None: it is closed, and they are late."""
        if key.tick <= self._closed.get(key.owner, -1):
            self.late += rows
            return None
        found = self._tick(key, slots)
        found.rows += rows
        return found.counts

    def _tick(self, key: TickKey, slots: int) -> Tick:
        found = self.ticks.get(key)
        if found is None or len(found.counts) != slots:
            found = self.ticks[key] = Tick(0, np.zeros(slots, np.int64))
        self.changes += 1
        found.change = self.changes
        return found

    def report(self, limit_bytes: int, over_unix_s: float | None = None) -> tuple[list[DriftTick], dict[TickKey, int]]:
        """What the registry is to be told, oldest first, and the changes it then knows of.

        What changed since it was last acknowledged, and the newest of each owner; no more than fit `limit_bytes`, and
        only what was over by `over_unix_s`.
        """
        wanted: list[TickKey] = []
        size, newest = 0, self._newest()
        for key in sorted(self.ticks, key=lambda key: key.tick):
            tick = self.ticks[key]
            if tick.change == tick.reported and key.tick <= newest[key.owner] - self._always_told:
                continue
            if not self._is_over(key, over_unix_s):
                continue
            size += tick.counts.nbytes
            if wanted and size > limit_bytes:
                break
            wanted.append(key)
        return [self._message(key) for key in wanted], {key: self.ticks[key].change for key in wanted}

    def untold_unix_ms(self, changes: dict[TickKey, int], over_unix_s: float | None = None) -> Iterator[int]:
        """Starts of the sub-windows with news that a report with these `changes` leaves out."""
        for key, tick in self.ticks.items():
            if tick.change != tick.reported and key not in changes and self._is_over(key, over_unix_s):
                yield round(key.tick * self.tick_s * 1000)

    def _is_over(self, key: TickKey, unix_s: float | None) -> bool:
        return unix_s is None or (key.tick + 1) * self.tick_s <= unix_s

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
            behind = newest[key.owner] - key.tick
            if behind > self._kept or (behind > self._opened and tick.change == tick.reported):
                del self.ticks[key]
                self._closed[key.owner] = max(self._closed.get(key.owner, -1), key.tick)

    def _newest(self) -> dict[Owner, int]:
        newest: dict[Owner, int] = {}
        for key in self.ticks:
            newest[key.owner] = max(newest.get(key.owner, key.tick), key.tick)
        return newest

    def _message(self, key: TickKey) -> DriftTick:
        tick = self.ticks[key]
        counts = tick.counts.astype("<i8").tobytes()
        return DriftTick(**key._asdict(), tick_s=self.tick_s, rows=tick.rows, counts=counts)

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        ticks = [[*key, tick.rows, tick.text(), tick.change, tick.reported] for key, tick in self.ticks.items()]
        closed = [[*owner, tick] for owner, tick in self._closed.items()]
        return {"tick_s": self.tick_s, "ticks": ticks, "closed": closed, "late": self.late, "changes": self.changes}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state, unless its sub-windows had another length: those are of no use any more."""
        if state.get("tick_s") != self.tick_s:
            return
        self.ticks = {TickKey(*row[:4]): Tick.of(*row[4:]) for row in state["ticks"]}
        self._closed = {(model, version, part): tick for model, version, part, tick in state["closed"]}
        self.late, self.changes = state["late"], state["changes"]
