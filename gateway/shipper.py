"""The shipper: sealed segments of all journals into Parquet, exactly once.

A segment is shipped as a whole, under names made of its journal and first sequence: after `kill -9` it is shipped again
over the same files with the same rows. Cursor and counts are checkpointed together, after the files are there.
"""

import logging
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gateway.config import Config
from gateway.consumer import alone, consume, stop_event
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import JournalCorrupt
from gateway.journal.readers import pending, pending_bytes
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import START, Position
from gateway.layout import Layout
from gateway.pages import Page
from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET
from gateway.shipping.segment import Shipped, ship

__all__ = ["PREDICTIONS_DATASET", "SHADOW_DATASET", "Shipper", "run"]

log = logging.getLogger(__name__)

NAME = "shipper"
IDLE_S = 0.25
RETRY_S = 2.0  # after a disk that would not take a file
NICE = 10  # exports wait for whoever answers calls


def journals(layout: Layout) -> list[Path]:
    """The folders a shipper reads."""
    return [*layout.worker_journals(), *([layout.shadow_journal] if layout.shadow_journal.exists() else [])]


class Shipper:
    """Reads sealed segments, writes Parquet. Written by: the process's one thread."""

    def __init__(self, config: Config) -> None:
        self.layout = config.layout
        self.checkpoint = Checkpoint(self.layout.checkpoint(NAME))
        self.positions, state = self.checkpoint.load()
        self.rows: Counter[tuple[str, str, str]] = Counter({tuple(key): n for key, n in state.get("rows", [])})
        self.totals: Counter[str] = Counter(state.get("totals", {}))  # segments, files, bytes
        self.journals: dict[str, Counter[str]] = {  # read, missed, corrupt
            name: Counter(counts) for name, counts in state.get("journals", {}).items()
        }
        self.page = Page.create(self.layout.page(NAME))
        self.page.set("gnomon_consumer_checkpoints_lost_total", self.checkpoint.lost, consumer=NAME)
        self._failed = -RETRY_S
        self.publish()

    def step(self) -> bool:
        """Ships the next sealed segment of each journal. False when there was none, or no room for it."""
        if time.monotonic() < self._failed + RETRY_S:
            return False
        try:
            shipped = [self._step_one(folder) for folder in journals(self.layout)]
        except OSError as error:
            log.error("%s; trying again", error)
            self._failed = time.monotonic()
            self.totals["errors"] += 1
            self.publish()
            return False
        if not any(shipped):
            self._publish_pending()
        return any(shipped)

    def close(self) -> None:
        self.publish()

    def _step_one(self, folder: Path) -> bool:
        path = self._next(folder)
        if path is None:
            return False
        try:
            shipped = ship(path, folder.name, self.layout.parquet)
        except FileNotFoundError:
            return False  # retired since it was listed; it shows as missed
        except JournalCorrupt as error:
            shipped = self._unreadable(path, folder.name, error)
        if shipped is None:
            return False
        self._account(folder.name, shipped)
        self._save()
        self.publish()
        return True

    def _next(self, folder: Path) -> Path | None:
        """The first segment that was not shipped."""
        position = self.positions.get(folder.name, START)
        for path in segments(folder):
            base = base_sequence_of(path)
            if base >= position.sequence and not (base == position.segment and position.offset):
                return path
        return None

    def _unreadable(self, path: Path, journal: str, error: JournalCorrupt) -> Shipped:
        base = base_sequence_of(path)
        following = max(base + 1, self.positions.get(journal, START).sequence)
        return Shipped(Position(base, 0, following), corrupt=str(error))

    def _account(self, journal: str, shipped: Shipped) -> None:
        former = self.positions.get(journal, START)
        counts = self.journals.setdefault(journal, Counter())
        counts["read"] += shipped.rows.total()
        counts["missed"] += max(0, shipped.position.segment - former.sequence) + shipped.gaps
        if shipped.corrupt:
            log.error("journal %s: %s; the rest of that segment is not exported", journal, shipped.corrupt)
            counts["corrupt"] += 1
        self.rows.update(shipped.rows)
        self.totals.update({"segments": 1, "files": shipped.files, "bytes": shipped.bytes})
        self.positions[journal] = shipped.position

    def _save(self) -> None:
        state: dict[str, Any] = {"rows": [[list(key), n] for key, n in self.rows.items()], "totals": self.totals}
        self.checkpoint.save(self.positions, state | {"journals": self.journals})

    def publish(self) -> None:
        for (dataset, model, status), rows in self.rows.items():
            self.page.set("gnomon_shipped_rows_total", rows, dataset=dataset, model=model, status=status)
        for name in ("segments", "files", "bytes", "errors"):
            self.page.set(f"gnomon_shipped_{name}_total", self.totals[name])
        for journal, counts in self.journals.items():
            for name in ("read", "missed", "corrupt"):
                self.page.set(f"gnomon_consumer_{name}_total", counts[name], consumer=NAME, journal=journal)
        self._publish_pending()

    def _publish_pending(self) -> None:
        for folder in journals(self.layout):
            position, labels = self.positions.get(folder.name, START), {"consumer": NAME, "journal": folder.name}
            self.page.set("gnomon_consumer_cursor", position.sequence, **labels)
            self.page.set("gnomon_consumer_pending", pending(folder, position), **labels)
            self.page.set("gnomon_consumer_pending_bytes", pending_bytes(folder, position), **labels)


def run(config: Config) -> None:
    """The process."""
    os.nice(NICE)
    stop = stop_event()
    with alone(config.layout.checkpoint(NAME)):
        consume(Shipper(config), stop, idle_s=IDLE_S, drain_s=config.drain_timeout_s)
