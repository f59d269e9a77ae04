"""The shadow runner: runs the shadow arms on what the workers journaled, at the lowest priority, and journals that.

Exactly once through `kill -9`: cursors, books and the place in its own journal are one checkpoint. After a restart,
calls whose shadow is in the journal behind that place count as run, and are not run again. So at every checkpoint
offered = run + shed + expired + failed, and the shadow journal holds one answered frame for each run, and one failed
frame for each run the model refused.
"""

import logging
import os
import time

import numpy as np
from numpy.typing import NDArray

from gateway import servables
from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import ANSWERED, host_of
from gateway.journal.readers import Follower, Readers
from gateway.journal.walk import Batch
from gateway.journal.writer import Writer
from gateway.observe.page import publish_readers
from gateway.pages import Page
from gateway.servables import Servable
from gateway.shadowing.books import EXPIRED, FAILED, RUN, SHED, Books, BooksKey
from gateway.shadowing.choice import Offer, offers
from gateway.shadowing.frames import Frames, parents_since
from gateway.shadowing.models import Models
from gateway.shadowing.runs import Item, item_of, run_all
from gateway.snapshot import Snapshot
from gnomon.domain import Arm
from gnomon.errors import InvalidInput

log = logging.getLogger(__name__)

NAME = "shadow"
SLOT = 4_095  # of prediction ids: the last, far from any worker's
IDLE_S = 0.05
READ_LIMIT = 1_024  # calls a step: what is checkpointed together
SNAPSHOT_WAIT_S = 2.0  # how long offers to a version wait for the snapshot that names it


class Shadow:
    """Reads worker journals, writes the shadow journal. Written by: the process's one thread."""

    def __init__(self, config: Config, host: int = 0) -> None:
        layout = config.layout
        self.config = config
        self.snapshot = Snapshot(layout.snapshot)
        self.checkpoint = Checkpoint(layout.checkpoint(NAME))
        positions, state = self.checkpoint.load()
        self.readers = Readers(layout.worker_journals, positions, state.get("journals", {}))
        self.books = Books(state.get("books"))
        self.models = Models(self.snapshot.version, lambda version: servables.load(version, layout.cache))
        self.frames = Frames(
            Writer(
                layout.shadow_journal, host=host, slot=SLOT,
                segment_bytes=config.segment_bytes, segment_max_age_s=config.segment_max_age_s,
            )
        )  # fmt: skip
        self._already = parents_since(layout.shadow_journal, state.get("sequence", 0))
        self._waiting: dict[tuple[str, int], float] = {}  # version → since when
        self.page = Page.create(layout.page(NAME))
        self.page.set("gnomon_consumer_checkpoints_lost_total", self.checkpoint.lost, consumer=NAME)
        self.publish()

    def step(self) -> bool:
        """One batch of every journal. False when there was none."""
        found = [self._step_one(follower) for follower in self.readers]
        self.frames.tick()
        if not any(found):
            publish_readers(self.page, self.readers, NAME)
        return any(found)

    def close(self) -> None:
        self.frames.close()

    def publish(self) -> None:
        self.books.publish(self.page)
        publish_readers(self.page, self.readers, NAME)

    def _step_one(self, follower: Follower) -> bool:
        batch = follower.peek(READ_LIMIT)
        if batch is None:
            return False
        offered = offers(follower.name, batch)
        if not all(self._known(_model(batch, offer), offer.arm.version) for offer in offered):
            return False
        behind = follower.pending()
        for offer in offered:
            self._take(batch, offer, behind)
        follower.done()
        state = {"journals": self.readers.counts(), "books": self.books.state(), "sequence": self.frames.sequence}
        self.checkpoint.save(self.readers.positions(), state)
        self.publish()
        return True

    def _known(self, model: str, version: int) -> bool:
        """Whether the snapshot names a version, or has not for too long: it is written after the first calls."""
        if self.snapshot.version(model, version) is not None:
            return True
        now = time.monotonic()
        return now > self._waiting.setdefault((model, version), now) + SNAPSHOT_WAIT_S

    def _take(self, batch: Batch, offer: Offer, behind: int) -> None:
        """Brings every offered call to exactly one end."""
        key = BooksKey(_model(batch, offer), offer.arm.version, int(batch.headers["epoch"][offer.rows[0]]))
        rows = self._not_yet_run(batch, offer.rows, key)
        late, old = self._too_late(batch, rows, behind)
        self.books.end(key, SHED, int(late.sum()))
        self.books.end(key, EXPIRED, int((old & ~late).sum()))
        rows = rows[~late & ~old]
        servable = self.models.get(key.model, key.version) if len(rows) else None
        if servable is None:
            self.books.end(key, FAILED, len(rows))
        else:
            self._run(batch, rows, servable, offer.arm, key)

    def _not_yet_run(self, batch: Batch, rows: NDArray[np.intp], key: BooksKey) -> NDArray[np.intp]:
        """Without those that were run before a kill, which are counted here."""
        if not self._already:
            return rows
        parents = [bytes(parent) for parent in batch.headers["prediction_id"][rows]]
        ended = [self._already.pop((key.version, parent), None) for parent in parents]
        for status in ended:
            if status is not None:
                self.books.end(key, RUN if status == ANSWERED else FAILED)
        return rows[[status is None for status in ended]]

    def _too_late(
        self, batch: Batch, rows: NDArray[np.intp], behind: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which calls are too far behind the newest, and which are too old."""
        late = len(batch) - rows + behind > self.config.shadow_max_lag
        age_s = (time.time_ns() - batch.headers["arrived_unix_ns"][rows].astype(np.int64)) / 1e9
        return late, age_s > self.config.shadow_max_age_s

    def _run(self, batch: Batch, rows: NDArray[np.intp], servable: Servable, arm: Arm, key: BooksKey) -> None:
        items = self._items(batch, rows, servable, key)
        for ran in run_all(servable, items, self.config.shadow_batch_rows):
            written = self.frames.append(batch, ran, servable, arm)
            well = written and ran.outputs is not None
            self.books.end(key, RUN if well else FAILED)

    def _items(self, batch: Batch, rows: NDArray[np.intp], servable: Servable, key: BooksKey) -> list[Item]:
        items = []
        for row in rows.tolist():
            try:
                items.append(item_of(batch, row, servable))
            except InvalidInput as error:
                log.warning("shadow of %s: %s", servable.version.model, error)
                self.books.end(key, FAILED)
        return items


def _model(batch: Batch, offer: Offer) -> str:
    """All rows of an offer are of one epoch, and an epoch is of one model."""
    return batch.routes[int(batch.headers["epoch"][offer.rows[0]])].model


def lowest_priority() -> None:
    """Runs only when nobody else wants to, where the system lets us say so."""
    os.nice(19)
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:
        log.info("SCHED_IDLE: %s; running at nice 19", error)


def host_number(config: Config) -> int:
    """The bits of the gateway's id that go into prediction ids."""
    identity = config.layout.identity
    return host_of(identity.read_text().strip()) if identity.exists() else 0


def run(config: Config) -> None:
    """The process."""
    lowest_priority()
    stop = stop_event()
    with alone(config.layout.checkpoint(NAME)):
        consume(Shadow(config, host_number(config)), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
