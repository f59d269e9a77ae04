"""The routes of a rollout: one a step, one at either end. Pure."""

from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.rollout import Policy, Rollout, Step

NEVER_US = 4_000_000_000  # stands where a threshold is off: above any latency that is measured


def step_route(rollout: Rollout, index: int, tau_us: int | None, before: Route) -> Route:
    """The route of one step. `before` is the one in force: what it keeps warm stays warm."""
    step = rollout.policy.steps[index]
    return before.with_arms(
        _arms(rollout, step),
        tuple(number for number in before.warm if number != rollout.version),
        latency_thresholds_us=thresholds_us(rollout.policy, tau_us),
        disagreement_tolerance=_tolerance(rollout.policy, before),
        actor=rollout.actor,
        reason=f"rollout {rollout.id}: step {index + 1} of {len(rollout.policy.steps)}, {describe(step)}",
    )


def promoted_route(rollout: Rollout, before: Route) -> Route:
    """All traffic to the candidate; the old version stays loaded, the way back, and so do those that rules name."""
    named = {rollout.baseline, *(rule.version for rule in before.rules)} - {rollout.version}
    return before.with_arms(
        (Arm(version=rollout.version, role=Role.STABLE),),
        tuple(sorted(named)),
        actor=rollout.actor,
        reason=f"rollout {rollout.id}: promoted version {rollout.version}",
    )


def stopped_route(rollout: Rollout, before: Route, actor: str, reason: str) -> Route:
    """All traffic to the baseline; the candidate is not even loaded."""
    return before.with_arms(
        (Arm(version=rollout.baseline, role=Role.STABLE),),
        tuple(number for number in before.warm if number != rollout.version),
        actor=actor,
        reason=f"rollout {rollout.id}: {reason}",
    )


def thresholds_us(policy: Policy, tau_us: int | None) -> tuple[int, ...]:
    """[budget, tau]: calls over the first are bad for the budget gate, over the second for the comparison."""
    budget = NEVER_US if policy.p99_budget_us is None else policy.p99_budget_us
    return (budget,) if tau_us is None else (budget, tau_us)


def describe(step: Step) -> str:
    return f"{step.role.name} {step.weight_bp / 100:g} %"


def _arms(rollout: Rollout, step: Step) -> tuple[Arm, ...]:
    shadow = step.role is Role.SHADOW
    stable_bp = ALL_BP if shadow else ALL_BP - step.weight_bp
    stable = Arm(version=rollout.baseline, role=Role.STABLE, weight_bp=stable_bp)
    return stable, Arm(version=rollout.version, role=step.role, weight_bp=step.weight_bp)


def _tolerance(policy: Policy, before: Route) -> float:
    tolerance = policy.disagreement_tolerance
    return before.disagreement_tolerance if tolerance is None else tolerance
