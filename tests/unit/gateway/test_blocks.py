"""A block of records is what the same records are, one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.journal.blocks import append_block, headers_of
from gateway.journal.columns import groups
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Writer
from gateway.shadowing.calls import ALONE_EVERY, ALONE_MOST, Calls, calls_of
from gnomon.errors import InvalidInput
from tests.journals import know, record, route, schema

AT_NS = 1_700_000_000_123_000_000
SEGMENT_BYTES = 1 << 16


def writer_in(folder: Path) -> tuple[Writer, int]:
    writer = Writer(folder, host=9, slot=4095, segment_bytes=SEGMENT_BYTES, segment_max_age_s=1e6)
    know(writer, route())
    return writer, writer.schema(schema())


def read(folder: Path) -> tuple[list[Any], list[np.ndarray[Any, Any]], int]:
    """Headers, frames, and records left out; every checksum was right."""
    reader, headers, frames = JournalReader(folder), [], []
    while (batch := reader.read()) is not None:
        headers += list(batch.headers)
        for group in groups(batch):
            frames += list(group.matrix)
    assert not reader.corrupt
    return headers, frames, reader.missed


def append_one_by_one(writer: Writer, number: int, count: int) -> None:
    for value in range(count):
        x = np.full((1, 3), value, np.float32)
        one = record(writer, number, x=x, score=2 * x, arrived_unix_ns=AT_NS, request_id=b"id", status=1 + value % 2)
        assert writer.append(one._replace(prediction_id=writer.next_id(AT_NS)))


def test_a_block_gives_the_bytes_of_its_records_over_several_segments(tmp_path: Path) -> None:
    writer, number = writer_in(tmp_path / "one")
    append_one_by_one(writer, number, 600)
    writer.close()
    headers, frames, _ = read(tmp_path / "one")
    blocks, _ = writer_in(tmp_path / "block")
    matrix = np.stack(frames)
    for name in ("sequence", "prediction_id", "crc32", "frame_bytes"):
        headers_of(matrix)[name] = np.zeros((), headers_of(matrix).dtype[name])
    assert append_block(blocks, matrix[:100].copy(), AT_NS // 1_000_000) == 100
    assert append_block(blocks, matrix[100:].copy(), AT_NS // 1_000_000) == 500
    assert (blocks.sequence, blocks.journaled, blocks.lost) == (600, 300, 0)
    blocks.close()
    again = read(tmp_path / "block")
    assert len(list((tmp_path / "block").glob("*.segment"))) > 1
    assert [header.tobytes() for header in again[0]] == [header.tobytes() for header in headers]
    assert [frame.tobytes() for frame in again[1]] == [frame.tobytes() for frame in frames]


def test_records_there_is_no_segment_for_leave_their_numbers_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, number = writer_in(tmp_path / "one")
    append_one_by_one(writer, number, 500)
    matrix = np.stack(read(tmp_path / "one")[1])
    monkeypatch.setattr(writer, "_rotate", lambda: False)
    written = append_block(writer, matrix, AT_NS // 1_000_000)
    assert 0 <= written < 500
    assert (writer.lost, writer.sequence) == (500 - written, 1_000)
    writer.close()
    assert len(read(tmp_path / "one")[0]) == 500 + written


def calls(tmp_path: Path, count: int, rows: int = 2) -> Calls:
    writer, number = writer_in(tmp_path / "calls")
    for value in range(count):
        assert writer.append(record(writer, number, x=np.full((rows, 3), value, np.float32)))
    writer.close()
    batch = JournalReader(tmp_path / "calls").read()
    assert batch is not None
    (group,) = groups(batch)
    return calls_of(group, ["x"], takes_any_rows=True)


@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_every_call_is_asked_once_and_one_in_sixteen_alone(tmp_path: Path, most: int) -> None:
    found = calls(tmp_path, 300)
    portions = list(found.portions(lambda: most))
    asked = [numbers.tolist() for portion in portions for numbers in portion]
    assert sorted(number for numbers in asked for number in numbers) == list(range(300))
    alone = [numbers[0] for numbers in asked[:ALONE_MOST]]
    assert alone == list(range(0, 300, ALONE_EVERY))[:ALONE_MOST]
    assert max(sum(map(len, portion)) for portion in portions) <= most
    for portion in portions:
        for numbers in portion:
            run = found.run(numbers)
            assert run.calls == len(numbers)
            np.testing.assert_array_equal(run.feeds["x"], np.repeat(numbers, 2)[:, None] * np.ones(3, "f4"))


def test_what_the_model_needs_and_the_journal_has_not_is_named(tmp_path: Path) -> None:
    found = calls(tmp_path, 1)
    with pytest.raises(InvalidInput, match=r"inputs \['y'\] of the shadow were not journaled"):
        calls_of(found.group, ["x", "y"], takes_any_rows=True)
