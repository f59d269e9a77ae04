"""Where every record of a journal is, seen from an exporter.

    journaled = delivered + pending + expired + unreadable

All of them from one look at the journal: what is in no segment any more is expired at once, not when the exporter comes
to it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.journal.format import JournalCorrupt
from gateway.journal.segments import base_sequence_of, next_sequence, segments
from gateway.journal.walk import START, Position, SegmentReader
from gateway.shipping.segment import Segment

NAMES = ("delivered", "expired", "unreadable", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Records of one journal since it began."""

    journaled: int = 0
    delivered: int = 0
    pending: int = 0
    expired: int = 0  # retention took them before they were delivered
    unreadable: int = 0  # in a damaged segment, from its first bad byte on
    lost: int = 0  # numbers that its writer left out: they were never journaled

    @property
    def missed(self) -> int:
        """Sequences that this exporter never saw, why ever."""
        return self.expired + self.unreadable + self.lost


def accounted(counts: Counter[str], segment: Segment, former: Position, folder: Path) -> None:
    """Adds a delivered segment to the counts of its journal, with what lies between it and the one before."""
    delivered = segment.ended().total()
    counts[_why(counts, former, folder)] += max(0, segment.base - former.sequence)
    counts["lost"] += segment.gaps
    counts["delivered"] += delivered
    counts["unreadable"] += segment.end.sequence - max(segment.base, former.sequence) - segment.gaps - delivered
    counts["corrupt"] += bool(segment.corrupt)
    counts["torn"] = int(bool(segment.corrupt))  # what follows in it shows as a jump, at the next one


def _why(counts: Mapping[str, int], former: Position, folder: Path) -> str:
    """Why sequences behind a position are in no segment. Retention removes the oldest first: while the segment before
    the jump is there, nothing was removed after it.
    """
    if counts.get("torn"):
        return "unreadable"
    bases = {base_sequence_of(path) for path in segments(folder)}
    return "lost" if former.segment in bases and former != START else "expired"


def look(folder: Path, position: Position, counts: Mapping[str, int]) -> Books:
    """The books now."""
    kept = segments(folder)
    following = max(position.sequence, _next(kept))
    ahead = [base_sequence_of(path) for path in kept if base_sequence_of(path) > position.sequence]
    here = any(base_sequence_of(path) == position.sequence for path in kept)
    gone = min(ahead, default=following) - position.sequence if not here else 0
    found = Counter({name: counts.get(name, 0) for name in NAMES})
    found[_why(counts, position, folder)] += max(0, gone)
    return Books(
        journaled=following - found["lost"], delivered=found["delivered"], expired=found["expired"],
        unreadable=found["unreadable"], lost=found["lost"], pending=following - position.sequence - max(0, gone),
    )  # fmt: skip


def _next(kept: Sequence[Path]) -> int:
    """The sequence that the journal's next record will have, as its writer says."""
    for path in reversed(kept):
        try:
            return next_sequence(SegmentReader(path).memory)
        except (FileNotFoundError, JournalCorrupt):
            continue
    return 0
