"""Replies joined from pieces: the same message as the general codec's."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import codec
from gateway.fastcodec import response
from gateway.fastcodec.response import MAX_TEMPLATES, encode
from gateway.fastcodec.varint import encoded, read_length
from gateway.journal.format import NUMPY_OF, OUTPUT
from gateway.journal.writer import TensorRecord
from gateway.servables import TensorSpec
from gateway.tensors import bytes_raw, raw_of
from gnomon.domain import Version
from gnomon.oip import ModelInferResponse


@dataclass
class Answering:
    """What of a servable a reply is made from."""

    version: Version
    outputs: list[TensorSpec]
    replies: dict[Any, Any] = field(default_factory=dict)


ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple) | st.sampled_from([(300, 1), (1, 70)])


@st.composite
def records(draw: Any) -> list[TensorRecord]:
    found = []
    for index in range(draw(st.integers(1, 3))):
        datatype, shape = draw(st.sampled_from([*NUMPY_OF, "BYTES"])), draw(SHAPES)
        if datatype == "BYTES":
            count = int(np.prod(shape, dtype=int))
            data = bytes_raw(draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count)))
        else:
            data = raw_of(np.full(shape, draw(st.integers(0, 1)), NUMPY_OF[datatype]))
        found.append(TensorRecord(OUTPUT, index, datatype, shape, data))
    return found


def spec_of(record: TensorRecord) -> TensorSpec:
    """What the record is of: an FP32 one of BF16 where its shape has no axis."""
    datatype = "BF16" if record.datatype == "FP32" and not record.shape else record.datatype
    return TensorSpec(f"output-{record.index}", datatype, record.shape)


def expected(servable: Any, request_id: str, made: list[TensorRecord], wanted: Any, arm: str, epoch: int) -> Any:
    class Request:
        id = request_id

    reply = codec.response(Request, servable, made, list(wanted), raw=True)
    reply.parameters["prediction_id"].string_param = str(ID)
    reply.parameters["arm"].string_param = arm
    reply.parameters["epoch"].int64_param = epoch
    return reply


@settings(max_examples=300, deadline=None)
@given(
    made=records(), model=st.text(min_size=1, max_size=200), request_id=st.text(max_size=200),
    arm=st.sampled_from(["stable", "canary"]), epoch=st.integers(-1, 2**63 - 1), data=st.data(),
)  # fmt: skip
def test_a_reply_is_the_general_codecs(
    made: list[TensorRecord], model: str, request_id: str, arm: str, epoch: int, data: Any
) -> None:
    version = Version(model=model, version=12, artifact_sha256="0" * 64)
    servable: Any = Answering(version, [spec_of(record) for record in made])
    wanted = tuple(data.draw(st.lists(st.sampled_from(range(len(made))), max_size=4)))
    for _ in range(2):
        reply = encode(servable, request_id.encode(), made, wanted, ID.bytes, arm, epoch)
        assert ModelInferResponse.FromString(reply) == expected(servable, request_id, made, wanted, arm, epoch)


def answering() -> Any:
    return Answering(
        Version(model="m", version=1, artifact_sha256="0" * 64),
        [TensorSpec("score", "FP32", (-1, 1)), TensorSpec("text", "BYTES", (-1, 1))],
    )


def reply_of(servable: Any, rows: int, text: bytes, epoch: int = 3) -> Any:
    made = [
        TensorRecord(OUTPUT, 0, "FP32", (rows, 1), bytes(4 * rows)),
        TensorRecord(OUTPUT, 1, "BYTES", (1, 1), bytes_raw([text])),
    ]
    got = ModelInferResponse.FromString(encode(servable, b"id", made, (0, 1), ID.bytes, "stable", epoch))
    assert got == expected(servable, "id", made, (0, 1), "stable", epoch)
    return got


def test_other_shapes_epochs_and_lengths_of_text_after_each_other() -> None:
    servable = answering()
    for rows, text, epoch in [(1, b"", 3), (40, b"x" * 300, 3), (1, b"xy", 4), (1, b"", 3)]:
        reply_of(servable, rows, text, epoch)
    assert len(servable.replies) == 3


def test_what_a_servable_remembers_is_bounded() -> None:
    servable = answering()
    for epoch in range(MAX_TEMPLATES + 10):
        reply_of(servable, 1, b"", epoch)
    assert 0 < len(servable.replies) <= MAX_TEMPLATES


@given(st.integers(0, 2**28 - 1))
def test_lengths_round_trip(value: int) -> None:
    raw = encoded(value)
    assert read_length(raw + b"\x00", 0) == (value, len(raw))


def test_the_template_names_fields_as_the_protocol_does() -> None:
    numbers = {field.name: field.number for field in ModelInferResponse.DESCRIPTOR.fields}
    assert numbers == {
        "model_name": response.MODEL_NAME, "model_version": response.MODEL_VERSION, "id": response.ID,
        "parameters": response.PARAMETERS, "outputs": response.OUTPUTS, "raw_output_contents": response.RAW,
    }  # fmt: skip
