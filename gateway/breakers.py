"""The breakers of a worker: how each arm's calls end goes in, tables that lead around an arm come out.

Stable arms are counted beside: they say what share of bad calls is nobody's fault but the callers'. Routes without a
canary are not watched and cost nothing. Calls that name their version are neither counted nor moved.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.breaker import REASONS, Breaker, Outcomes, Policy, Share, State
from gateway.job import Job, outcome_of
from gateway.journal.format import FAILED
from gateway.lanes.run import Dropped, Run, word_at
from gateway.native.blocks import STREAM
from gateway.pages import Page
from gateway.servables import Servables
from gateway.serving import Serving
from gnomon.errors import DeadlineExceeded
from gnomon.routing import Table

log = logging.getLogger(__name__)

STATE = "gnomon_breaker_state"
Key = tuple[str, int]  # model, version


@dataclass(frozen=True, slots=True)
class Watched:
    """An arm whose calls are counted: a stable one by its share of bad calls, a canary by its breaker."""

    key: Key
    stable: Key
    calls: int  # its place on the page
    bad: tuple[int, ...]  # the places, by REASONS
    breaker: Breaker | None = None
    share: Share = field(default_factory=Share)

    @property
    def labels(self) -> dict[str, str]:
        return {"model": self.key[0], "version": str(self.key[1])}


class Breakers:
    """Written by: the worker's event loop. `moved` is given the table that takes the place of its model's."""

    def __init__(
        self, page: Page, servables: Servables, policy: Policy, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.moved: Callable[[Table], None] = lambda table: None
        self._page, self._servables, self._policy, self._monotonic_s = page, servables, policy, monotonic_s
        self._tables: dict[str, Table] = {}  # as the routes say
        self._watched: dict[Key, Watched] = {}
        page.zero(STATE)  # what a predecessor that was killed had tripped is tried again

    # What the worker asks.

    def follow(self, serving: Serving) -> Serving:
        """From here on these routes are watched: an arm that stays keeps its breaker, as its version is the same."""
        before, self._watched, self._tables = self._watched, {}, dict(serving.tables)
        for table in serving.tables.values():
            if table.route.canaries:
                self._watch(table, before)
        for key in before.keys() - self._watched.keys():
            self._page.set(STATE, State.CLOSED, **before[key].labels)
        return Serving(serving.revision, {model: self._arranged(table) for model, table in self._tables.items()})

    def tick(self) -> None:
        """Once in a while: what time alone changes."""
        now_s = self._monotonic_s()
        for watched in self._watched.values():
            if watched.breaker is not None and watched.breaker.look(now_s):
                self._change(watched)

    def admitted(self, job: Job) -> None:
        """A call was taken up for its arm: where that is half open, it is one of the trials."""
        watched = self._of(job)
        breaker = watched.breaker if watched is not None else None
        if watched is not None and breaker is not None and breaker.state is State.HALF_OPEN and breaker.admit():
            self._change(watched)

    def leads_around(self, key: Key) -> bool:
        """Whether calls that wait for the arm are to go to stable instead."""
        watched = self._watched.get(key)
        return watched is not None and watched.breaker is not None and watched.breaker.state is State.OPEN

    def diverted_address(self, model: str) -> int:
        """Where answers of stable in a tripped arm's place are counted."""
        return int(self._page.values.ctypes.data) + 8 * self._page.counter("gnomon_breaker_diverted_total", model=model)

    # How calls end.

    def answered(self, job: Job, outputs: list[NDArray[Any]]) -> None:
        if job.taken is not None and job.taken.choice.rule == "breaker":
            self._page.values[self._page.counter("gnomon_breaker_diverted_total", model=job.taken.route.model)] += 1
        watched = self._of(job)
        if watched is not None and not job.is_late:
            late = self._is_late(watched, job)
            self._ended(watched, Outcomes(1, timed_out=late, non_finite=not late and not is_finite(outputs)))

    def refused(self, job: Job, error: BaseException) -> None:
        """What the caller asked wrongly, or took back, says nothing of the arm."""
        watched = self._of(job)
        if watched is None or job.is_late:
            return
        if outcome_of(error) == FAILED:
            self._ended(watched, Outcomes(1, failed=1))
        elif isinstance(error, asyncio.CancelledError | DeadlineExceeded) and self._is_late(watched, job):
            self._ended(watched, Outcomes(1, timed_out=1))

    def watches(self, run: Run) -> bool:
        """Whether `ran` wants to know of it."""
        return not run.lane.pinned and run.lane.key in self._watched

    def ran(self, run: Run, dead: int) -> None:
        """A run of the lane has ended, or will not be; nobody waits for `dead` of its calls any more. Where it failed,
        Python runs its calls again and counts them."""
        watched = self._watched[run.lane.key]
        late = self._late_calls(watched, run) if dead else 0
        if isinstance(run.outputs, Exception):
            outcomes = Outcomes(late, timed_out=late)
        else:
            bad = 0 if is_finite(run.outputs) else calls_not_finite(run.outputs, run.starts - run.row)
            calls = len(run.calls) - run.late
            outcomes = Outcomes(calls, timed_out=late, non_finite=min(bad, calls - late))
        if outcomes.calls:
            self._ended(watched, outcomes)

    def overdue(self, runs: Iterable[Run], jobs: Iterable[Job]) -> None:
        """Runs of the lane that are being computed, and jobs likewise: a run that hangs has no end to be counted at."""
        for run in runs:
            watched = self._watched.get(run.lane.key)
            if watched is not None and not run.lane.pinned and (late := self._late_calls(watched, run)):
                run.late += late
                self._ended(watched, Outcomes(late, timed_out=late))
        for job in jobs:
            watched = self._of(job)
            if watched is not None and not job.is_late and self._is_late(watched, job):
                job.is_late = True
                self._ended(watched, Outcomes(1, timed_out=1))

    def _of(self, job: Job) -> Watched | None:
        taken = job.taken
        if taken is None or taken.choice.rule == "pinned":
            return None
        return self._watched.get((taken.route.model, taken.choice.version))

    def _ended(self, watched: Watched, outcomes: Outcomes) -> None:
        self._page.values[watched.calls] += outcomes.calls
        if outcomes.bad:
            for place, count in zip(watched.bad, outcomes[1:], strict=True):
                self._page.values[place] += count
        if watched.breaker is None:
            watched.share.update(outcomes)
        elif watched.breaker.ended(outcomes, self._watched[watched.stable].share.value, self._monotonic_s()):
            self._change(watched)

    def _is_late(self, watched: Watched, job: Job) -> bool:
        """Whether the caller's deadline has passed, and stable could have met it."""
        remaining_s = job.call.time_remaining()
        if remaining_s is None or remaining_s > 0:
            return False
        given_s = remaining_s + (time.perf_counter_ns() - job.began_ns) / 1e9
        return given_s * 1e6 >= self._least_us(watched, job.rows)

    def _late_calls(self, watched: Watched, run: Run) -> int:
        """The same of the calls of a run: how many more than were known."""
        if isinstance(run.outputs, Exception) and not isinstance(run.outputs, Dropped):
            return 0
        now_ns, given = time.monotonic_ns(), []
        for stream in run.calls.tolist():
            deadline_ns = word_at(stream + STREAM.DEADLINE_NS)
            if 0 < deadline_ns <= now_ns:
                given.append(deadline_ns - word_at(stream + STREAM.ARRIVED_NS))
        if not given:
            return 0
        least_us = self._least_us(watched, run.rows // len(run.calls))
        return max(0, sum(given_ns >= 1e3 * least_us for given_ns in given) - run.late)

    def _least_us(self, watched: Watched, rows: int) -> float:
        return self._servables.get(*watched.stable).cost.least_us(rows) if watched.stable in self._servables else 0.0

    # What comes of it.

    def _watch(self, table: Table, before: dict[Key, Watched]) -> None:
        model, stable = table.route.model, (table.route.model, table.route.stable.version)
        known = before.get(stable)
        self._watched[stable] = known if known is not None and known.breaker is None else self._new(stable, stable)
        for arm in table.route.canaries:
            key = model, arm.version
            found = before.get(key)
            kept = found.breaker if found is not None else None
            breaker = kept or Breaker(self._policy)
            self._watched[key] = self._new(key, stable, breaker)
            if kept is None:
                self._begin(self._watched[key])
            self._page.set(STATE, breaker.state, **self._watched[key].labels)

    def _new(self, key: Key, stable: Key, breaker: Breaker | None = None) -> Watched:
        page, labels = self._page, {"model": key[0], "version": str(key[1])}
        bad = tuple(page.counter("gnomon_breaker_bad_total", reason=reason, **labels) for reason in REASONS)
        return Watched(key, stable, page.counter("gnomon_breaker_calls_total", **labels), bad, breaker)

    def _begin(self, watched: Watched) -> None:
        """What was counted in a former rollout of the version says nothing of this one."""
        values, labels = self._page.values, watched.labels
        self._page.set("gnomon_breaker_calls_before", int(values[watched.calls]), **labels)
        self._page.set("gnomon_breaker_bad_before", sum(int(values[place]) for place in watched.bad), **labels)

    def _arranged(self, table: Table) -> Table:
        """The table with the calls of arms that may have none sent to stable."""
        found = {arm.version: self._watched[table.route.model, arm.version].breaker for arm in table.route.canaries}
        diverted = {version for version, breaker in found.items() if breaker is not None and not breaker.admits}
        tripped = {version for version, breaker in found.items() if breaker is not None and breaker.state}
        if not tripped:
            return table
        return dataclasses.replace(table, diverted=frozenset(diverted), tried=frozenset(tripped - diverted))

    def _change(self, watched: Watched) -> None:
        breaker, labels, page = watched.breaker, watched.labels, self._page
        assert breaker is not None
        if breaker.state is State.OPEN:
            page.values[page.counter("gnomon_breaker_trips_total", reason=breaker.reason, **labels)] += 1
            page.set("gnomon_breaker_tripped_unix_ms", time.time_ns() // 1_000_000, reason=breaker.reason, **labels)
        if breaker.state != page.values[page.counter(STATE, **labels)]:
            log.warning("%s version %d: breaker %s (%s)", *watched.key, breaker.state.name.lower(), breaker.reason)
        page.set(STATE, breaker.state, **labels)
        self.moved(self._arranged(self._tables[watched.key[0]]))


def is_finite(outputs: list[NDArray[Any]]) -> bool:
    """Whether every floating-point number is one."""
    return all(bool(np.isfinite(output).all()) for output in outputs if output.dtype.kind == "f")


def calls_not_finite(outputs: list[NDArray[Any]], starts: NDArray[np.int64]) -> int:
    """In how many calls there is a number that is none; `starts` (n,) are their first rows."""
    rows = [
        np.flatnonzero(~np.isfinite(output.reshape(len(output), -1)).all(axis=1))
        for output in outputs
        if output.dtype.kind == "f"
    ]
    return len(np.unique(np.searchsorted(starts, np.concatenate(rows), side="right")))
