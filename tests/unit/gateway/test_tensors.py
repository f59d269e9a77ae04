"""The raw form of tensors, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tensors import array_of, bytes_elements, bytes_raw, raw_of
from gnomon.errors import InvalidInput


@given(st.lists(st.binary(max_size=20)))
def test_bytes_elements_round_trip(elements: list[bytes]) -> None:
    assert bytes_elements(bytes_raw(elements)) == elements


@given(st.binary(max_size=60))
def test_any_bytes_are_elements_or_refused(raw: bytes) -> None:
    try:
        elements = bytes_elements(raw)
    except InvalidInput:
        return
    assert bytes_raw(elements) == raw


def test_a_truncated_element_is_named() -> None:
    with pytest.raises(InvalidInput, match="byte 5"):
        bytes_elements(bytes_raw([b"x"]) + b"\x09\x00\x00\x00ab")
    with pytest.raises(InvalidInput, match="byte 0"):
        bytes_elements(b"\x01\x00")


def test_fixed_width_is_a_view_of_the_bytes() -> None:
    raw = np.arange(6, dtype=np.float32).tobytes()
    array = array_of("FP32", (2, 3), raw)
    assert array.base is not None
    assert raw_of(array) == raw


def test_a_wrong_byte_count_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"8 bytes; FP32 of shape \[1, 3\] needs 12"):
        array_of("FP32", (1, 3), bytes(8))
    with pytest.raises(InvalidInput, match="1 BYTES elements"):
        array_of("BYTES", (2,), bytes_raw([b"x"]))


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        array_of("BYTES", (1,), bytes_raw([b"\xff\xfe"]))


def test_a_strided_output_is_written_row_major() -> None:
    assert raw_of(np.arange(6, dtype=np.int64).reshape(2, 3).T) == np.array([0, 3, 1, 4, 2, 5]).tobytes()
