"""The one append on the request path: a frame into mapped memory, then the commit cursor. No system call.

Owned by the worker's event loop: nothing here may be called from another thread. What is written survives `kill -9` of
any process; a power loss may take the last seconds (the kernel writes the pages back).
"""

import ctypes
import functools
import json
import logging
import mmap
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from gateway.journal.format import (
    ALIGN,
    ANSWERED,
    COMMITTED_AT,
    DATATYPE_CODES,
    FRAME,
    HEADER_BYTES,
    NEXT_AT,
    PREDICTION,
    PREDICTION_FRAME,
    ROUTE,
    SCHEMA,
    TENSOR,
    WORD,
    JournalCorrupt,
    aligned,
    prediction_id,
)
from gateway.journal.segments import Ahead, base_sequence_of, cell, read_sequence, recover, seal, segments
from gateway.journal.tail import end_sequence

log = logging.getLogger(__name__)

NO_PARENT = NO_TRACE = bytes(16)
PADDING = [bytes(size) for size in range(ALIGN)]
COMMITTED, NEXT = range(2)  # cells of the open segment
PATIENCE_S = 0.02  # rather one short stall than a lost record; a disk that hangs costs it once
CORRUPT_JUMP = 1_000_000  # sequences left out where a segment's end cannot be read: none is ever given twice


class TensorRecord(NamedTuple):
    """A tensor on its way into a frame: `index` is its place in the schema, `data` its raw bytes."""

    direction: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    datatype: str
    shape: tuple[int, ...]
    data: bytes | memoryview | np.ndarray[Any, Any]


class Record(NamedTuple):
    """One call as the journal keeps it. Times in nanoseconds; `schema` is a number from `Writer.schema`."""

    prediction_id: bytes
    status: int
    arrived_unix_ns: int
    schema: int = 0
    epoch: int = 0
    version: int = 0
    role: int = 0
    rule: int = 0
    bucket: int = 0
    weight_bp: int = 0
    key_hash: int = 0
    rows: int = 0
    decode_ns: int = 0
    queue_ns: int = 0
    run_ns: int = 0
    total_ns: int = 0
    request_id: bytes = b""
    reason: bytes = b""
    tensors: Sequence[TensorRecord] = ()
    parent_id: bytes = NO_PARENT
    trace_id: bytes = NO_TRACE  # of the caller's W3C trace context


@functools.lru_cache(4096)
def around(direction: int, index: int, datatype: str, shape: tuple[int, ...], size: int) -> tuple[bytes, bytes]:
    """What stands before and after the data of a tensor: the same in every call of a client."""
    sizes = np.array(shape, "<u4").tobytes()
    head = TENSOR.pack(direction, DATATYPE_CODES[datatype], len(shape), index, size)
    return head + sizes + bytes(aligned(len(sizes)) - len(sizes)), bytes(aligned(size) - size)


def _encoded(record: Record) -> list[Any]:
    """Pieces of a frame's body: the texts, then each tensor's header, dimensions and data, padded to 8."""
    text = len(record.request_id) + len(record.reason)
    pieces: list[Any] = [record.request_id, record.reason, PADDING[-text & ALIGN - 1]]
    for direction, index, datatype, shape, data in record.tensors:
        if type(data) is not bytes:
            data = memoryview(cast(Any, data)).cast("B")
        before, after = around(direction, index, datatype, shape, len(data))
        pieces += (before, data, after)
    return pieces


def _fixed(kind: int, number: int, body: bytes) -> bytes:
    """A frame that is no prediction."""
    size = FRAME.size + aligned(len(body))
    return FRAME.pack(size, 0, kind, number & 0xFFFFFFFF, len(body)) + body + bytes(aligned(len(body)) - len(body))


class Open(ctypes.Structure):
    """The open segment, as compiled code sees it too (JOURNAL in gateway.native.blocks)."""

    _fields_ = [(name, ctypes.c_int64) for name in ("memory", "offset", "end", "sequence", "generation", "answered")]


class Writer:
    """Appends to the journal in `folder`. One writer a folder; it takes up where the last one stopped.

    `open` is shared with compiled code, which appends to the same segment between calls of Python's (gateway.lanes).
    """

    def __init__(self, folder: Path, *, host: int, slot: int, segment_bytes: int, segment_max_age_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host = host
        self.slot = slot
        self.segment_max_age_s = segment_max_age_s
        self.lost = 0  # records there was no segment for
        self.open = Open(offset=HEADER_BYTES, sequence=self._recover())
        self._ahead = Ahead(folder, segment_bytes, host=host, slot=slot)
        self._schemas: dict[int, bytes] = {}  # number → JSON; written again into each segment that needs it
        self._routes: dict[int, bytes] = {}  # epoch → message
        self._introduced: set[tuple[int, int]] = set()  # (schema, epoch) that this segment's readers know
        self._memory: mmap.mmap | None = None
        self._base = 0  # sequence the open segment begins with
        self._cells: tuple[ctypes.c_uint64, ...] = ()  # COMMITTED and NEXT, of the open segment
        self._opened = time.monotonic()
        self._patient = True  # whether the next segment is worth a moment's wait: not after it failed to come once
        self._rotate(wait_s=10.0)

    @property
    def sequence(self) -> int:
        """Of the record that comes next."""
        return self.open.sequence  # type: ignore[no-any-return]

    @property
    def journaled(self) -> int:
        """Answered calls written, by this writer."""
        return self.open.answered  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def failing(self) -> bool:
        """The alarm: the disk gives no next segment, so that records are lost once this one is full."""
        return self._ahead.failing

    def schema(self, description: dict[str, Any]) -> int:
        """A number for a Version's description (model, version, artifact_sha256, inputs, outputs, score)."""
        number = len(self._schemas) + 1
        self._schemas[number] = json.dumps(description, separators=(",", ":")).encode()
        return number

    def route(self, epoch: int, message: bytes) -> None:
        """Makes the route of an epoch known; it is written before the first prediction made under it."""
        self._routes[epoch] = message

    def next_id(self, unix_ns: int) -> bytes:
        """The id of the record that the next `append` will write."""
        return prediction_id(unix_ns // 1_000_000, self.host, self.slot, self.sequence)

    def append(self, record: Record) -> bool:
        """Writes one call. False, and counted, when there is no segment to write to. No system call; bench/micro.py."""
        body = b"".join(_encoded(record))
        size = PREDICTION_FRAME.size + len(body)
        if not self.make_room(size, record.schema, record.epoch):
            self.lose()
            return False
        head = PREDICTION_FRAME.pack(
            size, 0, PREDICTION, record.role, record.status, record.rule, len(record.tensors), len(record.request_id),
            record.schema, len(record.reason), min(record.rows, 65_535), self.sequence, record.prediction_id,
            record.parent_id, record.arrived_unix_ns, record.epoch, record.version, record.bucket, record.weight_bp,
            record.key_hash, record.decode_ns, record.queue_ns, record.run_ns, record.total_ns, record.trace_id,
        )  # fmt: skip
        self._commit(head + body)
        self.open.sequence += 1
        self._cells[NEXT].value = self.sequence
        self.open.answered += record.status == ANSWERED
        return True

    def tick(self) -> None:
        """Ends a segment that has grown old, so that its rows are exported soon. Call it now and then."""
        old = time.monotonic() - self._opened > self.segment_max_age_s
        if self._memory is None or (old and self.sequence > self._base):
            self._rotate(wait_s=0.0)  # no record waits for it

    def put(self, frames: memoryview, count: int, answered: int) -> None:
        """Writes whole frames side by side, numbered and with their checksums, where there is room for them."""
        memory, at = cast(mmap.mmap, self._memory), self.open.offset
        memory[at : at + len(frames)] = frames
        self.open.offset = at + len(frames)
        WORD.pack_into(memory, COMMITTED_AT, self.open.offset)
        self.open.sequence += count
        WORD.pack_into(memory, NEXT_AT, self.sequence)
        self.open.answered += answered

    def lose(self, count: int = 1) -> None:
        """Leaves the numbers of records out, where their readers and the next writer see it."""
        self.lost += count
        self.open.sequence += count
        if self._memory is not None:
            self._cells[NEXT].value = self.sequence

    def close(self) -> None:
        """Seals what is open. The folder can then be read to its end."""
        self._seal()
        self._ahead.stop()

    def make_room(self, size: int, schema: int, epoch: int) -> bool:
        """Makes sure that a frame of `size` fits into the open segment, behind its schema and its route."""
        if (schema, epoch) in self._introduced and self.open.offset + size <= self.open.end:
            return True
        for _ in range(2):
            preface = self._preface(schema, epoch)
            needed = size + sum(map(len, preface))
            if self.open.offset + needed <= self.open.end:
                for frame in preface:
                    self._commit(frame)
                self._introduced.add((schema, epoch))
                return True
            if needed + HEADER_BYTES > self._ahead.segment_bytes or not self._rotate():
                return False
        return False

    def _preface(self, schema: int, epoch: int) -> list[bytes]:
        """Frames that readers need before a prediction of this schema and epoch, as far as the segment lacks them."""
        schemas, epochs = {known for known, _ in self._introduced}, {known for _, known in self._introduced}
        frames = []
        if schema in self._schemas and schema not in schemas:
            frames.append(_fixed(SCHEMA, schema, self._schemas[schema]))
        if epoch in self._routes and epoch not in epochs:
            frames.append(_fixed(ROUTE, epoch, self._routes[epoch]))
        return frames

    def _commit(self, frame: bytes) -> None:
        """The frame with its checksum, then the cursor: a reader never believes half a frame."""
        memory, at, size = self._memory, self.open.offset, len(frame)
        assert memory is not None
        memory[at : at + size] = frame
        WORD.pack_into(memory, at, size | zlib.crc32(memoryview(frame)[8:]) << 32)
        self.open.offset = at + size
        self._cells[COMMITTED].value = at + size

    def _rotate(self, *, wait_s: float = PATIENCE_S) -> bool:
        """A fresh segment. Never a second one of the same base: the files would take each other's name."""
        if self._memory is not None and self.sequence == self._base:
            return False
        fresh = self._ahead.take(self.sequence, wait_s=wait_s if self._patient else 0.0)
        self._patient = fresh is not None or (self._patient and not wait_s)
        if fresh is None:
            return False
        self._seal()
        self._memory, self._base = fresh, self.sequence
        self._cells = tuple(cell(fresh, at) for at in (COMMITTED_AT, NEXT_AT))
        start = ctypes.addressof(self._cells[COMMITTED]) - COMMITTED_AT
        self.open.memory, self.open.offset, self.open.end = start, HEADER_BYTES, len(fresh)
        self.open.generation += 1
        self._cells[NEXT].value = self.sequence
        self._introduced.clear()
        self._opened = time.monotonic()
        return True

    def _seal(self) -> None:
        if self._memory is not None:
            size = seal(self._memory)
            self._cells = ()
            self._ahead.ended(self._base, size if self.sequence > self._base else 0, self.sequence, self._memory)
            self._memory, self.open.end = None, 0

    def _recover(self) -> int:
        """Seals what a killed writer left open; the sequence to go on from."""
        found = segments(self.folder)
        following = read_sequence(self.folder)
        for path in found[-2:]:
            try:
                end = end_sequence(path)
                following = max(following, end)
                recover(path, empty=end == base_sequence_of(path))
            except JournalCorrupt as error:
                log.error("journal %s: %s; its readable part is kept", self.folder.name, error)
                following = max(following, base_sequence_of(path)) + CORRUPT_JUMP
        return following
