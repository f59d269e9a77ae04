"""What to do next with a running rollout: one pure function of what was observed."""

from dataclasses import dataclass

from gnomon.domain import Role
from gnomon.evidence import ArmStats, PairStats
from gnomon.rollout import GateVerdict
from registry.rollout.evidence import epoch_of, epochs_of, evidence_of, frozen_tau_us
from registry.rollout.gates import FAIL, NEED_MORE, PASS, judge
from registry.rollout.routes import describe
from registry.stats import Seen
from registry.store.rollouts import Ongoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a decision rests on."""

    ongoing: Ongoing
    arms: tuple[ArmStats, ...] = ()  # of the rollout's epochs, and of the one before it
    pairs: tuple[PairStats, ...] = ()
    gateways: tuple[Seen, ...] = ()  # those that are known
    began_s: float = 0.0  # of the running step, by the monotonic clock
    now_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    step: int
    tau_us: int | None
    reason: str
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    reason: str
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    gate: str
    reason: str
    verdicts: tuple[GateVerdict, ...] = ()


Action = Wait | Advance | Promote | Stop


def next_action(snapshot: Snapshot) -> Action:
    """Stop on a failed load, breaker or gate; go on when every gate passed; stop when the step's time is up; else wait.

    Gates are not asked before every known gateway serves the step's route: until then the counts are of some only.
    """
    refused = _load_failure(snapshot) or _tripped(snapshot)
    if refused is not None:
        return refused
    behind = _behind(snapshot)
    verdicts = (behind,) if behind is not None else _verdicts(snapshot)
    failed = next((verdict for verdict in verdicts if verdict.verdict == FAIL), None)
    if failed is not None:
        return Stop(gate=failed.gate, reason=failed.reason, verdicts=verdicts)
    if all(verdict.verdict == PASS for verdict in verdicts):
        return _onward(snapshot, verdicts)
    return _timed_out(snapshot, verdicts) or Wait(verdicts=verdicts)


def tau_us(snapshot: Snapshot) -> int | None:
    """Stable's p99 from the shadow steps; without such, from the route before the rollout; else the budget."""
    rollout = snapshot.ongoing.rollout
    stable = [arm for arm in snapshot.arms if arm.role is Role.STABLE and arm.version == rollout.baseline]
    during = [arm for arm in stable if arm.epoch in epochs_of(rollout)]
    return frozen_tau_us(during or stable, rollout.policy.p99_budget_us)


def _verdicts(snapshot: Snapshot) -> tuple[GateVerdict, ...]:
    ongoing = snapshot.ongoing
    epochs = epochs_of(ongoing.rollout)
    arms = [arm for arm in snapshot.arms if arm.epoch in epochs]
    evidence = evidence_of(ongoing.rollout, arms, snapshot.pairs)
    return judge(ongoing.rollout.policy, ongoing.rollout.step, evidence, ongoing.tau_us)


def _onward(snapshot: Snapshot, verdicts: tuple[GateVerdict, ...]) -> Action:
    ongoing, rollout = snapshot.ongoing, snapshot.ongoing.rollout
    step, steps = rollout.step + 1, rollout.policy.steps
    reason = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in verdicts)
    if step == len(steps):
        return Promote(reason=reason, verdicts=verdicts)
    first_canary = steps[step].role is Role.CANARY and steps[rollout.step].role is not Role.CANARY
    frozen = tau_us(snapshot) if first_canary else ongoing.tau_us
    return Advance(step=step, tau_us=frozen, reason=reason, verdicts=verdicts)


def _load_failure(snapshot: Snapshot) -> Stop | None:
    """A gateway that cannot load the candidate, said of this step's route: older words may be of an older try."""
    rollout = snapshot.ongoing.rollout
    for seen in snapshot.gateways:
        if seen.status.applied_revision < epoch_of(rollout):
            continue
        for failure in seen.status.failures:
            ours = (failure.model, failure.version) == (rollout.model, rollout.version)
            if ours and seen.at_s >= snapshot.began_s:
                reason = f"gateway {seen.status.gateway_id} could not load version {rollout.version}: {failure.reason}"
                return Stop(gate="load", reason=reason)
    return None


def _tripped(snapshot: Snapshot) -> Stop | None:
    """A worker that leads the candidate's calls to stable under this step's route. One without the arm forgot trips."""
    rollout = snapshot.ongoing.rollout
    for seen in snapshot.gateways:
        if seen.status.applied_revision < epoch_of(rollout):
            continue
        for trip in seen.status.trips:
            if (trip.model, trip.version) == (rollout.model, rollout.version):
                said = f"{trip.bad} of {trip.calls} calls were bad, mostly {trip.reason}"
                where = f"worker {trip.slot} of gateway {seen.status.gateway_id}"
                return Stop(gate="breaker", reason=f"{where} tripped version {trip.version}: {said}")
    return None


def _behind(snapshot: Snapshot) -> GateVerdict | None:
    """Who does not serve the step's route yet."""
    epoch = epoch_of(snapshot.ongoing.rollout)
    late = [seen.status for seen in snapshot.gateways if seen.status.applied_revision < epoch]
    if snapshot.gateways and not late:
        return None
    names = ", ".join(f"{status.gateway_id} (at {status.applied_revision})" for status in late)
    reason = f"revision {epoch} is not served yet by {names}" if late else "no gateway has reported yet"
    return GateVerdict(gate="gateways", verdict=NEED_MORE, reason=reason)


def _timed_out(snapshot: Snapshot, verdicts: tuple[GateVerdict, ...]) -> Stop | None:
    rollout = snapshot.ongoing.rollout
    step = rollout.policy.steps[rollout.step]
    if snapshot.now_s - snapshot.began_s < step.timeout_s:
        return None
    open_ = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if verdict.verdict == NEED_MORE)
    reason = f"{describe(step)} had no verdict after {step.timeout_s:g} s: {open_}"
    return Stop(gate="timeout", reason=reason, verdicts=verdicts)
