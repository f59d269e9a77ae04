"""Which journal segments go: read by everybody and old enough; or, read or not, too old, or a journal over its budget.

Always the oldest first. What goes is counted before, for each consumer that had not read it (retired.py).

The newest segment of a journal always stays: its name carries on the sequence when the writer starts again.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Config
from gateway.journal.cursor import CheckpointCorrupt, read_checkpoint
from gateway.journal.format import COMMITTED_AT, SEALED_AT, WORD
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import START, Position
from gateway.layout import SHADOW_JOURNAL, Layout
from gateway.pages import Page
from gateway.retired import NAME as BOOK
from gateway.retired import Retired

log = logging.getLogger(__name__)

CONSUMERS = ("observer", "shadow", "shipper")  # of every gateway
Positions = Mapping[str, Position]  # of one consumer, by journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment file, as far as its removal is concerned. `sealed_unix_s` is 0 while it is written."""

    path: Path
    journal: str
    base: int
    size_bytes: int
    committed: int
    sealed_unix_s: float


def expired(
    found: Iterable[Segment], positions: Mapping[str, Positions], config: Config, now_unix_s: float
) -> list[Path]:
    """What is to be removed, oldest first in each journal. `positions` has an entry a consumer. Pure."""
    journals: dict[str, list[Segment]] = {}
    for segment in sorted(found, key=lambda segment: segment.base):
        journals.setdefault(segment.journal, []).append(segment)
    return [path for kept in journals.values() for path in _of_journal(kept, positions, config, now_unix_s)]


def _of_journal(
    kept: Sequence[Segment], positions: Mapping[str, Positions], config: Config, now_unix_s: float
) -> list[Path]:
    size = sum(segment.size_bytes for segment in kept)
    gone = []
    for segment in kept[:-1]:
        age_s = now_unix_s - segment.sealed_unix_s
        over = size > config.retention_bytes or age_s > config.retention_unread_s
        done = age_s > config.retention_s and all(is_read(segment, each) for each in _readers(segment, positions))
        if not segment.sealed_unix_s or not (over or done):
            break  # what is younger stays too: a journal loses its oldest part, and no other
        gone.append(segment.path)
        size -= segment.size_bytes
    return gone


def _readers(segment: Segment, positions: Mapping[str, Positions]) -> list[Positions]:
    return [each for name, each in positions.items() if reads(name, segment.journal)]


def reads(consumer: str, journal: str) -> bool:
    """The shadow runner does not read its own journal."""
    return not (consumer == "shadow" and journal == SHADOW_JOURNAL)


def is_read(segment: Segment, positions: Positions) -> bool:
    """Whether a consumer is done with a segment."""
    position = positions.get(segment.journal, START)
    if position.segment != segment.base:
        return position.segment > segment.base
    return position.offset >= segment.committed or (position.sequence > segment.base and not position.offset)


def observe(layout: Layout) -> list[Segment]:
    """Every segment there is."""
    found = []
    for folder in layout.journals.glob("*"):
        for path in segments(folder):
            try:
                found.append(_segment(path))
            except OSError:
                continue  # gone since it was listed
    return found


def _segment(path: Path) -> Segment:
    with path.open("rb") as file:
        head = file.read(SEALED_AT + WORD.size).ljust(SEALED_AT + WORD.size, b"\0")
    return Segment(
        path=path, journal=path.parent.name, base=base_sequence_of(path), size_bytes=path.stat().st_size,
        committed=WORD.unpack_from(head, COMMITTED_AT)[0], sealed_unix_s=WORD.unpack_from(head, SEALED_AT)[0] / 1e9,
    )  # fmt: skip


def positions_of(layout: Layout, consumers: Iterable[str] = CONSUMERS) -> dict[str, Positions]:
    """Where each consumer stands; one without a checkpoint has read nothing."""
    found: dict[str, Positions] = {}
    for consumer in consumers:
        try:
            found[consumer] = read_checkpoint(layout.checkpoint(consumer))[0]
        except (FileNotFoundError, CheckpointCorrupt):
            found[consumer] = {}
    return found


def consumers(config: Config) -> tuple[str, ...]:
    """Who reads the journals; a publisher only where there is one."""
    return tuple(dict.fromkeys((*CONSUMERS, *config.exporters)))


def apply(config: Config) -> list[Path]:
    """Looks, decides, counts, removes. What was removed. Raises: OSError."""
    layout = config.layout
    positions = positions_of(layout, consumers(config))
    gone = expired(observe(layout), positions, config, time.time())
    if gone:
        book = Retired(layout.checkpoint(BOOK))
        for path in gone:
            readers = {name: each for name, each in positions.items() if reads(name, path.parent.name)}
            book.take(path, readers)
        book.save()
        book.publish(Page.open(layout.page(BOOK)))
    for path in gone:
        path.unlink(missing_ok=True)
        log.info("journal %s: segment %s removed", path.parent.name, path.name)
    return gone
