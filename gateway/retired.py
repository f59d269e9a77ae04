"""The book of what retention removed: records by status, and what each consumer had not read of them.

Written by: the supervisor, before a segment is unlinked. One that is still there under a noted sequence is removed, not
counted again: so a kill at any instant leaves the book right.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gateway.journal.cursor import Checkpoint, read_checkpoint
from gateway.journal.format import STATUS_NAMES, JournalCorrupt
from gateway.journal.segments import base_sequence_of, next_sequence
from gateway.journal.walk import START, Position, SegmentReader
from gateway.pages import Page

NAME = "retention"


class Retired:
    """Totals of each journal, ever."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Raises: CheckpointCorrupt where `read_only`; else a damaged book is kept aside, and a new one begun."""
        self._checkpoint = Checkpoint(path)
        try:
            positions, state = read_checkpoint(path) if read_only else self._checkpoint.load()
        except FileNotFoundError:
            positions, state = {}, {}
        self.through: dict[str, int] = {name: position.sequence for name, position in positions.items()}
        self.records: dict[str, Counter[str]] = {name: Counter(n) for name, n in state.get("records", {}).items()}
        self.unread: dict[str, Counter[str]] = {name: Counter(n) for name, n in state.get("unread", {}).items()}
        self.totals: dict[str, Counter[str]] = {name: Counter(n) for name, n in state.get("totals", {}).items()}

    def take(self, path: Path, positions: Mapping[str, Mapping[str, Position]]) -> None:
        """Counts a segment that is about to go. Raises: OSError, with the old book in place."""
        journal, base = path.parent.name, base_sequence_of(path)
        if base < self.through.get(journal, 0):
            return
        cursors = {name: each.get(journal, START).sequence for name, each in positions.items()}
        records, unread = self.records.setdefault(journal, Counter()), self.unread.setdefault(journal, Counter())
        totals = self.totals.setdefault(journal, Counter())
        following = base
        try:
            reader = SegmentReader(path)
            for batch in reader.batches():
                sequences = batch.headers["sequence"]
                following = int(sequences[-1]) + 1
                counts = np.bincount(batch.headers["status"]).tolist()
                records.update({STATUS_NAMES[code]: count for code, count in enumerate(counts) if count})
                for name, cursor in cursors.items():
                    unread[name] += int(np.count_nonzero(sequences >= cursor))
            following = max(following, next_sequence(reader.memory))
        except JournalCorrupt:
            totals["damaged"] += 1
        totals.update({"segments": 1, "bytes": path.stat().st_size})
        self.through[journal] = max(following, base + 1)

    def save(self) -> None:
        """Raises: OSError, with the old book in place."""
        positions = {name: Position(0, 0, sequence) for name, sequence in self.through.items()}
        state: dict[str, Any] = {"records": self.records, "unread": self.unread, "totals": self.totals}
        self._checkpoint.save(positions, state)

    def publish(self, page: Page) -> None:
        for journal, totals in self.totals.items():
            page.set("gnomon_retention_segments_total", totals["segments"], journal=journal)
            page.set("gnomon_retention_bytes_total", totals["bytes"], journal=journal)
            page.set("gnomon_retention_records_total", self.records[journal].total(), journal=journal)
            for consumer, count in self.unread[journal].items():
                page.set("gnomon_retention_unread_total", count, journal=journal, consumer=consumer)
