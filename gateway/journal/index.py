"""An index of a segment, beside the journal: it is made from it, and can be made again.

    index/w00/0000000000131072.index

    0        8         12      16            48                                              (little-endian)
    │ magic  │ version │ crc32 │ five counts │ arrived │ entries │ schemas, routes │ bits │ prints │

An entry is the sequence and the offset of every 64th prediction, so a prediction is at most 63 frames behind one.
Request ids are in a Bloom filter (Bloom, 1970), which says whether a segment may have one, and as 16 bits each, in the
order of the predictions, which say where. The file outlives its segment: it then says which export to look into.

Written by: the supervisor, by a rename, once a segment is sealed. Anybody may read it, and does without it where it is
missing or damaged.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.journal import lookup
from gateway.journal.format import FRAME, HEADER_BYTES
from gateway.journal.segments import committed_bytes
from gateway.journal.walk import Batch, SegmentReader

SUFFIX = ".index"
MAGIC: Final = b"GNOMONIX"
FORMAT_VERSION: Final = 1
HEAD: Final = struct.Struct("<8sII5Q2q")  # magic, version, crc32; five counts, the last is `end`; arrived
CHECKED_FROM: Final = 16
ANY = np.full(8, 255, np.uint8)
OTHERS = 4_096  # schemas and routes of a segment that are noted; where there are more it is read from its beginning


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """`entries` (n, 2) int64: sequence and offset; `others` (m,) int64: offsets of schemas and routes."""

    base: int
    end: int  # bytes of the segment that it covers
    entries: NDArray[np.int64]
    others: NDArray[np.int64]
    bits: NDArray[np.uint8]
    prints: NDArray[np.uint16]  # none where request ids were not noted
    arrived: tuple[int, int]  # least and greatest, nanoseconds since 1970

    def may_hold(self, request_hash: np.uint64) -> bool:
        return bool(lookup.may_hold(self.bits, request_hash))

    def start_of(self, sequence: int) -> int | None:
        """Where to look for a sequence; None where it is before all."""
        at = int(np.searchsorted(self.entries[:, 0], sequence, side="right")) - 1
        return int(self.entries[at, 1]) if at >= 0 else None


def build(reader: SegmentReader, *, ids: bool = True) -> Index:
    """Of what is committed now; without `ids` any request id may be there."""
    end = committed_bytes(reader.memory)
    entries = np.empty(((end - HEADER_BYTES) // FRAME.size // lookup.EVERY + 2, 2), np.int64)
    others, span = np.empty(OTHERS, np.int64), np.array([1 << 62, 0], np.int64)
    found, other, records, end = lookup.outline(reader.words, HEADER_BYTES, end, entries, others, span)
    bits, prints = np.zeros(_bits_bytes(records), np.uint8) if ids else ANY, np.empty(records if ids else 0, np.uint16)
    if ids:
        lookup.note_ids(reader.words, HEADER_BYTES, end, bits, prints)
    arrived = (int(span[0]), int(span[1]))
    return Index(reader.base, end, entries[:found].copy(), others[:other].copy(), bits, prints, arrived)


def _bits_bytes(records: int) -> int:
    """A power of two, so that a bit is found by a mask."""
    return 1 << max(3, (records * lookup.BITS_A_RECORD // 8 - 1).bit_length())


def save(index: Index, path: Path) -> None:
    """Raises: OSError, with what was there in place."""
    body = index.entries.astype("<i8").tobytes() + index.others.astype("<i8").tobytes()
    body += index.bits.tobytes() + index.prints.astype("<u2").tobytes()
    sizes = (len(index.entries), len(index.others), len(index.bits), len(index.prints))
    counts = (*sizes, index.end, *index.arrived)
    head = HEAD.pack(MAGIC, FORMAT_VERSION, 0, *counts)
    checksum = zlib.crc32(body, zlib.crc32(head[CHECKED_FROM:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(HEAD.pack(MAGIC, FORMAT_VERSION, checksum, *counts) + body)
    temporary.replace(path)


def load(path: Path) -> Index | None:
    """None where there is none that can be used."""
    try:
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None
    if len(memory) < HEAD.size:
        return None
    magic, version, checksum, entries, others, bits, prints, end, first, last = HEAD.unpack_from(memory, 0)
    whole = HEAD.size + 16 * entries + 8 * others + bits + 2 * prints
    if magic != MAGIC or version != FORMAT_VERSION or whole != len(memory) or not bits:
        return None
    with memoryview(memory) as view:
        if zlib.crc32(view[CHECKED_FROM:]) != checksum:
            return None
    others_at = HEAD.size + 16 * entries
    bits_at = others_at + 8 * others
    return Index(
        base=int(path.name.removesuffix(SUFFIX)), end=end, arrived=(first, last),
        entries=np.frombuffer(memory, "<i8", 2 * entries, HEAD.size).reshape(-1, 2),
        others=np.frombuffer(memory, "<i8", others, others_at),
        bits=np.frombuffer(memory, np.uint8, bits, bits_at),
        prints=np.frombuffer(memory, "<u2", prints, bits_at + bits),
    )  # fmt: skip


def words_of(text: bytes) -> NDArray[np.uint64]:
    """A request id as the kernels take it."""
    return np.frombuffer(text.ljust(-(-len(text) // 8) * 8 + 8, b"\0"), "<u8")


def hash_of(text: bytes) -> np.uint64:
    return np.uint64(lookup.hash_of(words_of(text), np.uint64(0), np.uint64(len(text))))


def by_sequence(reader: SegmentReader, index: Index, sequence: int) -> Batch | None:
    """The one record. Raises: JournalCorrupt."""
    start = index.start_of(sequence)
    if start is None:
        return None
    end = committed_bytes(reader.memory)
    return _at(reader, index, int(lookup.find_sequence(reader.words, start, end, np.uint64(sequence))))


def by_request(reader: SegmentReader, index: Index, text: bytes, most: int) -> list[Batch]:
    """At most `most` records of a request id, the newest first. Raises: JournalCorrupt."""
    found: list[Batch] = []
    words, length = words_of(text), np.uint64(len(text))
    for start, end in _spans(reader, index, hash_of(text)):
        offsets = np.empty(most, np.int64)
        count = lookup.find_request(reader.words, start, end, words, length, offsets)
        for offset in sorted(offsets[: min(count, most)].tolist(), reverse=True):
            batch = _at(reader, index, offset)
            if batch is not None:
                found.append(batch)
        if len(found) >= most:
            break
    return found[:most]


def _spans(reader: SegmentReader, index: Index, hashed: np.uint64) -> Iterator[tuple[int, int]]:
    """Bytes in which a request id may be, the last ones first."""
    if not len(index.prints):
        yield HEADER_BYTES, committed_bytes(reader.memory)
        return
    wanted = np.uint16(hashed >> np.uint64(48))
    for entry in np.unique(np.flatnonzero(index.prints == wanted) // lookup.EVERY)[::-1].tolist():
        last = entry + 1 == len(index.entries)
        yield int(index.entries[entry, 1]), index.end if last else int(index.entries[entry + 1, 1])


def _at(reader: SegmentReader, index: Index, offset: int) -> Batch | None:
    """The record at an offset, checked, with the schemas and routes before it."""
    if offset < 0:
        return None
    if len(index.others) == OTHERS:
        reader.learn(offset)
    for other in index.others[index.others < offset].tolist():
        reader.learn_at(other)
    return reader.next(offset, 1)[0]
