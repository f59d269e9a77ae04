"""The short path against the generated parser: the same view of a request, or the same refusal, on any bytes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastcodec.layout import MAX_LAYOUTS
from gateway.fastcodec.request import Decoder, Request, general
from gnomon.errors import InvalidInput
from gnomon.oip import ModelInferRequest

TEXT = st.text(max_size=12) | st.sampled_from(["flight-delay", "1", "x" * 127, "x" * 128, "é" * 70])
VALUES = st.one_of(
    st.tuples(st.just("string_param"), TEXT),
    st.tuples(st.just("bool_param"), st.booleans()),
    st.tuples(st.just("int64_param"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("uint64_param"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("double_param"), st.floats()),
    st.just(("", None)),
)
PARAMETERS = st.dictionaries(st.sampled_from(["routing_key", "sequence_id", ""]) | TEXT, VALUES, max_size=3)
SHAPE = st.lists(st.integers(-1, 3) | st.integers(-(2**63), 2**63 - 1), max_size=3)
RAW = st.binary(max_size=9) | st.sampled_from([bytes(127), bytes(128), bytes(20_000)])


def set_parameters(into: Any, parameters: dict[str, tuple[str, Any]]) -> None:
    for key, (kind, value) in parameters.items():
        into[key].SetInParent()
        if kind:
            setattr(into[key], kind, value)


@st.composite
def requests(draw: Any) -> Any:
    request = ModelInferRequest(model_name=draw(TEXT), model_version=draw(TEXT), id=draw(TEXT))
    set_parameters(request.parameters, draw(PARAMETERS))
    for _ in range(draw(st.integers(0, 3))):
        tensor = request.inputs.add(name=draw(TEXT), datatype=draw(TEXT), shape=draw(SHAPE))
        set_parameters(tensor.parameters, draw(PARAMETERS))
        if draw(st.integers(0, 9)) == 0:
            tensor.contents.fp32_contents.extend([1.5, 2.5])
    for _ in range(draw(st.integers(0, 2))):
        set_parameters(request.outputs.add(name=draw(TEXT)).parameters, draw(PARAMETERS))
    request.raw_input_contents.extend(draw(st.lists(RAW, max_size=3)))
    return request


FIELDS = [field.name for field in ModelInferRequest.DESCRIPTOR.fields]


def parts(request: Any) -> list[bytes]:
    """The request as one message a field: put together in any order, they are a request again."""
    found = []
    for name in FIELDS:
        part = ModelInferRequest()
        part.CopyFrom(request)
        for other in FIELDS:
            if other != name:
                part.ClearField(other)
        found.append(part.SerializeToString())
    return found


@st.composite
def damaged(draw: Any) -> bytes:
    data = bytearray(draw(requests()).SerializeToString())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["set", "insert", "delete", "cut", "double"]))
        end = at + draw(st.integers(1, 6))
        if kind == "set" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=3))
        elif kind == "delete":
            del data[at:end]
        elif kind == "cut":
            del data[at:]
        else:
            data[at:at] = data[at:end]
    return bytes(data)


def view(request: Request) -> tuple[Any, ...]:
    """What two readings must agree on."""
    layout = (request.layout.inputs, request.layout.outputs)
    raws = request.raws if request.message is None else tuple(request.message.raw_input_contents)
    return (*request[:5], *layout, raws)


def outcome(read: Any, data: bytes) -> Any:
    try:
        return view(read(data))
    except InvalidInput as error:
        return str(error)


DECODER = Decoder()  # one for all examples, as a worker has one for all its calls


def agree(data: bytes) -> None:
    expected = outcome(general, data)
    assert outcome(DECODER.decode, data) == expected
    assert outcome(DECODER.decode, data) == expected, "the second time, from memory"


@settings(max_examples=250, deadline=None)
@given(requests())
def test_a_request_is_read_as_the_parser_reads_it(request: Any) -> None:
    agree(request.SerializeToString())


@settings(max_examples=600, deadline=None)
@given(damaged())
def test_damaged_bytes_are_read_or_refused_as_by_the_parser(data: bytes) -> None:
    agree(data)


@settings(max_examples=200, deadline=None)
@given(requests(), st.data())
def test_fields_in_another_order_or_twice_are_the_parsers(request: Any, data: Any) -> None:
    chosen = data.draw(st.lists(st.sampled_from(parts(request)), max_size=9))
    agree(b"".join(chosen))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_by_the_parser(data: bytes) -> None:
    agree(data)


def usual(**fields: Any) -> Any:
    request = ModelInferRequest(**({"model_name": "flight-delay", "id": "r-1"} | fields))
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    request.raw_input_contents.append(bytes(12))
    return request


def with_key(key: str) -> Any:
    request = usual()
    request.parameters["routing_key"].string_param = key
    return request


SHORT: dict[str, Any] = {
    "what a client sends": usual(),
    "nothing but tensors": usual(model_name="", id=""),
    "a version": usual(model_version="12"),
    "a routing key": with_key("customer-4711"),
    "a routing key that is not ASCII": with_key("Zoë"),
    "an empty routing key": with_key(""),
}


@pytest.mark.parametrize("situation", SHORT)
def test_the_usual_takes_the_short_path(situation: str) -> None:
    data = SHORT[situation].SerializeToString()
    assert Decoder().decode(data).message is None
    agree(data)


def test_several_tensors_parameters_and_outputs_take_the_short_path() -> None:
    request = with_key("k")
    request.parameters["timeout"].int64_param = 5_000_000
    request.outputs.add(name="score")
    request.inputs.add(name="wide" * 50, datatype="FP64", shape=[1, 300])
    request.raw_input_contents.append(bytes(2_400))
    data = request.SerializeToString()
    assert Decoder().decode(data).message is None
    agree(data)


USUAL = usual().SerializeToString()
LONG: dict[str, bytes] = {
    "nothing": b"",
    "only a name": ModelInferRequest(model_name="x").SerializeToString(),
    "a name twice": usual().SerializeToString()[:14] + USUAL,
    "an unknown field at the end": USUAL + b"\x42\x00",
    "a length that is not in its shortest form": USUAL.replace(b"\x3a\x0c", b"\x3a\x8c\x00"),
    "a tag that is not in its shortest form": USUAL.replace(b"\x3a\x0c", b"\xba\x00\x0c"),
    "a tag of zero before the raw contents": USUAL.replace(b"\x3a\x0c", b"\x00\x3a\x0c"),
    "a group": USUAL + b"\x43\x44",
    "raw contents before the inputs": usual().SerializeToString()[14:] + b"\x0a\x01x",
    "a name that is not UTF-8": b"\x0a\x02\xff\xfe" + USUAL[14:],
    "an id that is a surrogate": b"\x1a\x03\xed\xa0\x80" + USUAL[19:],
    "contents one byte short": USUAL[:-1],
    "one byte too many": USUAL + b"\x00",
    "a length of four gigabytes": USUAL[:-13] + b"\xff\xff\xff\xff\x0f" + bytes(12),
}


@pytest.mark.parametrize("situation", LONG)
def test_the_unusual_is_left_to_the_parser(situation: str) -> None:
    agree(LONG[situation])
    with contextlib.suppress(InvalidInput):
        assert Decoder().decode(LONG[situation]).message is not None


def test_a_repeated_routing_key_is_the_last_one() -> None:
    first, last = (with_key(key).SerializeToString() for key in ("first", "last"))
    tail = usual(model_name="", id="").SerializeToString()
    entries = [data.removeprefix(USUAL[:19]).removesuffix(tail) for data in (first, last)]
    data = USUAL[:19] + b"".join(entries) + tail
    assert Decoder().decode(data).routing_key == b"last"
    agree(data)


def test_a_memoryview_is_read_as_its_bytes() -> None:
    assert view(Decoder().decode(memoryview(USUAL))) == view(Decoder().decode(USUAL))


def test_equal_layouts_are_one_object_and_memory_is_bounded() -> None:
    decoder = Decoder()
    one, other = (decoder.decode(usual(id=name).SerializeToString()) for name in ("a", "b"))
    assert one.layout is other.layout
    for number in range(3 * MAX_LAYOUTS):
        request = usual()
        request.parameters["sequence_id"].int64_param = number
        request.inputs[0].shape[0] = number
        assert decoder.decode(request.SerializeToString()).message is None
    assert len(decoder._layouts) <= MAX_LAYOUTS
    assert len(decoder._parameters) <= MAX_LAYOUTS
