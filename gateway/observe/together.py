"""How alike the rows of one call are: sums over calls of many rows, by sub-window, for drift's design effect.

Rows of one call are one caller's. What their likeness does to a count is told by the variance between calls of Y, how
many of a call's r rows are above the reference's median (of names: have its commonest). Kept are
`gnomon.stats.design.call_sums`: whole numbers, added over workers and sub-windows as the counts are. Calls of one row
have no likeness to tell and are passed over.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.observe.watched import Alone, Watched
from gnomon.evidence import DriftCalls
from gnomon.stats.design import call_sums
from gnomon.stats.profile import Monitor, Profile

Key = tuple[str, int, int]  # model, version, tick


class Together:
    """Sums of the sub-windows in which calls had many rows. Written by: the observer."""

    def __init__(self) -> None:
        self.sums: dict[Key, NDArray[np.int64]] = {}
        self._medians: dict[tuple[str, int], NDArray[np.float32]] = {}

    def add(self, key: Key, profile: Profile, watched: Watched, chosen: NDArray[np.bool_]) -> None:
        """Counts the `chosen` (calls,) of a version in one sub-window."""
        rows = watched.rows
        if rows < 2:
            return
        medians = self._medians_of(key[:2], profile)
        above = np.zeros((int(chosen.sum()), len(profile.monitors)), np.int64)
        for monitors, block in watched.blocks:
            above[:, monitors] = (block[chosen] >= medians[monitors]).sum(axis=1)
        for each in watched.alone:
            above[:, each.monitor] = _upper(profile.monitors[each.monitor], each)[chosen].sum(axis=1)
        added = call_sums(above, np.full(len(above), rows, np.int64))
        self.sums[key] = self.sums.get(key, 0) + added

    def messages(self, keys: Iterable[Key], tick_s: float) -> tuple[DriftCalls, ...]:
        """What is to be told with these sub-windows."""
        return tuple(
            DriftCalls(model=model, version=version, tick=tick, tick_s=tick_s, sums=self._bytes((model, version, tick)))
            for model, version, tick in keys
            if (model, version, tick) in self.sums
        )

    def keep(self, keys: Iterable[Key]) -> None:
        """Forgets all others."""
        kept = set(keys)
        self.sums = {key: sums for key, sums in self.sums.items() if key in kept}

    def state(self) -> list[list[Any]]:
        """As JSON takes it."""
        return [[*key, base64.b64encode(self._bytes(key)).decode()] for key in self.sums]

    def restore(self, state: Iterable[Sequence[Any]]) -> None:
        self.sums = {
            (model, version, tick): np.frombuffer(base64.b64decode(text), "<i8").astype(np.int64)
            for model, version, tick, text in state
        }

    def _bytes(self, key: Key) -> bytes:
        return self.sums[key].astype("<i8").tobytes()

    def _medians_of(self, version: tuple[str, int], profile: Profile) -> NDArray[np.float32]:
        found = self._medians.get(version)
        if found is None or len(found) != len(profile.monitors):
            found = self._medians[version] = np.array([_median(monitor) for monitor in profile.monitors], np.float32)
        return found


def _median(monitor: Monitor) -> float:
    """The edge nearest to the middle of the reference; infinite where there is none."""
    reached = np.cumsum(monitor.counts[: len(monitor.edges)])
    if not len(reached):
        return np.inf
    return float(monitor.edges[int(np.abs(reached - monitor.counts[:-1].sum() / 2).argmin())])


def _upper(monitor: Monitor, each: Alone) -> NDArray[np.bool_]:
    """Which values are above the reference's median; of names, which are its commonest."""
    if monitor.categories is None:
        return np.asarray(each.values >= _median(monitor))
    commonest = monitor.categories.values[0] if monitor.categories.values else None
    if each.labels is not None:
        return np.asarray(each.values == (each.labels.index(commonest) if commonest in each.labels else -2))
    return np.asarray(each.values == (commonest if isinstance(commonest, int | float) else np.nan))
