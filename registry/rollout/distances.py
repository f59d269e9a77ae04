"""How far apart the two arms' scores are in the running step, and the candidate's inputs from its training data.

Gateways count what each version was asked and what it answered in sub-windows of time (drift ticks), binned by that
version's own profile. Only sub-windows of the running step count: within it both arms get a constant share of the
calls, so whatever changes with time changes both alike; over several steps it would not.

Missing values are left out. Calls that name a version are among the counts.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import DriftTick
from gnomon.plan import fail_at
from gnomon.rollout import BEGINNINGS, Policy, Rollout
from registry.drift import fitting, start_unix_ms, summed
from registry.rollout.bounds import Binned, Distance, cuts_of, distance, log_goal

if TYPE_CHECKING:
    from gnomon.stats.profile import Monitor, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Lower bounds of the widest distances over all columns, and which column they are of.

    `log_e` is ln E against no drift at all since the step began, of inputs: the mean of E over all of them.
    """

    rows: int = 0  # of the candidate in the step
    beside: int = 0  # of what it is compared with
    psi: float = 0.0
    psi_of: str = ""
    ks: float = 0.0
    ks_of: str = ""
    log_e: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllApart:
    scores: Apart = Apart()
    inputs: Apart = Apart()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What was counted of one version."""

    profile: "Profile"
    ticks: Sequence[DriftTick]


def is_asked(policy: Policy) -> bool:
    """Whether any gate looks at distributions."""
    return _compares_scores(policy) or policy.max_input_psi is not None


def measure(rollout: Rollout, ours: Arm, theirs: Arm | None) -> AllApart:
    """All that the gates of the running step ask. CPU-bound: for a thread, not for the event loop."""
    policy, since = rollout.policy, began_unix_ms(rollout)
    alpha, compared = alpha_of(policy, rollout.step), _compares_scores(policy)
    scores = scores_apart(ours, theirs, since, alpha) if compared and theirs is not None else Apart()
    inputs = inputs_apart(ours, since, alpha) if policy.max_input_psi is not None else Apart()
    return AllApart(scores=scores, inputs=inputs)


def _compares_scores(policy: Policy) -> bool:
    return policy.max_score_psi is not None or policy.max_score_ks is not None


def began_unix_ms(rollout: Rollout) -> int:
    """When the running step's route was put in force."""
    return max(each.decided_unix_ms for each in rollout.decisions if each.action in BEGINNINGS)


def alpha_of(policy: Policy, index: int) -> float:
    """A gate's chance of failing a good version in one step: its own share, over all steps of the phase."""
    steps = sum(policy.phase(each) is policy.phase(index) for each in range(len(policy.whole)))
    return math.exp(-fail_at(policy)) / steps


def scores_apart(ours: Arm, theirs: Arm, since_unix_ms: int, alpha: float) -> Apart:
    """Scores of the candidate beside those of stable. CPU-bound, some milliseconds a score."""
    theirs_by_name = {
        monitor.name: binned
        for monitor, binned in _columns(theirs, since_unix_ms)
        if monitor.is_score and monitor.categories is None
    }
    cut_by = {monitor.name: _reference(monitor) for monitor in theirs.profile.monitors}
    pairs = [
        (monitor.name, theirs_by_name[monitor.name], binned, cut_by[monitor.name])
        for monitor, binned in _columns(ours, since_unix_ms)
        if monitor.is_score and monitor.name in theirs_by_name and monitor.categories is None
    ]
    return _widest(pairs, alpha)


def inputs_apart(ours: Arm, since_unix_ms: int, alpha: float) -> Apart:
    """Inputs of the candidate beside its training data. CPU-bound, some milliseconds an input.

    Names are left out: their slots were chosen by the very counts they would be held against.
    """
    inputs = [(monitor, binned) for monitor, binned in _columns(ours, since_unix_ms) if not monitor.is_score]
    columns = [(monitor, binned) for monitor, binned in inputs if monitor.categories is None]
    widest = _widest([(m.name, _reference(m), binned, _reference(m)) for m, binned in columns], alpha)
    return dataclasses.replace(widest, log_e=_log_e([(binned, _reference(m)) for m, binned in columns]))


def _log_e(columns: list[tuple[Binned, Binned]]) -> float:
    """Of columns of (ours, the reference): a mean of e-values is one, however they depend on each other."""
    from gnomon.stats.polya import polya_log_e  # brings scipy, which a registry without rollouts need not load

    found = [polya_log_e(ours.counts, reference.counts) for ours, reference in columns if reference.rows]
    top = max(found, default=0.0)
    return top + math.log(sum(math.exp(each - top) for each in found) / len(found)) if found else 0.0


def _widest(columns: list[tuple[str, Binned, Binned, Binned]], alpha: float) -> Apart:
    """Over columns of (name, what it is compared with, ours, the reference that gives the cuts)."""
    found: list[tuple[str, Distance]] = []
    for name, theirs, ours, reference in columns:
        cuts = cuts_of(reference)
        found.append((name, distance(theirs, ours, cuts, log_goal(alpha, len(columns), len(cuts)))))
    if not found:
        return Apart()
    psi_of, psi = max(found, key=lambda each: each[1].psi)
    ks_of, ks = max(found, key=lambda each: each[1].ks)
    rows, beside = max(ours.rows for _, _, ours, _ in columns), max(theirs.rows for _, theirs, _, _ in columns)
    return Apart(rows=rows, beside=beside, psi=psi.psi, psi_of=psi_of, ks=ks.ks, ks_of=ks_of)


def _columns(arm: Arm, since_unix_ms: int) -> list[tuple["Monitor", Binned]]:
    ticks = [tick for tick in arm.ticks if start_unix_ms(tick) >= since_unix_ms]
    counts = summed(fitting(ticks, arm.profile.slots), arm.profile.slots)
    return [
        (monitor, _binned(monitor, window))
        for monitor, window in zip(arm.profile.monitors, arm.profile.split(counts), strict=True)
    ]


def _reference(monitor: "Monitor") -> Binned:
    return _binned(monitor, monitor.counts)


def _binned(monitor: "Monitor", counts: NDArray[np.int64]) -> Binned:
    return Binned(edges=monitor.edges, counts=counts[:-1])
