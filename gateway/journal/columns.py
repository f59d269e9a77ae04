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
        """The tensor of every frame, (n, *shape). Raises: KeyError for BYTES, which has no fixed width."""
        dtype = NUMPY_OF[place.datatype]
        return np.ascontiguousarray(self.raw(place)).view(dtype).reshape(len(self), *place.shape)

    def where(self, mask: NDArray[np.bool_]) -> "Group":
        """The frames that `mask` (n,) chooses."""
        return (
            self
            if mask.all()
            else Group(self.rows[mask], self.headers[mask], self.schema, self.matrix[mask], self.places)
        )


def groups(batch: Batch, rows: NDArray[np.intp] | None = None) -> Iterator[Group]:
    """All frames of `batch` (or its `rows`), in groups of one schema and layout each; rows ascend within a group."""
    chosen = np.arange(len(batch)) if rows is None else rows
    headers = batch.headers[chosen]
    text = headers["request_id_bytes"].astype(np.int64) + headers["reason_bytes"]
    fields = (headers["schema"], headers["frame_bytes"], headers["tensors"], (text + ALIGN - 1) // ALIGN)
    alike: dict[tuple[int, ...], list[int]] = {}
    for number, key in enumerate(zip(*(field.tolist() for field in fields), strict=True)):
        alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        yield from _same_layout(batch, chosen[numbers])


def _same_layout(batch: Batch, rows: NDArray[np.intp]) -> Iterator[Group]:
    """Frames of one size and schema, parted where their tensors' headers differ."""
    size = int(batch.headers["frame_bytes"][rows[0]])
    schema = batch.schemas.get(int(batch.headers["schema"][rows[0]]), {})
    matrix = _matrix(batch, rows, size)
    while len(rows):
        places = _places(batch, int(rows[0]))
        fixed = _fixed_columns(places)
        same = (matrix[:, fixed] == matrix[0, fixed]).all(axis=1)
        yield Group(rows, batch.headers[rows], schema, matrix, places).where(same)
        rows, matrix = rows[~same], matrix[~same]


def _matrix(batch: Batch, rows: NDArray[np.intp], size: int) -> NDArray[np.uint8]:
    offsets, view = batch.offsets, batch.memory
    frames = b"".join([view[offsets[row] : offsets[row] + size] for row in rows.tolist()])
    return np.frombuffer(frames, np.uint8).reshape(len(rows), size)


def _places(batch: Batch, row: int) -> tuple[Place, ...]:
    header, found = batch.headers[row], []
    at = HEAD_BYTES + aligned(int(header["request_id_bytes"]) + int(header["reason_bytes"]))
    for tensor in batch.tensors(row):
        head = at
        at += TENSOR.size + aligned(4 * len(tensor.shape))
        found.append(Place(tensor.direction, tensor.index, tensor.datatype, tensor.shape, head, at, len(tensor.data)))
        at += aligned(len(tensor.data))
    return tuple(found)


def _fixed_columns(places: tuple[Place, ...]) -> NDArray[np.intp]:
    """Byte columns that hold tensor headers and dimensions: what must agree for frames to be of one layout."""
    spans = [np.arange(place.head, place.at) for place in places]
    return np.concatenate([np.zeros(0, np.intp), *spans]).astype(np.intp)
