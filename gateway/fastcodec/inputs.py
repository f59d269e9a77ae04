"""Tensors of a request for one version: what depends only on their layout is checked once and remembered.

Same arrays, records and refusals as `gateway.codec.read_inputs` has for the same bytes.
"""

from typing import Any, NamedTuple

import numpy as np

from gateway import codec
from gateway.fastcodec.layout import MAX_LAYOUTS, Layout
from gateway.fastcodec.request import Request
from gateway.journal.format import INPUT, NUMPY_OF
from gateway.journal.writer import TensorRecord
from gateway.servables import Servable
from gateway.tensors import kept
from gnomon.errors import InvalidInput

VARIABLE = -1

Kind = tuple[tuple[str, str, tuple[int, ...]], ...]  # equal kinds differ in their rows only, and can be put together

_make = tuple.__new__


class Place(NamedTuple):
    """Where one tensor of a layout goes. `size_bytes` of its contents, or VARIABLE."""

    name: str
    index: int  # type: ignore[assignment]  # hides tuple.index
    datatype: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size_bytes: int


class Checked:
    """A layout held against a version's signature. Not to be changed."""

    __slots__ = ("_failure", "_places", "_rows", "_tensors", "_unwanted", "_wanted", "kind")

    def __init__(self, layout: Layout, servable: Servable) -> None:
        self.kind = kind_of(layout)
        self._tensors = len(layout.inputs)
        self._places, self._failure = _places(layout, servable)
        self._rows = codec.rows_of(layout.inputs[0][2] if layout.inputs else ())
        self._wanted, self._unwanted = _wanted(layout, servable)

    def read(self, raws: tuple[bytes, ...]) -> codec.Inputs:
        """Views of `raws`. Contents before the first tensor that does not fit are read first, as in the general codec.

        Raises: InvalidInput.
        """
        if len(raws) != self._tensors:
            raise InvalidInput(codec.miscounted(len(raws), self._tensors))
        feeds: dict[str, np.ndarray[Any, Any]] = {}
        records: list[TensorRecord] = []
        for (name, index, datatype, shape, dtype, size), raw in zip(self._places, raws, strict=False):
            if len(raw) == size:
                feeds[name] = np.ndarray(shape, dtype, raw)
            else:
                feeds[name], raw = _array_and_kept(name, datatype, shape, raw)
                datatype = kept(datatype)
            records.append(_make(TensorRecord, (INPUT, index, datatype, shape, raw)))
        if self._failure:
            raise InvalidInput(self._failure)
        return _make(codec.Inputs, (feeds, records, self._rows, True))

    @property
    def wanted(self) -> tuple[int, ...]:
        """Indexes of the outputs to send. Raises: InvalidInput."""
        if self._unwanted:
            raise InvalidInput(self._unwanted)
        return self._wanted


def _places(layout: Layout, servable: Servable) -> tuple[tuple[Place, ...], str]:
    """Places of the tensors up to the first that does not fit, and why it does not; empty where all do."""
    places: list[Place] = []
    taken: set[str] = set()
    try:
        for name, datatype, shape in layout.inputs:
            index = codec.place_of(servable, name, datatype, shape, taken)
            dtype = NUMPY_OF.get(datatype, np.dtype(object))
            size = VARIABLE if datatype not in NUMPY_OF else dtype.itemsize * int(np.prod(shape, dtype=object))
            places.append(Place(name, index, datatype, shape, dtype, size))
            taken.add(name)
        codec.check_complete(servable, taken)
    except InvalidInput as error:
        return tuple(places), str(error)
    return tuple(places), ""


def _wanted(layout: Layout, servable: Servable) -> tuple[tuple[int, ...], str]:
    try:
        return tuple(codec.outputs_named(layout.outputs, servable)), ""
    except InvalidInput as error:
        return (), str(error)


def _array_and_kept(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> tuple[np.ndarray[Any, Any], bytes]:
    try:
        return codec.array_and_kept(datatype, shape, raw)
    except InvalidInput as error:
        raise InvalidInput(f"input {name!r}: {error}") from None


def checked(layout: Layout, servable: Servable) -> Checked:
    """From the memory of the servable, which forgets all when it has grown to MAX_LAYOUTS."""
    found = servable.layouts.get(layout.span)
    if found is None:
        if len(servable.layouts) >= MAX_LAYOUTS:
            servable.layouts.clear()
        found = servable.layouts[layout.span] = Checked(layout, servable)
    return found


def take(request: Request, servable: Servable) -> tuple[codec.Inputs, tuple[int, ...], Kind]:
    """All that a call needs: tensors, indexes of the outputs to send, and what it can be put together with.

    Raises: InvalidInput.
    """
    if request.raws is None:
        return read(request, servable), wanted(request, servable), kind_of(request.layout)
    found = checked(request.layout, servable)
    return found.read(request.raws), found.wanted, found.kind


def kind_of(layout: Layout) -> Kind:
    return tuple(sorted((name, datatype, shape[1:]) for name, datatype, shape in layout.inputs))


def read(request: Request, servable: Servable) -> codec.Inputs:
    """Raises: InvalidInput."""
    if request.raws is None:
        return codec.read_inputs(request.message, servable)
    return checked(request.layout, servable).read(request.raws)


def wanted(request: Request, servable: Servable) -> tuple[int, ...]:
    """Indexes of the outputs to send. Raises: InvalidInput."""
    if request.raws is None:
        return tuple(codec.wanted_outputs(request.message, servable))
    return checked(request.layout, servable).wanted
