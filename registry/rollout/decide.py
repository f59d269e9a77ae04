"""What to do next with a rollout: one pure function of what was observed."""

import math
from dataclasses import dataclass

from gnomon.domain import OnTimeout, Role, RolloutState
from gnomon.evidence import ArmStats, PairStats
from gnomon.rollout import GateVerdict, Phase, Policy, Step
from registry.rollout import waits
from registry.rollout.distances import AllApart
from registry.rollout.evidence import Realised, epoch_of, epochs_of, evidence_of, frozen_of
from registry.rollout.gates import FAIL, NEED_MORE, PASS, judge
from registry.rollout.routes import describe
from registry.stats import Seen
from registry.store.rollouts import Frozen, Ongoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a decision rests on."""

    ongoing: Ongoing
    arms: tuple[ArmStats, ...] = ()  # of the rollout's epochs, and of the one before it
    pairs: tuple[PairStats, ...] = ()
    gateways: tuple[Seen, ...] = ()  # those that are known
    began_s: float = 0.0  # of the running step, by the monotonic clock
    now_s: float = 0.0
    realised: tuple[Realised, ...] = ()
    apart: AllApart | None = None  # distributions in the running step; None: no gate asks
    late_s: float = math.inf  # a gateway that has said nothing for so long is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    step: int
    frozen: Frozen | None
    reason: str
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    reason: str
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Paused, until somebody decides."""

    gate: str
    reason: str
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    gate: str
    reason: str
    verdicts: tuple[GateVerdict, ...] = ()


Action = Wait | Advance | Promote | Hold | Stop


def next_action(snapshot: Snapshot) -> Action:
    """Stop on a failed load or gate; pause on a breaker; go on when every gate passed; out of time, as the step says.

    A gate may fail on what some gateways have counted, but none passes before every known gateway serves the step's
    route and reports. A rollout that is paused only goes back.
    """
    refused = _load_failure(snapshot)
    if refused is not None:
        return refused
    verdicts = _verdicts(snapshot)
    failed = next((verdict for verdict in verdicts if verdict.verdict == FAIL), None)
    if failed is not None:
        return Stop(gate=failed.gate, reason=failed.reason, verdicts=verdicts)
    if snapshot.ongoing.rollout.state is RolloutState.PAUSED:
        return Wait(verdicts=verdicts)
    tripped = next((verdict for verdict in verdicts if verdict.gate == waits.BREAKER), None)
    if tripped is not None:
        return Hold(gate=tripped.gate, reason=tripped.reason, verdicts=verdicts)
    if all(verdict.verdict == PASS for verdict in verdicts):
        return _onward(snapshot, verdicts)
    return _timed_out(snapshot, verdicts) or Wait(verdicts=verdicts)


def stable_before(snapshot: Snapshot) -> Frozen | None:
    """Stable's latencies in the shadow steps; without such, under the route before the rollout; else the budget."""
    rollout = snapshot.ongoing.rollout
    stable = [arm for arm in snapshot.arms if arm.role is Role.STABLE and arm.version == rollout.baseline]
    during = [arm for arm in stable if arm.epoch in epochs_of(rollout)]
    return frozen_of(during or stable, rollout.policy.p99_budget_us)


def _verdicts(snapshot: Snapshot) -> tuple[GateVerdict, ...]:
    ongoing, rollout = snapshot.ongoing, snapshot.ongoing.rollout
    trips = waits.trips_of(rollout, snapshot.gateways)
    evidence = evidence_of(rollout, snapshot.arms, snapshot.pairs, snapshot.realised, [trip for _, trip in trips])
    waiting = (
        waits.breaker(trips),
        waits.gateways(snapshot.gateways, epoch_of(rollout), snapshot.now_s - snapshot.late_s),
        waits.time(rollout, snapshot.now_s - snapshot.began_s),
        waits.approval(rollout),
    )
    asked = tuple(verdict for verdict in waiting if verdict is not None)
    return asked + judge(rollout.policy, rollout.step, evidence, ongoing.frozen, snapshot.apart)


def _onward(snapshot: Snapshot, verdicts: tuple[GateVerdict, ...]) -> Action:
    ongoing, rollout = snapshot.ongoing, snapshot.ongoing.rollout
    step, phase = rollout.step + 1, rollout.policy.phase
    reason = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in verdicts)
    if step == len(rollout.policy.whole):
        return Promote(reason=reason, verdicts=verdicts)
    leaves_shadow = phase(rollout.step) is Phase.SHADOW and phase(step) is not Phase.SHADOW
    frozen = stable_before(snapshot) if leaves_shadow else ongoing.frozen
    return Advance(step=step, frozen=frozen, reason=reason, verdicts=verdicts)


def _load_failure(snapshot: Snapshot) -> Stop | None:
    """A gateway that cannot load the candidate, said of this step's route: older words may be of an older try."""
    rollout = snapshot.ongoing.rollout
    for seen in waits.at_step(rollout, snapshot.gateways):
        for failure in seen.status.failures:
            if (failure.model, failure.version) == (rollout.model, rollout.version):
                reason = f"gateway {seen.status.gateway_id} could not load version {rollout.version}: {failure.reason}"
                return Stop(gate="load", reason=reason)
    return None


def _has_seen(verdict: GateVerdict, policy: Policy, step: Step) -> bool:
    """Whether all that is missing is proof that a limit is kept."""
    return verdict.seen >= (policy.min_outcomes if verdict.gate == "quality" else step.min_calls)


def _timed_out(snapshot: Snapshot, verdicts: tuple[GateVerdict, ...]) -> Action | None:
    rollout = snapshot.ongoing.rollout
    step = rollout.policy.whole[rollout.step]
    if snapshot.now_s - snapshot.began_s < step.timeout_s:
        return None
    open_ = [verdict for verdict in verdicts if verdict.verdict == NEED_MORE]
    if (
        all(_has_seen(verdict, rollout.policy, step) for verdict in open_)
        and step.on_timeout is OnTimeout.PROMOTE_IF_NO_EVIDENCE
    ):
        return _onward(snapshot, verdicts)
    words = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in open_)
    reason = f"{describe(rollout.policy, rollout.step)}: no verdict after {step.timeout_s:g} s; {words}"
    kind = Hold if step.on_timeout is OnTimeout.HOLD else Stop
    return kind(gate="timeout", reason=reason, verdicts=verdicts)
