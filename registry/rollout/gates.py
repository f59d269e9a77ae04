"""Gates: evidence in, verdicts out. Pure; every verdict carries its numbers.

A gate fails when its log E reaches ln(tests / alpha): the chance that a good version is ever stopped is alpha over all
tests of the policy together, however often they are looked at (gnomon.stats.sequential). `errors` is two tests, one of
the shadow's calls and one of the canary's. A gate that has not failed passes when the running step has seen its
min_calls; `disagreement`, and `p99_budget` in the last canary step, also need evidence that the limit is kept:
log E of compliance at ln(1 / alpha). Everything else is need_more: silence is never a pass.

Weakness: calls are taken as independent, so a burst on one machine counts as many bad events.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from gnomon.domain import Role
from gnomon.rollout import GateVerdict, Policy
from gnomon.stats.sequential import calls_needed, compliance_log_e, exceedance_log_e, label_log_e
from registry.rollout.evidence import Events, Evidence

PASS, FAIL, NEED_MORE = "pass", "fail", "need_more"
P99_SHARE = 0.01  # of calls may be slower than a p99
MEDIAN_SHARE = 0.5  # of runs may be slower than a median


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a verdict is held to: evidence to fail, evidence to comply, calls to have seen in this step."""

    fail_at: float
    pass_at: float
    min_calls: int

    @property
    def alpha(self) -> float:
        return math.exp(-self.pass_at)


def list_tests(policy: Policy) -> tuple[tuple[Role, str], ...]:
    """The tests a policy runs: the kind of step and the gate."""
    roles = {step.role for step in policy.steps}
    wanted = (
        (Role.SHADOW, "disagreement", policy.max_disagreement_share),
        (Role.SHADOW, "shadow_run", policy.max_run_ratio),
        (Role.SHADOW, "errors", policy.max_error_share),
        (Role.CANARY, "p99_budget", policy.p99_budget_us),
        (Role.CANARY, "p99_vs_stable", policy.max_latency_ratio),
        (Role.CANARY, "errors", policy.max_error_share),
    )
    return tuple((role, gate) for role, gate, limit in wanted if limit is not None and role in roles)


def judge(policy: Policy, index: int, evidence: Evidence, tau_us: int | None) -> tuple[GateVerdict, ...]:
    """The verdict of every gate that is on in step `index`; of `calls` alone where none is."""
    step = policy.steps[index]
    tests = list_tests(policy)
    bar = Bar(
        fail_at=math.log(max(1, len(tests)) / policy.alpha),
        pass_at=math.log(1 / policy.alpha),
        min_calls=step.min_calls,
    )
    gates = [gate for role, gate in tests if role is step.role]
    if not gates:
        return (_calls(step.role, evidence, bar),)
    look = _in_shadow(policy, evidence, bar) if step.role is Role.SHADOW else _in_canary(policy, evidence, bar, tau_us)
    last = index == len(policy.steps) - 1
    return tuple(look[gate](last) for gate in gates)


Look = dict[str, Callable[[bool], GateVerdict]]


def _in_shadow(policy: Policy, evidence: Evidence, bar: Bar) -> Look:
    return {
        "disagreement": lambda last: disagreement(policy, evidence, bar),
        "shadow_run": lambda last: shadow_run(policy, evidence, bar),
        "errors": lambda last: errors(policy, evidence.shadow_errors, evidence.pairs_in_step, bar),
    }


def _in_canary(policy: Policy, evidence: Evidence, bar: Bar, tau_us: int | None) -> Look:
    seen = evidence.canary_errors.in_step
    return {
        "p99_budget": lambda last: p99_budget(policy, evidence, bar, comply=last),
        "p99_vs_stable": lambda last: p99_vs_stable(policy, evidence, bar, tau_us),
        "errors": lambda last: errors(policy, evidence.canary_errors, seen, bar),
    }


def p99_budget(policy: Policy, evidence: Evidence, bar: Bar, *, comply: bool) -> GateVerdict:
    """At most 1 % of the candidate's calls may be slower than the budget."""
    what = f"calls slower than {policy.p99_budget_us} us"
    return _share("p99_budget", what, evidence.over_budget, P99_SHARE, evidence.over_budget.in_step, bar, comply=comply)


def errors(policy: Policy, events: Events, seen: int, bar: Bar) -> GateVerdict:
    """At most so many of the candidate's calls may fail."""
    return _share("errors", "calls failed", events, policy.max_error_share or 0.0, seen, bar, comply=False)


def disagreement(policy: Policy, evidence: Evidence, bar: Bar) -> GateVerdict:
    """At most so many pairs may differ by more than the tolerance, and it must be shown."""
    share = policy.max_disagreement_share or 0.0
    what = "pairs with scores apart by more than the tolerance"
    return _share("disagreement", what, evidence.disagreements, share, evidence.pairs_in_step, bar, comply=True)


def shadow_run(policy: Policy, evidence: Evidence, bar: Bar) -> GateVerdict:
    """At most half of the shadow's timed runs may exceed a multiple of stable's median, and it must be shown."""
    if evidence.run_bound_us is None:
        return GateVerdict(
            gate="shadow_run", verdict=NEED_MORE, need=bar.min_calls, reason="no model run of stable was seen yet"
        )
    what = f"runs longer than {evidence.run_bound_us:.0f} us, {policy.max_run_ratio:g} times stable's median"
    return _share("shadow_run", what, evidence.slow_runs, MEDIAN_SHARE, evidence.pairs_in_step, bar, comply=True)


def p99_vs_stable(policy: Policy, evidence: Evidence, bar: Bar, tau_us: int | None) -> GateVerdict:
    """Slow calls may come from the candidate at most `max_latency_ratio` times as often as its share of calls says."""
    ratio = policy.max_latency_ratio or 1.0
    if tau_us is None:
        reason = "no p99 of stable: too few calls before the canary, and no budget to take its place"
        return GateVerdict(gate="p99_vs_stable", verdict=NEED_MORE, need=bar.min_calls, reason=reason)
    ours = sum(canary for canary, _, _ in evidence.over_tau)
    events = sum(total for _, total, _ in evidence.over_tau)
    numbers: dict[str, object] = {
        "slow_canary": ours,
        "slow": events,
        "segments": [list(segment) for segment in evidence.over_tau],
        "tau_us": tau_us,
        "ratio": ratio,
    }
    what = f"{ours:g} of {events:g} calls slower than stable's p99 of {tau_us} us came from the candidate"
    log_e = label_log_e(evidence.over_tau, ratio)
    limit = f"at most {ratio:g} times stable's share allowed"
    return _verdict("p99_vs_stable", f"{what}; {limit}", log_e, evidence.compared_in_step, bar, numbers)


def _calls(role: Role, evidence: Evidence, bar: Bar) -> GateVerdict:
    """A step without a gate of its own still has to be seen."""
    seen = evidence.pairs_in_step if role is Role.SHADOW else evidence.canary_errors.in_step
    return _verdict("calls", f"{seen} calls seen, no gate is on in this step", -math.inf, seen, bar, {})


def _share(gate: str, what: str, events: Events, limit: float, seen: int, bar: Bar, *, comply: bool) -> GateVerdict:
    """A share of bad events against its limit."""
    log_e = exceedance_log_e(events.bad, events.n, limit)
    numbers: dict[str, object] = {"bad": events.bad, "n": events.n, "limit": limit}
    share = f"{events.bad} of {events.n} {what}"
    words = f"{share} ({events.bad / events.n:.2%}); at most {limit:.2%} allowed" if events.n else share
    if not comply:
        return _verdict(gate, words, log_e, seen, bar, numbers)
    log_comply = compliance_log_e(events.bad, events.n, limit)
    numbers["log_e_compliance"] = _finite(log_comply)
    numbers["pass_at"] = bar.pass_at
    missing = _calls_to_comply(events, limit, bar) if log_comply < bar.pass_at else 0
    return _verdict(gate, words, log_e, seen, bar, numbers, missing)


def _calls_to_comply(events: Events, limit: float, bar: Bar) -> int:
    """An estimate; where the share seen so far never gets there, as many again as were seen."""
    needed = calls_needed(limit, events.bad, events.n, bar.alpha)
    return max(1, events.n, bar.min_calls) if needed is None else needed


def _verdict(
    gate: str, words: str, log_e: float, seen: int, bar: Bar, numbers: dict[str, object], missing: int = 0
) -> GateVerdict:
    """Fail on evidence; pass when enough was seen and nothing is missing; need_more in between."""
    evidence = json.dumps({**numbers, "log_e": _finite(log_e), "fail_at": bar.fail_at, "seen": seen})
    if log_e >= bar.fail_at:
        reason = f"{words}; log E {log_e:.1f} reached {bar.fail_at:.1f}"
        return GateVerdict(gate=gate, verdict=FAIL, reason=reason, evidence_json=evidence)
    need = max(bar.min_calls - seen, missing)
    if need > 0:
        reason = f"{words}; {seen} of {bar.min_calls} calls seen, about {need} more needed"
        return GateVerdict(gate=gate, verdict=NEED_MORE, need=need, reason=reason, evidence_json=evidence)
    return GateVerdict(gate=gate, verdict=PASS, reason=words, evidence_json=evidence)


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return round(number, 6) if math.isfinite(number) else None
