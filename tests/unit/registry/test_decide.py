"""next_action as a table of situations, and the pieces it is made of."""

import dataclasses
from typing import Any

import pytest

from gnomon.domain import Role, RolloutState
from gnomon.evidence import LoadFailure, Trip
from gnomon.rollout import Policy
from registry.rollout.decide import Advance, Hold, Promote, Snapshot, Stop, Wait, next_action
from registry.rollout.evidence import evidence_of, frozen_of
from registry.store.rollouts import Frozen, Ongoing
from tests.unit.registry.situations import CANARY, POLICY, SHADOW, arm, gateway, pairs, rollout

BEFORE, FIRST, SECOND, THIRD = 5, 10, 11, 12  # epochs
TRIPPED = Trip(model="m", version=2, slot=3, state="half_open", reason="non_finite", trips=1, calls=90, bad=4)
BROKEN = LoadFailure(model="m", version=2, reason="not an ONNX model")


def snapshot(
    step: int = 0,
    policy: Policy = POLICY,
    p99_us: int = 4_000,
    state: RolloutState = RolloutState.RUNNING,
    **changes: Any,
) -> Snapshot:
    frozen = Frozen(p99_us=p99_us, p50_us=1_000) if step else None
    ongoing = Ongoing(rollout=rollout(step, policy, state), baseline_epoch=BEFORE, frozen=frozen)
    return Snapshot(**{"ongoing": ongoing, "gateways": (gateway(99),), "began_s": 100.0, "now_s": 101.0} | changes)


GOOD_SHADOW = {"arms": (arm(Role.STABLE, FIRST, 400), arm(Role.SHADOW, FIRST, 400)), "pairs": (pairs(FIRST, 400),)}
GOOD_CANARY = {"arms": (arm(Role.STABLE, SECOND, 3_600), arm(Role.CANARY, SECOND, 400))}
GOOD_LAST = {"arms": (*GOOD_CANARY["arms"], arm(Role.CANARY, THIRD, 600))}

SITUATIONS: dict[str, tuple[Snapshot, Any]] = {
    "nothing seen yet": (snapshot(), Wait),
    "a good shadow": (snapshot(**GOOD_SHADOW), Advance),
    "a good canary": (snapshot(1, **GOOD_CANARY), Advance),
    "a good last step": (snapshot(2, **GOOD_LAST), Promote),
    "a good shadow, and no gateway known": (snapshot(**GOOD_SHADOW, gateways=()), Wait),
    "a good shadow, one gateway behind": (
        snapshot(**GOOD_SHADOW, gateways=(gateway(10), gateway(9, name="g2"))),
        Wait,
    ),
    "a good shadow, all gateways just there": (
        snapshot(**GOOD_SHADOW, gateways=(gateway(10), gateway(10, name="g2"))),
        Advance,
    ),
    "counts of the wrong epoch only": (snapshot(1, **GOOD_SHADOW), Wait),
    "counts of another candidate only": (
        snapshot(1, arms=(dataclasses.replace(arm(Role.CANARY, SECOND, 400), version=3),)),
        Wait,
    ),
    "a good canary, tripped under an earlier route": (
        snapshot(1, **GOOD_CANARY, gateways=(gateway(10, at_s=100.5, trips=(TRIPPED,)),)),
        Wait,
    ),
    "a good canary, and another version tripped": (
        snapshot(1, **GOOD_CANARY, gateways=(gateway(99, 100.5, trips=(dataclasses.replace(TRIPPED, version=3),)),)),
        Advance,
    ),
    "canary calls that no stable calls stood beside": (snapshot(1, arms=(arm(Role.CANARY, SECOND, 400),)), Wait),
    "canary calls without the counts that gates need": (
        snapshot(1, arms=(arm(Role.STABLE, SECOND, 3_600), arm(Role.CANARY, SECOND, 400, over=()))),
        Wait,
    ),
}


@pytest.mark.parametrize(("seen", "kind"), SITUATIONS.values(), ids=SITUATIONS)
def test_what_comes_next(seen: Snapshot, kind: type) -> None:
    assert type(next_action(seen)) is kind


STOPS: dict[str, tuple[Snapshot, str, str]] = {
    "a candidate that does not load": (
        snapshot(gateways=(gateway(10, at_s=100.5, failures=(BROKEN,)),)),
        "load",
        "gateway g1 could not load version 2: not an ONNX model",
    ),
    "scores apart": (
        snapshot(pairs=(pairs(FIRST, 100, disagreements=60),), arms=(arm(Role.STABLE, FIRST, 100),)),
        "disagreement",
        "60 of 100 pairs",
    ),
    "a model ten times slower": (
        snapshot(pairs=(pairs(FIRST, 100, us=5_000),), arms=(arm(Role.STABLE, FIRST, 100),)),
        "shadow_run",
        "100 of 100 runs longer than",
    ),
    "a shadow that only fails": (snapshot(arms=(arm(Role.SHADOW, FIRST, 0, failed=30),)), "errors", "30 of 30 calls"),
    "a canary that fails": (
        snapshot(1, arms=(arm(Role.CANARY, SECOND, 100, failed=30),)),
        "errors",
        "30 of 130 calls failed (23.08%); at most 1.00% allowed",
    ),
    "a canary over its budget": (
        snapshot(1, arms=(arm(Role.CANARY, SECOND, 100, over=(40, 0)),)),
        "p99_budget",
        "40 of 100 calls slower than 50000 us",
    ),
    "a canary slower than stable": (
        snapshot(1, arms=(arm(Role.STABLE, SECOND, 900, over=(0, 9)), arm(Role.CANARY, SECOND, 100, over=(0, 40)))),
        "p99_vs_stable",
        "40 of 49 calls slower than stable's p99 of 4000 us came from the candidate",
    ),
    "a breaker that has seen what no gate counts": (
        snapshot(1, **GOOD_CANARY, gateways=(gateway(11, trips=(dataclasses.replace(TRIPPED, bad=40),)),)),
        "errors",
        "40 of 400 calls failed",
    ),
    "silence": (snapshot(now_s=160.0), "timeout", "SHADOW 100 %: no verdict after 60 s; disagreement: 0 of 0"),
    "no gateway at all": (snapshot(now_s=160.0, gateways=()), "timeout", "no gateway has reported yet"),
    "a gateway that never comes": (
        snapshot(now_s=160.0, gateways=(gateway(9),)),
        "timeout",
        "revision 10 is not served yet by g1 (at 9)",
    ),
}


@pytest.mark.parametrize(("seen", "gate", "words"), STOPS.values(), ids=STOPS)
def test_what_stops_a_rollout(seen: Snapshot, gate: str, words: str) -> None:
    action = next_action(seen)
    assert isinstance(action, Stop)
    assert action.gate == gate
    assert words in action.reason


TRIPS = {**GOOD_CANARY, "gateways": (gateway(99, at_s=100.5), gateway(11, 99.0, name="g2", trips=(TRIPPED,)))}


def test_a_worker_whose_breaker_has_tripped_pauses_a_rollout_with_what_it_rests_on() -> None:
    action = next_action(snapshot(1, **TRIPS))
    assert isinstance(action, Hold)
    assert action.gate == "breaker"
    assert action.reason == "worker 3 of gateway g2 tripped version 2: 4 of 90 calls were bad, mostly non_finite"
    assert {"breaker", "errors", "p99_vs_stable"} <= {verdict.gate for verdict in action.verdicts}


def test_a_rollout_paused_on_a_breaker_has_all_the_time_there_is() -> None:
    assert isinstance(next_action(snapshot(1, state=RolloutState.PAUSED, **TRIPS, now_s=1e6)), Wait)


def test_a_rollout_paused_on_a_breaker_goes_back_on_evidence() -> None:
    failed = {**TRIPS, "arms": (arm(Role.CANARY, SECOND, 100, failed=30),)}
    action = next_action(snapshot(1, state=RolloutState.PAUSED, **failed))
    assert isinstance(action, Stop)
    assert action.gate == "errors"


def test_a_load_failure_counts_that_was_told_before_the_first_look() -> None:
    assert isinstance(next_action(snapshot(gateways=(gateway(10, at_s=99.0, failures=(BROKEN,)),))), Stop)


def test_a_load_failure_said_before_the_step_began_is_of_an_older_try() -> None:
    assert isinstance(next_action(snapshot(gateways=(gateway(9, at_s=99.0, failures=(BROKEN,)),))), Wait)


def test_a_load_failure_of_another_version_is_not_ours() -> None:
    other = dataclasses.replace(BROKEN, version=7)
    assert isinstance(next_action(snapshot(gateways=(gateway(9, at_s=101.0, failures=(other,)),))), Wait)


def test_gates_that_passed_at_the_last_moment_have_passed() -> None:
    assert isinstance(next_action(snapshot(**GOOD_SHADOW, now_s=160.0)), Advance)


# -- stable's p99, frozen before the first canary call


def advanced(seen: Snapshot) -> Advance:
    action = next_action(seen)
    assert isinstance(action, Advance)
    return action


def test_stables_p99_comes_from_the_shadow_step() -> None:
    before = arm(Role.STABLE, BEFORE, 1_000, us=9_000)
    seen = snapshot(arms=(before, *GOOD_SHADOW["arms"]), pairs=GOOD_SHADOW["pairs"])
    assert advanced(seen).frozen == Frozen(p99_us=pytest.approx(1_000, rel=0.02), p50_us=pytest.approx(1_000, rel=0.02))


def test_without_a_p99_from_enough_calls_the_budget_takes_its_place() -> None:
    few = (arm(Role.STABLE, FIRST, 99), arm(Role.SHADOW, FIRST, 400))
    assert advanced(snapshot(arms=few, pairs=(pairs(FIRST, 400),))).frozen == Frozen(p99_us=50_000)


def test_stables_p99_is_not_looked_at_again_once_frozen() -> None:
    assert advanced(snapshot(1, **GOOD_CANARY, p99_us=777)).frozen == Frozen(p99_us=777, p50_us=1_000)


def test_neither_calls_nor_budget_means_no_p99() -> None:
    assert frozen_of([], None) is None


# -- evidence


def test_evidence_adds_over_the_canary_epochs_of_the_rollout() -> None:
    arms = [
        arm(Role.STABLE, SECOND, 900, over=(0, 9)),
        arm(Role.CANARY, SECOND, 100, over=(1, 2), failed=1),
        arm(Role.CANARY, THIRD, 300, over=(2, 3), failed=4),
    ]
    evidence = evidence_of(rollout(2), arms, [])
    assert (evidence.over_budget.bad, evidence.over_budget.n, evidence.over_budget.in_step) == (3, 400, 300)
    assert (evidence.canary_errors.bad, evidence.canary_errors.n) == (5, 405)
    assert evidence.over_tau == ((2, 11, 0.1), (3, 3, 1.0))


def test_runs_are_held_against_stables_median_of_the_same_epoch() -> None:
    stable = [arm(Role.STABLE, FIRST, 100, us=200)]  # runs of 100 us
    fast, slow = pairs(FIRST, 30, us=250), pairs(FIRST, 20, us=400, live_version=3)
    runs = evidence_of(rollout(), stable, [fast, slow]).slow_runs
    assert (runs.bad, runs.n) == (20, 50)


def test_runs_beside_a_stable_that_did_not_run_are_not_counted() -> None:
    assert evidence_of(rollout(), [], [pairs(FIRST, 30)]).slow_runs.n == 0


def test_a_policy_of_canaries_alone_promotes_from_its_only_step() -> None:
    policy = Policy(steps=(CANARY,), max_error_share=0.01)
    seen = snapshot(policy=policy, arms=(arm(Role.CANARY, FIRST, 400),))
    assert isinstance(next_action(seen), Promote)


def test_a_policy_of_a_shadow_alone_promotes_from_it() -> None:
    policy = Policy(steps=(SHADOW,), max_error_share=0.01)
    assert isinstance(next_action(snapshot(policy=policy, **GOOD_SHADOW)), Promote)
