"""A sealed segment as what is to leave the host: its parts, how its calls ended, and what of it could not be read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.journal.format import STATUS_NAMES
from gateway.journal.segments import committed_bytes, is_sealed, next_sequence
from gateway.journal.walk import Position, SegmentReader
from gateway.shipping.frames import walk
from gateway.shipping.names import dataset, folder_model
from gateway.shipping.rows import Part, parts

Ended = Counter[tuple[str, str, str]]  # (dataset, model, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One whose content never changes."""

    journal: str
    base: int
    end: Position  # behind it
    parts: tuple[Part, ...]
    gaps: int = 0  # sequences inside it that are not there
    corrupt: str = ""  # what is wrong with the part that was left out

    @property
    def dataset(self) -> str:
        return dataset(self.journal)

    def ended(self) -> Ended:
        """How many calls of each model ended how."""
        found: Ended = Counter()
        for part in self.parts:
            for status, count in enumerate(np.bincount(part.frames.headers["status"])):
                if count:
                    found[self.dataset, folder_model(part.partition.model), STATUS_NAMES.get(status, "")] += int(count)
        return found


def read_sealed(path: Path, journal: str) -> Segment | None:
    """None for a segment that is not sealed yet, or that holds nothing: another may come under its name.

    One with a corrupt frame is read up to there. Raises: FileNotFoundError, JournalCorrupt.
    """
    reader = SegmentReader(path)
    if not is_sealed(reader.memory):
        return None
    walked = walk(reader)
    sequences = walked.frames.headers["sequence"]
    following = int(sequences[-1]) + 1 if len(sequences) else reader.base
    if not walked.corrupt:
        following = max(following, next_sequence(reader.memory))  # its writer says what it left out at the end
        if following == reader.base:
            return None
    return Segment(
        journal=journal, base=reader.base, end=Position(reader.base, committed_bytes(reader.memory), following),
        parts=tuple(parts(walked.frames, walked.schemas)) if len(sequences) else (),
        gaps=following - reader.base - len(sequences), corrupt=walked.corrupt,
    )  # fmt: skip
