"""What a step waits for besides its gates: gateways that serve it and report, time, and somebody's yes. Pure."""

from collections.abc import Sequence

from gnomon.rollout import GateVerdict, Rollout
from registry.rollout.gates import NEED_MORE, PASS
from registry.stats import Seen


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
