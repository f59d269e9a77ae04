import uuid

import numpy as np
import pytest

from gateway.journal.format import (
    FRAME,
    PREDICTION_DTYPE,
    PREDICTION_FRAME,
    PredictionId,
    aligned,
    id_text,
    prediction_id,
)


def test_the_two_descriptions_of_a_frame_agree():
    assert PREDICTION_FRAME.size == PREDICTION_DTYPE.itemsize
    names = PREDICTION_DTYPE.names
    packed = PREDICTION_FRAME.pack(
        *[bytes([n]) * 16 if PREDICTION_DTYPE[name].kind == "V" else n for n, name in enumerate(names)]
    )
    frame = np.frombuffer(packed, PREDICTION_DTYPE)[0]
    for n, name in enumerate(names):
        expected = bytes([n]) * 16 if PREDICTION_DTYPE[name].kind == "V" else n
        assert (bytes(frame[name]) if isinstance(expected, bytes) else int(frame[name])) == expected, name


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 4095])
def test_sizes_are_aligned_upwards_to_frames(size):
    assert aligned(size) % 8 == 0
    assert 0 <= aligned(size) - size < 8
    assert FRAME.size % 8 == 0


def test_an_id_is_a_uuid7_that_says_where_its_record_is():
    raw = prediction_id(1_700_000_000_123, host=(1 << 20) - 1, slot=4095, sequence=(1 << 42) - 1)
    assert uuid.UUID(bytes=raw).version == 7
    assert uuid.UUID(bytes=raw).variant == uuid.RFC_4122
    assert PredictionId.parse(id_text(raw)) == PredictionId(1_700_000_000_123, 4095, (1 << 20) - 1, (1 << 42) - 1)


def test_ids_are_ordered_in_time():
    assert prediction_id(5, 9, 9, 9) < prediction_id(6, 0, 0, 0)


@pytest.mark.parametrize("text", ["", "x", str(uuid.UUID(int=3)), "0190-", str(uuid.UUID(int=4 << 76))])
def test_what_is_no_prediction_id_is_refused_by_name(text):
    with pytest.raises(ValueError, match="prediction id"):
        PredictionId.parse(text)
