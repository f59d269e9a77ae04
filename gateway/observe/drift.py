"""Drift counts: each answered row binned against its version's profile, in sub-windows of wall-clock time.

Rows of a slice are counted once more, in fewer bins and longer sub-windows, which are told when they are over.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group
from gateway.observe.parts import Parts
from gateway.observe.ticks import TickKey, Ticks
from gateway.observe.together import Together
from gateway.observe.watched import Watched
from gnomon.evidence import DriftTick
from gnomon.stats.binner import Binner
from gnomon.stats.profile import Profile

log = logging.getLogger(__name__)

TICKS_KEPT = 1_800  # of each version: how far behind a report may be
OPEN_TICKS = 60  # the newest ones wait for late rows
ALWAYS_REPORTED = 3
SLICE_TICKS = 12  # make a sub-window of a slice

Version = tuple[str, int]
ProfileOf = Callable[[str, int], Profile | None]


class Drift(Ticks):
    """Sub-windows of all versions that have a profile, and of their slices. Written by: the observer."""

    def __init__(self, profile_of: ProfileOf, tick_s: float) -> None:
        super().__init__(tick_s, kept=TICKS_KEPT, opened=OPEN_TICKS, always_told=ALWAYS_REPORTED)
        self.sliced = Ticks(
            SLICE_TICKS * tick_s, kept=TICKS_KEPT // SLICE_TICKS, opened=OPEN_TICKS // SLICE_TICKS, always_told=0
        )
        self.together = Together()
        self._profile_of = profile_of
        self._binners: dict[Version, tuple[Binner, Parts | None]] = {}

    def update(self, group: Group) -> None:
        """Counts the rows of answered calls of one version, each in the sub-window it arrived in."""
        for version in np.unique(group.headers["version"]).tolist():
            found = self._binner(group.model, version)
            if found is not None:
                binner, parts = found
                chosen = group.where(group.headers["version"] == version)
                watched = Watched.of(binner.profile, chosen)
                self._count(binner, version, chosen, watched)
                if parts is not None:
                    self._count_parts(parts, version, chosen, watched)

    def _count(self, binner: Binner, version: int, group: Group, watched: Watched) -> None:
        for tick, chosen in _by(self.epochs(group.headers["arrived_unix_ns"])):
            key = TickKey(group.model, version, tick)
            counts = self.open(key, binner.profile.slots, int(chosen.sum()) * watched.rows)
            if counts is not None:
                self.together.add((group.model, version, tick), binner.profile, watched, chosen)
                watched.put(binner, counts, np.repeat(chosen[:, np.newaxis], watched.rows, axis=1))

    def _count_parts(self, parts: Parts, version: int, group: Group, watched: Watched) -> None:
        in_parts = parts.of(watched)
        for tick, chosen in _by(self.sliced.epochs(group.headers["arrived_unix_ns"])):
            for name, rows in in_parts:
                of_tick = rows & chosen[:, np.newaxis]
                if count := int(of_tick.sum()):
                    counts = self.sliced.open(TickKey(group.model, version, tick, name), parts.slots, count)
                    if counts is not None:
                        watched.put(parts.binner, counts, of_tick)

    def _binner(self, model: str, version: int) -> tuple[Binner, Parts | None] | None:
        key = (model, version)
        if key not in self._binners:
            profile = self._profile_of(model, version)
            if profile is None:
                return None
            self._binners[key] = Binner(profile), Parts(profile) if profile.slices else None
        return self._binners[key]

    def profile(self, model: str, version: int) -> Profile | None:
        """That of a version whose rows are counted."""
        found = self._binner(model, version)
        return None if found is None else found[0].profile

    def window(self, version: Version, after_tick: int) -> tuple[int, NDArray[np.int64] | None]:
        """Rows and counts (slots,) of a version's sub-windows after one, added up; None where there are none."""
        ticks = [tick for key, tick in self.ticks.items() if key[:2] == version and key.tick > after_tick]
        if len({len(tick.counts) for tick in ticks}) != 1:  # none, or its profile was another once
            return 0, None
        return sum(tick.rows for tick in ticks), np.sum([tick.counts for tick in ticks], axis=0)

    def told(self, limit_bytes: int, now_unix_s: float) -> tuple[tuple[DriftTick, ...], dict[TickKey, int]]:
        """What a report says of all traffic and of slices, within `limit_bytes` each; and the changes it tells."""
        messages, changes = self.report(limit_bytes)
        of_slices, more = self.sliced.report(limit_bytes, now_unix_s)
        return (*messages, *of_slices), changes | more

    def left_out_unix_ms(self, changes: dict[TickKey, int], now_unix_s: float) -> Iterator[int]:
        """Starts of the sub-windows with news that a report with these `changes` leaves out; of slices, of those that
        are over."""
        yield from self.untold_unix_ms(changes)
        yield from self.sliced.untold_unix_ms(changes, now_unix_s)

    def acknowledged(self, changes: dict[TickKey, int]) -> None:
        super().acknowledged(changes)
        self.sliced.acknowledged(changes)

    def forget(self) -> None:
        super().forget()
        self.sliced.forget()
        self.together.keep((key.model, key.version, key.tick) for key in self.ticks)

    def state(self) -> dict[str, Any]:
        return super().state() | {"together": self.together.state(), "sliced": self.sliced.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state, unless its sub-windows had another length or were kept in another way: those are of no
        use any more."""
        if state.get("tick_s") == self.tick_s and "sliced" in state:
            super().restore(state)
            self.together.restore(state["together"])
            self.sliced.restore(state["sliced"])


def _by(numbers: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """(number, which have it)."""
    for number in np.unique(numbers).tolist():
        yield number, numbers == number
