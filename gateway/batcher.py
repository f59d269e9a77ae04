"""What arrived in one turn of the event loop for one version runs as one batch, when that changes no bit of any answer.

Nobody waits for a batch to fill: calls that are read together are put together, and where the model's route lets its
calls wait, also with those that come within that time (gateway.waiting). A batch is bounded by its expected run time,
so that merging shortens the tail and never lengthens it. Long runs go to named threads.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.alarm import Alarm
from gateway.servables import Servable
from gateway.waiting import Held, Wait

log = logging.getLogger(__name__)

Outputs = list[NDArray[Any]]


class Job(Protocol):
    """One call on its way through a run. `done` and `failed` are called once, on the event loop."""

    @property
    def feeds(self) -> dict[str, NDArray[Any]]: ...

    @property
    def rows(self) -> int: ...

    @property
    def layout(self) -> object:
        """Jobs with equal layouts have inputs that can be put together."""

    def remaining_s(self) -> float | None:
        """Until its caller's deadline; None where there is none. Asked of calls that may wait."""

    def dropped(self) -> bool:
        """Whether it is not to run here: nobody waits for it and it has ended itself, or it waits elsewhere now."""

    def done(self, outputs: Outputs, started_ns: int, ended_ns: int) -> None: ...

    def failed(self, error: Exception, started_ns: int, ended_ns: int) -> None: ...


def plan(jobs: Sequence[Job], rows_at_most: int) -> list[list[Job]]:
    """Jobs in runs of at most `rows_at_most` rows, equal layouts together, otherwise in their order. Pure."""
    runs: list[list[Job]] = []
    open_runs: dict[object, tuple[list[Job], int]] = {}
    for job in jobs:
        run, rows = open_runs.get(job.layout, ([], 0))
        if not run or rows + job.rows > rows_at_most:
            run, rows = [], 0
            runs.append(run)
        run.append(job)
        open_runs[job.layout] = (run, rows + job.rows)
    return runs


class Batcher:
    """Runs jobs. Written by: the worker's event loop; threads only compute."""

    def __init__(
        self, *, inline_run_us: float, batch_run_us: float, threads: int = 2, flushed: Callable[[], None] = lambda: None
    ) -> None:
        """`flushed` is called when the answers of one turn have been given, so that they leave together."""
        self.inline_run_us = inline_run_us
        self.batch_run_us = batch_run_us
        self.flushed = flushed
        self.ran: Callable[[Servable, int, int], None] = lambda servable, rows, taken_ns: None  # told of each run
        self.waits: Mapping[str, Wait] = {}  # by model; written by the worker, as a whole
        self.computing: list[list[Any]] = []  # the jobs of runs in threads, and of those that wait for one
        self._queues: dict[Servable, list[Job]] = {}
        self._held: dict[Servable, Held[Job]] = {}
        self._alarm: Alarm | None = None  # there once a call waits
        self.threads = threads
        self.runners = ThreadPoolExecutor(threads, thread_name_prefix="model-run")

    def put(self, servable: Servable, job: Job) -> None:
        """The job runs in this turn of the loop, after everything that was read in it."""
        queue = self._queues.get(servable)
        if queue is None:
            if not self._queues:
                asyncio.get_running_loop().call_soon(self._run_all)
            queue = self._queues[servable] = []
        queue.append(job)

    def stop(self) -> None:
        self._run_held(float("inf"))
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        self.runners.shutdown(wait=True, cancel_futures=True)

    def _run_all(self) -> None:
        queues, self._queues = self._queues, {}
        for servable, jobs in queues.items():
            rows = servable.cost.rows_within(self.batch_run_us) if servable.merges else 1
            if self.waits and rows > 1 and (wait := self.waits.get(servable.version.model)) is not None:
                self._hold(servable, jobs, wait, rows)
            else:
                self._run_planned(servable, jobs, rows)
        self.flushed()

    def _run_planned(self, servable: Servable, jobs: list[Job], rows: int) -> None:
        for run in plan(jobs, rows):
            self._run(servable, run)

    def _hold(self, servable: Servable, jobs: list[Job], wait: Wait, rows: int) -> None:
        """Runs the calls now, with those that waited, or lets them wait: for no more rows than a run takes."""
        held = self._held.setdefault(servable, Held())
        wanted = min(wait.rows or rows, rows)
        now = time.monotonic()
        held.add(jobs, now, wait.us, servable.cost.expected_us(wanted))
        if held.is_due(now, wanted):
            del self._held[servable]
            self._run_planned(servable, held.jobs, rows)
        else:
            self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        if self._alarm is None:
            self._alarm = Alarm(self._wake)
        if self._held:
            self._alarm.set(min(held.due for held in self._held.values()) - now)

    def _wake(self) -> None:
        self._run_held(time.monotonic())
        self._set_alarm(time.monotonic())
        self.flushed()

    def _run_held(self, now: float) -> None:
        """Runs what has waited long enough."""
        for servable in [servable for servable, held in self._held.items() if now >= held.due]:
            held = self._held.pop(servable)
            self._run_planned(servable, held.jobs, servable.cost.rows_within(self.batch_run_us))

    def _run(self, servable: Servable, jobs: list[Job]) -> None:
        waiting = [job for job in jobs if not job.dropped()]
        if not waiting:
            return
        if servable.cost.expected_us(sum(job.rows for job in waiting)) <= self.inline_run_us:
            self._finish(servable, waiting, *compute(servable, waiting))
        else:
            self.computing.append(waiting)
            future = asyncio.get_running_loop().run_in_executor(self.runners, compute, servable, waiting)
            future.add_done_callback(lambda ended: self._finish_later(servable, waiting, ended))

    def _finish_later(self, servable: Servable, jobs: list[Job], ended: "asyncio.Future[Any]") -> None:
        self.computing.remove(jobs)
        if ended.cancelled():
            now = time.perf_counter_ns()
            for job in jobs:
                job.failed(RuntimeError("the worker is going"), now, now)
        else:
            self._finish(servable, jobs, *ended.result())
        self.flushed()

    def _finish(
        self, servable: Servable, jobs: list[Job], outputs: Outputs | Exception, started_ns: int, ended_ns: int
    ) -> None:
        if isinstance(outputs, Exception):
            self._alone(servable, jobs, outputs, started_ns, ended_ns)
            return
        rows = sum(job.rows for job in jobs)
        servable.cost.update(rows, (ended_ns - started_ns) / 1e3)
        self.ran(servable, rows, ended_ns - started_ns)
        if len(jobs) == 1:
            jobs[0].done(outputs, started_ns, ended_ns)
            return
        at = 0
        for job in jobs:
            job.done([output[at : at + job.rows] for output in outputs], started_ns, ended_ns)
            at += job.rows

    def _alone(self, servable: Servable, jobs: list[Job], error: Exception, started_ns: int, ended_ns: int) -> None:
        """A run that failed: one of the calls is bad, and the others shall not suffer."""
        if len(jobs) == 1:
            jobs[0].failed(error, started_ns, ended_ns)
            return
        for job in jobs:
            self._run(servable, [job])


def compute(servable: Servable, jobs: Sequence[Job]) -> tuple[Outputs | Exception, int, int]:
    """(outputs or what went wrong, started, ended), in nanoseconds of the monotonic clock. From any thread."""
    feeds = jobs[0].feeds
    if len(jobs) > 1:
        feeds = {name: np.concatenate([job.feeds[name] for job in jobs]) for name in feeds}
    started_ns = time.perf_counter_ns()
    try:
        outputs: Outputs | Exception = servable.run(feeds)
    except Exception as error:  # the runtime's exceptions share no base of their own; the job answers with it
        outputs = error
    return outputs, started_ns, time.perf_counter_ns()
