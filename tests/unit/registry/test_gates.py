"""Gates as a table of situations: what was counted, and what each gate says of it."""

import json
import math
from typing import Any

import pytest

from gnomon.domain import Role
from gnomon.plan import list_tests
from gnomon.rollout import GateVerdict, Phase, Policy, Step
from registry.rollout.evidence import Events, Evidence
from registry.rollout.gates import judge
from registry.store.rollouts import Frozen

SHADOW = Step(role=Role.SHADOW, weight_bp=10_000, min_calls=300)
CANARY = Step(role=Role.CANARY, weight_bp=1_000, min_calls=300)
LAST = Step(role=Role.CANARY, weight_bp=10_000, min_calls=300)
STEPS = (SHADOW, CANARY, LAST)
POLICY = Policy(
    steps=STEPS,
    p99_budget_us=50_000,
    max_latency_ratio=1.5,
    max_error_share=0.01,
    disagreement_tolerance=0.1,
    max_disagreement_share=0.05,
    max_run_ratio=3.0,
)
SHADOW_STEP, CANARY_STEP, LAST_STEP = range(3)
FROZEN = Frozen(p99_us=4_000, p50_us=1_000)


def events(bad: int, n: int, in_step: int | None = None) -> Events:
    return Events(bad=bad, n=n, in_step=n if in_step is None else in_step)


def shadow(pairs: int, *, apart: int = 0, slow: int = 0, failed: int = 0, bound: float | None = 900.0) -> Evidence:
    return Evidence(
        disagreements=events(apart, pairs),
        slow_runs=events(slow, pairs),
        run_bound_us=bound,
        shadow_errors=events(failed, pairs + failed),
        pairs_in_step=pairs,
    )


def canary(
    calls: int, *, slow: int = 0, failed: int = 0, over_tau: tuple[int, int, float] = (0, 0, 0.1), in_step: int = -1
) -> Evidence:
    seen = calls if in_step < 0 else in_step
    return Evidence(
        over_budget=events(slow, calls, seen),
        over_tau=(over_tau,),
        canary_errors=events(failed, calls + failed, seen + failed),
        compared_in_step=seen,
    )


SITUATIONS: dict[str, tuple[int, Evidence, dict[str, str]]] = {
    "nothing was seen in the shadow step": (
        SHADOW_STEP,
        Evidence(),
        {"disagreement": "need_more", "shadow_run": "need_more", "errors": "need_more"},
    ),
    "a shadow that agrees, is as fast, and never fails": (
        SHADOW_STEP,
        shadow(400, apart=2, slow=20),
        {"disagreement": "pass", "shadow_run": "pass", "errors": "pass"},
    ),
    "a good shadow, one pair short of the calls it needs": (
        SHADOW_STEP,
        shadow(299),
        {"disagreement": "need_more", "shadow_run": "need_more", "errors": "need_more"},
    ),
    "a shadow that disagrees just within the limit, which is not shown yet": (
        SHADOW_STEP,
        shadow(400, apart=17),
        {"disagreement": "need_more", "shadow_run": "pass", "errors": "pass"},
    ),
    "a shadow that disagrees with every other call, seen on few": (
        SHADOW_STEP,
        shadow(40, apart=20),
        {"disagreement": "fail", "shadow_run": "need_more", "errors": "need_more"},
    ),
    "a shadow ten times slower, seen on few": (
        SHADOW_STEP,
        shadow(60, slow=60),
        {"disagreement": "need_more", "shadow_run": "fail", "errors": "need_more"},
    ),
    "a shadow whose runs straddle the bound, so that neither is shown": (
        SHADOW_STEP,
        shadow(400, slow=200),
        {"disagreement": "pass", "shadow_run": "need_more", "errors": "pass"},
    ),
    "a shadow that fails every run and so makes no pair": (
        SHADOW_STEP,
        shadow(0, failed=20),
        {"disagreement": "need_more", "shadow_run": "need_more", "errors": "fail"},
    ),
    "a shadow beside a stable arm that reported no runs": (
        SHADOW_STEP,
        shadow(400, bound=None),
        {"disagreement": "pass", "shadow_run": "need_more", "errors": "pass"},
    ),
    "nothing was seen in the canary step": (
        CANARY_STEP,
        Evidence(),
        {"p99_budget": "need_more", "p99_vs_stable": "need_more", "errors": "need_more"},
    ),
    "a canary well within its limits": (
        CANARY_STEP,
        canary(400, slow=1, over_tau=(4, 40, 0.1)),
        {"p99_budget": "pass", "p99_vs_stable": "pass", "errors": "pass"},
    ),
    "a canary whose calls were all seen in an earlier step": (
        CANARY_STEP,
        canary(1_000, in_step=0),
        {"p99_budget": "need_more", "p99_vs_stable": "need_more", "errors": "need_more"},
    ),
    "a canary far over its budget": (
        CANARY_STEP,
        canary(60, slow=30),
        {"p99_budget": "fail", "p99_vs_stable": "need_more", "errors": "need_more"},
    ),
    "a canary three slow calls over its budget by chance": (
        CANARY_STEP,
        canary(400, slow=7),
        {"p99_budget": "pass", "p99_vs_stable": "pass", "errors": "pass"},
    ),
    "a canary that makes the slow calls of both arms": (
        CANARY_STEP,
        canary(400, over_tau=(60, 80, 0.1)),
        {"p99_budget": "pass", "p99_vs_stable": "fail", "errors": "pass"},
    ),
    "everything became slow, canary and stable alike": (
        CANARY_STEP,
        canary(400, over_tau=(100, 1000, 0.1)),
        {"p99_budget": "pass", "p99_vs_stable": "pass", "errors": "pass"},
    ),
    "a canary that fails one call in ten": (
        CANARY_STEP,
        canary(180, failed=20),
        {"p99_budget": "need_more", "p99_vs_stable": "need_more", "errors": "fail"},
    ),
    "the last step, where the budget must be shown to be kept": (
        LAST_STEP,
        canary(320, slow=1, over_tau=(3, 3, 1.0)),
        {"p99_budget": "need_more", "p99_vs_stable": "pass", "errors": "pass"},
    ),
    "the last step, and the whole rollout has shown it": (
        LAST_STEP,
        canary(2_000, slow=2, over_tau=(3, 3, 1.0), in_step=320),
        {"p99_budget": "pass", "p99_vs_stable": "pass", "errors": "pass"},
    ),
}


@pytest.mark.parametrize(("step", "evidence", "expected"), SITUATIONS.values(), ids=SITUATIONS)
def test_what_the_gates_say(step: int, evidence: Evidence, expected: dict[str, str]) -> None:
    verdicts = judge(POLICY, step, evidence, FROZEN)
    assert {verdict.gate: verdict.verdict for verdict in verdicts} == expected


def one(verdicts: tuple[GateVerdict, ...], gate: str) -> GateVerdict:
    return next(verdict for verdict in verdicts if verdict.gate == gate)


def test_a_verdict_tells_its_numbers_in_words_and_in_json() -> None:
    verdict = one(judge(POLICY, CANARY_STEP, canary(60, slow=30), FROZEN), "p99_budget")
    assert "30 of 60 calls slower than 50000 us (50.00%); at most 1.00% allowed" in verdict.reason
    numbers = json.loads(verdict.evidence_json)
    assert (numbers["bad"], numbers["n"], numbers["limit"]) == (30, 60, 0.01)
    assert numbers["log_e"] > numbers["fail_at"] == pytest.approx(math.log(6 / 0.05))


@pytest.mark.parametrize(("step", "evidence"), [(i, e) for i, e, _ in SITUATIONS.values()])
def test_evidence_is_json_that_anybody_reads(step: int, evidence: Evidence) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    for verdict in judge(POLICY, step, evidence, FROZEN):
        json.loads(verdict.evidence_json or "{}", parse_constant=refuse)


def test_what_is_missing_is_told_as_a_number_of_calls() -> None:
    assert one(judge(POLICY, SHADOW_STEP, shadow(100), FROZEN), "errors").need == 200
    assert 0 < one(judge(POLICY, LAST_STEP, canary(320), FROZEN), "p99_budget").need < 1000


def test_without_a_p99_of_stable_the_comparison_never_passes() -> None:
    verdict = one(judge(POLICY, CANARY_STEP, canary(100_000), None), "p99_vs_stable")
    assert verdict.verdict == "need_more"
    assert "no p99 of stable" in verdict.reason


def test_a_step_without_gates_of_its_own_still_has_to_be_seen() -> None:
    policy = Policy(steps=(SHADOW, CANARY), p99_budget_us=50_000)
    assert [v.verdict for v in judge(policy, SHADOW_STEP, shadow(299), None)] == ["need_more"]
    assert [v.verdict for v in judge(policy, SHADOW_STEP, shadow(300), None)] == ["pass"]


def test_alpha_is_split_over_the_tests_that_can_be_made() -> None:
    assert len(list_tests(POLICY)) == 6
    canary_only = Policy(steps=(CANARY,), max_error_share=0.01, max_disagreement_share=0.01)
    assert list_tests(canary_only) == ((Phase.CANARY, "errors"),)
