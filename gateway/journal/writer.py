"""The one append on the request path: a frame into mapped memory, then the commit cursor. No system call.

Owned by the worker's event loop: nothing here may be called from another thread. What is written survives `kill -9` of
any process; a power loss may take the last seconds (the kernel writes the pages back).
"""

import json
import logging
import mmap
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gateway.journal import walk
from gateway.journal.format import (
    ANSWERED,
    COMMITTED_AT,
    DATATYPE_CODES,
    FRAME,
    HEADER_BYTES,
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
from gateway.journal.segments import Ahead, base_sequence_of, recover, seal, segments

log = logging.getLogger(__name__)

NO_PARENT = bytes(16)
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


def _padded(size: int) -> bytes:
    return bytes(aligned(size) - size)


def _bytes_of(data: Any) -> memoryview:
    return memoryview(data).cast("B")


def encode_tensor(tensor: TensorRecord) -> list[Any]:
    """Pieces of a tensor's bytes: header, dimensions, data, each padded to 8."""
    data = tensor.data if isinstance(tensor.data, bytes) else _bytes_of(tensor.data)
    shape = np.array(tensor.shape, "<u4").tobytes()
    head = TENSOR.pack(tensor.direction, DATATYPE_CODES[tensor.datatype], len(tensor.shape), tensor.index, len(data))
    return [head, shape, _padded(len(shape)), data, _padded(len(data))]


class Writer:
    """Appends to the journal in `folder`. One writer a folder; it takes up where the last one stopped."""

    def __init__(self, folder: Path, *, host: int, slot: int, segment_bytes: int, segment_max_age_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host = host
        self.slot = slot
        self.segment_max_age_s = segment_max_age_s
        self.journaled = 0  # answered calls written, by this writer
        self.lost = 0  # records there was no segment for
        self.sequence = self._recover()
        self._ahead = Ahead(folder, segment_bytes, host=host, slot=slot)
        self._schemas: dict[int, bytes] = {}  # number → JSON; written again into each segment that needs it
        self._routes: dict[int, bytes] = {}  # epoch → message
        self._written: set[tuple[int, int]] = set()  # (kind, number) already in this segment
        self._memory: mmap.mmap | None = None
        self._base = 0  # sequence the open segment begins with
        self._offset = HEADER_BYTES
        self._opened = time.monotonic()
        self._rotate(wait_s=10.0)

    @property
    def name(self) -> str:
        return self.folder.name

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
        """Writes one call. False, and counted, when there is no segment to write to. About 3 µs for 30 features."""
        pieces = [record.request_id, record.reason, _padded(len(record.request_id) + len(record.reason))]
        for tensor in record.tensors:
            pieces += encode_tensor(tensor)
        body = b"".join(pieces)
        size = PREDICTION_FRAME.size + len(body)
        if not self._room(size, record):
            self.lost += 1
            self.sequence += 1
            return False
        memory, at = self._memory, self._offset
        assert memory is not None
        PREDICTION_FRAME.pack_into(
            memory, at, size, 0, PREDICTION, record.role, record.status, record.rule, len(record.tensors),
            len(record.request_id), record.schema, len(record.reason), min(record.rows, 65_535), self.sequence,
            record.prediction_id, record.parent_id, record.arrived_unix_ns, record.epoch, record.version, record.bucket,
            record.weight_bp, record.key_hash, record.decode_ns, record.queue_ns, record.run_ns, record.total_ns,
        )  # fmt: skip
        memory[at + PREDICTION_FRAME.size : at + size] = body
        self._commit(at, size)
        self.sequence += 1
        self.journaled += record.status == ANSWERED
        return True

    def tick(self) -> None:
        """Ends a segment that has grown old, so that its rows are exported soon. Call it now and then."""
        old = time.monotonic() - self._opened > self.segment_max_age_s
        if self._memory is None or (old and self._offset > HEADER_BYTES):
            self._rotate()

    def close(self) -> None:
        """Seals what is open. The folder can then be read to its end."""
        self._seal()
        self._ahead.stop()

    def _room(self, size: int, record: Record) -> bool:
        """Makes sure that the schema, the route and a frame of `size` fit into the open segment."""
        for _ in range(2):
            preface = [
                (kind, number, source[number])
                for kind, number, source in (
                    (SCHEMA, record.schema, self._schemas),
                    (ROUTE, record.epoch, self._routes),
                )
                if number in source and (kind, number) not in self._written
            ]
            needed = size + sum(FRAME.size + aligned(len(body)) for _, _, body in preface)
            if self._memory is not None and self._offset + needed <= len(self._memory):
                for kind, number, body in preface:
                    self._append_fixed(kind, number, body)
                return True
            if needed + HEADER_BYTES > self._ahead.segment_bytes or not self._rotate():
                return False
        return False

    def _append_fixed(self, kind: int, number: int, body: bytes) -> None:
        assert self._memory is not None
        at, size = self._offset, FRAME.size + aligned(len(body))
        FRAME.pack_into(self._memory, at, size, 0, kind, number & 0xFFFFFFFF, len(body))
        self._memory[at + FRAME.size : at + FRAME.size + len(body)] = body
        self._commit(at, size)
        self._written.add((kind, number))

    def _commit(self, at: int, size: int) -> None:
        """Checksum, then the cursor: a reader never believes half a frame."""
        assert self._memory is not None
        with memoryview(self._memory)[at + 8 : at + size] as frame:
            WORD.pack_into(self._memory, at, size | zlib.crc32(frame) << 32)
        self._offset = at + size
        WORD.pack_into(self._memory, COMMITTED_AT, self._offset)

    def _rotate(self, *, wait_s: float = 0.0) -> bool:
        fresh = self._ahead.take(self.sequence, wait_s=wait_s)
        if fresh is None:
            return False
        self._seal()
        self._memory, self._offset, self._base = fresh, HEADER_BYTES, self.sequence
        self._written.clear()
        self._opened = time.monotonic()
        return True

    def _seal(self) -> None:
        if self._memory is not None:
            self._ahead.ended(self._base, seal(self._memory))
            self._memory.close()
            self._memory = None

    def _recover(self) -> int:
        """Seals what a killed writer left open; the sequence to go on from."""
        found = segments(self.folder)
        following = 0
        for path in found[-2:]:
            try:
                following = max(following, walk.end_sequence(path))
                recover(path)
            except JournalCorrupt as error:
                log.error("journal %s: %s; its readable part is kept", self.folder.name, error)
                following = max(following, base_sequence_of(path)) + CORRUPT_JUMP
        return following
