"""Reading a journal while it is written: batches of frames in place, behind a position the reader keeps.

A position is (sequence of the segment, offset in it, next sequence expected). What was removed before it was read shows
as a jump in the sequence, and is counted.
"""

import json
import mmap
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from gateway.journal.format import (
    DATATYPES,
    FRAME,
    HEADER_BYTES,
    NUMPY_OF,
    PREDICTION,
    PREDICTION_DTYPE,
    ROUTE,
    SCHEMA,
    TENSOR,
    JournalCorrupt,
    aligned,
)
from gateway.journal.segments import base_sequence_of, check_identity, committed_bytes, is_sealed, segments
from gnomon.domain import Route
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode


class Position(NamedTuple):
    """Where a reader goes on: nothing before it is read twice."""

    segment: int = 0
    offset: int = 0
    sequence: int = 0


START: Final = Position()


class TensorView(NamedTuple):
    """A tensor in place: `data` is a view of the segment; copy what outlives the batch."""

    direction: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    datatype: str
    shape: tuple[int, ...]
    data: memoryview

    def array(self) -> np.ndarray[Any, Any]:
        """The values, shaped. Raises: ValueError for BYTES, which has no fixed width."""
        if self.datatype not in NUMPY_OF:
            raise ValueError(f"a tensor of {self.datatype} is not an array")
        return np.frombuffer(self.data, NUMPY_OF[self.datatype]).reshape(self.shape)


@dataclass
class Batch:
    """Prediction frames of one segment. `headers` (n,) is a copy; tensors are views, gone when the reader moves on."""

    headers: np.ndarray[Any, Any]
    offsets: list[int]
    schemas: dict[int, dict[str, Any]]
    routes: dict[int, Route]
    memory: memoryview
    missed: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def text(self, row: int) -> tuple[str, str]:
        """(request id, reason) of a frame."""
        at = self.offsets[row] + PREDICTION_DTYPE.itemsize
        middle = at + int(self.headers["request_id_bytes"][row])
        end = middle + int(self.headers["reason_bytes"][row])
        return bytes(self.memory[at:middle]).decode("utf-8", "replace"), bytes(self.memory[middle:end]).decode()

    def tensors(self, row: int) -> Iterator[TensorView]:
        header = self.headers[row]
        at = self.offsets[row] + PREDICTION_DTYPE.itemsize
        at += aligned(int(header["request_id_bytes"]) + int(header["reason_bytes"]))
        for _ in range(int(header["tensors"])):
            direction, datatype, dimensions, index, size = TENSOR.unpack_from(self.memory, at)
            at += TENSOR.size
            shape = tuple(np.frombuffer(self.memory, "<u4", dimensions, at).tolist())
            at += aligned(4 * dimensions)
            yield TensorView(direction, index, DATATYPES[datatype], shape, self.memory[at : at + size])
            at += aligned(size)

    def tensor(self, row: int, direction: int, index: int) -> TensorView | None:
        return next((t for t in self.tensors(row) if t.direction == direction and t.index == index), None)


@dataclass
class SegmentReader:
    """One segment, mapped read-only. Schemas and routes seen so far stay at hand."""

    path: Path
    memory: mmap.mmap = field(init=False)
    base: int = field(init=False)
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise JournalCorrupt(f"{self.path}: empty, not a journal segment")
            self.memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.view = memoryview(self.memory)
        self.base = check_identity(self.memory, self.path)[1]

    def read(self, start: int, limit: int, end: int | None = None) -> tuple[list[int], int]:
        """Offsets of at most `limit` prediction frames from `start` on (before `end`), and where to go on.

        Raises: JournalCorrupt at the first frame whose checksum is wrong.
        """
        committed, at = committed_bytes(self.memory) if end is None else end, start
        offsets: list[int] = []
        while at < committed and len(offsets) < limit:
            size, checksum, kind, number, body = FRAME.unpack_from(self.memory, at)
            if size < FRAME.size or at + size > committed or zlib.crc32(self.view[at + 8 : at + size]) != checksum:
                raise JournalCorrupt(f"{self.path}: the frame at byte {at} has a wrong length or checksum")
            if kind == PREDICTION:
                offsets.append(at)
            else:
                self._learn(kind, number, bytes(self.view[at + FRAME.size : at + FRAME.size + body]))
            at += size
        return offsets, at

    def learn(self, end: int) -> None:
        """Takes in the schemas and routes before `end`. Raises: JournalCorrupt."""
        self.read(HEADER_BYTES, end, end)

    def headers(self, offsets: list[int]) -> np.ndarray[Any, Any]:
        """Fixed parts of the frames at `offsets`, (n,) PREDICTION_DTYPE, copied."""
        size = PREDICTION_DTYPE.itemsize
        return np.frombuffer(b"".join([self.view[at : at + size] for at in offsets]), PREDICTION_DTYPE)

    def batch(self, offsets: list[int], missed: int = 0) -> Batch:
        return Batch(self.headers(offsets), offsets, self.schemas, self.routes, self.view, missed)

    def exhausted(self, offset: int) -> bool:
        """Sealed, and read to the end. (Sealed is looked at first: the cursor is final then.)"""
        return is_sealed(self.memory) and offset >= committed_bytes(self.memory)

    def _learn(self, kind: int, number: int, body: bytes) -> None:
        if kind == SCHEMA:
            self.schemas[number] = json.loads(body)
        elif kind == ROUTE:
            route = decode(registry_pb2.Route.FromString(body), Route)
            self.routes[route.revision] = route


def end_sequence(path: Path) -> int:
    """The sequence after a segment's last whole record; what a torn end holds is not counted."""
    reader, at, following = SegmentReader(path), HEADER_BYTES, base_sequence_of(path)
    while True:
        offsets, at = reader.read(at, 65_536)
        if not offsets:
            return following
        following = int(reader.headers(offsets[-1:])["sequence"][0]) + 1


class JournalReader:
    """Reads a journal folder from a position on, across segments. Not thread-safe; never holds its writer back."""

    def __init__(self, folder: Path, position: Position = START) -> None:
        self.folder = folder
        self.position = position
        self.missed = 0
        self.corrupt = 0
        self._segment: SegmentReader | None = None

    def read(self, limit: int = 4096) -> Batch | None:
        """The next frames, None when there are none yet. The position moves behind them.

        Raises: JournalCorrupt, once: the rest of that segment is skipped, and shows as missed.
        """
        while self._segment is not None or self._open_next():
            segment = self._segment
            assert segment is not None
            try:
                offsets, at = segment.read(self.position.offset, limit)
            except JournalCorrupt:
                self._skip(segment.base)
                raise
            if offsets:
                return self._advance(segment, offsets, at)
            self.position = self.position._replace(offset=at)
            if not segment.exhausted(at):
                return None
            self._segment = None  # done with it: the next one is found by sequence
            if self.position.sequence <= segment.base:  # it held no prediction, and another may come under its name
                self.position = self.position._replace(offset=0)
                return None
        return None

    def _advance(self, segment: SegmentReader, offsets: list[int], at: int) -> Batch:
        batch = segment.batch(offsets)
        first, last = int(batch.headers["sequence"][0]), int(batch.headers["sequence"][-1])
        # Numbers that were never written (lost at the writer) or were removed before this reader came.
        batch.missed = last + 1 - self.position.sequence - len(batch) if last >= first else 0
        self.missed += batch.missed
        self.position = Position(segment.base, at, last + 1)
        return batch

    def _open_next(self) -> bool:
        """Opens the segment the position is in, or the first one after it."""
        for path in segments(self.folder):
            base = base_sequence_of(path)
            if base == self.position.segment and self.position.offset:
                resumed = self._resume(path)
                if resumed:
                    return True
            elif base >= self.position.sequence and self._open(path, base):
                self.position = Position(base, HEADER_BYTES, self.position.sequence)
                return True
        return False

    def _open(self, path: Path, base: int) -> bool:
        """False when the file went meanwhile. Raises: JournalCorrupt, once: the position moves past the file."""
        try:
            self._segment = SegmentReader(path)
        except FileNotFoundError:
            return False
        except JournalCorrupt:
            self._skip(base)
            raise
        return True

    def _skip(self, base: int) -> None:
        """Leaves the rest of a segment out; the sequence then jumps, and what is jumped over is missed."""
        following = max(self.position.sequence, base + 1)
        self.corrupt += 1
        self.missed += following - self.position.sequence
        self._segment = None
        self.position = Position(base, 0, following)

    def _resume(self, path: Path) -> bool:
        """Opens a segment in its middle, learning its schemas and routes on the way. False when it is at its end."""
        if not self._open(path, self.position.segment):
            return False
        segment = self._segment
        assert segment is not None
        if segment.exhausted(self.position.offset):
            self._segment = None
            return False
        try:
            segment.learn(self.position.offset)
        except JournalCorrupt:
            self._skip(segment.base)
            raise
        return True
