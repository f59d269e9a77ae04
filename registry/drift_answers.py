"""Questions about drift: what the store, the files, gateways and the drift loop know of a version, put together."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gnomon.domain import Version
from gnomon.drift import DriftPolicy
from gnomon.errors import InvalidInput, NotFound, Precondition
from gnomon.evidence import CalibrationBin, CalibrationReport, Drift, VersionCalibration
from gnomon.stats.alarms import CALIBRATION, State
from registry.artifacts import Artifacts
from registry.catalog import Catalog
from registry.drift import span_of
from registry.drift_book import Book
from registry.drift_watch import DriftWatch
from registry.outcomes import Outcomes
from registry.stats import Stats
from registry.store.drift_alarms import AlarmKey
from registry.threads import Lane

if TYPE_CHECKING:
    from registry.drift_detail import Told

POINTS_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Of a version (0: the stable one), or a slice of its traffic, in a span (0: what is kept, and now)."""

    model: str
    version: int = 0
    from_unix_ms: int = 0
    to_unix_ms: int = 0
    points: int = 0
    with_counts: bool = False
    monitors: tuple[str, ...] = ()
    slice: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.points <= POINTS_LIMIT:
            raise InvalidInput(f"points {self.points}: 0 to {POINTS_LIMIT} expected")


class DriftAnswers:
    """Answers `GetDrift` and `GetCalibration`."""

    def __init__(
        self,
        catalog: Catalog,
        artifacts: Artifacts,
        stats: Stats,
        outcomes: Outcomes,
        book: Book,
        watch: DriftWatch,
        lanes: tuple[Lane, Lane],
        now_unix_ms: Callable[[], int],
        alpha: float,
    ) -> None:
        """`lanes`: of the store, and of files and arithmetic."""
        self._catalog = catalog
        self._artifacts = artifacts
        self._stats = stats
        self._outcomes = outcomes
        self._book = book
        self.watch = watch
        self._store, self._files = lanes
        self._now_unix_ms = now_unix_ms
        self._alpha = alpha

    async def answer(self, asked: Question) -> Drift:
        """Raises: NotFound: no such model, version or route; Precondition: no profile; as `detailed`."""
        # Imported here: it brings scipy, which a registry without drift questions need not load.
        from registry.drift_detail import Told, detailed

        version, others, policy = await self._store.run(self._look_up, asked)
        told, *beside = [
            Told(
                model=each.model,
                version=each.version,
                profile=await self._files.run(self._whole, each.profile_sha256),
                ticks=self._stats.ticks(each.model, each.version, asked.slice),
                slice=asked.slice,
            )
            for each in (version, *([] if asked.slice else others))
        ]
        span = span_of(told.ticks, asked.from_unix_ms, asked.to_unix_ms, self._now_unix_ms())
        rings = self.watch.windows(version.model, version.version, asked.slice)
        drift = await self._files.run(detailed, asked, policy, told, beside, span, rings, self._alpha)
        states = await self._store.run(self._book.alarms)
        alarmed = {key: state for key, state in states.items() if state.alarmed and key[:2] == told.key}
        since = {key.monitor: round(1000 * state.since_s) for key, state in alarmed.items() if key.slice == asked.slice}
        monitors = [dataclasses.replace(each, since_unix_ms=since.get(each.name, 0)) for each in drift.monitors]
        slices = [
            dataclasses.replace(each, rows=self._rows_of(told, each.name), alarmed=names_of(alarmed, each.name))
            for each in drift.slices
        ]
        outcomes = () if asked.slice else await self._calibrated(version.model, states)
        return dataclasses.replace(
            drift,
            monitors=tuple(monitors),
            slices=tuple(slices),
            silent=rings.silent() if rings else (),
            calibration=tuple(each for each in outcomes if each.version == version.version),
        )

    async def calibration(self, model: str) -> CalibrationReport:
        """Of the newest outcomes of each version. Raises: ModelNotFound."""
        policy = await self._store.run(self._book.get_policy, model)
        versions = await self._calibrated(model, await self._store.run(self._book.alarms))
        return CalibrationReport(model=model, tolerance=policy.calibration_tolerance, versions=versions)

    async def _calibrated(self, model: str, states: Mapping[AlarmKey, State]) -> tuple[VersionCalibration, ...]:
        known = await self._store.run(self._outcomes.reliability, model)
        found = []
        for version, reliability in known.items():
            numbers = dataclasses.asdict(reliability.calibration())
            bins = tuple(CalibrationBin(**each) for each in numbers.pop("bins"))
            state = states.get(AlarmKey(model, version, "", CALIBRATION), State())
            since = round(1000 * state.since_s) if state.alarmed else 0
            last = self.watch.calibration(model, version)
            reason = "" if last is None else last.reason
            found.append(VersionCalibration(version=version, bins=bins, since_unix_ms=since, reason=reason, **numbers))
        return tuple(found)

    def _rows_of(self, told: "Told", of_slice: str) -> int:
        """In the policy's window."""
        rings = self.watch.windows(*told.key, of_slice)
        return rings.latest().rows if rings is not None else 0

    def _look_up(self, asked: Question) -> tuple[Version, list[Version], DriftPolicy]:
        """The version, the other arms of the route where it is the stable one, and the policy."""
        try:
            route = self._catalog.get_route(asked.model)
        except NotFound:
            if asked.version == 0:
                raise
            route = None
        number = route.stable.version if route and asked.version == 0 else asked.version
        version = self._catalog.get_version(asked.model, number)
        if not version.profile_sha256:
            raise Precondition(
                f"version {number} of {asked.model!r} was registered without a profile: nothing to compare with, "
                "before gateways have made one of its first rows (cold_start_rows)"
            )
        is_stable = route is not None and route.stable.version == number
        arms = [arm.version for arm in route.arms if arm.version != number] if route and is_stable else []
        others = [self._catalog.get_version(asked.model, arm) for arm in arms]
        return version, [other for other in others if other.profile_sha256], self._book.get_policy(asked.model)

    def _whole(self, sha256: str) -> bytes:
        return b"".join(self._artifacts.read(sha256))


def names_of(alarmed: Mapping[AlarmKey, State], of_slice: str) -> tuple[str, ...]:
    """Monitors of a slice that have an alarm."""
    return tuple(sorted(key.monitor for key in alarmed if key.slice == of_slice))
