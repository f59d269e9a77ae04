"""One journal looked at whole: every frame's checksum, every sequence and id, and what is missing between them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import HOST_BITS, IDENTITY, SEQUENCE_BITS, SLOT_BITS, STATUS_NAMES, JournalCorrupt
from gateway.journal.segments import (
    base_sequence_of,
    committed_bytes,
    is_sealed,
    next_sequence,
    read_sequence,
    segments,
)
from gateway.journal.walk import Batch, SegmentReader

NAMES = np.array([STATUS_NAMES.get(code, "unknown") for code in range(256)])


@dataclass
class Journal:
    """What a folder of segments holds. Sequences are of records; `missing` has (from, before) of those not there."""

    name: str
    segments: int = 0
    bytes: int = 0
    records: Counter[str] = field(default_factory=Counter)  # by status
    first: int = 0  # sequence the oldest segment begins with
    next: int = 0  # sequence that the next record will have
    missing: list[tuple[int, int]] = field(default_factory=list)
    damaged: int = 0  # numbers behind a part that cannot be read: how many of them were lost nobody knows
    problems: list[str] = field(default_factory=list)
    held: dict[int, int] = field(default_factory=dict)  # records of each segment, by the sequence it begins with

    @property
    def total(self) -> int:
        return self.records.total()

    def absent(self) -> int:
        """Numbers left out, between and behind records: lost by the writer, or damaged."""
        return sum(before - since for since, before in self.missing)

    def behind(self, cursor: int) -> int:
        """Records from `cursor` on: whole segments, or those the caller has read to their ends."""
        return sum(count for base, count in self.held.items() if base >= cursor)


def scan(folder: Path, since: int = 0) -> Journal:
    """Reads every byte of a journal; segments that begin before `since` were retired, and wait to be removed."""
    paths = [path for path in segments(folder) if base_sequence_of(path) >= since]
    found = Journal(folder.name)
    found.first = found.next = base_sequence_of(paths[0]) if paths else max(since, read_sequence(folder))
    for path in paths:
        try:
            _segment(path, found, newest=path == paths[-1])
        except FileNotFoundError:
            continue  # retired since it was listed
    return found


def _segment(path: Path, found: Journal, *, newest: bool) -> None:
    base = base_sequence_of(path)
    found.segments += 1
    found.bytes += path.stat().st_size
    found.held[base] = 0
    if base > found.next:
        found.missing.append((found.next, base))
    elif base < found.next:
        found.problems.append(f"{path}: begins with sequence {base}, and {found.next} was to come")
    found.next = max(found.next, base)
    try:
        reader = SegmentReader(path)
        _check_file(reader, found, newest=newest)
        for batch in reader.batches():
            found.problems += [f"{path}: {problem}" for problem in _check(batch, found, reader)]
    except JournalCorrupt as error:
        found.problems.append(str(error))
        found.damaged += 1
        return
    _end(reader, found)


def _check_file(reader: SegmentReader, found: Journal, *, newest: bool) -> None:
    path, size, committed = reader.path, len(reader.memory), committed_bytes(reader.memory)
    if reader.base != base_sequence_of(path):
        found.problems.append(f"{path}: its header says that it begins with sequence {reader.base}")
    sealed, whole = is_sealed(reader.memory), IDENTITY.unpack_from(reader.memory, 0)[3]
    if sealed and size not in (committed, whole):
        found.problems.append(f"{path}: {size} bytes, {committed} of them written and sealed")
    if not sealed and not newest:
        found.problems.append(f"{path}: not sealed, and not the newest")


def _check(batch: Batch, found: Journal, reader: SegmentReader) -> Iterator[str]:
    """Counts a batch; what is wrong with its order or its ids."""
    sequences = batch.headers["sequence"].astype(np.int64)
    before = np.concatenate([[found.next - 1], sequences[:-1]])
    steps = sequences - before
    for row in np.flatnonzero(steps != 1).tolist():
        if steps[row] > 1:
            found.missing.append((int(before[row]) + 1, int(sequences[row])))
        else:
            yield f"the frame at byte {batch.offsets[row]} has sequence {sequences[row]} after {before[row]}"
    for row in np.flatnonzero(~_own_ids(batch, sequences, reader)).tolist():
        yield f"the frame at byte {batch.offsets[row]} has an id of another place"
    found.next = int(sequences[-1]) + 1
    found.held[base_sequence_of(reader.path)] += len(batch)
    counts = np.bincount(batch.headers["status"], minlength=256)
    found.records.update({str(NAMES[code]): int(counts[code]) for code in np.flatnonzero(counts)})


def _own_ids(batch: Batch, sequences: NDArray[np.int64], reader: SegmentReader) -> NDArray[np.bool_]:
    """Whether each prediction id says the host, slot and sequence of its frame."""
    *_, host, slot = IDENTITY.unpack_from(reader.memory, 0)
    words: NDArray[Any] = np.frombuffer(batch.headers["prediction_id"].tobytes(), ">u8").reshape(-1, 2)
    right: NDArray[np.bool_] = (
        (words[:, 1] & np.uint64((1 << SEQUENCE_BITS) - 1) == sequences.astype(np.uint64))
        & (words[:, 1] >> np.uint64(SEQUENCE_BITS) & np.uint64((1 << HOST_BITS) - 1) == np.uint64(host))
        & (words[:, 0] & np.uint64((1 << SLOT_BITS) - 1) == np.uint64(slot))
    )
    return right


def _end(reader: SegmentReader, found: Journal) -> None:
    """What its writer left out at the end of a segment."""
    following = next_sequence(reader.memory)
    if following > found.next:
        found.missing.append((found.next, following))
        found.next = following
    elif following + 1 < found.next:  # one behind: killed between a record and the word that counts it
        found.problems.append(f"{reader.path}: bytes 72 to 80: {following} is to come next, after {found.next - 1}")
