"""Frames that look alike, as arrays: one matrix of bytes, and each tensor a block of its columns.

Calls of one client have the same tensors in the same places, so the parsing of one frame serves thousands. What does
not look alike falls into groups of its own, down to single frames: slower, never different.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.journal.format import ALIGN, NUMPY_OF, PREDICTION_DTYPE, TENSOR, aligned
from gateway.journal.walk import Batch

HEAD_BYTES = PREDICTION_DTYPE.itemsize


class Place(NamedTuple):
    """Where in a frame a tensor is: its data begins at `at`; `head` is where its own header begins."""

    direction: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    datatype: str
    shape: tuple[int, ...]
    head: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Group:
    """Frames of one layout. `matrix` (n, frame bytes) uint8 is a copy, so it outlives the batch."""

    rows: NDArray[np.intp]  # of the batch
    headers: NDArray[Any]  # (n,) PREDICTION_DTYPE
    schema: dict[str, Any]
    matrix: NDArray[np.uint8]
    places: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def model(self) -> str:
        """Empty where the call never came as far as a model."""
        return str(self.schema.get("model", ""))

    def place(self, direction: int, index: int) -> Place | None:
        return next((place for place in self.places if place[:2] == (direction, index)), None)

    def raw(self, place: Place) -> NDArray[np.uint8]:
        """Bytes of the tensor, (n, size)."""
        return self.matrix[:, place.at : place.at + place.size]

    def values(self, place: Place) -> NDArray[Any]:
        """The tensor of every frame, (n, *shape), a view. Raises: KeyError for BYTES, which has no fixed width."""
        dtype = NUMPY_OF[place.datatype]
        first = place.at // dtype.itemsize
        columns = self.matrix.view(dtype)[:, first : first + place.size // dtype.itemsize]
        return columns.reshape(len(self), *place.shape)

    def where(self, mask: NDArray[np.bool_]) -> "Group":
        """The frames that `mask` (n,) chooses."""
        return (
            self
            if mask.all()
            else Group(self.rows[mask], self.headers[mask], self.schema, self.matrix[mask], self.places)
        )


def groups(batch: Batch, rows: NDArray[np.intp] | None = None) -> Iterator[Group]:
    """All frames of `batch` (or its `rows`), in groups of one schema and layout each; rows ascend within a group."""
    from gateway.journal import kernels  # compiled: only for who reads

    chosen = np.arange(len(batch)) if rows is None else rows
    offsets = batch.offsets if rows is None else batch.offsets[rows]
    numbers, first = np.empty(len(chosen), np.int32), np.empty(len(chosen), np.int64)
    found = kernels.alike(batch.words, offsets, numbers, first)
    parts = [chosen] if found == 1 else np.split(chosen[np.argsort(numbers, kind="stable")], _ends(numbers, found))
    for part in parts if len(chosen) else ():
        yield _group(batch, part)


def _ends(numbers: NDArray[np.int32], found: int) -> NDArray[np.intp]:
    """Where each group but the last ends, once rows are sorted by group."""
    return np.cumsum(np.bincount(numbers, minlength=found))[:-1]


def _group(batch: Batch, rows: NDArray[np.intp]) -> Group:
    from gateway.journal import kernels

    whole = len(rows) == len(batch)
    headers = batch.headers if whole else batch.headers[rows]
    matrix = np.empty((len(rows), int(headers["frame_bytes"][0]) // ALIGN), np.uint64)
    kernels.gather(batch.words, batch.offsets if whole else batch.offsets[rows], matrix)
    schema = batch.schemas.get(int(headers["schema"][0]), {})
    return Group(rows, headers, schema, matrix.view(np.uint8), _places(batch, int(rows[0])))


def _places(batch: Batch, row: int) -> tuple[Place, ...]:
    header, found = batch.headers[row], []
    at = HEAD_BYTES + aligned(int(header["request_id_bytes"]) + int(header["reason_bytes"]))
    for tensor in batch.tensors(row):
        head = at
        at += TENSOR.size + aligned(4 * len(tensor.shape))
        found.append(Place(tensor.direction, tensor.index, tensor.datatype, tensor.shape, head, at, len(tensor.data)))
        at += aligned(len(tensor.data))
    return tuple(found)
