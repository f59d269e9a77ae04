"""The books of one journal: what its worker counted, what its consumers counted, and what the files hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.journal.cursor import CheckpointCorrupt, read_checkpoint
from gateway.journal.format import STATUS_NAMES
from gateway.journal.walk import START, Position
from gateway.layout import Layout
from gateway.pages import PageCorrupt, read_page
from gateway.retention import CONSUMERS, reads
from gateway.retired import Retired
from gateway.verifying.scan import Journal

ANSWERED = "answered"
PUBLISHER = "publisher"
MISSED = ("expired", "unreadable", "lost")  # in an exporter's checkpoint


@dataclass
class Counts:
    """A worker's page."""

    received: int = 0
    in_flight: int = 0
    journaled: int = 0
    unrecorded: int = 0  # begun by a worker that was killed
    first: int = 0  # sequence that its counts begin with
    ended: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)  # answered, other

    @classmethod
    def read(cls, layout: Layout, journal: str) -> "Counts | None":
        """None where there is no page."""
        found = cls()
        try:
            readings = read_page(layout.page(journal))
        except (FileNotFoundError, PageCorrupt):
            return None
        for name, labels, value in readings:
            what = name.removeprefix("gnomon_worker_").removesuffix("_total")
            if what in ("ended", "journal_lost"):
                (found.ended if what == "ended" else found.lost)[labels["status"]] += value
            elif what == "books_first_sequence":
                found.first = value
            elif what in ("received", "in_flight", "journaled", "unrecorded"):
                setattr(found, what, value)
        return found

    def problems(self) -> Iterator[str]:
        """Sums of the page alone."""
        if self.received != self.ended.total() + self.in_flight:
            parts = " + ".join(f"{name} {self.ended[name]}" for name in STATUS_NAMES.values())
            yield f"received {self.received} is not {parts} + in flight {self.in_flight}"
        written = self.journaled + self.lost[ANSWERED]  # a moment before its call has ended
        if not self.ended[ANSWERED] <= written <= self.ended[ANSWERED] + self.in_flight:
            yield f"answered {self.ended[ANSWERED]} is not journaled {self.journaled} + lost {self.lost[ANSWERED]}"


def worker_problems(before: Counts, after: Counts, records: Mapping[str, int]) -> Iterator[str]:
    """Whether the records that a journal had, ever, are those that its worker counted, looked at before and after.

    A record is written a moment before its call is counted as ended.
    """
    answered = records.get(ANSWERED, 0)
    others = sum(records.values()) - answered
    for what, found, least, most in (
        (ANSWERED, answered, before.ended[ANSWERED] - before.lost[ANSWERED], _answered(after)),
        ("not answered", others, _others(before), _others(after) + after.in_flight),
    ):
        if not least <= found <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            yield f"{found} records of calls {what}, and {expected} were counted"


def _answered(counts: Counts) -> int:
    return counts.ended[ANSWERED] - counts.lost[ANSWERED] + counts.in_flight


def _others(counts: Counts) -> int:
    return counts.ended.total() - counts.ended[ANSWERED] - counts.lost["other"] - counts.unrecorded


@dataclass
class Consumed:
    """How far a consumer is in a journal: journaled = read + missed + pending, in numbers of records."""

    consumer: str
    journal: str
    cursor: int = 0
    read: int = 0
    missed: int = 0  # lost by the writer, damaged, or removed before it was read: counted
    expired: int = 0  # of those: removed before they were read
    gone: int = 0  # removed before the cursor came there, and not yet counted as missed
    pending: int = 0
    thinned: bool = False  # exported days were removed, as a log policy says
    problems: list[str] = field(default_factory=list)


Kept = tuple[Mapping[str, Position], Mapping[str, Any]] | str  # a checkpoint, or what is wrong with it


def checkpoints(layout: Layout) -> dict[str, Kept]:
    """Of every consumer; empty where it has none. A publisher only where there was one.

    To be read before what they are compared with: that only grows.
    """
    found: dict[str, Kept] = {}
    publisher = (PUBLISHER,) if layout.checkpoint(PUBLISHER).exists() else ()
    for name in (*CONSUMERS, *publisher):
        try:
            found[name] = read_checkpoint(layout.checkpoint(name))
        except FileNotFoundError:
            found[name] = ({}, {})
        except CheckpointCorrupt as error:
            found[name] = str(error)
    return found


def consumed(kept: Mapping[str, Kept], found: Journal, retired: Retired) -> Iterator[Consumed]:
    """Each consumer's books of one journal."""
    for name, each in kept.items():
        if reads(name, found.name):
            yield _consumed(name, each, found, retired)


def _consumed(consumer: str, kept: Kept, found: Journal, retired: Retired) -> Consumed:
    books = Consumed(consumer, found.name)
    if isinstance(kept, str):
        books.problems.append(kept)
        return books
    positions, state = kept
    books.cursor = positions.get(found.name, START).sequence
    books.thinned = bool(state.get("totals", {}).get("thinned", 0))
    books.read, books.missed = _counts(state.get("journals", {}).get(found.name, (0, 0)))
    begin = max(books.cursor, found.first)
    books.gone = begin - books.cursor
    books.pending = max(0, found.next - begin - _absent(found, begin, found.next))
    books.problems += _consumer_problems(books, found)
    lost = retired_absent(retired, found.name) + _absent(found, found.first, books.cursor)
    if books.cursor >= found.first:
        books.expired = books.missed - lost
        if books.expired < 0 and not found.damaged:
            books.problems.append(f"{consumer}: missed {books.missed}, and {lost} were lost by the writer")
    return books


def _consumer_problems(books: Consumed, found: Journal) -> Iterator[str]:
    if books.read + books.missed != books.cursor:
        yield f"{books.consumer}: read {books.read} + missed {books.missed} is not its cursor, {books.cursor}"
    if books.cursor > found.next and not found.damaged:
        yield f"{books.consumer}: its cursor is at {books.cursor}, and the journal ends at {found.next}"


def _counts(kept: Any) -> tuple[int, int]:
    """(read, missed)."""
    if isinstance(kept, Mapping):
        return int(kept.get("delivered", 0)), sum(int(kept.get(name, 0)) for name in MISSED)
    return int(kept[0]), int(kept[1])


def _absent(found: Journal, begin: int, end: int) -> int:
    """Numbers in [begin, end) that no record has."""
    return sum(max(0, min(before, end) - max(since, begin)) for since, before in found.missing)


def retired_absent(retired: Retired, journal: str) -> int:
    """Numbers of removed segments that no record had."""
    return retired.through.get(journal, 0) - retired.records.get(journal, Counter()).total()
