"""A reader that stops and starts anywhere reads every frame once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal.columns import groups
from gateway.journal.format import INPUT, OUTPUT
from gateway.journal.readers import Readers, pending
from gateway.journal.walk import START, JournalReader
from gateway.journal.writer import Record, TensorRecord
from gateway.tensors import bytes_raw
from tests.journals import config_in, know, record, route, schema, writer_of

CALLS = 60


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """Calls in five segments, two of them begun by a new writer."""
    config = config_in(tmp_path_factory.mktemp("walk"))
    for _ in range(3):
        writer = writer_of(config)
        know(writer, route(1), route(2))
        for _ in range(2):
            number = writer.schema(schema(version=writer.sequence + 1))
            for _ in range(CALLS // 6):
                assert writer.append(record(writer, number, epoch=1 + writer.sequence % 2))
            assert writer._rotate(wait_s=5)
        writer.close()
    return writer.folder


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_are_read_once_wherever_reading_stops(journal, reads):
    position, found = START, []
    reader = JournalReader(journal)
    for limit, restart in [*reads, *[(100, False)] * 8]:
        if restart:
            reader = JournalReader(journal, position)
        batch = reader.read(limit)
        if batch is not None:
            found += batch.headers["sequence"].tolist()
            assert all(int(row["schema"]) in batch.schemas for row in batch.headers)
            assert all(int(row["epoch"]) in batch.routes for row in batch.headers)
        position = reader.position
    assert found == list(range(CALLS))
    assert reader.missed == 0


def test_a_reader_that_follows_a_writer_sees_each_call_as_it_is_committed(tmp_path):
    writer = writer_of(config_in(tmp_path))
    reader = JournalReader(writer.folder)
    for sequence in range(5):
        assert reader.read() is None
        assert writer.append(record(writer, 0))
        batch = reader.read()
        assert batch is not None
        assert batch.headers["sequence"].tolist() == [sequence]
    writer.close()
    assert reader.read() is None


def test_a_batch_stays_until_it_is_done_and_only_then_the_position_moves(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    for _ in range(3):
        assert writer.append(record(writer, 0))
    readers = Readers(config.layout.worker_journals, {})
    (follower,) = readers
    assert follower.peek(2) is follower.peek(2)
    assert readers.positions() == {"w00": START}
    follower.done()
    again = Readers(config.layout.worker_journals, readers.positions(), readers.counts())
    (resumed,) = again
    batch = resumed.peek()
    assert batch is not None
    assert batch.headers["sequence"].tolist() == [2]
    resumed.done()
    assert again.counts() == {"w00": (3, 0, 0)}
    writer.close()


def test_what_is_pending_is_told_over_segments(journal):
    assert pending(journal, START) == pytest.approx(CALLS, abs=10)
    reader = JournalReader(journal)
    for _ in range(3):
        reader.read()
    assert pending(journal, reader.position) == pytest.approx(CALLS // 2, abs=10)


def test_frames_of_one_layout_are_one_group_and_the_others_groups_of_their_own(tmp_path):
    writer = writer_of(config_in(tmp_path))
    number = writer.schema(schema())

    def append(shape, *, text=b"", direction=INPUT, request=b""):
        data = bytes_raw([text]) if text else bytes(4 * shape[0] * shape[1])
        tensor = TensorRecord(direction, 0, "BYTES" if text else "FP32", shape, data)
        written = Record(writer.next_id(1), 1, 1, schema=number, request_id=request, tensors=[tensor])
        assert writer.append(written)

    for _ in range(3):
        append((2, 3))
        append((3, 2))  # as long, but of another shape
        append((2, 3), request=b"id")
        append((2, 3), direction=OUTPUT)
    append((1, 1), text=b"some text")
    batch = JournalReader(writer.folder).read()
    assert batch is not None
    found = {tuple(group.rows.tolist()): group for group in groups(batch)}
    assert set(found) == {(0, 4, 8), (1, 5, 9), (2, 6, 10), (3, 7, 11), (12,)}
    for rows, group in found.items():
        (place,) = group.places
        for row, raw in zip(rows, group.raw(place), strict=True):
            (tensor,) = batch.tensors(row)
            assert raw.tobytes() == bytes(tensor.data)
            assert place[:4] == tensor[:4]
    writer.close()
