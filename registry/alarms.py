"""What a look at a version's window means for its alarms. Pure: states in, states and events out."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnomon.drift import DriftEvent, DriftEventKind, DriftPolicy
from gnomon.stats.alarms import STATISTICS, Bar, Budget, State, Tolerance, next_state
from registry.store.drift_alarms import AlarmKey

if TYPE_CHECKING:
    from gnomon.stats.looks import Finding, Rule


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """States that changed, and what is to be told."""

    states: dict[AlarmKey, State]
    events: tuple[DriftEvent, ...]


def rule_of(policy: DriftPolicy, monitors: int, look_s: float) -> "Rule":
    """What each monitor's window is held against: the budget is spent over all monitors, statistics and looks."""
    from gnomon.stats.looks import Rule  # brings scipy, which a registry without traffic need not load

    budget = Budget(false_alarms=policy.false_alarms, per_s=policy.per_s)
    return Rule(
        level=budget.level(STATISTICS * max(1, monitors), look_s),
        tolerance=Tolerance(
            psi=policy.psi_tolerance,
            ks=policy.ks_tolerance,
            missing=policy.missing_tolerance,
            calibration=policy.calibration_tolerance,
        ),
        clear=policy.clear,
        design_effect=max(1.0, policy.design_effect),
        min_rows=policy.min_rows,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A look: of what, at which level, when, and whether every gateway has told all of the window."""

    model: str
    version: int
    slice: str = ""  # empty: all traffic
    level: float
    complete: bool
    now_s: float


def decide(at: At, policy: DriftPolicy, findings: "Sequence[Finding]", states: Mapping[AlarmKey, State]) -> Verdict:
    """After one look at all monitors of a version, or of a slice of its traffic.

    In a window that is not complete, what looks calm may only be unheard: an alarm is raised on what is there, but not
    cleared.
    """
    changed: dict[AlarmKey, State] = {}
    events = []
    for finding in findings:
        key = AlarmKey(at.model, at.version, at.slice, finding.name)
        before = states.get(key, State())
        bar = Bar.UNKNOWN if finding.bar is Bar.BELOW and not at.complete else finding.bar
        after = next_state(
            before, bar, at.now_s, raise_after_s=policy.raise_after_s, clear_after_s=policy.clear_after_s
        )
        if after != before:
            changed[key] = after
        if after.alarmed != before.alarmed:
            told = _told(key, after if after.alarmed else before, at.now_s, raised=after.alarmed)
            events.append(dataclasses.replace(told, level=at.level, **_numbers(finding)))
    return Verdict(states=changed, events=tuple(events))


def forget(keys: Iterable[AlarmKey], states: Mapping[AlarmKey, State], now_s: float) -> Verdict:
    """Alarms of versions that are not watched any more: they end, and say why."""
    gone = {key: State() for key in keys}
    events = [_told(key, states[key], now_s, raised=False) for key in gone if states[key].alarmed]
    return Verdict(
        states=gone,
        events=tuple(
            dataclasses.replace(event, reason=f"version {event.version} is in no route any more") for event in events
        ),
    )


def _told(key: AlarmKey, state: State, now_s: float, *, raised: bool) -> DriftEvent:
    return DriftEvent(
        kind=DriftEventKind.RAISED if raised else DriftEventKind.CLEARED,
        model=key.model,
        version=key.version,
        slice=key.slice,
        monitor=key.monitor,
        at_unix_ms=round(now_s * 1000),
        since_unix_ms=round(state.since_s * 1000),
    )


def _numbers(finding: "Finding") -> dict[str, Any]:
    names = ("rows", "psi", "psi_lower", "ks", "ks_lower", "missing_share", "missing_reference", "p_value", "reason")
    return {name: getattr(finding, name) for name in names}
