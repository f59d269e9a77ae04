"""The end of a journal for its next writer, in plain Python: a worker has no use for what is compiled for readers."""

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gateway.journal.format import (
    FRAME,
    HEADER_BYTES,
    PREDICTION,
    PREDICTION_DTYPE,
    ROUTE,
    WORD,
    JournalCorrupt,
)
from gateway.journal.segments import base_sequence_of, check_identity, committed_bytes, next_sequence, segments

_SEQUENCE_AT = PREDICTION_DTYPE.fields["sequence"][1]  # type: ignore[index]


def end_sequence(path: Path) -> int:
    """The sequence after a segment's last record, also of one that was lost; what a torn end holds is not counted.

    Raises: JournalCorrupt for a frame before the end that is not whole.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        following = base_sequence_of(path)
        with memoryview(memory) as view:
            for at, kind, _ in _frames(memory, view, path):
                if kind == PREDICTION:
                    following = int(WORD.unpack_from(view, at + _SEQUENCE_AT)[0]) + 1
        return max(following, next_sequence(memory))


def records_since(folder: Path, sequence: int) -> Iterator[tuple[np.void, dict[int, bytes]]]:
    """(header, routes by epoch) of the records from `sequence` on, as far as they can be read."""
    paths = segments(folder)
    older = [path for path in paths if base_sequence_of(path) <= sequence]
    for path in [*older[-1:], *paths[len(older) :]]:
        try:
            yield from _of_segment(path, sequence)
        except (JournalCorrupt, OSError):
            continue  # said already, when the writer took up the journal


def _of_segment(path: Path, sequence: int) -> Iterator[tuple[np.void, dict[int, bytes]]]:
    routes: dict[int, bytes] = {}
    with path.open("rb") as file:
        content = file.read()
    with memoryview(content) as view:
        for at, kind, (number, length) in _frames(content, view, path):
            if kind == ROUTE:
                routes[number] = content[at + FRAME.size : at + FRAME.size + length]
            elif kind == PREDICTION and WORD.unpack_from(view, at + _SEQUENCE_AT)[0] >= sequence:
                yield np.frombuffer(content, PREDICTION_DTYPE, 1, at)[0], routes


def _frames(memory: Any, view: memoryview, path: Path) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """(offset, kind, (number, bytes of the body)) of each frame. Raises: JournalCorrupt."""
    check_identity(memory, path)
    at, end = HEADER_BYTES, committed_bytes(memory)
    while at < end:
        size, checksum, kind, number, length = FRAME.unpack_from(view, min(at, end - FRAME.size))
        if size < FRAME.size or at + size > end or zlib.crc32(view[at + 8 : at + size]) != checksum:
            raise JournalCorrupt(f"{path}: the frame at byte {at} has a wrong length or checksum")
        yield at, kind, (number, length)
        at += size
