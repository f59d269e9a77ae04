"""The drift loop: observe, decide, apply. One look at a time, callable from a test with the loop off.

Owner: the event loop. Where alarms stand is in the store; here are the rings of sub-windows, and what changed of them
goes into the store with each look. After a restart they go on from there: what was told since, gateways tell again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gnomon.drift import DriftEvent, DriftEventKind
from gnomon.stats.alarms import State
from gnomon.stats.profile import Profile
from registry.alarms import At, Verdict, decide, forget, rule_of
from registry.artifacts import Artifacts
from registry.drift_book import Book, Watched
from registry.drift_windows import VersionWindows
from registry.events import Events
from registry.outcomes import Outcomes
from registry.stats import Stats
from registry.store.drift_alarms import AlarmKey
from registry.store.drift_rings import Change, RingKey
from registry.threads import Lane

if TYPE_CHECKING:
    from gnomon.stats.looks import Finding, Rule

log = logging.getLogger(__name__)

Key = tuple[str, int]  # model, version


@dataclass(slots=True)
class Seen:
    """A version's profile and rings, and what the last look at it found; and the same of its slices."""

    profile: Profile
    windows: VersionWindows
    findings: "list[Finding]"
    slices: dict[str, "Seen"] = field(default_factory=dict)


class DriftWatch:
    """Judges every watched version's window at each look."""

    def __init__(
        self,
        book: Book,
        artifacts: Artifacts,
        stats: Stats,
        outcomes: Outcomes,
        events: Events,
        lanes: tuple[Lane, Lane],
        now_unix_s: Callable[[], float],
        interval_s: float,
    ) -> None:
        """`lanes`: of the store, and of files and arithmetic."""
        self._book = book
        self._artifacts = artifacts
        self._stats = stats
        self._outcomes = outcomes
        self._events = events
        self._store, self._files = lanes
        self._now_unix_s = now_unix_s
        self._interval_s = interval_s
        self.standing: dict[tuple[str, int, str], int] = {}  # alarms by version and slice, as of the last look
        self._seen: dict[Key, Seen] = {}
        self._calibration: dict[Key, Finding] = {}
        self._broken: set[str] = set()  # profiles that cannot be read: said once

    async def run(self) -> None:
        """Looks until it is cancelled; a look that fails is logged and the next one comes."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("a look at drift failed")
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """One look at every version that takes traffic."""
        watched, states = await self._store.run(self._book.watched)
        keys = {(each.model, each.version) for each in watched}
        self._seen = {key: seen for key, seen in self._seen.items() if key in keys}
        self._calibration = {key: found for key, found in self._calibration.items() if key in keys}
        now_s = self._now_unix_s()
        gone = [key for key in states if key[:2] not in keys]
        verdicts = [forget(gone, states, now_s)]
        for each in watched:
            if each.policy.muted:
                continue
            for judge in (self._judged, self._calibrated):
                try:
                    verdicts += await judge(each, states, now_s)
                except Exception:  # of one version: the others are looked at all the same
                    log.exception("drift of %s version %d could not be judged", each.model, each.version)
        for verdict in verdicts:
            await self._apply(verdict)
            states |= verdict.states
        self.standing = self._counted(states)
        await self._keep(keys)

    def windows(self, model: str, version: int, of_slice: str = "") -> VersionWindows | None:
        """The rings of a version, or of a slice of its traffic, that is watched and was heard of."""
        seen = self._seen.get((model, version))
        if seen is not None and of_slice:
            seen = seen.slices.get(of_slice)
        return None if seen is None else seen.windows

    def findings(self, model: str, version: int) -> "list[Finding]":
        """Of the last look."""
        seen = self._seen.get((model, version))
        return [] if seen is None else seen.findings

    def calibration(self, model: str, version: int) -> "Finding | None":
        """Of the last look, where outcomes of a watched version are known."""
        return self._calibration.get((model, version))

    async def _observe(self, each: Watched, now_s: float) -> bool:
        """Feeds a version's rings; False where nothing was ever told of it, or its profile cannot be read."""
        key = (each.model, each.version)
        shards = self._stats.shards(*key) if each.profile_sha256 else {}
        if not shards:
            return key in self._seen
        tick_s = max(shards.values(), key=lambda tick: tick.tick).tick_s
        seen = self._seen.get(key)
        if seen is None or (seen.windows.tick_s, seen.windows.window_s) != (tick_s, each.policy.window_s):
            profile = seen.profile if seen else await self._profile(each)
            if profile is None:
                return False
            self._seen[key] = seen = Seen(profile, await self._windows(each, profile, tick_s), [])
        await self._files.run(seen.windows.feed, shards, self._stats.told(), now_s)
        await self._files.run(seen.windows.feed_calls, self._stats.calls(*key), now_s)
        for part in seen.profile.slices:
            await self._observe_slice(each, seen, part.name, now_s)
        return True

    async def _observe_slice(self, each: Watched, whole: Seen, name: str, now_s: float) -> None:
        shards = self._stats.shards(each.model, each.version, name)
        if not shards:
            return
        seen, tick_s = whole.slices.get(name), max(shards.values(), key=lambda tick: tick.tick).tick_s
        if seen is None or seen.windows.tick_s != tick_s:
            profile = await self._files.run(whole.profile.of_slice, name)
            whole.slices[name] = seen = Seen(profile, await self._windows(each, profile, tick_s, name), [])
        await self._files.run(seen.windows.feed, shards, self._stats.told(), now_s)

    async def _windows(self, each: Watched, profile: Profile, tick_s: float, of_slice: str = "") -> VersionWindows:
        """Rings with what is kept of such ones."""
        made = VersionWindows(profile.slots, len(profile.monitors), tick_s, each.policy.window_s)
        for what, (shape, rings) in made.parts().items():
            kept = await self._store.run(self._book.rings, RingKey(each.model, each.version, of_slice, what), shape)
            if kept is not None:
                rings.restore(kept)
        return made

    def _counted(self, states: Mapping[AlarmKey, State]) -> dict[tuple[str, int, str], int]:
        """Alarms that stand, also where there are none."""
        heard = [(*key, name) for key, whole in self._seen.items() for name in ("", *whole.slices)]
        heard += [(*key, "") for key in self._calibration]
        counted = Counter(key[:3] for key, state in states.items() if state.alarmed)
        return dict.fromkeys(heard, 0) | dict(counted)

    async def _keep(self, keys: set[Key]) -> None:
        """Puts what changed of all rings into the store."""
        held = [
            (RingKey(*key, of_slice, what), shape, rings)
            for key, whole in self._seen.items()
            for of_slice, seen in {"": whole, **whole.slices}.items()
            for what, (shape, rings) in seen.windows.parts().items()
        ]
        changes = [Change(key, shape, rings.changes(), rings.oldest()) for key, shape, rings in held]
        await self._store.run(self._book.keep_rings, changes, keys)
        for _, _, rings in held:
            rings.unchanged()

    async def _profile(self, each: Watched) -> Profile | None:
        if each.profile_sha256 in self._broken:
            return None
        try:
            return await self._files.run(
                lambda: Profile.from_bytes(b"".join(self._artifacts.read(each.profile_sha256)))
            )
        except ValueError as error:
            self._broken.add(each.profile_sha256)
            log.error("profile of %s version %d: %s; its drift is not watched", each.model, each.version, error)
            return None

    async def _judged(self, each: Watched, states: Mapping[AlarmKey, State], now_s: float) -> list[Verdict]:
        return await self._decided(each, states, now_s) if await self._observe(each, now_s) else []

    async def _decided(self, each: Watched, states: Mapping[AlarmKey, State], now_s: float) -> list[Verdict]:
        """Of all traffic, and of each slice: how alike the rows of a call are is that of all."""
        from gnomon.stats.looks import look  # brings scipy, which a registry without traffic need not load

        whole = self._seen[each.model, each.version]
        window = await self._files.run(whole.windows.latest)
        rule = self._rule(each)
        effects = None if each.policy.design_effect else whole.windows.design_effects(window)
        verdicts = []
        for name, seen in {"": whole, **whole.slices}.items():
            window = await self._files.run(seen.windows.latest)
            reference = await self._files.run(seen.profile.over, window.from_s, window.to_s)
            seen.findings = await self._files.run(look, reference, window.counts, rule, effects)
            at = At(
                model=each.model, version=each.version, slice=name, level=rule.level, complete=not window.gaps,
                now_s=now_s,
            )  # fmt: skip
            verdicts.append(decide(at, each.policy, seen.findings, states))
        return verdicts

    def _rule(self, each: Watched) -> "Rule":
        """One budget over all monitors, of all traffic and of each slice, and over what became of predictions."""
        seen, monitors, part_s = self._seen.get((each.model, each.version)), 1, 0.0
        if seen is not None:
            monitors += len(seen.profile.monitors) * (1 + len(seen.profile.slices))
            part_s = seen.windows.part_s
        return rule_of(each.policy, monitors, max(self._interval_s, part_s))

    async def _calibrated(self, each: Watched, states: Mapping[AlarmKey, State], now_s: float) -> list[Verdict]:
        """Whether the scores of a version come true, as far as outcomes are known."""
        known = await self._store.run(self._outcomes.reliability, each.model)
        if each.version not in known:
            self._calibration.pop((each.model, each.version), None)
            return []
        from gnomon.stats.calibration_look import look_at  # brings scipy

        rule = self._rule(each)
        finding = self._calibration[each.model, each.version] = look_at(known[each.version], rule)
        at = At(model=each.model, version=each.version, level=rule.level, complete=True, now_s=now_s)
        return [decide(at, each.policy, [finding], states)]

    async def _apply(self, verdict: Verdict) -> None:
        if verdict.states:
            events = await self._store.run(self._book.apply, verdict)
            for event in events:
                log.warning("%s", describe(event))
            self._events.publish(events)


def describe(event: DriftEvent) -> str:
    """For the log: what is raised or cleared, and why."""
    what = "raised" if event.kind is DriftEventKind.RAISED else "cleared"
    where = f" in {event.slice}" if event.slice else ""
    return f"drift alarm {what}: {event.model} version {event.version}, {event.monitor}{where}: {event.reason}"
