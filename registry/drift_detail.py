"""What more is told of a judged span: evidence, history, counts, and other arms beside the stable one. CPU-bound."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.drift import DriftPolicy
from gnomon.errors import ArtifactCorrupt, InvalidInput
from gnomon.evidence import ArmDrift, Drift, DriftPoint, DriftTick, SliceDrift
from gnomon.stats.alarms import by
from gnomon.stats.between import ks_between, psi_between
from gnomon.stats.looks import Rule, look
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.samples import NotEnoughSamples
from registry.drift import Counted, Span, drift_of, of_span
from registry.drift_answers import Question
from registry.drift_history import history, of_rings, of_ticks
from registry.drift_windows import VersionWindows

LISTED_SHARE = 0.05
OTHERS, NEW = "(others)", "(new)"  # slots of names: rarer ones of the reference, and those it does not have

Filled = tuple[Monitor, NDArray[np.int64]]  # slots


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is known of one version, or of a slice of its traffic: its profile, which is parsed once, and its ticks."""

    model: str
    version: int
    profile: bytes
    ticks: tuple[DriftTick, ...]
    slice: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.model, self.version

    def counted(self, span: Span) -> Counted:
        """The ticks of a span. Raises: as `read`."""
        return of_span(self.ticks, span, self.whole.slots)

    def filled(self, found: Counted) -> list[Filled]:
        """Each monitor with its counts. Raises: as `read`."""
        profile = self.read(found.span)
        return list(zip(profile.monitors, profile.split(found.counts), strict=True))

    def read(self, span: Span) -> Profile:
        """The reference, of the span's hours if it can be. Raises: ArtifactCorrupt, InvalidInput: no such slice."""
        return self.whole.over(span.from_unix_ms / 1000, span.to_unix_ms / 1000)

    @functools.cached_property
    def whole(self) -> Profile:
        """The reference of all hours. Raises: as `read`."""
        if not self.slice:
            return self._stored
        try:
            return self._stored.of_slice(self.slice)
        except KeyError:
            there = ", ".join(each.name for each in self._stored.slices) or "none"
            raise InvalidInput(f"slice {self.slice!r} of version {self.version}: it has {there}") from None

    def slices(self) -> tuple[SliceDrift, ...]:
        """Those that the version has: their rows and alarms are not known here."""
        return tuple(SliceDrift(name=each.name, rows=0, reference_rows=each.rows) for each in self._stored.slices)

    def reference(self) -> str:
        return self._stored.reference

    @functools.cached_property
    def _stored(self) -> Profile:
        try:
            return Profile.from_bytes(self.profile)
        except ValueError as error:
            raise ArtifactCorrupt(f"profile of version {self.version}: {error}") from None


def detailed(
    asked: Question,
    policy: DriftPolicy,
    told: Told,
    others: Sequence[Told],
    span: Span,
    rings: VersionWindows | None,
    alpha: float,
) -> Drift:
    """The span judged by the model's policy, with all that was asked for. `rings` reach further back than ticks.

    Raises: ArtifactCorrupt, InvalidInput: a monitor the version does not have.
    """
    found = _newest(asked, told.counted(span), rings)
    profile, filled = told.read(found.span), told.filled(found)
    drift = drift_of(
        asked.model, told.version, profile, found,
        alpha=alpha, tolerance=policy.psi_tolerance, ks_tolerance=policy.ks_tolerance,
    )  # fmt: skip
    chosen = _chosen(asked, [monitor.name for monitor in profile.monitors])
    effects = rings.design_effects(rings.latest()) if rings is not None and not policy.design_effect else None
    evidence = _evidence(profile, filled, policy, drift.alpha, effects)
    more = zip(evidence, _history(asked, told, span, rings), strict=True)
    monitors = [
        dataclasses.replace(each, **evidence, history=points, **(_drawn(*counts) if asked.with_counts else {}))
        for each, counts, (evidence, points) in zip(drift.monitors, filled, more, strict=True)
        if each.name in chosen
    ]
    ours = told.filled(told.counted(span)) if others else []
    arms = [arm for other in others for arm in beside(other, told.version, ours, span)]
    return dataclasses.replace(
        drift, monitors=tuple(monitors), arms=tuple(arms), ks_tolerance=policy.ks_tolerance, slice=asked.slice,
        slices=told.slices(), reference=told.reference(),
    )  # fmt: skip


def _newest(asked: Question, of_ticks: Counted, rings: VersionWindows | None) -> Counted:
    """Where no span is asked for: the window that alarms go by, if that reaches further back, as after a restart."""
    if rings is None or asked.from_unix_ms or asked.to_unix_ms:
        return of_ticks
    window = rings.latest()
    from_ms, to_ms = round(1000 * window.from_s), round(1000 * window.to_s)
    if window.rows <= of_ticks.rows or (of_ticks.rows and from_ms >= of_ticks.span.from_unix_ms):
        return of_ticks
    return Counted(span=Span(from_unix_ms=from_ms, to_unix_ms=to_ms), rows=window.rows, counts=window.counts)


def beside(other: Told, stable: int, counted: Sequence[Filled], span: Span) -> list[ArmDrift]:
    """The monitors that another arm has by the same name as the stable one, side by side; of a shadow, its scores."""
    theirs = {monitor.name: (monitor, window) for monitor, window in other.filled(other.counted(span)) if window.any()}
    return [
        _arm(other.version, stable, theirs[monitor.name], (monitor, window))
        for monitor, window in counted
        if monitor.name in theirs
    ]


def _arm(version: int, against: int, ours: Filled, theirs: Filled) -> ArmDrift:
    rows, rows_against = int(ours[1].sum()), int(theirs[1].sum())
    arm = ArmDrift(name=ours[0].name, version=version, against=against, rows=rows, rows_against=rows_against)
    if "categorical" in (ours[0].kind, theirs[0].kind):  # names have no order, and their slots no edges
        return arm
    try:
        ks, psi = ks_between(*ours, *theirs), psi_between(*ours, *theirs)
    except NotEnoughSamples:
        return arm
    value = math.nan if psi is None else psi.value
    return dataclasses.replace(arm, ks_lo=ks.lo, ks_hi=ks.hi, ks_p_value=ks.p_value, psi=value)


def _chosen(asked: Question, names: Sequence[str]) -> set[str]:
    unknown = sorted(set(asked.monitors) - set(names))
    if unknown:
        raise InvalidInput(f"monitor {unknown[0]!r} of {asked.model!r}: one of {', '.join(names)} expected")
    return set(asked.monitors or names)


def _evidence(
    profile: Profile,
    counted: Sequence[Filled],
    policy: DriftPolicy,
    level: float,
    effects: NDArray[np.float64] | None,
) -> list[dict[str, Any]]:
    counts = np.concatenate([np.zeros(0, np.int64), *(window for _, window in counted)])
    rule = Rule(level=level, design_effect=max(1.0, policy.design_effect), min_rows=policy.min_rows)
    p_values = np.array([finding.p_value for finding in look(profile, counts, rule, effects)])
    listed = by(p_values, LISTED_SHARE)
    return [{"p_value": float(p), "listed": bool(is_listed)} for p, is_listed in zip(p_values, listed, strict=True)]


def _history(asked: Question, told: Told, span: Span, rings: VersionWindows | None) -> list[tuple[DriftPoint, ...]]:
    profile = told.whole
    if not asked.points:
        return [() for _ in profile.monitors]
    farther = rings is not None and 1000 * rings.reach_s > span.to_unix_ms - span.from_unix_ms
    if rings is not None and farther and asked.from_unix_ms == 0:
        return history(profile, of_rings(rings, asked.points))
    return history(profile, of_ticks(told.ticks, span, asked.points, profile.slots))


def _drawn(monitor: Monitor, window: NDArray[np.int64]) -> dict[str, Any]:
    arrays: dict[str, NDArray[Any]] = {"edges": monitor.edges, "reference": monitor.counts, "window": window}
    labels = (*map(str, monitor.categories.values), OTHERS, NEW) if monitor.categories is not None else ()
    return {name: tuple(array.tolist()) for name, array in arrays.items()} | {"labels": labels}
