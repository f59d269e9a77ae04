"""The numbers of a rollout, out of what gateways counted in its epochs. Pure.

A count that was not taken is not a zero: calls without the threshold a gate needs do not enter that gate at all.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.domain import ALL_BP, Role
from gnomon.evidence import ArmStats, Histogram, PairStats, Trip
from gnomon.plan import P99_CALLS
from gnomon.rollout import BEGINNINGS, Rollout
from gnomon.stats import latency
from gnomon.stats.sequential import Segment
from registry.store.rollouts import Frozen

BUDGET, TAU, MEDIAN = 0, 1, 2  # places in a rollout route's latency_thresholds_us
TAU_SHARE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Bad events out of n over the rollout, and how many calls of the running step are among them."""

    bad: int = 0
    n: int = 0
    in_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """Predictions of a version in one epoch whose outcome is known, and how many of them were wrong."""

    epoch: int
    version: int
    outcomes: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the gates look at. Over all epochs of the running step's phase: shadow, canary, or guard."""

    over_budget: Events = Events()
    over_tau: tuple[Segment, ...] = ()  # slower than stable's p99, a segment each epoch
    over_median: tuple[Segment, ...] = ()  # slower than stable's median
    canary_errors: Events = Events()  # of the candidate where it answers
    disagreements: Events = Events()
    slow_runs: Events = Events()
    run_bound_us: float | None = None  # of the running step; None: no run of stable seen
    shadow_errors: Events = Events()
    pairs_in_step: int = 0
    compared_in_step: int = 0  # answered canary calls for which over_tau was counted
    medians_in_step: int = 0  # and over_median
    wrong: tuple[Segment, ...] = ()  # predictions that turned out wrong
    outcomes: int = 0  # of the candidate in the phase, beside known ones of stable


def epochs_of(rollout: Rollout) -> dict[int, int]:
    """Epoch to step, of every step the rollout has begun; the guard counts as one."""
    return {decision.epoch: decision.step for decision in rollout.decisions if decision.action in BEGINNINGS}


def epochs_of_phase(rollout: Rollout) -> set[int]:
    """Those of the running step's phase."""
    phase = rollout.policy.phase
    return {epoch for epoch, step in epochs_of(rollout).items() if phase(step) is phase(rollout.step)}


def epoch_of(rollout: Rollout) -> int:
    """The epoch of the running step."""
    return rollout.decisions[-1].epoch


def evidence_of(
    rollout: Rollout,
    arms: Sequence[ArmStats],
    pairs: Sequence[PairStats],
    realised: Sequence[Realised] = (),
    trips: Sequence[Trip] = (),
) -> Evidence:
    """Evidence from the counts of the rollout's epochs, each added over gateways.

    Under a guard the roles are swapped: the candidate is stable, and the old version the canary beside it.
    """
    now, epochs = epoch_of(rollout), epochs_of_phase(rollout)
    arms = [arm for arm in arms if arm.epoch in epochs]
    shadow = [arm for arm in arms if arm.role is Role.SHADOW and arm.version == rollout.version]
    canary = [arm for arm in arms if arm.role is not Role.SHADOW and arm.version == rollout.version]
    stable = {arm.epoch: arm for arm in arms if arm.role is not Role.SHADOW and arm.version == rollout.baseline}
    wrong, outcomes = _wrong(rollout, [each for each in realised if each.epoch in epochs])
    paired = [pair for pair in pairs if pair.version == rollout.version and pair.epoch in epochs]
    ratio = rollout.policy.max_run_ratio
    return Evidence(
        over_budget=_over_budget(canary, now),
        over_tau=_segments(canary, stable, TAU),
        over_median=_segments(canary, stable, MEDIAN),
        canary_errors=_with_trips(_errors(canary, now), trips),
        disagreements=_disagreements(paired, now),
        slow_runs=_slow_runs(paired, stable, ratio, now) if ratio is not None else Events(),
        run_bound_us=_run_bound_us(stable.get(now), ratio) if ratio is not None else None,
        shadow_errors=_errors(shadow, now),
        pairs_in_step=sum(pair.pairs for pair in paired if pair.epoch == now),
        compared_in_step=_compared(rollout, [arm for arm in canary if arm.epoch == now], stable.get(now), TAU),
        wrong=wrong,
        outcomes=outcomes,
        medians_in_step=_compared(rollout, [arm for arm in canary if arm.epoch == now], stable.get(now), MEDIAN),
    )


def frozen_of(stable: Sequence[ArmStats], budget_us: int | None) -> Frozen | None:
    """Stable's p99 and median before the first canary call; under 100 calls the budget alone, None without one."""
    histogram = latency.Histogram()
    for arm in stable:
        histogram.merge(_histogram(arm.latency))
    if histogram.count >= P99_CALLS:
        return Frozen(p99_us=math.ceil(histogram.quantile(TAU_SHARE)), p50_us=math.ceil(histogram.quantile(0.5)))
    return None if budget_us is None else Frozen(p99_us=budget_us)


def _over_budget(canary: Sequence[ArmStats], now: int) -> Events:
    measured = [arm for arm in canary if len(arm.over) > BUDGET]
    return Events(
        bad=sum(arm.over[BUDGET] for arm in measured),
        n=sum(arm.answered for arm in measured),
        in_step=sum(arm.answered for arm in measured if arm.epoch == now),
    )


def _segments(canary: Sequence[ArmStats], stable: dict[int, ArmStats], place: int) -> tuple[Segment, ...]:
    return tuple(_segment(arm, stable.get(arm.epoch), place) for arm in canary if len(arm.over) > place)


def _segment(canary: ArmStats, stable: ArmStats | None, place: int) -> Segment:
    """(events of the canary, events of both, the canary's share of calls) of one epoch.

    The share is that of the calls seen, not of the route: a breaker, a late gateway, or failed calls
    change who had how many. It keeps alpha as well as the route's does (docs/simulations.md, decision 69).
    """
    beside = stable if stable is not None and len(stable.over) > place else None
    answered = canary.answered + (beside.answered if beside else 0)
    events = canary.over[place] + (beside.over[place] if beside else 0)
    return canary.over[place], events, canary.answered / answered if answered else 0.0


def _wrong(rollout: Rollout, realised: Sequence[Realised]) -> tuple[tuple[Segment, ...], int]:
    """A segment each epoch in which outcomes of both are known, and how many of the candidate's that makes."""
    ours = [each for each in realised if each.version == rollout.version]
    theirs = {each.epoch: each for each in realised if each.version == rollout.baseline}
    both = [(mine, theirs[mine.epoch]) for mine in ours if mine.epoch in theirs]
    segments = tuple(
        (mine.wrong, mine.wrong + other.wrong, mine.outcomes / (mine.outcomes + other.outcomes)) for mine, other in both
    )
    return segments, sum(mine.outcomes for mine, _ in both)


def _compared(rollout: Rollout, canary: Sequence[ArmStats], stable: ArmStats | None, place: int) -> int:
    """Canary calls of the step that stable calls stood beside; at all traffic there are none to ask for."""
    alone = rollout.policy.whole[rollout.step].weight_bp == ALL_BP
    beside = stable is not None and stable.answered > 0 and len(stable.over) > place
    return sum(arm.answered for arm in canary if len(arm.over) > place) if alone or beside else 0


def _errors(arms: Sequence[ArmStats], now: int) -> Events:
    return Events(
        bad=sum(arm.failed for arm in arms),
        n=sum(arm.answered + arm.failed for arm in arms),
        in_step=sum(arm.answered + arm.failed for arm in arms if arm.epoch == now),
    )


def _with_trips(events: Events, trips: Sequence[Trip]) -> Events:
    """What tripped breakers counted as bad, where that is more: also timeouts and answers that are no numbers.

    Workers that did not trip tell nothing of those, so this is a count too low, which never stops a good version.
    """
    n = max(events.n, sum(trip.calls for trip in trips))
    return dataclasses.replace(events, bad=max(events.bad, sum(trip.bad for trip in trips)), n=n)


def _disagreements(pairs: Sequence[PairStats], now: int) -> Events:
    return Events(
        bad=sum(pair.disagreements for pair in pairs),
        n=sum(pair.pairs for pair in pairs),
        in_step=sum(pair.pairs for pair in pairs if pair.epoch == now),
    )


def _slow_runs(pairs: Sequence[PairStats], stable: dict[int, ArmStats], ratio: float, now: int) -> Events:
    """Shadow runs above `ratio` times stable's median of the same epoch; epochs without runs of stable are left out."""
    counted = [(pair, _run_bound_us(stable.get(pair.epoch), ratio)) for pair in pairs]
    bounded = [(pair, bound) for pair, bound in counted if bound is not None]
    return Events(
        bad=sum(_above(pair.run, bound) for pair, bound in bounded),
        n=sum(sum(pair.run.count) for pair, _ in bounded),
        in_step=sum(sum(pair.run.count) for pair, _ in bounded if pair.epoch == now),
    )


def _run_bound_us(stable: ArmStats | None, ratio: float) -> float | None:
    if stable is None or not any(stable.run.count):
        return None
    return ratio * _histogram(stable.run).quantile(0.5)


def _above(runs: Histogram, bound_us: float) -> int:
    pairs = zip(runs.bucket, runs.count, strict=True)
    return sum(count for bucket, count in pairs if latency.lower_edge_us(bucket) > bound_us)


def _histogram(sparse: Histogram) -> latency.Histogram:
    return latency.Histogram.from_sparse(sparse.bucket, sparse.count)
