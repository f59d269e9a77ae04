"""The indexes of all segments of a gateway: made once a segment is sealed, kept when it has gone, at hand in memory.

Written by: the supervisor (`make`). Anybody may look up; what has no index yet is indexed in memory.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from gateway.journal import index as indexing
from gateway.journal.format import JournalCorrupt
from gateway.journal.index import SUFFIX, Index
from gateway.journal.segments import base_sequence_of, is_sealed, segment_path, segments
from gateway.journal.walk import SegmentReader
from gateway.layout import Layout

log = logging.getLogger(__name__)

KEPT_BYTES = 1 << 30  # of indexes, as far as their segments have gone; 170 million calls
AT_HAND = 1_024  # indexes in memory, mapped


class Shelf:
    """Indexes by journal and by the sequence their segments begin with."""

    def __init__(self, layout: Layout, kept_bytes: int = KEPT_BYTES) -> None:
        self.layout = layout
        self.kept_bytes = kept_bytes
        self._at_hand: dict[tuple[str, int], Index] = {}

    def path(self, journal: str, base: int) -> Path:
        return self.layout.indexes / journal / f"{base:016d}{SUFFIX}"

    def bases(self, journal: str) -> list[int]:
        """Of all segments that have an index, also of those that have gone; ascending."""
        try:
            names = os.listdir(self.layout.indexes / journal)
        except FileNotFoundError:
            return []
        return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))

    def of_segment(self, reader: SegmentReader, journal: str) -> Index:
        """One that is written on is indexed anew, without its request ids."""
        if not is_sealed(reader.memory):
            return indexing.build(reader, ids=False)
        found = self.kept(journal, reader.base)
        return found if found is not None else self._hold(journal, indexing.build(reader))

    def kept(self, journal: str, base: int) -> Index | None:
        """The index of a segment, whether or not that is still there."""
        at_hand = self._at_hand.get((journal, base))
        if at_hand is not None:
            return at_hand
        found = indexing.load(self.path(journal, base))
        return None if found is None else self._hold(journal, found)

    def reader(self, journal: str, base: int) -> SegmentReader | None:
        """None when the segment has gone. Raises: JournalCorrupt."""
        try:
            return SegmentReader(segment_path(self.layout.journals / journal, base))
        except FileNotFoundError:
            return None

    def make(self) -> int:
        """Indexes what is sealed and has no index, and drops the oldest indexes beyond their budget. How many are new.

        Raises: OSError.
        """
        made = sum(self._make(path) for path in self._sealed_without())
        self._drop()
        return made

    def _sealed_without(self) -> Iterator[Path]:
        for folder in self.layout.journals.glob("*"):
            known = set(self.bases(folder.name))
            yield from (path for path in segments(folder)[:-1] if base_sequence_of(path) not in known)

    def _make(self, path: Path) -> int:
        journal = path.parent.name
        try:
            reader = SegmentReader(path)
        except FileNotFoundError:
            return 0
        except JournalCorrupt as error:
            log.debug("no index: %s", error)  # consumers say it aloud
            return 0
        if not is_sealed(reader.memory):
            return 0
        indexing.save(indexing.build(reader), self.path(journal, reader.base))
        return 1

    def _drop(self) -> None:
        found = list(self.layout.indexes.rglob(f"*{SUFFIX}"))
        size = sum(path.stat().st_size for path in found)
        for path in sorted(found, key=lambda path: path.stat().st_mtime):
            if size <= self.kept_bytes:
                break
            segment = segment_path(self.layout.journals / path.parent.name, int(path.name.removesuffix(SUFFIX)))
            if not segment.exists():
                size -= path.stat().st_size
                path.unlink()

    def _hold(self, journal: str, found: Index) -> Index:
        if len(self._at_hand) >= AT_HAND:
            self._at_hand.pop(next(iter(self._at_hand)), None)
        self._at_hand[journal, found.base] = found
        return found
