"""What both exporters do: take the next sealed segment of each journal, deliver it, and keep the books.

A segment is delivered as a whole, and delivering it again changes nothing: so after `kill -9` the last one is delivered
again. Cursor and counts are checkpointed together, after that. At any moment, of each journal,

    journaled = delivered + pending + expired (retired before they were delivered) + unreadable
"""

import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from gateway.config import Config
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import JournalCorrupt
from gateway.journal.readers import pending_bytes
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import START, Position
from gateway.layout import Layout
from gateway.pages import Page
from gateway.shipping.books import Books, accounted, look
from gateway.shipping.segment import Ended, Segment, read_sealed

log = logging.getLogger(__name__)

IDLE_S = 0.25
RETRY_S = 1.0  # after a destination that would not take a segment; twice as long each time it does not
LONGEST_RETRY_S = 60.0
NICE = 10  # exports wait for whoever answers calls


class Destination(Protocol):
    """Where segments go. `prefix` begins the names of its metrics, `counters` are those of `deliver`."""

    prefix: str
    counters: tuple[str, ...]

    def deliver(self, segment: Segment) -> Counter[str]:
        """All of a segment, exactly once however often it is called. Raises: OSError when it is to be tried again."""

    def close(self) -> None:
        """Lets go of connections."""


def journals(layout: Layout) -> list[Path]:
    """The folders an exporter reads."""
    return [*layout.worker_journals(), *([layout.shadow_journal] if layout.shadow_journal.exists() else [])]


def gateway_id(layout: Layout) -> str:
    """Empty where no supervisor has run yet."""
    return layout.identity.read_text().strip() if layout.identity.exists() else ""


class Exporter:
    """Reads sealed segments and has them delivered. Written by: the process's one thread."""

    def __init__(self, name: str, config: Config, destination: Destination) -> None:
        self.name = name
        self.layout = config.layout
        self.destination = destination
        self.checkpoint = Checkpoint(self.layout.checkpoint(name))
        self.positions, state = self.checkpoint.load()
        self.rows: Ended = Counter({tuple(key): n for key, n in state.get("rows", [])})
        self.totals: Counter[str] = Counter(state.get("totals", {}))  # segments, files or messages, bytes, errors
        self.journals: dict[str, Counter[str]] = {  # of gateway/shipping/books.py
            name: Counter(counts) for name, counts in state.get("journals", {}).items()
        }
        self.page = Page.create(self.layout.page(name))
        self.page.set("gnomon_consumer_checkpoints_lost_total", self.checkpoint.lost, consumer=name)
        self._failures = 0  # one after the other
        self._again = 0.0  # not before this, on the monotonic clock
        self.publish()

    def step(self) -> bool:
        """Delivers the next sealed segment of each journal. False when there was none, or the destination refused."""
        if time.monotonic() < self._again:
            self._publish_books()
            return False
        try:
            delivered = [self._step_one(folder) for folder in journals(self.layout)]
        except OSError as error:
            self._fail(error)
            return False
        self._failures = 0
        if not any(delivered):
            self._publish_books()
        return any(delivered)

    def close(self) -> None:
        self.publish()
        self.destination.close()

    def _fail(self, error: OSError) -> None:
        pause_s = min(RETRY_S * 2**self._failures, LONGEST_RETRY_S)
        log.error("%s; trying again in %.0f s", error, pause_s)
        self._failures += 1
        self._again = time.monotonic() + pause_s
        self.totals["errors"] += 1
        self.publish()

    def _step_one(self, folder: Path) -> bool:
        path = self._next(folder)
        if path is None:
            return False
        try:
            segment = read_sealed(path, folder.name)
        except FileNotFoundError:
            return False  # retired since it was listed; it shows as missed
        except JournalCorrupt as error:
            segment = self._unreadable(path, folder.name, error)
        if segment is None:
            return False
        self._account(segment, folder, self.destination.deliver(segment))
        self._save()
        self.publish()
        return True

    def _next(self, folder: Path) -> Path | None:
        """The first segment that was not delivered."""
        position = self.positions.get(folder.name, START)
        for path in segments(folder):
            base = base_sequence_of(path)
            if base >= position.sequence and not (base == position.segment and position.offset):
                return path
        return None

    def _unreadable(self, path: Path, journal: str, error: JournalCorrupt) -> Segment:
        base = base_sequence_of(path)
        following = max(base + 1, self.positions.get(journal, START).sequence)
        return Segment(journal=journal, base=base, end=Position(base, 0, following), parts=(), corrupt=str(error))

    def _account(self, segment: Segment, folder: Path, delivered: Counter[str]) -> None:
        former = self.positions.get(segment.journal, START)
        accounted(self.journals.setdefault(segment.journal, Counter()), segment, former, folder)
        if segment.corrupt:
            log.error("journal %s: %s; the rest of that segment is not exported", segment.journal, segment.corrupt)
        self.rows.update(segment.ended())
        self.totals.update({"segments": 1, **delivered})
        self.positions[segment.journal] = segment.end

    def books(self) -> dict[str, Books]:
        """Of each journal, now."""
        return {
            folder.name: look(folder, self.positions.get(folder.name, START), self.journals.get(folder.name, Counter()))
            for folder in journals(self.layout)
        }

    def _save(self) -> None:
        state: dict[str, Any] = {"rows": [[list(key), n] for key, n in self.rows.items()], "totals": self.totals}
        self.checkpoint.save(self.positions, state | {"journals": self.journals})

    def publish(self) -> None:
        prefix = self.destination.prefix
        for (dataset, model, status), rows in self.rows.items():
            self.page.set(f"{prefix}_rows_total", rows, dataset=dataset, model=model, status=status)
        for name in ("segments", *self.destination.counters, "errors"):
            self.page.set(f"{prefix}_{name}_total", self.totals[name])
        for journal, counts in self.journals.items():
            self.page.set("gnomon_consumer_corrupt_total", counts["corrupt"], consumer=self.name, journal=journal)
        self._publish_books()

    def _publish_books(self) -> None:
        for journal, books in self.books().items():
            folder, position = self.layout.journals / journal, self.positions.get(journal, START)
            labels = {"consumer": self.name, "journal": journal}
            self.page.set("gnomon_consumer_cursor", position.sequence, **labels)
            self.page.set("gnomon_consumer_pending_bytes", pending_bytes(folder, position), **labels)
            self.page.set("gnomon_consumer_read_total", books.delivered, **labels)
            self.page.set("gnomon_consumer_missed_total", books.missed, **labels)
            self.page.set("gnomon_consumer_pending", books.pending, **labels)
            for name in ("journaled", "expired", "unreadable", "lost"):
                self.page.set(f"gnomon_export_{name}_total", getattr(books, name), **labels)
