"""What is compiled agrees with what is plain, and no bytes whatever make a reader fall over."""

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.journal.columns import groups
from gateway.journal.crc import TABLES, crc32
from gateway.journal.format import (
    COMMITTED_AT,
    CRC,
    DATATYPES,
    FRAME,
    HEADER_BYTES,
    IDENTITY_CRC_AT,
    INPUT,
    NUMPY_OF,
    OUTPUT,
    PREDICTION,
    SEAL_CRC_AT,
    SEALED_AT,
    WORD,
    JournalCorrupt,
)
from gateway.journal.segments import segments
from gateway.journal.walk import SegmentReader
from gateway.journal.writer import Record, TensorRecord
from gateway.tensors import bytes_raw
from tests.journals import config_in, know, record, route, schema, writer_of

ANY_FOLDER = [HealthCheck.function_scoped_fixture]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=70), st.integers(0, 5))
@settings(deadline=None)
def test_the_checksum_is_that_of_zlib(values: list[int], skipped: int) -> None:
    words = np.array(values, np.uint64)
    first = min(skipped, len(words))
    found = crc32(words, np.uint64(first), np.uint64(len(words)), TABLES)
    assert int(found) == zlib.crc32(words[first:].tobytes())


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment with calls of every kind and every datatype."""
    writer = writer_of(config_in(tmp_path_factory.mktemp("kernels")))
    number = writer.schema(schema())
    know(writer, route())
    for call in range(6):
        x = np.ones((1 + call % 2, 3))
        assert writer.append(record(writer, number, x=x, score=x, request_id=b"r" * call, reason=b"why"[: call % 3]))
    for datatype in DATATYPES:
        plain = datatype in NUMPY_OF
        data = np.ones((2, 2), NUMPY_OF[datatype]).tobytes() if plain else bytes_raw([b"", b"a", b"bc", b"def"])
        tensors = [TensorRecord(INPUT, 0, datatype, (2, 2), data), TensorRecord(OUTPUT, 0, "FP32", (), bytes(4))]
        assert writer.append(Record(writer.next_id(1), 1, 1, number, epoch=1, role=1, tensors=tensors))
    assert writer.append(Record(writer.next_id(1), 2, 1, reason=b"no such model"))
    writer.close()
    return segments(writer.folder)[0]


def frames_of(content: bytes) -> list[tuple[int, int, int]]:
    """(offset, bytes, kind) by a walk in plain Python, up to the first frame that is not whole."""
    found, at, end = [], HEADER_BYTES, min(WORD.unpack_from(content, COMMITTED_AT)[0], len(content))
    while at + FRAME.size <= end:
        size, checksum, kind, *_ = FRAME.unpack_from(content, at)
        if size < FRAME.size or size % 8 or at + size > end or zlib.crc32(content[at + 8 : at + size]) != checksum:
            break
        found.append((at, size, kind))
        at += size
    return found


def read_all(path: Path) -> tuple[list[int], str]:
    """Offsets of all frames that can be read, each looked at whole; and why reading ended early."""
    found: list[int] = []
    try:
        for batch in SegmentReader(path).batches(limit=5):
            found += batch.offsets.tolist()
            look_at(batch)
    except JournalCorrupt as error:
        return found, str(error)
    return found, ""


def look_at(batch: Any) -> None:
    rows: list[int] = []
    for group in groups(batch):
        rows += group.rows.tolist()
        for place in group.places:
            assert group.raw(place).shape == (len(group), place.size)
            if place.datatype in NUMPY_OF:
                assert group.values(place).shape == (len(group), *place.shape)
    assert sorted(rows) == list(range(len(batch)))
    for row in range(len(batch)):
        batch.text(row)
        for tensor in batch.tensors(row):
            if tensor.datatype in NUMPY_OF:
                tensor.array()


def test_every_frame_is_found_where_a_plain_walk_finds_it(sealed: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{0:016d}.segment"
    path.write_bytes(sealed.read_bytes())
    expected = [at for at, _, kind in frames_of(sealed.read_bytes()) if kind == PREDICTION]
    assert read_all(path) == (expected, "")
    assert len(expected) == 6 + len(DATATYPES) + 1


@given(at=st.integers(0, 1 << 16), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None, suppress_health_check=ANY_FOLDER)
def test_what_stands_before_a_flipped_bit_is_read_and_no_more(sealed: Path, tmp_path: Path, at: int, bit: int) -> None:
    content = bytearray(sealed.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path = tmp_path / f"{0:016d}.segment"
    path.write_bytes(content)
    good = [at for at, _, kind in frames_of(bytes(content)) if kind == PREDICTION]
    found, error = read_all(path)
    assert error.startswith(f"{path}: ")
    assert found == (good if "the frame at" in error else [])


def resealed(content: bytearray) -> bytearray:
    """With every checksum of the header right."""
    CRC.pack_into(content, IDENTITY_CRC_AT, zlib.crc32(content[:IDENTITY_CRC_AT]))
    CRC.pack_into(content, SEAL_CRC_AT, zlib.crc32(content[: SEALED_AT + WORD.size]))
    return content


@given(frame=st.integers(0, 100), edits=st.lists(st.tuples(st.integers(8, 400), st.integers(0, 255)), max_size=6))
@example(frame=2, edits=[(12, 255), (13, 255)])
@settings(max_examples=500, deadline=None, suppress_health_check=ANY_FOLDER)
def test_a_frame_that_lies_under_a_right_checksum_is_refused_or_harmless(
    sealed: Path, tmp_path: Path, frame: int, edits: list[tuple[int, int]]
) -> None:
    content, known = bytearray(sealed.read_bytes()), frames_of(sealed.read_bytes())
    at, size, _ = known[frame % len(known)]
    for place, value in edits:
        content[at + 8 + (place - 8) % (size - 8)] = value
    CRC.pack_into(content, at + 4, zlib.crc32(content[at + 8 : at + size]))
    path = tmp_path / f"{0:016d}.segment"
    path.write_bytes(content)
    error = read_all(path)[1]
    assert error == "" or f"byte {at} " in error


@given(st.binary(max_size=600), st.integers(0, 700), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=ANY_FOLDER)
def test_any_bytes_are_a_segment_or_refused(tmp_path: Path, noise: bytes, committed: int, headed: bool) -> None:
    content = bytearray(noise)
    if headed:
        head = bytearray(HEADER_BYTES)
        head[:48] = b"GNOMONJL" + bytes([2, 0, 0, 0, 0, 16, 0, 0]) + bytes(32)
        WORD.pack_into(head, COMMITTED_AT, HEADER_BYTES + min(committed, len(noise)))
        WORD.pack_into(head, SEALED_AT, 1)
        content = resealed(head) + noise
    path = tmp_path / f"{0:016d}.segment"
    path.write_bytes(content)
    error = read_all(path)[1]
    assert error == "" or str(path) in error


@pytest.mark.parametrize("process", ["worker", "supervisor"])
def test_who_answers_calls_or_starts_others_imports_no_compiler(process: str) -> None:
    program = f"import sys, gateway.{process}; sys.exit('numba' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
