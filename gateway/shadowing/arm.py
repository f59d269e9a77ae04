"""One shadow arm: reads the journals behind cursors of its own, at its own pace, and brings every call it is offered to
exactly one end. What becomes of another arm is nothing to it.

Ends, cursors and the place in the shadow journal change together, when a batch is done. A batch that is given up, as
the runner stops, is as if it had not been begun: what was journaled of it is found again.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.columns import Group, groups
from gateway.journal.format import ANSWERED
from gateway.journal.readers import Follower, Readers
from gateway.journal.walk import Batch, Position
from gateway.shadowing.books import EXPIRED, FAILED, RUN, SHED, Books, BooksKey
from gateway.shadowing.budget import Budget
from gateway.shadowing.calls import Calls, Numbers, calls_of
from gateway.shadowing.choice import Offer, offers
from gateway.shadowing.frames import Frames, Told
from gateway.shadowing.messages import Loaded
from gateway.shadowing.model import Later, Model
from gateway.shadowing.process import Died
from gateway.shadowing.slices import Slices
from gnomon.errors import InvalidInput

log = logging.getLogger(__name__)

MOST_READ, LEAST_READ = 4_096, 16  # calls of a batch: what is done, and checkpointed, together
BATCH_S, PORTION_S = 1.0, 0.1  # what a batch, and one question to the model, may take
PAUSE_S = 0.02
WEIGHT = 0.3  # of a new measurement in the cost of a row


class GivenUp(Exception):
    """The runner stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the arms of a runner share."""

    frames: Frames
    slices: Slices
    parents: dict[tuple[int, bytes], int]  # ends of calls that were run after the last checkpoint
    stopping: threading.Event
    max_lag: int
    max_age_s: float
    batch_rows: int
    save: Callable[[], None]  # with the lock of `frames` held


class ShadowArm:
    """Written by: its thread; `saved` with the lock of the frames held."""

    def __init__(self, model: Model, budget: Budget, readers: Readers, books: Books, around: Surroundings) -> None:
        self.model, self.budget, self.readers, self.books = model, budget, readers, books
        self.saved: dict[str, Any] = {}
        self.busy_s = time.monotonic()  # when it last had something to do
        self.left = False  # it is no more: another may take its place
        self._around = around
        self._working = False
        self._asked = False  # in the last batch: where all was too old, the next is larger
        self._row_s = 0.0  # what a row takes; 0: not known
        self._keep()

    @property
    def key(self) -> tuple[str, int]:
        return self.model.name, self.model.number

    def step(self) -> bool:
        """One batch of every journal. False when there was none, or it has to wait. Raises: GivenUp."""
        self.model.watch()
        began_s = time.thread_time()
        found = [self._step_one(follower) for follower in self.readers]
        self.budget.charge(time.thread_time() - began_s, time.monotonic())
        if any(found):
            self.busy_s = time.monotonic()
        return any(found)

    def leave(self, positions: Mapping[str, Position]) -> bool:
        """Whether it goes, having read exactly so far and no further. With the lock of the frames held."""
        self.left = not self._working and self.readers.positions() == positions
        return self.left

    def end(self) -> None:
        self.model.end()

    def _step_one(self, follower: Follower) -> bool:
        with self._around.frames.lock:
            if self.left:
                return False
            self._working = True
        try:
            return self._work(follower)
        finally:
            self._working = False

    def _work(self, follower: Follower) -> bool:
        most = int(BATCH_S / self._row_s) if self._row_s and self._asked else MOST_READ
        batch = follower.peek(max(LEAST_READ, min(MOST_READ, most)))
        if batch is None:
            return False
        self._asked = False
        ends, behind = Books(), follower.pending()
        offered = offers(follower.name, batch, self.key)
        for offer in offered:
            self.budget.change(offer.arm.cpu_share)
            self._take(batch, offer, behind, ends)
        with self._around.frames.lock:
            self.books.add(ends)
            self.books.forget()
            follower.done()
            self._keep()
            if offered:
                self._around.save()
        return True

    def _keep(self) -> None:
        """What a checkpoint says of it."""
        self.saved = {
            "positions": self.readers.positions(), "journals": self.readers.counts(), "books": self.books.state(),
            "sequence": self._around.frames.sequence,
        }  # fmt: skip

    def _take(self, batch: Batch, offer: Offer, behind: int, ends: Books) -> None:
        epoch = int(batch.headers["epoch"][offer.rows[0]])
        key = BooksKey(*self.key, epoch)
        rows = self._not_yet_run(batch, offer.rows, key, ends)
        late = len(batch) - rows + behind > self._around.max_lag
        ends.end(key, SHED, int(late.sum()))
        fresh = self._fresh(batch.headers[rows])
        ends.end(key, EXPIRED, int((~fresh & ~late).sum()))
        for group in groups(batch, rows[fresh & ~late]):
            slices = self._around.slices.of(batch.routes[epoch], group.schema)
            loaded = self._patiently()
            if loaded is None:
                ends.end(key, FAILED, len(group))
            else:
                self._run(group, loaded, Told(offer.arm, loaded.described, batch.routes[epoch], slices), key, ends)

    def _not_yet_run(self, batch: Batch, rows: NDArray[np.intp], key: BooksKey, ends: Books) -> NDArray[np.intp]:
        """Without those that were run before a kill, which are counted here."""
        parents = self._around.parents
        if not parents:
            return rows
        ids = [bytes(parent) for parent in batch.headers["prediction_id"][rows]]
        ended = [parents.pop((key.version, parent), None) for parent in ids]
        for status in ended:
            if status is not None:
                ends.end(key, RUN if status == ANSWERED else FAILED)
        return rows[[status is None for status in ended]]

    def _patiently(self) -> Loaded | None:
        """The version, once it can be asked. Raises: GivenUp."""
        while True:
            try:
                return self.model.loaded()
            except Later:
                self._pause(PAUSE_S)

    def _pause(self, wait_s: float) -> None:
        if self._around.stopping.wait(wait_s):
            raise GivenUp

    def _run(self, group: Group, loaded: Loaded, told: Told, key: BooksKey, ends: Books) -> None:
        try:
            calls = calls_of(group, loaded.inputs, loaded.takes_any_rows)
        except InvalidInput as error:
            log.warning("shadow %s version %d: %s", *self.key, error)
            ends.end(key, FAILED, len(group))
            return
        for portion in calls.portions(lambda: self._most_calls(max(1, calls.rows))):
            while wait_s := self.budget.wait_s(time.monotonic()):
                self._pause(wait_s)
            self._ask(calls, self._in_time(group, portion, key, ends), told, key, ends)

    def _most_calls(self, rows: int) -> int:
        """Of so many rows each, in one question: one until it is known what they take."""
        in_time = int(PORTION_S / self._row_s) if self._row_s else 1
        return max(1, min(in_time, self._around.batch_rows) // rows)

    def _in_time(self, group: Group, portion: list[Numbers], key: BooksKey, ends: Books) -> list[Numbers]:
        """What is not too old by now."""
        fresh = self._fresh(group.headers)
        kept = [numbers[fresh[numbers]] for numbers in portion]
        ends.end(key, EXPIRED, sum(map(len, portion)) - sum(map(len, kept)))
        return [numbers for numbers in kept if len(numbers)]

    def _fresh(self, headers: NDArray[Any]) -> NDArray[np.bool_]:
        """(n,): which calls are not too old."""
        oldest_ns = time.time_ns() - round(self._around.max_age_s * 1e9)
        fresh: NDArray[np.bool_] = headers["arrived_unix_ns"].astype(np.int64) >= oldest_ns
        return fresh

    def _ask(self, calls: Calls, portion: list[Numbers], told: Told, key: BooksKey, ends: Books) -> None:
        if not portion or self._patiently() is None:
            ends.end(key, FAILED, sum(map(len, portion)))
            return
        self._asked = True
        try:
            answer = self.model.ask([calls.run(numbers) for numbers in portion])
        except Died:
            for numbers in portion:
                self._around.frames.append(taken(calls.group, numbers), None, 0, told)
                ends.end(key, FAILED, len(numbers))
            return
        self._learn(answer.taken_ns / 1e9, sum(map(len, portion)) * max(1, calls.rows))
        for numbers, parts in zip(portion, answer.parts, strict=True):
            at = 0
            for part in parts:
                some = taken(calls.group, numbers[at : at + part.calls])
                written = self._around.frames.append(some, part.outputs, part.run_ns, told)
                well = written if part.outputs is not None else 0
                ends.end(key, RUN, well)
                ends.end(key, FAILED, part.calls - well)
                at += part.calls

    def _learn(self, taken_s: float, rows: int) -> None:
        row_s = max(taken_s / rows, 1e-9)
        self._row_s = row_s if not self._row_s else (1 - WEIGHT) * self._row_s + WEIGHT * row_s


def taken(group: Group, numbers: Numbers) -> Group:
    """Some of a group's calls."""
    return Group(group.rows[numbers], group.headers[numbers], group.schema, group.matrix[numbers], group.places)
