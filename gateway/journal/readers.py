"""All the journals a consumer reads: found as they appear, each behind a position that moves when its batch is done."""

import logging
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from gateway.journal import kernels  # noqa: F401 - a consumer has its compiler from the start, not first in a drain
from gateway.journal.format import COMMITTED_AT, HEADER_BYTES, WORD, JournalCorrupt
from gateway.journal.segments import base_sequence_of, next_sequence, segments
from gateway.journal.walk import START, Batch, JournalReader, Position, SegmentReader

log = logging.getLogger(__name__)


class Follower:
    """One journal. `position` is where a restart would go on: behind the last batch that is done."""

    def __init__(self, folder: Path, position: Position, counts: Sequence[int] = (0, 0, 0)) -> None:
        self.name = folder.name
        self.position = position
        self.read = counts[0]  # records, ever
        self.missed = counts[1]  # records that went before they were read, or that the writer lost
        self.corrupt = counts[2]  # segments with a part that could not be read
        self._reader = JournalReader(folder, position)
        self._seen_missed = 0
        self._batch: Batch | None = None

    def peek(self, limit: int = 4096) -> Batch | None:
        """The batch in work: the same one until `done`. None when there is nothing to read now."""
        if self._batch is None:
            self._batch = self._next(limit)
        return self._batch

    def done(self) -> None:
        """The batch in work is dealt with."""
        batch = self._batch
        assert batch is not None
        self.read += len(batch)
        self._batch = None
        self._settle()

    def _settle(self) -> None:
        self.missed += self._reader.missed - self._seen_missed
        self._seen_missed = self._reader.missed
        self.position = self._reader.position

    def pending(self) -> int:
        """Records behind what `peek` gave."""
        return pending(self._reader.folder, self._reader.position)

    def pending_bytes(self) -> int:
        """Bytes of frames behind it."""
        return pending_bytes(self._reader.folder, self._reader.position)

    def _next(self, limit: int) -> Batch | None:
        try:
            batch = self._reader.read(limit)
        except JournalCorrupt as error:
            log.error("journal %s: %s; what follows in that segment is skipped", self.name, error)
            self.corrupt += 1
            batch = None
        if batch is None:
            self._settle()  # nothing is in work: what is missing is known by now
        return batch


def pending(folder: Path, position: Position) -> int:
    """Records of a journal behind a position, counting what was removed: as its writer says."""
    for path in reversed(segments(folder)):
        try:
            return max(0, next_sequence(SegmentReader(path).memory) - position.sequence)
        except (FileNotFoundError, JournalCorrupt):
            continue
    return 0


def pending_bytes(folder: Path, position: Position) -> int:
    """Bytes of frames behind a position, as far as they are there."""
    behind = 0
    for path in reversed(segments(folder)):
        base = base_sequence_of(path)
        if base < position.segment or (base < position.sequence and not position.offset):
            break  # read, or left out
        try:
            with path.open("rb") as file:
                committed = WORD.unpack(file.read(COMMITTED_AT + WORD.size)[COMMITTED_AT:])[0]
        except (OSError, struct.error):
            continue  # gone, or no segment
        behind += max(0, committed - (position.offset if base == position.segment else HEADER_BYTES))
    return behind


class Readers:
    """The journals of a consumer, in the order of their names. Written by: the consumer's one thread."""

    def __init__(
        self,
        find: Callable[[], Iterable[Path]],
        positions: Mapping[str, Position],
        counts: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> None:
        self._find = find
        self._positions = dict(positions)  # also of journals whose folder is gone
        self._counts = dict(counts)
        self.followers: dict[str, Follower] = {}

    def __iter__(self) -> Iterator[Follower]:
        """Every journal there is now."""
        for folder in self._find():
            name = folder.name
            if name not in self.followers:
                position, counts = self._positions.get(name, START), self._counts.get(name, (0, 0, 0))
                self.followers[name] = Follower(folder, position, counts)
        yield from list(self.followers.values())

    def positions(self) -> dict[str, Position]:
        return self._positions | {name: follower.position for name, follower in self.followers.items()}

    def counts(self) -> dict[str, Sequence[int]]:
        """(read, missed, corrupt) of each journal, to be kept with the positions."""
        return self._counts | {name: (one.read, one.missed, one.corrupt) for name, one in self.followers.items()}
