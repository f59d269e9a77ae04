"""Columns of a request: the value in each row, whichever way it was sent, and the key it makes."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import oip
from gnomon.columns import FORMS, Column, Values

SHAPE = (2, 3)


def raw_of(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    if datatype == "BF16":
        return (np.array(values, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return struct.pack(f"<{len(values)}{FORMS[datatype]}", *values)


SENT: dict[str, list[Any]] = {
    "BOOL": [True, False, True, False, True, True],
    "UINT64": [0, 1, 2**64 - 1, 3, 4, 2**63],
    "INT64": [0, 1, -(2**63), 3, 4, 2**53 + 1],
    "INT8": [0, 1, -128, 3, 4, 127],
    "FP16": [0.0, 1.0, 0.5, 3.0, 4.0, -0.25],
    "BF16": [0.0, 1.0, 0.5, 3.0, 4.0, -0.25],
    "FP32": [0.0, 1.0, 0.5, 3.0, 4.0, -0.25],
    "FP64": [0.0, 1.0, 0.1, 3.0, 4.0, 1e300],
    "BYTES": [b"", b"a", b"zwei", b"b", b"c", "ß".encode()],
}


def typed(datatype: str, values: list[Any], shape: tuple[int, ...] = SHAPE) -> Any:
    request = oip.ModelInferRequest(model_name="m")
    request.inputs.add(name="other", datatype="FP32", shape=[1]).contents.fp32_contents.append(9)
    tensor = request.inputs.add(name="x", datatype=datatype, shape=shape)
    getattr(tensor.contents, oip.CONTENTS_OF[datatype]).extend(values)
    return request


@pytest.mark.parametrize("datatype", SENT)
def test_a_column_is_the_same_raw_and_typed(datatype: str) -> None:
    values, column = SENT[datatype], Column.named("input.x[2]")
    wanted = Values(datatype, tuple(values[2::3]))
    assert column.of_raw(datatype, SHAPE, raw_of(datatype, values)) == wanted
    if datatype in oip.CONTENTS_OF:
        assert column.of_message(typed(datatype, values)) == wanted


def test_a_name_may_say_its_side_or_be_one_that_begins_so() -> None:
    assert Column.named("features[3]") == Column(("features",), 3)
    assert Column.named("input.features[3]") == Column(("input.features", "features"), 3)
    assert Column.named("input.1") == Column(("input.1", "1"), None)
    assert Column.named("x[1][2]") == Column(("x[1]",), 2)


@pytest.mark.parametrize(
    ("name", "shape", "found"),
    [
        ("x", (2,), (1.0, 2.0)),
        ("x", (2, 1), (1.0, 2.0)),
        ("x", (1, 2), None),  # which of the two?
        ("x[1]", (1, 2), (2.0,)),
        ("x[2]", (1, 2), None),
        ("x[1]", (1, 1, 2), (2.0,)),
        ("x[0]", (), None),  # two numbers are not one
        ("x[0]", (3,), None),
        ("x[0]", (0, 2), None),
        ("x[0]", (1, 0), None),
        ("x[0]", (-1, -2), None),
    ],
)
def test_a_column_that_is_not_there_has_no_values(name: str, shape: tuple[int, ...], found: Any) -> None:
    values = Column.named(name).of_raw("FP32", shape, struct.pack("<2f", 1, 2))
    assert (values and values.rows) == found
    values = Column.named(name).of_message(typed("FP32", [1, 2], shape))
    assert (values and values.rows) == found


@given(
    st.sampled_from([*FORMS, "BYTES", "STRING", ""]),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4), max_size=4).map(tuple),
    st.binary(max_size=40),
    st.none() | st.integers(0, 10**9),
)
def test_whatever_comes_is_read_or_left(datatype: str, shape: tuple[int, ...], raw: bytes, index: int | None) -> None:
    column = Column(("x",), index)
    found = column.of_raw(datatype, shape, raw)
    assert found is None or len(found.rows) == (shape[0] if shape else 1)
    request = oip.ModelInferRequest()
    request.inputs.add(name="x", datatype=datatype, shape=shape)
    assert column.of_message(request) is None
    request.raw_input_contents.append(raw)
    assert repr(column.of_message(request)) == repr(found)  # NaN is not itself


@pytest.mark.parametrize(
    ("datatype", "value", "key"),
    [
        ("INT64", -42, b"-42"),
        ("FP32", 42.0, b"42"),
        ("FP64", -0.0, b"0"),
        ("FP32", float(np.float32(0.1)), b"0.1"),
        ("FP64", float(np.float32(0.1)), b"0.10000000149011612"),
        ("FP16", float(np.float16(0.1)), b"0.1"),
        ("FP64", 1e300, b"1e+300"),
        ("FP32", float(np.float32(1e30)), b"1e+30"),
        ("FP32", 16777216.0, b"16777216"),
        ("BOOL", True, b"1"),
        ("BYTES", "kä".encode(), "kä".encode()),
        ("BYTES", b"", b""),
        ("FP32", float("nan"), b""),
        ("FP64", float("-inf"), b""),
    ],
)
def test_a_key_is_written_one_way(datatype: str, value: Any, key: bytes) -> None:
    assert Values(datatype, (value, value)).key() == key


@given(st.integers(-(2**24), 2**24))
def test_a_whole_number_is_one_key_whatever_its_datatype(number: int) -> None:
    sent = {"INT32": number, "FP32": float(number), "FP64": float(number)}
    keys = {Values(datatype, (value,)).key() for datatype, value in sent.items()}
    assert keys == {str(number).encode()}


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_key_is_read_back_as_the_number_it_is_of(number: float) -> None:
    assert np.float32(Values("FP32", (number,)).key().decode()) == np.float32(number)
