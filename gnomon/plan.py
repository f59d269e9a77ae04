"""What a policy asks for, and whether it can ever have it: pure, for those who plan one and for the registry."""

import math

from gnomon.domain import ALL_BP, OnTimeout
from gnomon.errors import InvalidInput
from gnomon.rollout import Phase, Policy, Step
from gnomon.stats.sequential import calls_needed, exceedance_log_e, label_log_e

P99_SHARE = 0.01  # of calls may be slower than a p99
MEDIAN_SHARE = 0.5  # of runs may be slower than a median
P99_CALLS = 100  # fewer have no p99

ANSWERS = (Phase.CANARY, Phase.GUARD)  # phases in which the candidate answers calls

# gate, the field of Policy that turns it on, the phases in which it is asked
GATES: tuple[tuple[str, str, tuple[Phase, ...]], ...] = (
    ("disagreement", "max_disagreement_share", (Phase.SHADOW,)),
    ("shadow_run", "max_run_ratio", (Phase.SHADOW,)),
    ("p99_budget", "p99_budget_us", ANSWERS),
    ("p99_vs_stable", "max_latency_ratio", ANSWERS),
    ("p50_vs_stable", "max_median_ratio", ANSWERS),
    ("errors", "max_error_share", (Phase.SHADOW, *ANSWERS)),
    ("score_psi", "max_score_psi", ANSWERS),
    ("score_ks", "max_score_ks", ANSWERS),
    ("input_drift", "max_input_psi", ANSWERS),
    ("quality", "max_wrong_ratio", ANSWERS),
)
LATENCIES = ("p99_vs_stable", "p50_vs_stable")  # against those of stable before the first canary call
COMPARING = (*LATENCIES, "score_psi", "score_ks", "quality")  # they need calls of both versions at once


def list_tests(policy: Policy) -> tuple[tuple[Phase, str], ...]:
    """The tests a policy runs, each with its own share of alpha: the phase and the gate, phases in their order."""
    phases = {policy.phase(index) for index in range(len(policy.whole))}
    return tuple(
        (phase, gate)
        for phase in Phase
        if phase in phases
        for gate, field, asked in GATES
        if phase in asked and getattr(policy, field) is not None
    )


def gates_of(policy: Policy, index: int) -> tuple[str, ...]:
    """Those asked in a step, or in the guard."""
    return tuple(gate for phase, gate in list_tests(policy) if phase is policy.phase(index))


def fail_at(policy: Policy) -> float:
    """The log E at which a gate fails: alpha is shared by all tests."""
    return math.log(max(1, len(list_tests(policy))) / policy.alpha)


def limit_of(policy: Policy, gate: str) -> float | None:
    """The share of bad events a gate allows; None for one that compares two versions."""
    limits = {
        "disagreement": policy.max_disagreement_share,
        "errors": policy.max_error_share,
        "p99_budget": P99_SHARE,
        "shadow_run": MEDIAN_SHARE,
    }
    return limits.get(gate)


def ratio_of(policy: Policy, gate: str) -> float | None:
    """How many times its share of the bad events a gate allows the candidate; None for other gates."""
    ratios = {
        "p99_vs_stable": policy.max_latency_ratio,
        "p50_vs_stable": policy.max_median_ratio,
        "quality": policy.max_wrong_ratio,
    }
    return ratios.get(gate)


def must_be_shown(policy: Policy, index: int, gate: str) -> bool:
    """Whether the gate passes on proof that its limit is kept only: before the candidate takes all, or any, traffic."""
    return gate in ("disagreement", "shadow_run") or (gate == "p99_budget" and index >= len(policy.steps) - 1)


def calls_to_pass(policy: Policy, index: int, gate: str) -> int | None:
    """The fewest calls a gate passes on, when none is bad; None: not in a thousand million."""
    step, limit = policy.whole[index], limit_of(policy, gate)
    if gate == "quality":
        return policy.min_outcomes
    if limit is None or not must_be_shown(policy, index, gate):
        return step.min_calls
    more = calls_needed(limit, 0, 1, policy.alpha)
    return None if more is None else max(step.min_calls, 1 + more)


def calls_to_fail(policy: Policy, index: int, gate: str) -> int | None:
    """The fewest bad calls a gate fails on, when there are no good ones, or when all are the candidate's.

    None for a distance, and where all calls are the candidate's anyway.
    """
    limit, ratio = limit_of(policy, gate), ratio_of(policy, gate)
    share = policy.whole[index].weight_bp / ALL_BP

    def labels(bad: float, n: float, p0: float) -> float:
        return label_log_e([(bad, n, share)], ratio or 1.0)

    if limit is None and (ratio is None or share == 1):
        return None
    evidence = exceedance_log_e if limit is not None else labels
    more = calls_needed(limit or 0.5, 1, 1, math.exp(-fail_at(policy)), evidence)
    return None if more is None else 1 + more


def check_can_finish(policy: Policy) -> None:
    """Raises: InvalidInput: a step that cannot pass, or a gate that is never asked or never answers, and why."""
    for index, step in enumerate(policy.whole):
        _check_step(index, step)
        for gate in gates_of(policy, index):
            if calls_to_pass(policy, index, gate) is None:
                limit = limit_of(policy, gate)
                raise InvalidInput(f"{gate}: not even a thousand million calls can show a share below {limit:g}")
    phases = {policy.phase(index) for index in range(len(policy.whole))}
    for gate, field, asked in GATES:
        if getattr(policy, field) is not None and phases.isdisjoint(asked):
            raise InvalidInput(f"{field}: gate {gate} is asked in {asked[0].value} steps, and there is none")
        if getattr(policy, field) is not None and gate in COMPARING:
            _check_comparing(policy, field)
            _check_stable_known(policy, gate, field)


def _check_step(index: int, step: Step) -> None:
    if step.min_s > step.timeout_s:
        raise InvalidInput(f"step {index + 1}: min_s {step.min_s:g} is more than timeout_s {step.timeout_s:g}")
    if step.needs_approval and step.on_timeout is OnTimeout.PROMOTE_IF_NO_EVIDENCE:
        raise InvalidInput(f"step {index + 1} needs an approval and would go on without one; hold or stop on_timeout")


def _check_comparing(policy: Policy, field: str) -> None:
    answering = [step for index, step in enumerate(policy.whole) if policy.phase(index) in ANSWERS]
    if all(step.weight_bp == ALL_BP for step in answering):
        raise InvalidInput(f"{field}: no canary step leaves stable any calls to compare with; add one below 100 %")
    if policy.guard is not None and policy.guard.holdback_bp == 0:
        raise InvalidInput(f"{field}: a guard with holdback_bp 0 has nothing to compare with; hold some calls back")


def _check_stable_known(policy: Policy, gate: str, field: str) -> None:
    """A p99_budget_us stands for a p99 that is not known; nothing does for a median."""
    replaced = gate == "p99_vs_stable" and policy.p99_budget_us is not None
    shadowed = [step.min_calls for index, step in enumerate(policy.steps) if policy.phase(index) is Phase.SHADOW]
    if gate in LATENCIES and shadowed and max(shadowed) < P99_CALLS and not replaced:
        raise InvalidInput(
            f"{field}: shadow steps of at most {max(shadowed)} calls need not tell stable's latencies, which takes "
            f"{P99_CALLS}; ask for more" + (", or name a p99_budget_us" if gate == "p99_vs_stable" else "")
        )
