"""ModelInfer messages to tensors and back, checked against the version that is to answer.

What `read_inputs` gives fits the model: names, datatypes, shapes and byte counts are right, or InvalidInput says which
is not.
"""

import math
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from gateway.journal.format import INPUT, NUMPY_OF, OUTPUT
from gateway.journal.writer import TensorRecord
from gateway.servables import Servable, TensorSpec
from gateway.tensors import array_of, bytes_raw, kept, raw_of, sent, strings
from gnomon.errors import InvalidInput
from gnomon.oip import CONTENTS_OF, InferTensorContents, ModelInferRequest, ModelInferResponse

_make = tuple.__new__  # of a named tuple, at half the price

CONTENTS_FIELDS = tuple(field.name for field in InferTensorContents.DESCRIPTOR.fields)


class Inputs(NamedTuple):
    """Checked inputs: `feeds` for the model, `records` for the journal (the same bytes), the number of rows."""

    feeds: dict[str, np.ndarray[Any, Any]]
    records: list[TensorRecord]
    rows: int
    raw: bool


def parse(data: bytes) -> Any:
    """The request message. Raises: InvalidInput for bytes that are none."""
    try:
        return ModelInferRequest.FromString(data)
    except DecodeError:
        raise InvalidInput(f"{len(data)} bytes that are not a ModelInferRequest") from None


def read_inputs(request: Any, servable: Servable) -> Inputs:
    """Raises: InvalidInput."""
    tensors, raws = request.inputs, request.raw_input_contents
    if raws and len(raws) != len(tensors):
        raise InvalidInput(miscounted(len(raws), len(tensors)))
    feeds: dict[str, np.ndarray[Any, Any]] = {}
    records = []
    for position, tensor in enumerate(tensors):
        shape = tuple(tensor.shape)
        index = place_of(servable, tensor.name, tensor.datatype, shape, feeds)
        raw = raws[position] if raws else None
        feeds[tensor.name], data = _read(tensor, shape, raw)
        records.append(TensorRecord(INPUT, index, kept(tensor.datatype), shape, data))
    check_complete(servable, feeds)
    return Inputs(feeds, records, rows_of(records[0].shape if records else ()), bool(raws))


def miscounted(raws: int, inputs: int) -> str:
    return f"{raws} raw_input_contents for {inputs} inputs; one each expected"


def place_of(servable: Servable, name: str, datatype: str, shape: tuple[int, ...], taken: Container[str]) -> int:
    """Index of the input that a tensor is for; `taken` are those before it. Raises: InvalidInput unless it fits."""
    index = servable.input_index.get(name)
    if index is None:
        raise InvalidInput(f"input {name!r}: the model has {sorted(servable.input_index)}")
    if name in taken:
        raise InvalidInput(f"input {name!r} stands twice")
    _check(servable.inputs[index], datatype, shape)
    return index


def check_complete(servable: Servable, taken: Container[str]) -> None:
    """Raises: InvalidInput where an input is missing."""
    missing = sorted(name for name in servable.input_index if name not in taken)
    if missing:
        raise InvalidInput(f"inputs {missing} are missing")


def rows_of(shape: tuple[int, ...]) -> int:
    """Rows of a call, by the shape of its first input."""
    return shape[0] if shape else 1


def _check(spec: TensorSpec, datatype: str, shape: tuple[int, ...]) -> None:
    if datatype != spec.datatype:
        raise InvalidInput(f"input {spec.name!r} is {datatype or 'without a datatype'}; {spec.datatype} expected")
    fits = len(shape) == len(spec.shape) and all(
        size > 0 and wanted in (-1, size) for size, wanted in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise InvalidInput(
            f"input {spec.name!r} has shape {list(shape)}; {list(spec.shape)} expected, -1 any size from 1"
        )


def _read(tensor: Any, shape: tuple[int, ...], raw: bytes | None) -> tuple[np.ndarray[Any, Any], bytes]:
    """The array, and its raw bytes."""
    try:
        if raw is None:
            return _typed(tensor, shape)
        if tensor.HasField("contents"):
            raise InvalidInput("raw_input_contents and contents exclude each other")
        return array_and_kept(tensor.datatype, shape, raw)
    except InvalidInput as error:
        raise InvalidInput(f"input {tensor.name!r}: {error}") from None


def array_and_kept(datatype: str, shape: tuple[int, ...], raw: bytes) -> tuple[np.ndarray[Any, Any], bytes]:
    """The array, and the bytes that the journal keeps of it. Raises: InvalidInput."""
    array = array_of(datatype, shape, raw)
    return array, array.tobytes() if datatype == "BF16" else raw


def _typed(tensor: Any, shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], bytes]:
    field = CONTENTS_OF.get(tensor.datatype)
    if field is None:
        raise InvalidInput(f"{tensor.datatype} has no typed contents; send it raw")
    filled = [name for name in CONTENTS_FIELDS if len(getattr(tensor.contents, name))]
    if filled not in ([field], []):
        raise InvalidInput(f"contents in {filled}; {field} expected for {tensor.datatype}")
    values = getattr(tensor.contents, field)
    if len(values) != math.prod(shape):
        raise InvalidInput(f"{len(values)} values in {field}; shape {list(shape)} needs {math.prod(shape)}")
    if tensor.datatype == "BYTES":
        return strings(values).reshape(shape), bytes_raw(values)
    try:
        array = np.array(values, NUMPY_OF[tensor.datatype]).reshape(shape)
    except OverflowError:
        raise InvalidInput(f"a value in {field} is out of the range of {tensor.datatype}") from None
    return array, array.tobytes()


def wanted_outputs(request: Any, servable: Servable) -> list[int]:
    """Indexes of the outputs to send, all of them when none is named. Raises: InvalidInput for an unknown name."""
    return outputs_named([output.name for output in request.outputs], servable)


def outputs_named(names: Sequence[str], servable: Servable) -> list[int]:
    """The same from their names."""
    unknown = sorted(set(names) - set(servable.output_names))
    if unknown:
        raise InvalidInput(f"outputs {unknown}: the model has {servable.output_names}")
    return [servable.output_names.index(name) for name in names] or list(range(len(servable.outputs)))


def output_records(
    servable: Servable, outputs: list[np.ndarray[Any, Any]], direction: int = OUTPUT
) -> list[TensorRecord]:
    """What the model answered, as the journal keeps it."""
    return [
        _make(TensorRecord, (direction, index, datatype, array.shape, raw_of(array)))
        for index, (datatype, array) in enumerate(zip(servable.kept_outputs, outputs, strict=True))
    ]


def response(request: Any, servable: Servable, records: list[TensorRecord], wanted: Sequence[int], *, raw: bool) -> Any:
    """The reply, in the form the request came in: raw, or typed where the datatype has typed contents."""
    reply = ModelInferResponse(
        model_name=servable.version.model, model_version=str(servable.version.version), id=request.id
    )
    typed = not raw and all(servable.outputs[index].datatype in CONTENTS_OF for index in wanted)
    for index in wanted:
        record, spec = records[index], servable.outputs[index]
        tensor = reply.outputs.add(name=spec.name, datatype=spec.datatype, shape=record.shape)
        if typed:
            _fill(tensor.contents, record)
        else:
            assert isinstance(record.data, bytes)
            reply.raw_output_contents.append(sent(spec.datatype, record.data))
    return reply


def _fill(contents: Any, record: TensorRecord) -> None:
    assert isinstance(record.data, bytes)
    values = array_of(record.datatype, record.shape, record.data).ravel().tolist()
    if record.datatype == "BYTES":
        values = [value.encode() for value in values]
    getattr(contents, CONTENTS_OF[record.datatype]).extend(values)
