"""The observer: reads what workers and the shadow runner journaled, counts it, publishes it, and tells the registry.

Counts and cursors are checkpointed together, and only what is checkpointed is published and reported: after `kill -9`
it goes on from there, and nothing is counted twice. The registry may be away: reading goes on, and the next report
says all.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.config import Config
from gateway.consumer import FULL_DISK_PAUSE_S, alone, take_stop
from gateway.journal.columns import Group, groups
from gateway.journal.cursor import Checkpoint, CheckpointCorrupt, read_checkpoint
from gateway.journal.format import ANSWERED
from gateway.journal.readers import Follower, Readers
from gateway.journal.walk import Batch
from gateway.layout import SHADOW_JOURNAL, Layout
from gateway.observe.arms import Arms
from gateway.observe.cold import Cold
from gateway.observe.drift import Drift
from gateway.observe.page import publish_arms, publish_pairs, publish_readers
from gateway.observe.pairs import Pairs
from gateway.observe.scores import all_finite
from gateway.observe.sheet import Sheet
from gateway.observe.ticks import TickKey
from gateway.pages import Page
from gateway.shadowing.books import Books
from gateway.snapshot import Snapshot
from gnomon.aio import AsyncRegistryClient
from gnomon.errors import GnomonError, InvalidInput
from gnomon.evidence import ShadowBooks, StatsReport
from gnomon.stats.profile import Profile

log = logging.getLogger(__name__)

NAME = "observer"
SHADOW = "shadow"  # the consumer whose books are reported, too
REPORT_TIMEOUT_S = 2.0
REPORT_AT_LEAST_S = 5.0  # also without news: a registry may have been restored from yesterday
TICKS_BYTES = 2 << 20  # of one report
SAVE_SHARE = 10  # a checkpoint that takes t is followed by one after 10 t at the earliest
PAGE_CAPACITY = 16_384  # some 500 versions in a role, of 30 counters each
SNAPSHOT_WAIT_S = 2.0  # how long calls of a version wait for the snapshot that names it


def journals(layout: Layout) -> list[Path]:
    """The folders an observer reads."""
    shadow = [layout.shadow_journal] if layout.shadow_journal.exists() else []
    return [*layout.worker_journals(), *shadow]


class Observer:
    """Counts journals. Written by: its event loop."""

    def __init__(self, config: Config) -> None:
        layout = config.layout
        self.layout = layout
        self.snapshot = Snapshot(layout.snapshot)
        self.checkpoint = Checkpoint(layout.checkpoint(NAME))
        positions, state = self.checkpoint.load()
        self.readers = Readers(lambda: journals(layout), positions, state.get("journals", {}))
        self.arms = Arms.of(state.get("arms", {}))
        self.pairs = Pairs.of(state.get("pairs", {}), self._profile)
        self.drift = Drift(self._profile, config.drift_tick_s)
        self.drift.restore(state.get("drift", {}))
        self.cold = Cold(self._is_cold, lambda model: self.snapshot.policies.get(model), config.cold_start_rows)
        self.sheet = Sheet(self.drift, layout.sheet, versions=config.metrics_versions, features=config.metrics_features)
        self.page = Page.create(layout.page(NAME), PAGE_CAPACITY)
        self.page.set("gnomon_consumer_checkpoints_lost_total", self.checkpoint.lost, consumer=NAME)
        self._unknown: dict[tuple[str, int], float] = {}  # version → when its first call waited for the snapshot
        self._ended_unix_ms = 0  # when all journals were last read to their ends
        self._saved = self._save_took = 0.0
        self.dirty = True  # counts and positions differ from the checkpoint's
        self.publish()

    def read(self, batches: int = 16) -> bool:
        """Counts some of what is new. False when all journals are read to their ends."""
        more, began_unix_ms = False, time.time_ns() // 1_000_000
        for _ in range(batches):
            found = [self._read_one(follower) for follower in self.readers]
            more = any(found)
            if not more:
                self._ended_unix_ms = began_unix_ms
                break
            self.dirty = True
        return more

    def settle(self, *, finished: bool) -> bool:
        """Forgets what is over, checkpoints, publishes. False when there is nothing new, or it is too early."""
        if finished:
            self.drift.forget()
        if not self.dirty or time.monotonic() < self._saved + SAVE_SHARE * self._save_took:
            return False
        self.arms.forget()
        self.pairs.forget()
        try:
            self.save()
        except OSError as error:  # a full disk: counts stay in memory until one of the next saves
            log.error("%s; trying again", error)
            self._saved, self._save_took = time.monotonic(), FULL_DISK_PAUSE_S / SAVE_SHARE
            return False
        self.publish()
        return True

    def save(self) -> None:
        began = time.monotonic()
        state = {
            "journals": self.readers.counts(),
            "arms": self.arms.state(),
            "pairs": self.pairs.state(),
            "drift": self.drift.state(),
        }
        self.checkpoint.save(self.readers.positions(), state)
        self._saved = time.monotonic()
        self._save_took = self._saved - began
        self.dirty = False

    def publish(self) -> None:
        publish_arms(self.page, self.arms)
        publish_pairs(self.page, self.pairs)
        publish_readers(self.page, self.readers, NAME)
        self.page.set("gnomon_drift_late_rows_total", self.drift.late + self.drift.sliced.late)
        self.page.set("gnomon_metrics_series_dropped", self.sheet.dropped)

    def judge(self) -> None:
        """Looks at the drift of one version, when it is due."""
        began = time.monotonic()
        if self.sheet.look(time.time(), began):
            self.sheet.done(began, time.monotonic())

    def report(self) -> tuple[StatsReport, dict[TickKey, int]]:
        """Everything to tell, and what an acknowledgement of it would mean for drift."""
        now_s = time.time()
        ticks, changes = self.drift.told(TICKS_BYTES, now_s)
        gateway_id = self.layout.identity.read_text().strip()
        told_ms = min([self._ended_unix_ms, *self.drift.left_out_unix_ms(changes, now_s)])
        return StatsReport(
            gateway_id=gateway_id,
            arms=self.arms.stats(),
            pairs=self.pairs.stats(),
            ticks=ticks,
            calls=self.drift.together.messages([key[:3] for key in changes if not key.slice], self.drift.tick_s),
            books=tuple(shadow_books(self.layout)),
            told_through_unix_ms=told_ms,
        ), changes

    def _read_one(self, follower: Follower) -> bool:
        batch, shadow = follower.peek(), follower.name == SHADOW_JOURNAL
        if batch is None or not (shadow or self._known(batch)):
            return False
        for group in groups(batch):
            self._count(group, batch, shadow=shadow)
        follower.done()
        return True

    def _count(self, group: Group, batch: Batch, *, shadow: bool) -> None:
        self.arms.update(group.model, group.headers, all_finite(group), batch.routes)
        answered = group.where(group.headers["status"] == ANSWERED)
        if not group.model or not len(answered):
            return
        if shadow:
            self.pairs.update(answered, batch.routes)
        else:
            self.cold.update(answered)
        self.drift.update(answered)  # of a shadow: its scores, in the sub-window its call arrived in

    def _known(self, batch: Batch) -> bool:
        """Whether the snapshot names all versions in a batch: it is written a moment after their first calls."""
        now = time.monotonic()
        for number in set(batch.headers["schema"].tolist()):
            schema = batch.schemas.get(number, {})
            key = (str(schema.get("model", "")), int(schema.get("version", 0)))
            unknown = key[1] and self.snapshot.version(*key) is None
            if unknown and now < self._unknown.setdefault(key, now) + SNAPSHOT_WAIT_S:
                return False
        return True

    def _is_cold(self, model: str, number: int) -> bool:
        """Whether the registry knows the version, and no profile of it."""
        version = self.snapshot.version(model, number)
        return version is not None and not version.profile_sha256

    def _profile(self, model: str, number: int) -> Profile | None:
        """The profile of a version; None where it has none that can be used."""
        version = self.snapshot.version(model, number)
        if version is None or not version.profile_sha256:
            return None
        try:
            return Profile.from_bytes(self.layout.blob(version.profile_sha256).read_bytes())
        except (OSError, ValueError) as error:
            log.error("profile of %s version %d: %s; no drift is counted for it", model, number, error)
            return None


def shadow_books(layout: Layout) -> Iterator[ShadowBooks]:
    """Those of the runner's last checkpoint: what it ends after that is told later."""
    try:
        _, state = read_checkpoint(layout.checkpoint(SHADOW))
    except (FileNotFoundError, CheckpointCorrupt):
        return
    yield from Books(state.get("books")).evidence()


async def propose(observer: Observer, client: AsyncRegistryClient) -> None:
    """Profiles of versions that came without one: until the registry is heard of having one, with every report."""
    for version, profile in list(observer.cold.proposals(observer.layout.identity.read_text().strip())):
        try:
            async with asyncio.timeout(REPORT_TIMEOUT_S):
                await client.adopt_profile(*version, profile.to_bytes())
        except InvalidInput as error:
            observer.cold.give_up(version, str(error))
        except (GnomonError, TimeoutError) as error:
            log.debug("profile of %s version %d, of its first rows: %s; trying again", *version, error)


async def send(
    observer: Observer, client: AsyncRegistryClient, report: StatsReport, changes: dict[TickKey, int]
) -> bool:
    """False when the registry did not take it."""
    try:
        async with asyncio.timeout(REPORT_TIMEOUT_S):
            await client.report_stats(report)
    except (GnomonError, TimeoutError) as error:
        log.debug("report: %s; trying again", error)
        return False
    observer.drift.acknowledged(changes)
    await propose(observer, client)
    return True


async def observe(observer: Observer, config: Config, stop: asyncio.Event) -> None:
    """Until `stop` is set; then what is left, for a bounded time, and a last report."""
    async with AsyncRegistryClient(config.registry, timeout_s=REPORT_TIMEOUT_S) as client:
        sending: asyncio.Task[bool] | None = None
        sent, news = 0.0, True
        while not stop.is_set():
            more = observer.read()
            news |= observer.settle(finished=not more)
            observer.judge()
            due = news or time.monotonic() > sent + REPORT_AT_LEAST_S
            if due and not observer.dirty and (sending is None or sending.done()):
                news = sending is not None and not sending.result()
                sending, sent = asyncio.create_task(send(observer, client, *observer.report())), time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.001 if more else config.observer_tick_s)
        if sending is not None:
            await sending
        drain(observer, config.drain_timeout_s)
        await send(observer, client, *observer.report())


def drain(observer: Observer, limit_s: float) -> None:
    """Reads what the journals still hold, and checkpoints."""
    deadline = time.monotonic() + limit_s
    while observer.read():
        if time.monotonic() > deadline:
            log.warning("not drained within %.0f s; going on at the next start", limit_s)
            break
    observer.save()
    observer.publish()


def run(config: Config) -> None:
    """The process."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to everybody; the supervisor decides
        take_stop()
        await observe(Observer(config), config, stop)

    with alone(config.layout.checkpoint(NAME)):
        asyncio.run(main())
