"""A route's rules under a rollout of version 2 over version 1: they hold as long as their version may answer."""

import dataclasses

import pytest

from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.rollout import Guard
from gnomon.routing import Table
from gnomon.rules import RouteRule
from registry.rollout.routes import promoted_route, step_route, stopped_route
from tests.unit.registry.situations import CANARY, CANDIDATE, POLICY, SHADOW, rollout, route


def ruled() -> Route:
    """Rules for the baseline, the candidate, and a version that only a rule sends calls to; the latter two are warm."""
    rules = [
        RouteRule(name=f"to-{version}", version=version, header="x-tenant", values=("a",)) for version in (1, 2, 3)
    ]
    return route(warm=(2, 3), rules=tuple(rules), routing_key_column="x[0]")


def names(of: Route) -> list[str]:
    assert of.routing_key_column == "x[0]"
    return [rule.name for rule in of.rules]


def test_a_candidate_that_is_a_shadow_is_not_sent_calls_by_a_rule() -> None:
    shadow, canary = (step_route(rollout(), step, None, ruled()) for step in (0, 1))
    assert names(shadow) == ["to-1", "to-3"]
    assert names(canary) == ["to-1", "to-2", "to-3"]


def test_a_promotion_keeps_warm_what_rules_name() -> None:
    promoted = promoted_route(rollout(2), ruled(), "ann")
    assert names(promoted) == ["to-1", "to-2", "to-3"]
    assert promoted.warm == (1, 3)


def test_a_candidate_that_was_stopped_is_sent_nothing_not_even_by_a_rule() -> None:
    stopped = stopped_route(rollout(1), ruled(), "ann", "errors")
    assert names(stopped) == ["to-1", "to-3"]
    assert stopped.loaded == (1, 3)


def test_a_shadow_of_another_version_stays_through_a_rollout() -> None:
    other = Arm(version=7, role=Role.SHADOW, weight_bp=100, cpu_share=0.5)
    before = route(arms=(Arm(version=1, role=Role.STABLE), other))
    given = rollout()
    routes = [step_route(given, index, None, before) for index in range(len(given.policy.whole))]
    for each in (*routes, promoted_route(given, before, "ann"), stopped_route(given, before, "ann", "errors")):
        assert [arm for arm in each.shadows if arm.version != CANDIDATE] == [other]


@pytest.mark.parametrize("holdback_bp", [0, 1, 500, 5_000])
def test_who_has_had_the_candidate_keeps_it_to_the_end_and_through_the_guard(holdback_bp: int) -> None:
    steps = tuple(dataclasses.replace(CANARY, weight_bp=weight_bp) for weight_bp in (1, 100, 5_000))
    policy = dataclasses.replace(
        POLICY, steps=(SHADOW, *steps), guard=Guard(min_s=1.0, min_calls=10, holdback_bp=holdback_bp)
    )
    given, had = rollout(policy=policy), set[int]()
    routes = [step_route(given, index, None, route()) for index in range(len(policy.whole))]
    for each in (*routes, promoted_route(given, route(), "ann")):
        has, first = set[int](), 0
        for end, arm in Table.build(each).bounds:
            has |= set(range(first, end)) if arm.version == CANDIDATE else set()
            first = end
        assert had <= has
        had = has
    assert len(had) == ALL_BP
