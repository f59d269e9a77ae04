"""Messages to tensors and back on the general path: every datatype, raw and typed, and what is refused."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from gateway import codec
from gateway.fastcodec import inputs
from gateway.fastcodec.request import Decoder
from gateway.fastcodec.response import encode
from gateway.journal.format import NUMPY_OF
from gateway.servables import Servable, load
from gateway.tensors import array_of, bytes_raw, narrowed, raw_of, sent, widened
from gnomon.domain import Version
from gnomon.errors import InvalidInput
from gnomon.oip import ModelInferRequest, ModelInferResponse
from tests import models

KINDS = {
    "BOOL": TensorProto.BOOL, "INT8": TensorProto.INT8, "INT16": TensorProto.INT16, "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16, "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64, "FP16": TensorProto.FLOAT16, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16, "BYTES": TensorProto.STRING,
}  # fmt: skip
RAW_ONLY = ("FP16", "BF16")
EXTREMES = {
    "BF16": narrowed(np.array([-1.5, 3e38], np.float32)).tobytes(),
    "BYTES": bytes_raw([b"", "é".encode()]),
    "BOOL": b"\x00\x01",
}


def extremes(datatype: str) -> bytes:
    """Raw bytes of a (1, 2) tensor: the least and the greatest value."""
    if datatype in EXTREMES:
        return EXTREMES[datatype]
    dtype: Any = NUMPY_OF[datatype]
    limits: Any = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return np.array([limits.min, limits.max], dtype).tobytes()


def identity(folder: Path, datatype: str) -> Servable:
    """y = x (N, 2)."""
    digest = "0" * 64
    (folder / digest).write_bytes(models.identity(KINDS[datatype]))
    return load(Version(model="identity", version=1, artifact_sha256=digest), folder)


def raw_request(datatype: str, raw: bytes) -> Any:
    request = ModelInferRequest(model_name="identity", id="r")
    request.inputs.add(name="x", datatype=datatype, shape=[1, 2])
    request.raw_input_contents.append(raw)
    return request


@pytest.mark.parametrize("datatype", KINDS)
def test_every_datatype_goes_through_raw_and_unchanged(tmp_path: Path, datatype: str) -> None:
    servable, raw = identity(tmp_path, datatype), extremes(datatype)
    request = raw_request(datatype, raw)
    taken = codec.read_inputs(request, servable)
    records = codec.output_records(servable, servable.run(taken.feeds))
    reply = codec.response(request, servable, records, [0], raw=taken.raw)
    assert (reply.outputs[0].datatype, list(reply.outputs[0].shape)) == (datatype, [1, 2])
    assert list(reply.raw_output_contents) == [raw]
    assert records[0].data == taken.records[0].data, "the journal keeps input and output alike"


@pytest.mark.parametrize("datatype", KINDS)
def test_the_short_path_does_the_same(tmp_path: Path, datatype: str) -> None:
    servable, raw = identity(tmp_path, datatype), extremes(datatype)
    message = raw_request(datatype, raw)
    request = Decoder().decode(message.SerializeToString())
    taken, general = inputs.read(request, servable), codec.read_inputs(message, servable)
    assert taken.records == general.records
    np.testing.assert_array_equal(taken.feeds["x"], general.feeds["x"])
    records = codec.output_records(servable, servable.run(taken.feeds))
    reply = ModelInferResponse.FromString(encode(servable, b"r", records, (0,), bytes(16), "stable", 1))
    assert reply.outputs[0].datatype == datatype
    assert list(reply.raw_output_contents) == [raw]


@pytest.mark.parametrize("datatype", [datatype for datatype in KINDS if datatype not in RAW_ONLY])
def test_typed_contents_are_answered_typed(tmp_path: Path, datatype: str) -> None:
    servable, raw = identity(tmp_path, datatype), extremes(datatype)
    request = raw_request(datatype, raw)
    del request.raw_input_contents[:]
    values = array_of(datatype, (2,), raw).tolist()
    field = codec.CONTENTS_OF[datatype]
    getattr(request.inputs[0].contents, field).extend([v.encode() if datatype == "BYTES" else v for v in values])
    taken = codec.read_inputs(request, servable)
    assert taken.records[0].data == raw
    records = codec.output_records(servable, servable.run(taken.feeds))
    reply = codec.response(request, servable, records, [0], raw=taken.raw)
    assert reply.outputs[0].contents == request.inputs[0].contents
    assert not reply.raw_output_contents


@pytest.mark.parametrize("datatype", RAW_ONLY)
def test_what_has_no_typed_contents_is_asked_for_raw(tmp_path: Path, datatype: str) -> None:
    request = raw_request(datatype, b"")
    del request.raw_input_contents[:]
    request.inputs[0].contents.fp32_contents.extend([1.0, 2.0])
    with pytest.raises(InvalidInput, match=f"{datatype} has no typed contents; send it raw"):
        codec.read_inputs(request, identity(tmp_path, datatype))


def test_bf16_of_another_length_is_refused(tmp_path: Path) -> None:
    servable = identity(tmp_path, "BF16")
    request = raw_request("BF16", bytes(8))
    with pytest.raises(InvalidInput, match=r"8 bytes; BF16 of shape \[1, 2\] needs 4"):
        codec.read_inputs(request, servable)


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1))
def test_bf16_survives_widening(bits: list[int]) -> None:
    given_bits = np.array(bits, np.uint16)
    assert narrowed(widened(given_bits)).tolist() == bits
    assert sent("BF16", raw_of(widened(given_bits))) == given_bits.tobytes()


@given(st.lists(st.floats(width=32), min_size=1))
def test_bf16_is_rounded_to_nearest_even(values: list[float]) -> None:
    array = np.array(values, np.float32)
    expected = array.astype(ml_dtypes.bfloat16)
    got = narrowed(array).view(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(got.astype(np.float32), expected.astype(np.float32))


def test_contents_in_the_wrong_field_or_out_of_range_are_refused(tmp_path: Path) -> None:
    servable = identity(tmp_path, "INT8")
    request = raw_request("INT8", b"")
    del request.raw_input_contents[:]
    request.inputs[0].contents.int64_contents.extend([1, 2])
    with pytest.raises(InvalidInput, match="int_contents expected for INT8"):
        codec.read_inputs(request, servable)
    del request.inputs[0].contents.int64_contents[:]
    request.inputs[0].contents.int_contents.extend([1, 128])
    with pytest.raises(InvalidInput, match="out of the range of INT8"):
        codec.read_inputs(request, servable)
