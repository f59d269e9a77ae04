"""Gates: evidence in, verdicts out. Pure; every verdict carries its numbers.

A gate fails when its log E reaches ln(tests / alpha): the chance that a good version is ever stopped is alpha over all
tests of the policy together, however often they are looked at (gnomon.stats.sequential). A gate is a test in each phase
that asks it, so `errors` may be three: of the shadow's calls, of the canary's, and of the guard's. A gate that has not
failed passes when the running step has seen its min_calls; `disagreement`, and `p99_budget` in the last canary step and
in the guard, also need evidence that the limit is kept: log E of compliance at ln(1 / alpha). Everything else is
need_more: silence is never a pass.

Weakness: calls are taken as independent, so a burst on one machine counts as many bad events.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from gnomon.domain import ALL_BP
from gnomon.plan import MEDIAN_SHARE, P99_SHARE, fail_at, gates_of, must_be_shown
from gnomon.rollout import GateVerdict, Phase, Policy
from gnomon.stats.sequential import Segment, calls_needed, compliance_log_e, exceedance_log_e, label_log_e
from registry.rollout.distances import AllApart, Apart
from registry.rollout.evidence import Events, Evidence
from registry.store.rollouts import Frozen

PASS, FAIL, NEED_MORE = "pass", "fail", "need_more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a verdict is held to: evidence to fail, evidence to comply, calls to have seen in this step."""

    fail_at: float
    pass_at: float
    min_calls: int

    @property
    def alpha(self) -> float:
        return math.exp(-self.pass_at)


def judge(
    policy: Policy, index: int, evidence: Evidence, frozen: Frozen | None, apart: AllApart | None = None
) -> tuple[GateVerdict, ...]:
    """The verdict of every gate that is on in step `index`, or in the guard; of `calls` alone where none is."""
    step, phase, gates = policy.whole[index], policy.phase(index), gates_of(policy, index)
    apart = AllApart() if apart is None else apart
    bar = Bar(fail_at=fail_at(policy), pass_at=math.log(1 / policy.alpha), min_calls=step.min_calls)
    if not gates:
        return (_calls(phase, evidence, bar),)
    if phase is Phase.SHADOW:
        look = _in_shadow(policy, evidence, bar)
    else:
        look = _in_canary(policy, index, evidence, bar, frozen, apart)
    return tuple(look[gate]() for gate in gates)


Look = dict[str, Callable[[], GateVerdict]]


def _in_shadow(policy: Policy, evidence: Evidence, bar: Bar) -> Look:
    return {
        "disagreement": lambda: disagreement(policy, evidence, bar),
        "shadow_run": lambda: shadow_run(policy, evidence, bar),
        "errors": lambda: errors(policy, evidence.shadow_errors, evidence.pairs_in_step, bar),
    }


def _in_canary(
    policy: Policy, index: int, evidence: Evidence, bar: Bar, frozen: Frozen | None, apart: AllApart
) -> Look:
    seen, comply = evidence.canary_errors.in_step, must_be_shown(policy, index, "p99_budget")
    alone = policy.whole[index].weight_bp == ALL_BP
    return {
        "p99_budget": lambda: p99_budget(policy, evidence, bar, comply=comply),
        "p99_vs_stable": lambda: p99_vs_stable(policy, evidence, bar, frozen),
        "p50_vs_stable": lambda: p50_vs_stable(policy, evidence, bar, frozen),
        "score_psi": lambda: scores(policy, apart, bar, "psi", alone=alone),
        "score_ks": lambda: scores(policy, apart, bar, "ks", alone=alone),
        "input_drift": lambda: input_drift(policy, apart, bar),
        "quality": lambda: quality(policy, evidence, bar),
        "errors": lambda: errors(policy, evidence.canary_errors, seen, bar),
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


def p99_vs_stable(policy: Policy, evidence: Evidence, bar: Bar, frozen: Frozen | None) -> GateVerdict:
    """Slow calls may come from the candidate at most `max_latency_ratio` times as often as its share of calls says."""
    if frozen is None:
        reason = "no p99 of stable: too few calls before the canary, and no budget to take its place"
        return GateVerdict(gate="p99_vs_stable", verdict=NEED_MORE, need=bar.min_calls, reason=reason)
    what = f"calls slower than stable's p99 of {frozen.p99_us} us"
    ratio = policy.max_latency_ratio or 1.0
    return _labels("p99_vs_stable", what, evidence.over_tau, ratio, evidence.compared_in_step, bar, frozen.p99_us)


def p50_vs_stable(policy: Policy, evidence: Evidence, bar: Bar, frozen: Frozen | None) -> GateVerdict:
    """Calls over stable's median may come from the candidate `max_median_ratio` times as often as its share says."""
    if frozen is None or frozen.p50_us is None:
        reason = "no median of stable: too few calls before the canary"
        return GateVerdict(gate="p50_vs_stable", verdict=NEED_MORE, need=bar.min_calls, reason=reason)
    what = f"calls slower than stable's median of {frozen.p50_us} us"
    ratio = policy.max_median_ratio or 1.0
    return _labels("p50_vs_stable", what, evidence.over_median, ratio, evidence.medians_in_step, bar, frozen.p50_us)


def scores(policy: Policy, apart: AllApart, bar: Bar, kind: str, *, alone: bool) -> GateVerdict:
    """The candidate's scores may be so far from those stable gives in the same step."""
    limit = (policy.max_score_psi if kind == "psi" else policy.max_score_ks) or 0.0
    gate, seen = f"score_{kind}", apart.scores
    if alone:  # every call is the candidate's: it was judged in the steps before
        seen = dataclasses.replace(seen, beside=seen.rows, psi=0.0, ks=0.0)
    return _far(gate, f"{kind.upper()} of the scores of both versions", seen, kind, limit, bar)


def input_drift(policy: Policy, apart: AllApart, bar: Bar) -> GateVerdict:
    """Each input of the candidate may be so far from its training data."""
    return _far("input_drift", "PSI against the training data", apart.inputs, "psi", policy.max_input_psi or 0.0, bar)


def quality(policy: Policy, evidence: Evidence, bar: Bar) -> GateVerdict:
    """Predictions that turned out wrong may come from the candidate so many times as often as its share says."""
    what = f"predictions further than {policy.wrong_above:g} from their outcomes"
    held = dataclasses.replace(bar, min_calls=policy.min_outcomes)
    return _labels("quality", what, evidence.wrong, policy.max_wrong_ratio or 1.0, evidence.outcomes, held, None)


def _far(gate: str, what: str, apart: Apart, kind: str, limit: float, bar: Bar) -> GateVerdict:
    """A distance that is surely more than its limit fails."""
    least, column = (apart.psi, apart.psi_of) if kind == "psi" else (apart.ks, apart.ks_of)
    words = f"{what} is at least {least:.3f}{f' ({column})' if column else ''}; at most {limit:g} allowed"
    numbers = {"at_least": least, "column": column, "limit": limit, "rows": apart.rows, "beside": apart.beside}
    if apart.log_e:
        numbers["log_e_of_any"] = round(apart.log_e, 6)
        words += f"; ln E {apart.log_e:.1f} against no drift at all"
    seen = apart.rows if apart.beside else 0  # rows that nothing stood beside compare nothing
    verdict, need = PASS, max(bar.min_calls - seen, 0)
    if least > limit:
        verdict, need = FAIL, 0
    elif need:
        verdict = NEED_MORE
        words += f"; {apart.rows} of {bar.min_calls} rows seen, beside {apart.beside}"
    return GateVerdict(
        gate=gate, verdict=verdict, need=need, reason=words, evidence_json=json.dumps(numbers), seen=seen
    )


def _labels(
    gate: str, what: str, segments: tuple[Segment, ...], ratio: float, seen: int, bar: Bar, threshold_us: int | None
) -> GateVerdict:
    """Which arm bad events came from, against the candidate's share of the calls."""
    ours, events = sum(canary for canary, _, _ in segments), sum(total for _, total, _ in segments)
    numbers: dict[str, object] = {
        "canary": ours,
        "both": events,
        "segments": [list(segment) for segment in segments],
        "threshold_us": threshold_us,
        "ratio": ratio,
    }
    words = f"{ours:g} of {events:g} {what} came from the candidate; at most {ratio:g} times stable's share allowed"
    return _verdict(gate, words, label_log_e(segments, ratio), seen, bar, numbers)


def _calls(phase: Phase, evidence: Evidence, bar: Bar) -> GateVerdict:
    """A step without a gate of its own still has to be seen."""
    seen = evidence.pairs_in_step if phase is Phase.SHADOW else evidence.canary_errors.in_step
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
    verdict, need = PASS, max(bar.min_calls - seen, missing, 0)
    if log_e >= bar.fail_at:
        verdict, need, words = FAIL, 0, f"{words}; log E {log_e:.1f} reached {bar.fail_at:.1f}"
    elif need > 0:
        verdict = NEED_MORE
        words += f"; {seen} of {bar.min_calls} calls seen, about {need} more needed"
    return GateVerdict(
        gate=gate,
        verdict=verdict,
        need=need,
        reason=words,
        evidence_json=evidence,
        seen=seen,
        log_e=_finite(log_e),
        fail_at=bar.fail_at,
    )


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return round(number, 6) if math.isfinite(number) else None
