"""Rollouts and counts for tests: what a gateway would report, in words."""

from typing import Any

from gnomon.domain import ALL_BP, Arm, Role, RolloutState, Route
from gnomon.evidence import ArmStats, GatewayStatus, Histogram, PairStats
from gnomon.rollout import Decision, Policy, Rollout, Step
from gnomon.stats.latency import bucket_of
from registry.stats import Seen

MODEL, BASELINE, CANDIDATE = "m", 1, 2

SHADOW = Step(role=Role.SHADOW, weight_bp=ALL_BP, min_calls=300, timeout_s=60.0)
CANARY = Step(role=Role.CANARY, weight_bp=1_000, min_calls=300, timeout_s=60.0)
LAST = Step(role=Role.CANARY, weight_bp=ALL_BP, min_calls=600, timeout_s=60.0)

POLICY = Policy(
    steps=(SHADOW, CANARY, LAST),
    p99_budget_us=50_000,
    max_latency_ratio=1.5,
    max_error_share=0.01,
    disagreement_tolerance=0.2,
    max_disagreement_share=0.05,
    max_run_ratio=3.0,
)


def route(revision: int = 5, **changes: Any) -> Route:
    stable = Arm(version=BASELINE, role=Role.STABLE)
    return Route(**{"model": MODEL, "arms": (stable,), "revision": revision} | changes)


def rollout(step: int = 0, policy: Policy = POLICY, state: RolloutState = RolloutState.RUNNING) -> Rollout:
    """A rollout in its `step`: begun under epoch 10, and one more for each step."""
    guarded = step == len(policy.steps)
    actions = ["started"] + ["advanced"] * (step - guarded) + ["guarded"] * guarded
    decisions = tuple(
        Decision(decided_unix_ms=0, step=index, epoch=10 + index, action=action) for index, action in enumerate(actions)
    )
    return Rollout(
        model=MODEL,
        id=1,
        version=CANDIDATE,
        baseline=BASELINE,
        policy=policy,
        state=RolloutState.GUARD if guarded else state,
        step=step,
        decisions=decisions,
        actor="ann",
    )


def every(us: float, times: int) -> Histogram:
    """A histogram of so many equal durations."""
    return Histogram(bucket=(int(bucket_of(us)),), count=(times,)) if times else Histogram()


def arm(role: Role, epoch: int, answered: int, us: float = 1_000.0, **changes: Any) -> ArmStats:
    """An arm whose calls all took the same time."""
    fields: dict[str, Any] = {
        "model": MODEL,
        "epoch": epoch,
        "version": BASELINE if role is Role.STABLE else CANDIDATE,
        "role": role,
        "answered": answered,
        "over": (0, 0),
        "latency": every(us, answered),
        "run": every(us / 2, answered),
    }
    return ArmStats(**fields | changes)


def pairs(epoch: int, number: int, us: float = 500.0, **changes: Any) -> PairStats:
    fields: dict[str, Any] = {
        "model": MODEL,
        "epoch": epoch,
        "version": CANDIDATE,
        "live_version": BASELINE,
        "pairs": number,
        "run": every(us, number),
    }
    return PairStats(**fields | changes)


def gateway(applied: int, at_s: float = 0.0, name: str = "g1", counted_s: float | None = None, **status: Any) -> Seen:
    told = GatewayStatus(gateway_id=name, applied_revision=applied, **status)
    return Seen(status=told, at_s=at_s, counted_s=at_s if counted_s is None else counted_s)
