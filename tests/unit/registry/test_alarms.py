"""A look's findings against where alarms stand: which change, and what is told."""

import dataclasses
from typing import Any

import pytest

from gnomon.drift import DriftEventKind, DriftPolicy
from gnomon.stats.alarms import Bar, State
from gnomon.stats.looks import Finding
from registry.alarms import At, decide, forget, rule_of
from registry.store.drift_alarms import AlarmKey

POLICY = DriftPolicy(model="m", raise_after_s=20, clear_after_s=40)
KEY = AlarmKey("m", 1, "", "wind")
AT = At(model="m", version=1, level=1e-7, complete=True, now_s=1_000.0)


def finding(bar: Bar, name: str = "wind", **numbers: Any) -> Finding:
    return Finding(name=name, is_score=False, rows=500, bar=bar, reason="because", **numbers)


def test_an_alarm_is_raised_with_the_numbers_it_was_judged_on() -> None:
    rising = decide(AT, POLICY, [finding(Bar.ABOVE)], {})
    assert (rising.states, rising.events) == ({KEY: State(turning_s=1_000.0)}, ())
    later = dataclasses.replace(AT, now_s=1_020.0)
    raised = decide(later, POLICY, [finding(Bar.ABOVE, psi=0.3, p_value=1e-9)], rising.states)
    assert raised.states[KEY] == State(alarmed=True, since_s=1_000.0)
    (event,) = raised.events
    assert (event.kind, event.monitor, event.psi, event.rows) == (DriftEventKind.RAISED, "wind", 0.3, 500)
    assert (event.at_unix_ms, event.since_unix_ms, event.level, event.reason) == (1_020_000, 1_000_000, 1e-7, "because")


def test_what_stays_calm_changes_nothing() -> None:
    verdict = decide(AT, POLICY, [finding(bar) for bar in (Bar.BELOW, Bar.BETWEEN, Bar.UNKNOWN)], {})
    assert (verdict.states, verdict.events) == ({}, ())


@pytest.mark.parametrize(("complete", "cleared"), [(True, 1), (False, 0)])
def test_only_a_window_of_which_all_is_known_clears(complete: bool, cleared: int) -> None:
    alarmed = {KEY: State(alarmed=True, since_s=500.0, turning_s=950.0)}
    verdict = decide(dataclasses.replace(AT, complete=complete), POLICY, [finding(Bar.BELOW)], alarmed)
    assert len(verdict.events) == cleared
    if complete:
        assert verdict.states == {KEY: State()}
        assert (verdict.events[0].kind, verdict.events[0].since_unix_ms) == (DriftEventKind.CLEARED, 500_000)


def test_a_window_with_gaps_still_raises() -> None:
    rising = {KEY: State(turning_s=900.0)}
    verdict = decide(dataclasses.replace(AT, complete=False), POLICY, [finding(Bar.ABOVE)], rising)
    assert verdict.states[KEY].alarmed


def test_a_slice_has_alarms_of_its_own() -> None:
    sliced = dataclasses.replace(AT, slice="country=NL")
    policy = dataclasses.replace(POLICY, raise_after_s=0)
    verdict = decide(sliced, policy, [finding(Bar.ABOVE)], {KEY: State(alarmed=True)})
    assert list(verdict.states) == [AlarmKey("m", 1, "country=NL", "wind")]
    assert verdict.events[0].slice == "country=NL"


def test_alarms_of_a_version_without_traffic_end_and_say_why() -> None:
    rising = AlarmKey("m", 1, "", "rain")
    verdict = forget([KEY, rising], {KEY: State(alarmed=True, since_s=9.0), rising: State(turning_s=8.0)}, 1_000.0)
    assert verdict.states == {KEY: State(), rising: State()}
    assert [(event.monitor, event.reason) for event in verdict.events] == [
        ("wind", "version 1 is in no route any more")
    ]


def test_the_budget_is_spent_over_monitors_statistics_and_looks() -> None:
    rule = rule_of(dataclasses.replace(POLICY, false_alarms=2, per_s=86_400), 10, 60.0)
    assert rule.level == pytest.approx(2 * 60 / (86_400 * 30))
    assert (rule.tolerance.psi, rule.min_rows) == (POLICY.psi_tolerance, POLICY.min_rows)
