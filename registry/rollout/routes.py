"""The routes of a rollout: one a step, one at either end. Pure. Shadows of other versions stay as they are."""

from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.rollout import Phase, Policy, Rollout, Step
from registry.store.rollouts import Frozen

NEVER_US = 4_000_000_000  # stands where a threshold is off: above any latency that is measured


def step_route(rollout: Rollout, index: int, frozen: Frozen | None, before: Route) -> Route:
    """The route of one step, or of the guard. `before` is the one in force: what it keeps warm stays warm."""
    arms = (*_arms(rollout, index), *_others(rollout, before))
    served = {arm.version for arm in arms}
    return before.with_arms(
        arms,
        tuple(sorted(({*before.warm, rollout.baseline} - served) - {rollout.version})),
        latency_thresholds_us=thresholds_us(rollout.policy, frozen),
        disagreement_tolerance=_tolerance(rollout.policy, before),
        actor=rollout.actor,
        reason=f"rollout {rollout.id}: {describe(rollout.policy, index)}",
    )


def promoted_route(rollout: Rollout, before: Route, actor: str) -> Route:
    """All traffic to the candidate; the old version stays loaded, the way back, and so do those that rules name."""
    named = {rollout.baseline, *(rule.version for rule in before.rules)} - {rollout.version}
    return before.with_arms(
        (Arm(version=rollout.version, role=Role.STABLE), *_others(rollout, before)),
        tuple(sorted(named)),
        actor=actor,
        reason=f"rollout {rollout.id}: promoted version {rollout.version}",
    )


def stopped_route(rollout: Rollout, before: Route, actor: str, reason: str) -> Route:
    """All traffic to the baseline; the candidate is not even loaded."""
    return before.with_arms(
        (Arm(version=rollout.baseline, role=Role.STABLE), *_others(rollout, before)),
        tuple(number for number in before.warm if number not in (rollout.version, rollout.baseline)),
        actor=actor,
        reason=f"rollout {rollout.id}: {reason}",
    )


def thresholds_us(policy: Policy, frozen: Frozen | None) -> tuple[int, ...]:
    """[budget, p99, median]: calls over the first are bad for the budget gate, over the others for the comparisons."""
    budget = NEVER_US if policy.p99_budget_us is None else policy.p99_budget_us
    known = () if frozen is None else (frozen.p99_us, frozen.p50_us)
    return (budget, *(threshold for threshold in known if threshold is not None))


def describe(policy: Policy, index: int) -> str:
    """`step 2 of 4, CANARY 1 %`."""
    if policy.phase(index) is Phase.GUARD:
        return f"guard, {_held_back(policy.whole[index]) / 100:g} % held back"
    step = policy.steps[index]
    return f"step {index + 1} of {len(policy.steps)}, {step.role.name} {step.weight_bp / 100:g} %"


def _held_back(guard: Step) -> int:
    return ALL_BP - guard.weight_bp


def _arms(rollout: Rollout, index: int) -> tuple[Arm, ...]:
    step = rollout.policy.whole[index]
    if rollout.policy.phase(index) is Phase.GUARD:
        new = Arm(version=rollout.version, role=Role.STABLE, weight_bp=step.weight_bp)
        old = Arm(version=rollout.baseline, role=Role.CANARY, weight_bp=_held_back(step))
        return (old, new) if old.weight_bp else (new,)  # before the stable arm: who has had the candidate keeps it
    stable_bp = ALL_BP if step.role is Role.SHADOW else ALL_BP - step.weight_bp
    stable = Arm(version=rollout.baseline, role=Role.STABLE, weight_bp=stable_bp)
    return stable, Arm(version=rollout.version, role=step.role, weight_bp=step.weight_bp)


def _others(rollout: Rollout, before: Route) -> tuple[Arm, ...]:
    """Shadows that somebody else watches: they stay as they are."""
    return tuple(arm for arm in before.shadows if arm.version not in (rollout.version, rollout.baseline))


def _tolerance(policy: Policy, before: Route) -> float:
    tolerance = policy.disagreement_tolerance
    return before.disagreement_tolerance if tolerance is None else tolerance
