"""The shadow runner: runs the shadow arms on what the workers journaled, at the lowest priority, and journals that.

It reads ahead to find out which arms there are. Each arm then reads for itself, in a thread that only waits, reads and
writes, while a process of its own runs its model: an arm that hangs, dies, leaks or spins is nothing to the others.

Exactly once through `kill -9`: cursors, books and the place in its own journal are one checkpoint. After a restart,
calls whose shadow is in the journal behind that place count as run, and are not run again. So at every checkpoint
offered = run + shed + expired + failed for each arm, and the shadow journal holds one answered frame for each run, and
one failed frame for each run the model refused, or did not survive.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import host_of
from gateway.journal.readers import Follower, Readers
from gateway.journal.walk import Position
from gateway.journal.writer import Writer
from gateway.observe.page import publish_readers
from gateway.pages import Page
from gateway.shadowing.arm import ShadowArm, Surroundings
from gateway.shadowing.books import Books
from gateway.shadowing.budget import Budget
from gateway.shadowing.choice import offers
from gateway.shadowing.crew import IDLE_S, Crew
from gateway.shadowing.frames import Frames, parents_since
from gateway.shadowing.model import Limits, Model
from gateway.shadowing.slices import Slices
from gateway.snapshot import Snapshot

log = logging.getLogger(__name__)

NAME = "shadow"
SLOT = 4_095  # of prediction ids: the last, far from any worker's
READ_LIMIT = 4_096
RETIRED_AFTER_S = 60.0  # an arm that has nothing to do: its process ends, its books stay

Positions = Mapping[str, Position]
Start = Callable[[ShadowArm], None]


class Shadow:
    """Reads worker journals, writes the shadow journal. Written by: the main thread; arms by theirs.

    Who changes what a checkpoint holds has the lock of the frames.
    """

    def __init__(self, config: Config, host: int = 0, start: Start = lambda arm: None) -> None:
        layout = config.layout
        self.config = config
        self.snapshot = Snapshot(layout.snapshot)
        self.checkpoint = Checkpoint(layout.checkpoint(NAME))
        positions, state = self.checkpoint.load()
        self.arms: dict[tuple[str, int], ShadowArm] = {}
        self.given_up = threading.Event()
        self._start = start
        self._saved_s, self._dirty = 0.0, False
        self.frames = Frames(
            Writer(
                layout.shadow_journal, host=host, slot=SLOT,
                segment_bytes=config.segment_bytes, segment_max_age_s=config.segment_max_age_s,
            )
        )  # fmt: skip
        self._around = Surroundings(
            frames=self.frames, slices=Slices(self.snapshot, layout.cache), stopping=self.given_up,
            parents=parents_since(layout.shadow_journal, state.get("sequence", 0)), save=self.save,
            max_lag=config.shadow_max_lag, max_age_s=config.shadow_max_age_s, batch_rows=config.shadow_batch_rows,
        )  # fmt: skip
        self.page = Page.create(layout.page(NAME))
        self.page.set("gnomon_consumer_checkpoints_lost_total", self.checkpoint.lost, consumer=NAME)
        self._restore(positions, state)
        self.publish()

    # What a checkpoint holds.

    def _restore(self, positions: Positions, state: Mapping[str, Any]) -> None:
        ahead = state.get("ahead", {"positions": positions, "journals": state.get("journals", {})})
        self.ahead = self._readers(ahead)
        self.retired = Books(state.get("retired", state.get("books")))  # of arms that are no more
        for model, version, kept in state.get("arms", []):
            self._add((model, version), self._readers(kept), Books(kept["books"]))

    def _readers(self, kept: Mapping[str, Any]) -> Readers:
        positions = {name: Position(*numbers) for name, numbers in kept["positions"].items()}
        return Readers(self.config.layout.worker_journals, positions, kept["journals"])

    def save(self) -> None:
        """For the whole of this consumer stands the cursor that is furthest behind, in each journal."""
        with self.frames.lock:
            kept = {key: arm.saved for key, arm in self.arms.items()}
            ahead = {"positions": self.ahead.positions(), "journals": self.ahead.counts()}
            positions, counts = furthest_behind([ahead, *kept.values()])
            state = {
                "journals": counts, "books": self.books.state(), "retired": self.retired.state(), "ahead": ahead,
                "arms": [[*key, saved] for key, saved in kept.items()],
                "sequence": min([saved["sequence"] for saved in kept.values()] or [self.frames.sequence]),
            }  # fmt: skip
            self.checkpoint.save(positions, state)
            self._saved_s, self._dirty = time.monotonic(), False
            self.publish()

    @property
    def books(self) -> Books:
        """Of all arms there ever were, as of their last batches."""
        books = Books(self.retired.state())
        for arm in self.arms.values():
            books.add(Books(arm.saved["books"]))
        return books

    def publish(self) -> None:
        with self.frames.lock:
            self.books.publish(self.page)
            for (model, version), arm in self.arms.items():
                labels = {"model": model, "version": str(version)}
                self.page.set("gnomon_shadow_restarts_total", arm.model.restarts, **labels)
            publish_readers(self.page, self._laggards(), NAME)

    def _laggards(self) -> Iterator[Follower]:
        """In each journal, who is furthest behind."""
        readers = [self.ahead, *(arm.readers for arm in self.arms.values())]
        names = sorted(self.ahead.followers)
        for name in names:
            found = [each.followers[name] for each in readers if name in each.followers]
            yield min(found, key=lambda follower: follower.position.sequence)

    # Finding the arms.

    def look_ahead(self) -> bool:
        """Finds the arms that one batch of every journal offers calls to. False when there was none."""
        self.snapshot.refresh()
        found = [self._look_ahead(follower) for follower in self.ahead]
        self.frames.tick()
        self._retire()
        if self._dirty and time.monotonic() > self._saved_s + IDLE_S:
            self.save()
        elif not any(found):
            self.publish()
        return any(found)

    def _look_ahead(self, follower: Follower) -> bool:
        batch = follower.peek(READ_LIMIT)
        if batch is None:
            return False
        with self.frames.lock:
            for offer in offers(follower.name, batch):
                model = batch.routes[int(batch.headers["epoch"][offer.rows[0]])].model
                if (model, offer.arm.version) not in self.arms:
                    # From here on nothing is offered to it that it does not read: before, nothing was.
                    begin = {"positions": self.ahead.positions(), "journals": self.ahead.counts()}
                    self._add((model, offer.arm.version), self._readers(begin), Books())
            follower.done()
            self._dirty = True
        return True

    def _add(self, key: tuple[str, int], readers: Readers, books: Books) -> None:
        config, budget = self.config, Budget(0.0, time.monotonic())
        limits = Limits(
            config.shadow_child, config.layout.cache, config.shadow_memory_bytes, config.shadow_run_timeout_s
        )
        model = Model(*key, self.snapshot.version, limits, budget)
        self.arms[key] = ShadowArm(model, budget, readers, books, self._around)
        self._start(self.arms[key])

    def _retire(self) -> None:
        """Lets go of arms that have long had nothing to do, and have read as far as was looked ahead."""
        for key, arm in list(self.arms.items()):
            if time.monotonic() > arm.busy_s + RETIRED_AFTER_S:
                with self.frames.lock:
                    if arm.leave(self.ahead.positions()):
                        self.retired.add(Books(arm.saved["books"]))
                        del self.arms[key]
                        self._dirty = True

    # All of it in one thread, and its end.

    def step(self) -> bool:
        """Looks ahead, then a step of each arm, in this thread. False when there was nothing to do."""
        found = [self.look_ahead(), *(arm.step() for arm in list(self.arms.values()))]
        return any(found)

    def close(self) -> None:
        for arm in self.arms.values():
            arm.end()
        self.save()
        self.frames.close()


def furthest_behind(kept: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Position], dict[str, Any]]:
    """In each journal, the first position, with its counts."""
    positions: dict[str, Position] = {}
    counts: dict[str, Any] = {}
    for each in kept:
        for name, place in each["positions"].items():
            if name not in positions or (place[2], place[1]) < (positions[name][2], positions[name][1]):
                positions[name], counts[name] = place, each["journals"].get(name, (0, 0, 0))
    return positions, counts


def lowest_priority(workers: int) -> None:
    """Runs only when nobody else wants to, where the system lets us say so, and on what cores workers leave over.

    Even the lowest priority is not given up in the middle of a system call. Processes it starts are no better.
    """
    left_over = sorted(os.sched_getaffinity(0))[workers:]
    if left_over:
        os.sched_setaffinity(0, left_over)
    os.nice(19)
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:
        log.info("SCHED_IDLE: %s; running at nice 19", error)


def host_number(config: Config) -> int:
    """The bits of the gateway's id that go into prediction ids."""
    identity = config.layout.identity
    return host_of(identity.read_text().strip()) if identity.exists() else 0


class Looking:
    """The main thread's part of the runner, as a consumer."""

    def __init__(self, shadow: Shadow, crew: Crew) -> None:
        self._shadow, self._crew = shadow, crew

    def step(self) -> bool:
        return self._shadow.look_ahead()

    def close(self) -> None:
        shadow = self._shadow
        self._crew.end(list(shadow.arms.values()), shadow.given_up, shadow.config.drain_timeout_s)
        shadow.close()


def run(config: Config) -> None:
    """The process."""
    lowest_priority(config.workers)
    stop = stop_event()
    crew = Crew()
    with alone(config.layout.checkpoint(NAME)):
        shadow = Shadow(config, host_number(config), crew.start)
        consume(Looking(shadow, crew), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
