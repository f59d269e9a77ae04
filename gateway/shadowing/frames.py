"""What the shadow runner journals: a frame for each run, also one that failed; and what a killed one had.

Frames of calls that look alike are made together, as one matrix of bytes: a header from the live call's, its request
id, then the shadow's outputs, what the live arm had answered, and the columns its route slices by.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.blocks import append_block, headers_of
from gateway.journal.columns import HEAD_BYTES, Group, Place
from gateway.journal.format import (
    ANSWERED,
    FAILED,
    HEADER_BYTES,
    INPUT,
    LIVE_OUTPUT,
    NUMPY_OF,
    OUTPUT,
    PREDICTION,
    RULE_CODES,
    SLICE,
    JournalCorrupt,
    aligned,
)
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import JournalReader, Position
from gateway.journal.writer import Writer, around
from gateway.shadowing.slices import Column
from gateway.tensors import array_of, raw_of
from gnomon.domain import Arm, Role, Route
from gnomon.wire import message_of

KEPT_FIELDS = (
    "request_id_bytes", "reason_bytes", "rows", "arrived_unix_ns", "epoch", "bucket", "key_hash", "trace_id"
)  # fmt: skip
DATATYPE_OF = {dtype: name for name, dtype in NUMPY_OF.items()}

Bytes = NDArray[np.uint8]


class Tensor(NamedTuple):
    """One tensor of many frames: `data` is (n, bytes of it), or what each frame has where these differ in size."""

    direction: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    datatype: str
    shape: tuple[int, ...]
    data: Bytes | Sequence[bytes]

    def of(self, row: int) -> "Tensor":
        """That of one frame."""
        data = self.data[row]
        array = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        return self._replace(data=array.reshape(1, -1))


class Told(NamedTuple):
    """What a shadow's frames say of it: the arm, the version as a journal describes it, and the route's slices."""

    arm: Arm
    described: dict[str, Any]
    route: Route
    slices: tuple[Column, ...]


def parents_since(folder: Path, sequence: int) -> dict[tuple[int, bytes], int]:
    """Status of what is in the journal from `sequence` on, run after the checkpoint: by version and live prediction."""
    bases = [base_sequence_of(path) for path in segments(folder)]
    base = max((base for base in bases if base <= sequence), default=0)
    reader = JournalReader(folder, Position(base, HEADER_BYTES if base in bases else 0, base))
    parents: dict[tuple[int, bytes], int] = {}
    while True:
        try:
            batch = reader.read()
        except JournalCorrupt:
            continue
        if batch is None:
            return parents
        for header in batch.headers[batch.headers["sequence"] >= sequence]:
            parents[int(header["version"]), bytes(header["parent_id"])] = int(header["status"])


def described(shadow: dict[str, Any], live: dict[str, Any], slices: Iterable[Column]) -> dict[str, Any]:
    """Schema of a shadow's frames: its own tensors, and those of the live version it is compared with."""
    return shadow | {
        "live_version": live["version"],
        "live_outputs": live["outputs"],
        "live_score": live["score"],
        "slices": [column.name for column in slices],
    }


class Frames:
    """Writes runs to the shadow journal. `lock` is held by whoever writes: the arms' threads share it."""

    def __init__(self, writer: Writer) -> None:
        self.lock = threading.RLock()
        self._writer = writer
        self._schemas: dict[tuple[Any, ...], int] = {}
        self._epochs: set[int] = set()  # whose routes the writer knows

    @property
    def sequence(self) -> int:
        """Of the next frame."""
        return self._writer.sequence

    def append(self, calls: Group, outputs: list[NDArray[Any]] | None, run_ns: int, told: Told) -> int:
        """Frames of `calls` that ran together, or of one that ran alone; None outputs: it failed.

        How many were written: there may be no room on the disk.
        """
        tensors = [] if outputs is None else [*_own(calls, outputs), *_live(calls), *_sliced(calls, told.slices)]
        with self.lock:
            self._know_route(told.route)
            schema = self._schema(calls, told)
            if all(isinstance(tensor.data, np.ndarray) for tensor in tensors):
                return self._write(calls, tensors, run_ns, told, schema, failed=outputs is None)
            return sum(
                self._write(some, [tensor.of(row) for tensor in tensors], run_ns, told, schema, failed=False)
                for row, some in enumerate(one_by_one(calls))
            )

    def tick(self) -> None:
        with self.lock:
            self._writer.tick()

    def close(self) -> None:
        with self.lock:
            self._writer.close()

    def _write(self, calls: Group, tensors: list[Tensor], run_ns: int, told: Told, schema: int, *, failed: bool) -> int:
        """Frames of one size."""
        pieces = [_text(calls)]
        for tensor in tensors:
            before, after = around(*tensor[:4], tensor.data.shape[1])  # type: ignore[union-attr]
            pieces += [np.frombuffer(before, np.uint8), tensor.data, np.frombuffer(after, np.uint8)]  # type: ignore[list-item]
        frames = np.zeros((len(calls), HEAD_BYTES + sum(piece.shape[-1] for piece in pieces)), np.uint8)
        at = HEAD_BYTES
        for piece in pieces:
            frames[:, at : at + piece.shape[-1]] = piece
            at += piece.shape[-1]
        now_ns, headers = time.time_ns(), headers_of(frames)
        _fill(headers, calls, run_ns, now_ns, told.arm)
        headers["status"] = FAILED if failed else ANSWERED
        headers["schema"], headers["tensors"] = schema, len(tensors)
        return append_block(self._writer, frames, now_ns // 1_000_000)

    def _know_route(self, route: Route) -> None:
        if route.revision not in self._epochs:
            self._epochs.add(route.revision)
            self._writer.route(route.revision, message_of(route).SerializeToString())

    def _schema(self, calls: Group, told: Told) -> int:
        names = tuple(column.name for column in told.slices)
        key = (calls.model, told.arm.version, int(calls.schema["version"]), names)
        if key not in self._schemas:
            self._schemas[key] = self._writer.schema(described(told.described, calls.schema, told.slices))
        return self._schemas[key]


def _fill(headers: NDArray[Any], calls: Group, run_ns: int, now_ns: int, arm: Arm) -> None:
    live = calls.headers
    for name in KEPT_FIELDS:
        headers[name] = live[name]
    headers["kind"], headers["role"], headers["rule"] = PREDICTION, int(Role.SHADOW), RULE_CODES["shadow"]
    headers["version"], headers["weight_bp"], headers["parent_id"] = arm.version, arm.weight_bp, live["prediction_id"]
    headers["queue_ns"] = np.maximum(0, now_ns - live["arrived_unix_ns"].astype(np.int64) - run_ns)
    headers["run_ns"] = headers["total_ns"] = run_ns


def one_by_one(calls: Group) -> Iterator[Group]:
    for row in range(len(calls)):
        yield calls.where(np.arange(len(calls)) == row)


def _text(calls: Group) -> Bytes:
    """Request id and reason, padded: where the live call has them."""
    first = calls.headers[0]
    size = aligned(int(first["request_id_bytes"]) + int(first["reason_bytes"]))
    return calls.matrix[:, HEAD_BYTES : HEAD_BYTES + size]


def _own(calls: Group, outputs: list[NDArray[Any]]) -> Iterator[Tensor]:
    """The shadow's outputs, each call's rows of them."""
    for index, output in enumerate(outputs):
        rows = output if len(calls) == 1 else output.reshape(len(calls), -1, *output.shape[1:])
        shape = rows.shape if len(calls) == 1 else rows.shape[1:]
        yield _tensor(OUTPUT, index, rows.reshape(len(calls), *shape), shape)


def _live(calls: Group) -> Iterator[Tensor]:
    for place in calls.places:
        if place.direction == OUTPUT:
            yield Tensor(LIVE_OUTPUT, place.index, place.datatype, place.shape, calls.raw(place))


def _sliced(calls: Group, slices: tuple[Column, ...]) -> Iterator[Tensor]:
    """The columns of the live calls' inputs; one that a call has not, is of no values."""
    for number, column in enumerate(slices):
        place = calls.place(INPUT, column.index)
        values = None if place is None else _column(calls, place, column.column)
        if values is not None:
            yield _tensor(SLICE, number, values, values.shape[1:])


def _column(calls: Group, place: Place, column: int | None) -> NDArray[Any] | None:
    """(n, rows of a call); None where there is no such column."""
    if not place.shape or 0 in place.shape:
        return None
    if place.datatype in NUMPY_OF:
        values = calls.values(place)
    else:
        values = np.stack([array_of(place.datatype, place.shape, call.data) for call in calls.raw(place)])
    table = values.reshape(len(calls), place.shape[0], -1)
    at = column or 0
    if at >= table.shape[2] or (column is None and table.shape[2] > 1):
        return None
    return np.ascontiguousarray(table[:, :, at])


def _tensor(direction: int, index: int, values: NDArray[Any], shape: tuple[int, ...]) -> Tensor:
    """From (n, *shape)."""
    if values.dtype.kind in "OUS":
        return Tensor(direction, index, "BYTES", shape, [raw_of(each) for each in values])
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    width = flat.shape[1] * flat.itemsize
    return Tensor(direction, index, DATATYPE_OF[values.dtype], shape, flat.view(np.uint8).reshape(len(values), width))
