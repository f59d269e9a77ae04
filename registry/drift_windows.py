"""The rings of one watched version: fed from what gateways told, asked for the window its policy judges.

Owner: the drift loop. The finest ring is of the gateways' own ticks; a window of many of them is kept in minutes or in
hours as well, whichever takes no more than a hundred or so.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import DriftCalls, DriftTick
from gnomon.stats.design import HEAD, PER_MONITOR, design_effects
from gnomon.stats.windows import HOURS, MINUTES, Level, Window, Windows

LATE_TICKS = 60  # the finest ring: how late a tick may come
SOURCES = 4_096  # gateways that come and go within a ring
PARTS = 120  # of a window at most, before a coarser ring is taken

Shards = Mapping[tuple[str, int], DriftTick]


def rings(tick_s: float, window_s: float) -> tuple[Level, ...]:
    """Levels that hold a window of `window_s`, the coarsest of which it is cut from."""
    ticks = _parts(window_s, tick_s)
    if ticks <= PARTS:
        return (Level(length_s=tick_s, kept=max(LATE_TICKS, ticks + 2)),)
    fine = Level(length_s=tick_s, kept=LATE_TICKS)
    for coarse in (MINUTES, HOURS):
        fits = coarse.length_ms % fine.length_ms == 0 and coarse.length_ms > fine.length_ms
        if fits and (coarse is HOURS or _parts(window_s, coarse.length_s) <= PARTS):
            return fine, Level(length_s=coarse.length_s, kept=max(PARTS, _parts(window_s, coarse.length_s)) + 2)
    return fine, Level(length_s=tick_s * _parts(ticks, PARTS), kept=PARTS + 2)  # an odd length: so many ticks together


def _shape(windows: Windows) -> str:
    levels = (f"{level.length_ms} ms × {level.kept}" for level in windows.levels)
    return f"{windows.slots} slots, {', '.join(levels)}"


def _parts(window_s: float, length_s: float) -> int:
    return max(1, math.ceil(window_s / length_s))


class VersionWindows:
    """What is known of one version's traffic, by sub-window."""

    def __init__(self, slots: int, monitors: int, tick_s: float, window_s: float) -> None:
        self.tick_s, self.window_s = tick_s, window_s
        self.windows = Windows(slots, rings(tick_s, window_s), SOURCES)
        self._together = Windows(HEAD + PER_MONITOR * monitors, self.windows.levels, SOURCES)
        self._fed: dict[tuple[str, int], DriftTick] = {}
        self._fed_calls: dict[tuple[str, int], DriftCalls] = {}

    def parts(self) -> dict[str, tuple[str, Windows]]:
        """What is kept over restarts, by name: of which shape, and the rings."""
        held = {"rows": self.windows, "calls": self._together}
        return {what: (_shape(windows), windows) for what, windows in held.items()}

    @property
    def level(self) -> int:
        """The ring the window is cut from."""
        return len(self.windows.levels) - 1

    @property
    def part_s(self) -> float:
        """Length of its sub-windows: a window changes no oftener."""
        return self.windows.levels[self.level].length_s

    @property
    def reach_s(self) -> float:
        """How far back that ring reaches."""
        return self.part_s * self.windows.levels[self.level].kept

    def feed(self, shards: Shards, told_ms: Mapping[str, int], now_s: float) -> None:
        """Takes what is new of (gateway, tick) `shards`, and how far each gateway says it has told."""
        self.windows.advance(now_s)
        for key, tick in shards.items():
            fits = len(tick.counts) == 8 * self.windows.slots and tick.tick_s == self.tick_s
            if fits and self._fed.get(key) is not tick:
                counts = np.frombuffer(tick.counts, "<i8").astype(np.int64)
                self.windows.put(key[0], tick.tick, tick.rows, counts)
        self._fed = dict(shards)
        for gateway in self.windows.sources | told_ms.keys():
            through_s = told_ms.get(gateway, 0) / 1000
            if now_s - through_s > self.window_s:
                self.windows.retire(gateway)
            else:
                self.windows.heard(gateway, self.windows.epoch(through_s) - 1)

    def feed_calls(self, calls: Mapping[tuple[str, int], DriftCalls], now_s: float) -> None:
        """Takes what is new of how alike the rows of calls are, by (gateway, tick)."""
        self._together.advance(now_s)
        for key, told in calls.items():
            fits = len(told.sums) == 8 * self._together.slots and told.tick_s == self.tick_s
            if fits and self._fed_calls.get(key) is not told:
                sums = np.frombuffer(told.sums, "<i8").astype(np.int64)
                self._together.put(key[0], told.tick, int(sums[0]), sums)
        self._fed_calls = dict(calls)
        for gateway in self._together.sources - self.windows.sources:
            self._together.retire(gateway)

    def design_effects(self, window: Window) -> NDArray[np.float64]:
        """Of each monitor, from the calls of many rows in the sub-windows of a window."""
        last = self.windows.epoch(window.to_s, self.level) - 1
        sums = self._together.window(last, _parts(self.window_s, self.part_s), self.level).counts
        return design_effects(sums, max(window.rows, int(sums[1])))

    def latest(self) -> Window:
        """The policy's window: the newest sub-windows whose time is over."""
        return self.windows.window(self.windows.closed(self.level), _parts(self.window_s, self.part_s), self.level)

    def silent(self) -> tuple[str, ...]:
        """Gateways that have not told all of that window."""
        return self.windows.sub_window(self.windows.closed(self.level), self.level).silent
