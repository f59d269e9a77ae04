"""The bytes of a ModelInferResponse with raw contents, joined from pieces that are the same in many replies.

The message is what `gateway.codec.response` gives with the parameters `prediction_id`, `arm` and `epoch` set.
"""

import math
import struct
from binascii import hexlify
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from gateway.fastcodec.varint import encoded, field
from gateway.journal.format import NUMPY_OF
from gateway.journal.writer import TensorRecord
from gateway.servables import Servable, TensorSpec
from gateway.tensors import sent

MODEL_NAME, MODEL_VERSION, ID, PARAMETERS, OUTPUTS, RAW = range(1, 7)
INT64_VALUE, STRING_VALUE = 2, 3  # of a parameter
MAX_TEMPLATES = 1024  # of one servable; one more, and all are forgotten

VARIABLE = -1
ID_TEXT_BYTES = 36

_shape_of = itemgetter(TensorRecord._fields.index("shape"))
_ID_HEADS = (b"", *(encoded(ID << 3 | 2) + encoded(length) for length in range(1, 128)))  # by the id's length
_UUID = b"%b-%b-%b-%b-%b"
_parts = struct.Struct("8s4s4s4s12s").unpack
_RAW_TAG = encoded(RAW << 3 | 2)


class Template(NamedTuple):
    """A reply but for the request's id, the prediction's id and the contents."""

    before_id: bytes
    before_prediction: bytes
    after_prediction: bytes
    contents: tuple[tuple[int, int, bytes, str], ...]  # (output, its bytes or VARIABLE, what is before them, datatype)


def _parameter(key: str, value: bytes) -> bytes:
    return field(PARAMETERS, field(1, key.encode()) + field(2, value))


def _string(text: bytes) -> bytes:
    return field(STRING_VALUE, text)


def _output(spec: TensorSpec, record: TensorRecord) -> bytes:
    shape = b"".join(map(encoded, record.shape))
    return field(
        OUTPUTS,
        field(1, spec.name.encode()) + field(2, spec.datatype.encode()) + (field(3, shape) if record.shape else b""),
    )


def _contents(index: int, spec: TensorSpec, record: TensorRecord) -> tuple[int, int, bytes, str]:
    dtype = NUMPY_OF.get(spec.datatype)
    size = VARIABLE if dtype is None else dtype.itemsize * math.prod(record.shape)
    return index, size, b"" if size == VARIABLE else _RAW_TAG + encoded(size), spec.datatype


def template(
    servable: Servable, wanted: Sequence[int], records: Sequence[TensorRecord], arm: str, epoch: int
) -> Template:
    """Pure. The prediction's id always has 36 characters, so the lengths around it are known."""
    version = servable.version
    prediction = _parameter("prediction_id", _string(bytes(ID_TEXT_BYTES)))
    parameters = _parameter("arm", _string(arm.encode())) + _parameter(
        "epoch", encoded(INT64_VALUE << 3) + encoded(epoch)
    )
    outputs = b"".join(_output(servable.outputs[index], records[index]) for index in wanted)
    return Template(
        field(MODEL_NAME, version.model.encode()) + field(MODEL_VERSION, str(version.version).encode()),
        prediction[:-ID_TEXT_BYTES],
        parameters + outputs,
        tuple(_contents(index, servable.outputs[index], records[index]) for index in wanted),
    )


def _known(
    servable: Servable, wanted: tuple[int, ...], records: Sequence[TensorRecord], arm: str, epoch: int
) -> Template:
    key = (wanted, arm, epoch, *map(_shape_of, records))
    found: Template | None = servable.replies.get(key)
    if found is None:
        if len(servable.replies) >= MAX_TEMPLATES:
            servable.replies.clear()
        found = servable.replies[key] = template(servable, wanted, records, arm, epoch)
    return found


def encode(
    servable: Servable,
    request_id: bytes,
    records: Sequence[TensorRecord],
    wanted: tuple[int, ...],
    prediction_id: bytes,
    arm: str,
    epoch: int,
) -> bytes:
    """The reply. `records` of all outputs with their data as bytes; `prediction_id` as the journal has it, 16 bytes."""
    before_id, before_prediction, after_prediction, contents = _known(servable, wanted, records, arm, epoch)
    text = _UUID % _parts(hexlify(prediction_id))
    pieces = [before_id, _id_field(request_id), before_prediction, text, after_prediction]
    for index, size, head, datatype in contents:
        data: Any = records[index].data
        if len(data) == size:
            pieces += head, data
        else:
            pieces.append(field(RAW, sent(datatype, data)))
    return b"".join(pieces)


def _id_field(request_id: bytes) -> bytes:
    if len(request_id) < len(_ID_HEADS):
        return _ID_HEADS[len(request_id)] + request_id
    return field(ID, request_id)
