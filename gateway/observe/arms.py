"""Calls per arm: an epoch's counts for the gates, and totals of all epochs for whoever looks at metrics."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import FAILED, STATUS_NAMES
from gateway.observe import sparse
from gateway.observe.calls import Calls
from gateway.observe.edges import Edges, budgets_us, edges_ns, recut, with_budgets
from gnomon.domain import Role, Route
from gnomon.evidence import ArmStats
from gnomon.stats.latency import Histogram

EPOCHS_KEPT = 64
STAGES = ("decode", "queue", "run")


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
    """Counts of a version in one role since the journal began, or since it was first seen here.

    `buckets` (edges + 1,) are not cumulative; the last has no upper edge. `sums_ns` are of the whole call and its
    stages.
    """

    edges: Edges = field(default_factory=lambda: edges_ns(()))
    calls: dict[str, int] = field(default_factory=dict)  # by status
    buckets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    sums_ns: list[int] = field(default_factory=lambda: [0] * (1 + len(STAGES)))
    published: tuple[Edges, int] = ((), -1)  # edges and calls of the last time

    def __post_init__(self) -> None:
        if not len(self.buckets):
            self.buckets = np.zeros(len(self.edges) + 1, np.int64)

    def update(self, calls: Calls) -> None:
        counts = np.bincount(calls.status)
        for status in np.flatnonzero(counts).tolist():
            name = STATUS_NAMES.get(status, "unknown")
            self.calls[name] = self.calls.get(name, 0) + int(counts[status])
        timed = calls.answered().timed()
        bucket = np.searchsorted(self.edges, timed.total_ns.astype(np.int64))
        self.buckets += np.bincount(bucket, minlength=len(self.buckets))
        spent = (timed.total_ns, timed.decode_ns, timed.queue_ns, timed.run_ns)
        self.sums_ns = [before + int(column.sum()) for before, column in zip(self.sums_ns, spent, strict=True)]

    def cut(self, edges: Edges) -> None:
        """Other edges from here on."""
        self.buckets, self.edges = recut(self.buckets, self.edges, edges), edges

    def state(self) -> list[Any]:
        return [self.calls, self.edges, self.buckets.tolist(), self.sums_ns]

    @classmethod
    def of(cls, calls: dict[str, int], *kept: Any) -> "Total":
        if len(kept) < 3:  # of a version that did not write edges down: latencies begin anew
            return cls(calls=calls)
        edges, buckets, sums_ns = kept
        return cls(tuple(edges), calls, np.array(buckets, np.int64), sums_ns)


class Arms:
    """All arms seen. Written by: the observer."""

    def __init__(self) -> None:
        self.arms: dict[ArmKey, Arm] = {}
        self.totals: dict[TotalKey, Total] = {}
        self.budgets: dict[str, tuple[int, Edges]] = {}  # of a model: the newest epoch seen, and what has edges

    def update(self, model: str, headers: NDArray[Any], finite: NDArray[np.bool_], routes: dict[int, Route]) -> None:
        """Counts calls of one model: `headers` (n,), and whether each one's scores are all numbers, (n,)."""
        self._note_budgets(model, routes)
        for epoch, version, role, calls in Calls.of(headers, finite).by_arm():
            self._total(TotalKey(model, version, role)).update(calls)
            if role in set(Role):
                route = routes.get(epoch)
                arm = self.arms.setdefault(ArmKey(model, epoch, version, role), Arm())
                arm.update(calls.drawn(), route.latency_thresholds_us if route is not None else ())

    def _note_budgets(self, model: str, routes: dict[int, Route]) -> None:
        """Every budget of the newest route gets an edge, in the buckets of all versions of its model."""
        epoch, kept = self.budgets.get(model, (-1, ()))
        newest = max((number for number, route in routes.items() if route.model == model), default=-1)
        if newest <= epoch:
            return
        wanted = with_budgets(kept, budgets_us(routes[newest]))
        self.budgets[model] = (newest, wanted)
        for key, total in self.totals.items():
            if key.model == model:
                total.cut(edges_ns(wanted))

    def _total(self, key: TotalKey) -> Total:
        found = self.totals.get(key)
        if found is None:
            found = self.totals[key] = Total(edges_ns(self.budgets.get(key.model, (-1, ()))[1]))
        return found

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
        totals = [[*key, *total.state()] for key, total in self.totals.items()]
        budgets = [[model, *kept] for model, kept in self.budgets.items()]
        return {"arms": arms, "totals": totals, "budgets": budgets}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Arms":
        arms = cls()
        for model, epoch, version, role, answered, failed, over, latency, run in state.get("arms", []):
            arm = Arm(answered, failed, over, sparse.histogram(latency), sparse.histogram(run))
            arms.arms[ArmKey(model, epoch, version, role)] = arm
        arms.budgets = {model: (epoch, tuple(kept)) for model, epoch, kept in state.get("budgets", [])}
        for model, version, role, *total in state.get("totals", []):
            key = TotalKey(model, version, role)
            arms.totals[key] = Total.of(*total)
            arms.totals[key].cut(edges_ns(arms.budgets.get(model, (-1, ()))[1]))
        return arms


def forget_epochs(found: dict[Any, Any], kept: int) -> None:
    """Drops the oldest epochs of each model from `found`, whose keys begin with (model, epoch)."""
    epochs: dict[str, set[int]] = {}
    for key in found:
        epochs.setdefault(key[0], set()).add(key[1])
    oldest = {model: sorted(numbers)[-kept:][0] for model, numbers in epochs.items()}
    for key in [key for key in found if key[1] < oldest[key[0]]]:
        del found[key]
