"""Calls per arm: an epoch's counts for the gates, and totals of all epochs for whoever looks at metrics."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import FAILED, STATUS_NAMES
from gateway.observe import sparse
from gateway.observe.calls import Calls
from gnomon.domain import Role, Route
from gnomon.evidence import ArmStats
from gnomon.stats.latency import Histogram

EPOCHS_KEPT = 64
# Upper edges of the classic buckets, in seconds.
LATENCY_EDGES_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EDGES_NS = np.array([round(edge * 1e9) for edge in LATENCY_EDGES_S])


class ArmKey(NamedTuple):
    """An arm in one epoch."""

    model: str
    epoch: int
    version: int
    role: int


class TotalKey(NamedTuple):
    """A version in one role, in all epochs."""

    model: str
    version: int
    role: int


@dataclass
class Arm:
    """Counts of an arm in one epoch, of calls that chance gave it: what arms are compared by.

    A call with a score that is not a number counts as failed, not as answered.
    """

    answered: int = 0
    failed: int = 0
    over: list[int] = field(default_factory=list)
    latency: Histogram = field(default_factory=Histogram)
    run: Histogram = field(default_factory=Histogram)

    def update(self, calls: Calls, thresholds_us: tuple[int, ...]) -> None:
        answered = calls.answered()
        good = answered.where(answered.finite)
        self.answered += len(good.status)
        self.failed += int(np.count_nonzero(calls.status == FAILED)) + len(answered.status) - len(good.status)
        self.over += [0] * (len(thresholds_us) - len(self.over))
        for index, threshold in enumerate(thresholds_us):
            self.over[index] += int(np.count_nonzero(good.total_ns > 1000 * threshold))
        timed = good.timed()
        self.latency.update(timed.total_ns / 1e3)
        self.run.update(timed.run_ns / 1e3)

    def stats(self, key: ArmKey) -> ArmStats:
        return ArmStats(
            model=key.model, epoch=key.epoch, version=key.version, role=Role(key.role),
            answered=self.answered, failed=self.failed, over=tuple(self.over),
            latency=sparse.evidence_of(self.latency), run=sparse.evidence_of(self.run),
        )  # fmt: skip


@dataclass
class Total:
    """Counts of a version in one role since the journal began. `buckets` (15,) are not cumulative; the last is +Inf."""

    calls: dict[str, int] = field(default_factory=dict)  # by status
    buckets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(LATENCY_EDGES_S) + 1, np.int64))
    sum_ns: int = 0

    def update(self, calls: Calls) -> None:
        counts = np.bincount(calls.status)
        for status in np.flatnonzero(counts).tolist():
            name = STATUS_NAMES.get(status, "unknown")
            self.calls[name] = self.calls.get(name, 0) + int(counts[status])
        answered = calls.answered().timed().total_ns.astype(np.int64)
        self.buckets += np.bincount(np.searchsorted(_EDGES_NS, answered), minlength=len(self.buckets))
        self.sum_ns += int(answered.sum())


class Arms:
    """All arms seen. Written by: the observer."""

    def __init__(self) -> None:
        self.arms: dict[ArmKey, Arm] = {}
        self.totals: dict[TotalKey, Total] = {}

    def update(self, model: str, headers: NDArray[Any], finite: NDArray[np.bool_], routes: dict[int, Route]) -> None:
        """Counts calls of one model: `headers` (n,), and whether each one's scores are all numbers, (n,)."""
        for epoch, version, role, calls in Calls.of(headers, finite).by_arm():
            self.totals.setdefault(TotalKey(model, version, role), Total()).update(calls)
            if role in set(Role):
                route = routes.get(epoch)
                arm = self.arms.setdefault(ArmKey(model, epoch, version, role), Arm())
                arm.update(calls.drawn(), route.latency_thresholds_us if route is not None else ())

    def forget(self, kept: int = EPOCHS_KEPT) -> None:
        """Drops the detail of all but the newest epochs of each model. Their calls stay in the totals."""
        forget_epochs(self.arms, kept)

    def stats(self) -> tuple[ArmStats, ...]:
        return tuple(arm.stats(key) for key, arm in sorted(self.arms.items()))

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        arms = [
            [*key, arm.answered, arm.failed, arm.over, sparse.state(arm.latency), sparse.state(arm.run)]
            for key, arm in self.arms.items()
        ]
        totals = [[*key, total.calls, total.buckets.tolist(), total.sum_ns] for key, total in self.totals.items()]
        return {"arms": arms, "totals": totals}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Arms":
        arms = cls()
        for model, epoch, version, role, answered, failed, over, latency, run in state.get("arms", []):
            arm = Arm(answered, failed, over, sparse.histogram(latency), sparse.histogram(run))
            arms.arms[ArmKey(model, epoch, version, role)] = arm
        for model, version, role, calls, buckets, sum_ns in state.get("totals", []):
            arms.totals[TotalKey(model, version, role)] = Total(calls, np.array(buckets, np.int64), sum_ns)
        return arms


def forget_epochs(found: dict[Any, Any], kept: int) -> None:
    """Drops the oldest epochs of each model from `found`, whose keys begin with (model, epoch)."""
    epochs: dict[str, set[int]] = {}
    for key in found:
        epochs.setdefault(key[0], set()).add(key[1])
    oldest = {model: sorted(numbers)[-kept:][0] for model, numbers in epochs.items()}
    for key in [key for key in found if key[1] < oldest[key[0]]]:
        del found[key]
