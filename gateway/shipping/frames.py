"""Prediction frames of a sealed segment in place: checked, found, and their fixed parts side by side."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ALIGN, HEADER_BYTES, PREDICTION_DTYPE, JournalCorrupt
from gateway.journal.segments import committed_bytes
from gateway.journal.walk import SegmentReader

HEAD_BYTES = PREDICTION_DTYPE.itemsize


@dataclass(frozen=True)
class Memory:
    """A mapped segment as bytes, and as words of each width. It must be kept while frames of it are in use."""

    octets: NDArray[np.uint8]

    @cached_property
    def shorts(self) -> NDArray[np.uint16]:
        return self._words(np.uint16)

    @cached_property
    def numbers(self) -> NDArray[np.uint32]:
        return self._words(np.uint32)

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        return self._words(np.uint64)

    def items(self, width: int) -> NDArray[Any]:
        """The segment in items of `width` bytes."""
        by_width: dict[int, NDArray[Any]] = {1: self.octets, 2: self.shorts, 4: self.numbers, 8: self.words}
        return by_width[width]

    def _words(self, kind: type) -> NDArray[Any]:
        width = np.dtype(kind).itemsize
        return self.octets[: len(self.octets) // width * width].view(kind)


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames of a segment. `headers` (n,) PREDICTION_DTYPE is a copy; what else they hold is in `memory`."""

    memory: Memory
    offsets: NDArray[np.int64]
    headers: NDArray[Any]

    def __len__(self) -> int:
        return len(self.offsets)

    def take(self, rows: NDArray[Any]) -> "Frames":
        return Frames(self.memory, self.offsets[rows], self.headers[rows])

    def texts_at(self) -> NDArray[np.int64]:
        """Where each frame's request id begins."""
        return self.offsets + HEAD_BYTES

    def tensors_at(self) -> NDArray[np.int64]:
        text: NDArray[np.int64] = self.headers["request_id_bytes"].astype(np.int64) + self.headers["reason_bytes"]
        return self.offsets + HEAD_BYTES + ((text + ALIGN - 1) & -ALIGN)

    def ends(self) -> NDArray[np.int64]:
        return self.offsets + self.headers["frame_bytes"].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Walked:
    """All that can be believed of a segment."""

    frames: Frames
    schemas: dict[int, dict[str, Any]]
    corrupt: str  # what is wrong with the first frame that is not whole; it and what follows are left out


def walk(reader: SegmentReader) -> Walked:
    """Every frame of a sealed segment up to the first bad one."""
    end, corrupt = committed_bytes(reader.memory), ""
    limit = (end - HEADER_BYTES) // HEAD_BYTES + 1  # more than there can be
    offsets, headers = np.empty(0, np.int64), np.empty(0, PREDICTION_DTYPE)
    try:
        batch, at = reader.next(HEADER_BYTES, limit)
        if batch is not None:
            offsets, headers = batch.offsets, batch.headers
        if at < end:
            reader.next(at, 1)
    except JournalCorrupt as error:
        corrupt = str(error)
    return Walked(Frames(Memory(np.frombuffer(reader.memory, np.uint8)), offsets, headers), reader.schemas, corrupt)
