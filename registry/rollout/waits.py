"""What a step waits for besides its gates: gateways that serve it and report, breakers, time, somebody's yes. Pure."""

from collections.abc import Sequence

from gnomon.evidence import Trip
from gnomon.rollout import GateVerdict, Rollout
from registry.rollout.evidence import epoch_of
from registry.rollout.gates import NEED_MORE, PASS
from registry.stats import Seen

BREAKER = "breaker"


def at_step(rollout: Rollout, seen: Sequence[Seen]) -> list[Seen]:
    """Gateways that serve the running step's route."""
    return [each for each in seen if not _behind(each, epoch_of(rollout))]


def trips_of(rollout: Rollout, seen: Sequence[Seen]) -> list[tuple[str, Trip]]:
    """(gateway, trip) of each worker that leads the candidate's calls to stable under the running step's route."""
    told = [(each.status.gateway_id, trip) for each in at_step(rollout, seen) for trip in each.status.trips]
    return [(name, trip) for name, trip in told if (trip.model, trip.version) == (rollout.model, rollout.version)]


def breaker(trips: Sequence[tuple[str, Trip]]) -> GateVerdict | None:
    """The first of `trips_of`: a worker whose breaker has not closed again; None where there is none."""
    if not trips:
        return None
    name, trip = trips[0]
    said = f"{trip.bad} of {trip.calls} calls were bad, mostly {trip.reason}"
    reason = f"worker {trip.slot} of gateway {name} tripped version {trip.version}: {said}"
    return GateVerdict(gate=BREAKER, verdict=NEED_MORE, seen=trip.calls, reason=reason)


def gateways(seen: Sequence[Seen], epoch: int, heard_since_s: float) -> GateVerdict | None:
    """Who does not serve the step's route yet, or has fallen silent since; None where all do and report."""
    behind = [f"{each.status.gateway_id} (at {each.status.applied_revision})" for each in seen if _behind(each, epoch)]
    silent = [each.status.gateway_id for each in seen if min(each.at_s, each.counted_s) < heard_since_s]
    words = []
    if not seen:
        words.append("no gateway has reported yet")
    if behind:
        words.append(f"revision {epoch} is not served yet by {', '.join(behind)}")
    if silent:
        words.append(f"nothing was heard lately from {', '.join(silent)}")
    return GateVerdict(gate="gateways", verdict=NEED_MORE, reason="; ".join(words)) if words else None


def time(rollout: Rollout, passed_s: float) -> GateVerdict | None:
    """Whether the step has had its shortest time; None where it has none."""
    min_s = rollout.policy.whole[rollout.step].min_s
    if not min_s:
        return None
    left_s = max(0.0, min_s - passed_s)
    reason = f"{min(passed_s, min_s):.0f} of at least {min_s:g} s"
    if not left_s:
        return GateVerdict(gate="time", verdict=PASS, reason=reason)
    return GateVerdict(gate="time", verdict=NEED_MORE, reason=reason, eta_s=left_s)


def approval(rollout: Rollout) -> GateVerdict | None:
    """Whether somebody has said yes to the running step; None where nobody is asked."""
    if not rollout.policy.whole[rollout.step].needs_approval:
        return None
    said = [each for each in rollout.decisions if each.action == "approved" and each.step == rollout.step]
    if said:
        return GateVerdict(gate="approval", verdict=PASS, reason=said[-1].reason)
    reason = f"waits for somebody's yes: gnomon rollout approve {rollout.model}"
    return GateVerdict(gate="approval", verdict=NEED_MORE, reason=reason)


def _behind(each: Seen, epoch: int) -> bool:
    return each.status.applied_revision < epoch
