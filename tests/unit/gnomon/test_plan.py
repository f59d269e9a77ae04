"""What policies ask for; those that can never finish are refused, and told why."""

import dataclasses
import math
from typing import Any

import pytest

from gnomon.domain import OnTimeout, Role
from gnomon.errors import InvalidInput
from gnomon.plan import calls_to_fail, calls_to_pass, check_can_finish, fail_at
from gnomon.rollout import Guard, Policy, Step
from gnomon.stats.sequential import compliance_log_e, exceedance_log_e, label_log_e

SHADOW = Step(role=Role.SHADOW, weight_bp=10_000, min_calls=300)
CANARY = Step(role=Role.CANARY, weight_bp=1_000, min_calls=300)
ALL = Step(role=Role.CANARY, weight_bp=10_000, min_calls=300)
GUARD = Guard(min_s=60.0, min_calls=300)


def policy(*steps: Step, **gates: Any) -> Policy:
    return Policy(steps=steps, **gates)


def step(of: Step, **changes: Any) -> Step:
    return dataclasses.replace(of, **changes)


CAN = {
    "no gate at all": policy(CANARY),
    "every kind of step": policy(
        SHADOW, CANARY, ALL, guard=GUARD, max_latency_ratio=1.5, p99_budget_us=9, max_disagreement_share=0.05
    ),
    "at once to all traffic, on an absolute gate": policy(ALL, max_error_share=0.01),
    "from the shadow into the guard": policy(SHADOW, guard=GUARD, max_latency_ratio=1.5, max_score_ks=0.1),
    "all traffic at once, compared in the guard": policy(SHADOW, ALL, guard=GUARD, max_latency_ratio=1.5),
    "a yes, and a pause where nobody says it": policy(step(CANARY, needs_approval=True, on_timeout=OnTimeout.HOLD)),
    "few pairs, but a budget": policy(step(SHADOW, min_calls=9), CANARY, max_latency_ratio=1.5, p99_budget_us=9),
    "a guard without hold-back, on absolute gates": policy(
        ALL, max_error_share=0.01, guard=dataclasses.replace(GUARD, holdback_bp=0)
    ),
}


@pytest.mark.parametrize("planned", CAN.values(), ids=CAN)
def test_policies_that_can_finish(planned: Policy) -> None:
    check_can_finish(planned)


CANNOT = {
    "a step that must last longer than it may": (
        policy(CANARY, step(ALL, min_s=700.0)),
        "step 2: min_s 700 is more than timeout_s 600",
    ),
    "a guard that must last longer than it may": (
        policy(ALL, guard=dataclasses.replace(GUARD, timeout_s=30.0)),
        "step 2: min_s 60 is more than timeout_s 30",
    ),
    "a yes that is not waited for": (
        policy(step(CANARY, needs_approval=True, on_timeout=OnTimeout.PROMOTE_IF_NO_EVIDENCE)),
        "step 1 needs an approval and would go on without one",
    ),
    "disagreement without a shadow": (
        policy(CANARY, max_disagreement_share=0.1),
        "max_disagreement_share: gate disagreement is asked in shadow steps, and there is none",
    ),
    "run time without a shadow": (policy(CANARY, max_run_ratio=2.0), "max_run_ratio: gate shadow_run"),
    "a budget that no call is held to": (
        policy(SHADOW, p99_budget_us=9),
        "p99_budget_us: gate p99_budget is asked in canary steps",
    ),
    "a share that no number of calls can show": (
        policy(SHADOW, max_disagreement_share=1e-12),
        "disagreement: not even a thousand million calls can show a share below 1e-12",
    ),
    "nothing to compare with": (policy(SHADOW, ALL, max_latency_ratio=1.5), "add one below 100 %"),
    "nothing to compare with in the guard": (
        policy(CANARY, max_latency_ratio=1.5, guard=dataclasses.replace(GUARD, holdback_bp=0)),
        "hold some calls back",
    ),
    "too few pairs to tell stable's median, whatever the budget": (
        policy(step(SHADOW, min_calls=99), CANARY, max_median_ratio=1.5, p99_budget_us=9),
        "max_median_ratio: shadow steps of at most 99 calls",
    ),
    "scores with nothing to compare with": (policy(ALL, max_score_ks=0.1), "max_score_ks: no canary step leaves"),
    "inputs of calls it does not answer": (policy(SHADOW, max_input_psi=0.1), "max_input_psi: gate input_drift"),
    "too few pairs to tell stable's p99": (
        policy(step(SHADOW, min_calls=99), CANARY, max_latency_ratio=1.5),
        "shadow steps of at most 99 calls need not tell stable's latencies",
    ),
}


@pytest.mark.parametrize(("planned", "why"), CANNOT.values(), ids=CANNOT)
def test_policies_that_can_never_finish(planned: Policy, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_can_finish(planned)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"holdback_bp": 5_001}, "guard holdback_bp 5001"),
        ({"min_calls": 0}, "step min_calls 0"),
        ({"min_s": -1.0}, "step min_s -1.0"),
        ({"timeout_s": 0.0}, "step timeout_s 0.0"),
    ],
)
def test_a_guard_has_numbers_that_make_sense(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Guard(**{"min_s": 1.0, "min_calls": 1} | wrong)


@pytest.mark.parametrize(
    ("gates", "why"),
    [
        (
            {"max_median_ratio": 2.0},
            "max_median_ratio 2.0: between 0 and 2 expected: all calls of the candidate are over",
        ),
        ({"max_score_ks": 1.0}, "max_score_ks 1.0: between 0 and 1"),
        ({"max_score_psi": 0.0}, "max_score_psi 0.0: a positive number"),
        ({"max_input_psi": float("nan")}, "max_input_psi nan: a positive number"),
    ],
)
def test_a_limit_that_nothing_can_break_or_keep_is_refused(gates: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        policy(CANARY, **gates)


def test_the_calls_of_a_plan_are_those_the_gates_decide_on() -> None:
    """At the number of calls that is planned the evidence suffices, and one call earlier it does not."""
    planned = policy(SHADOW, CANARY, ALL, max_disagreement_share=0.002, p99_budget_us=9, max_error_share=0.01)
    pass_at = math.log(1 / planned.alpha)
    shown = calls_to_pass(planned, 0, "disagreement")
    assert shown is not None
    assert shown > SHADOW.min_calls
    assert compliance_log_e(0, shown, 0.002) >= pass_at > compliance_log_e(0, shown - 1, 0.002)
    bad = calls_to_fail(planned, 1, "errors")
    assert bad is not None
    assert exceedance_log_e(bad, bad, 0.01) >= fail_at(planned) > exceedance_log_e(bad - 1, bad - 1, 0.01)
    compared = dataclasses.replace(planned, max_latency_ratio=1.5)
    slow = calls_to_fail(compared, 1, "p99_vs_stable")
    assert slow is not None
    assert label_log_e([(slow, slow, 0.1)], 1.5) >= fail_at(compared) > label_log_e([(slow - 1, slow - 1, 0.1)], 1.5)
    assert calls_to_fail(compared, 2, "p99_vs_stable") is None, "all calls are the candidate's there"
    assert calls_to_pass(planned, 1, "p99_budget") == CANARY.min_calls, "it is shown in the last step only"
    assert (calls_to_pass(planned, 2, "p99_budget") or 0) > ALL.min_calls
