"""Reading a journal while it is written: batches of frames in place, behind a position the reader keeps.

A position is (sequence of the segment, offset in it, next sequence expected). What was removed before it was read shows
as a jump in the sequence, and is counted.
"""

import json
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from gateway.journal.format import (
    ALIGN,
    DATATYPES,
    FRAME,
    HEADER_BYTES,
    NUMPY_OF,
    PREDICTION_DTYPE,
    ROUTE,
    SCHEMA,
    TENSOR,
    JournalCorrupt,
    aligned,
)
from gateway.journal.segments import (
    base_sequence_of,
    check_identity,
    committed_bytes,
    is_sealed,
    next_sequence,
    segments,
)
from gnomon.domain import Route
from gnomon.errors import GnomonError
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode


class Position(NamedTuple):
    """Where a reader goes on: nothing before it is read twice."""

    segment: int = 0
    offset: int = 0
    sequence: int = 0


START: Final = Position()
LEARN_LIMIT: Final = 16_384


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
    offsets: NDArray[np.int64]
    schemas: dict[int, dict[str, Any]]
    routes: dict[int, Route]
    memory: memoryview
    words: NDArray[np.uint64]
    missed: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def text(self, row: int) -> tuple[str, str]:
        """(request id, reason) of a frame."""
        at = int(self.offsets[row]) + PREDICTION_DTYPE.itemsize
        middle = at + int(self.headers["request_id_bytes"][row])
        end = middle + int(self.headers["reason_bytes"][row])
        request_id, reason = bytes(self.memory[at:middle]), bytes(self.memory[middle:end])
        return request_id.decode("utf-8", "replace"), reason.decode("utf-8", "replace")

    def tensors(self, row: int) -> Iterator[TensorView]:
        header = self.headers[row]
        at = int(self.offsets[row]) + PREDICTION_DTYPE.itemsize
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
        self.words = np.frombuffer(self.memory, "<u8", len(self.memory) // ALIGN)

    def next(self, start: int, limit: int, end: int | None = None) -> tuple[Batch | None, int]:
        """At most `limit` prediction frames from `start` on (before `end`), None for none; and where to go on.

        Raises: JournalCorrupt at the first frame that is not whole, once what stands before it was given.
        """
        from gateway.journal import kernels  # compiled: only for who reads; a writer has no use for it

        stop, at = committed_bytes(self.memory) if end is None else end, start
        offsets, headers = np.empty(limit, np.int64), np.empty(limit, PREDICTION_DTYPE)
        lines, found, why = headers.view("<u8").reshape(limit, -1), 0, kernels.OTHER
        while why == kernels.OTHER:
            more, at, why = kernels.walk(self.words, at, stop, offsets[found:], lines[found:])
            found += more
            if why == kernels.OTHER:
                at = self._learn(at)
        if why != kernels.WHOLE and not found:
            wrong = "has a wrong length or checksum" if why == kernels.TORN else "holds what does not fit it"
            raise JournalCorrupt(f"{self.path}: the frame at byte {at} {wrong}")
        batch = Batch(headers[:found], offsets[:found], self.schemas, self.routes, self.view, self.words)
        return batch if found else None, at

    def read(self, start: int, limit: int) -> tuple[list[int], int]:
        """As `next`, offsets alone; `batch` makes what belongs to them."""
        batch, at = self.next(start, limit)
        return [] if batch is None else batch.offsets.tolist(), at

    def batch(self, offsets: list[int]) -> Batch:
        """The frames at `offsets`, which `read` gave."""
        from gateway.journal import kernels

        found, headers = np.array(offsets, np.int64), np.empty(len(offsets), PREDICTION_DTYPE)
        kernels.gather(self.words, found, headers.view("<u8").reshape(len(offsets), -1))
        return Batch(headers, found, self.schemas, self.routes, self.view, self.words)

    def batches(self, limit: int = 16_384) -> Iterator[Batch]:
        """All that is there now. Raises: JournalCorrupt, after what stands before the bad frame."""
        at = HEADER_BYTES
        while True:
            batch, at = self.next(at, limit)
            if batch is None:
                return
            yield batch

    def learn(self, end: int) -> None:
        """Takes in the schemas and routes before `end`. Raises: JournalCorrupt."""
        at = HEADER_BYTES
        while at < end:
            at = self.next(at, LEARN_LIMIT, end)[1]

    def learn_at(self, at: int) -> None:
        """Takes in the schema or route at an offset. Raises: JournalCorrupt."""
        self.next(at, 1, at + int(FRAME.unpack_from(self.memory, at)[0]))

    def exhausted(self, offset: int) -> bool:
        """Sealed, and read to the end. (Sealed is looked at first: the cursor is final then.)"""
        return is_sealed(self.memory) and offset >= committed_bytes(self.memory)

    def _learn(self, at: int) -> int:
        """Takes in a schema or a route of a right checksum; where the next frame begins. Raises: JournalCorrupt."""
        size, _, kind, number, length = FRAME.unpack_from(self.memory, at)
        try:
            if FRAME.size + aligned(length) != size:
                raise ValueError(f"{length} bytes do not fill a frame of {size}")
            body = bytes(self.view[at + FRAME.size : at + FRAME.size + length])
            if kind == SCHEMA:
                self.schemas[number] = schema_of(body)
            elif kind == ROUTE:
                route = decode(registry_pb2.Route.FromString(body), Route)
                self.routes[route.revision] = route
            else:
                raise ValueError(f"kind {kind} is none")
        except (ValueError, DecodeError, GnomonError) as error:
            raise JournalCorrupt(f"{self.path}: the frame at byte {at} cannot be understood: {error}") from None
        return int(at + size)


def schema_of(body: bytes) -> dict[str, Any]:
    """Raises: ValueError for what is no description of a version."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("a schema is an object")  # noqa: TRY004 - of what was read
    for side in ("inputs", "outputs", "live_outputs"):
        specs = found.get(side, [])
        if not isinstance(specs, list) or not all(isinstance(spec, dict) and "name" in spec for spec in specs):
            raise ValueError(f"{side} of a schema are objects with names")
    return found


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
                batch, at = segment.next(self.position.offset, limit)
            except JournalCorrupt:
                self._skip(segment.base)
                raise
            if batch is not None:
                return self._advance(segment, batch, at)
            self.position = self.position._replace(offset=at)
            if not segment.exhausted(at):
                return None
            self._segment = None  # done with it: the next one is found by sequence
            self._leave_out(next_sequence(segment.memory))
            if self.position.sequence <= segment.base:  # it held no prediction, and another may come under its name
                self.position = self.position._replace(offset=0)
                return None
        return None

    def _leave_out(self, following: int) -> None:
        """What was removed before a segment, or lost at the end of a sealed one: its writer says where it went on."""
        if following > self.position.sequence:
            self.missed += following - self.position.sequence
            self.position = self.position._replace(sequence=following)

    def _advance(self, segment: SegmentReader, batch: Batch, at: int) -> Batch:
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
                self._leave_out(base)
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
