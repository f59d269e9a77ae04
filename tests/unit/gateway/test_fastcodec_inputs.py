"""Tensors checked against a version: the same arrays, records and refusals as the general codec has."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import codec
from gateway.fastcodec import inputs
from gateway.fastcodec.layout import MAX_LAYOUTS
from gateway.fastcodec.request import Decoder
from gateway.servables import Servable
from gateway.tensors import bytes_raw
from gnomon.domain import Version
from gnomon.errors import InvalidInput
from gnomon.oip import ModelInferRequest
from tests import models

DECODER = Decoder()


@pytest.fixture(scope="module")
def servable(tmp_path_factory: pytest.TempPathFactory) -> Servable:
    return loaded(tmp_path_factory.mktemp("model"), models.several())


def loaded(folder: Path, artifact: bytes) -> Servable:
    path = folder / "model.onnx"
    path.write_bytes(artifact)
    return Servable(Version(model="several", version=7, artifact_sha256="0" * 64), path)


RIGHT = {
    "x": ("FP32", [2, 3], np.arange(6, dtype=np.float32).tobytes()),
    "a": ("INT64", [2, 1], np.array([1, 2]).tobytes()),
    "b": ("INT64", [2, 1], np.array([10, 20]).tobytes()),
    "s": ("BYTES", [2, 1], bytes_raw([b"plain", "é".encode()])),
}
NAMES = st.permutations(list(RIGHT)) | st.lists(st.sampled_from([*RIGHT, "z"]), max_size=5)
OUTPUTS = st.lists(st.sampled_from(["y", "total", "echo", "nothing"]), max_size=4)


@st.composite
def requests(draw: Any) -> Any:
    """Now and then right, most often wrong in one or two ways."""
    request = ModelInferRequest(model_name="several")
    for name in draw(NAMES):
        datatype, shape, raw = RIGHT.get(name, RIGHT["x"])
        wrong = draw(st.integers(0, 14))
        datatype = draw(st.sampled_from(["FP64", "", "BYTES", "BF16"])) if wrong == 0 else datatype
        shape = draw(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 2**62]), max_size=3)) if wrong == 1 else shape
        raw = draw(st.binary(max_size=24)) if wrong == 2 else raw
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        request.raw_input_contents.append(raw)
        if wrong == 3:
            request.inputs[-1].contents.fp32_contents.append(1.0)
    if draw(st.integers(0, 5)) == 0:
        del request.raw_input_contents[draw(st.integers(0, 1)) :]
    for name in draw(OUTPUTS):
        request.outputs.add(name=name)
    return request


def plain(read: codec.Inputs) -> Any:
    feeds = {name: (array.dtype.str, array.shape, array.tolist()) for name, array in read.feeds.items()}
    records = [(*record[:4], bytes(record.data)) for record in read.records]
    return list(feeds.items()), records, read.rows, read.raw


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except InvalidInput as error:
        return str(error)


@settings(max_examples=600, deadline=None)
@given(requests())
def test_inputs_and_outputs_are_the_general_codecs(servable: Servable, message: Any) -> None:
    request = DECODER.decode(message.SerializeToString())
    expected = outcome(lambda: plain(codec.read_inputs(message, servable)))
    assert outcome(lambda: plain(inputs.read(request, servable))) == expected
    assert outcome(lambda: plain(inputs.read(request, servable))) == expected, "the second time, from memory"
    expected = outcome(lambda: tuple(codec.wanted_outputs(message, servable)))
    assert outcome(inputs.wanted, request, servable) == expected


def right(*, rows: int = 2) -> bytes:
    message = ModelInferRequest(model_name="several")
    for name, (datatype, shape, raw) in RIGHT.items():
        message.inputs.add(name=name, datatype=datatype, shape=[rows, *shape[1:]])
        message.raw_input_contents.append(raw)
    data: bytes = message.SerializeToString()
    return data


def test_arrays_are_aligned_views_that_nobody_can_write(servable: Servable) -> None:
    request = DECODER.decode(right())
    assert request.message is None
    feeds = inputs.read(request, servable).feeds
    for name in ("x", "a", "b"):
        assert feeds[name].flags.aligned
        assert feeds[name].base is not None
        assert not feeds[name].flags.writeable
    outputs = servable.run(feeds)
    assert outputs[1].tolist() == [[11], [22]]


def test_requests_that_differ_in_rows_are_of_one_kind_however_they_came(servable: Servable) -> None:
    one, two = (DECODER.decode(right(rows=rows)) for rows in (1, 2))
    unusual = DECODER.decode(right() + b"\x42\x00")
    assert unusual.message is not None
    assert inputs.take(two, servable)[2] == inputs.take(unusual, servable)[2] == inputs.kind_of(one.layout)
    taken, chosen, _ = inputs.take(two, servable)
    assert (plain(taken), chosen) == (plain(inputs.read(two, servable)), (0, 1, 2))


def test_what_a_servable_remembers_is_bounded(servable: Servable) -> None:
    for rows in range(1, MAX_LAYOUTS + 10):
        outcome(inputs.read, DECODER.decode(right(rows=rows)), servable)
    assert 0 < len(servable.layouts) <= MAX_LAYOUTS
