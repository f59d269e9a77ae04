"""What is written is read back, whatever kills the writer."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gateway.journal.format import ANSWERED, DATATYPES, INPUT, NUMPY_OF, OUTPUT, STATUS_NAMES, JournalCorrupt, id_text
from gateway.journal.segments import segments
from gateway.journal.walk import JournalReader, SegmentReader
from gateway.journal.writer import PATIENCE_S, Record, TensorRecord, Writer
from gateway.tensors import bytes_raw
from tests.journals import SEGMENT_BYTES, config_in, know, record, route, schema, writer_of


def everything(folder):
    """(sequence, prediction id) of all frames, in the order they are read."""
    reader, found = JournalReader(folder), []
    while (batch := reader.read(limit=100)) is not None:
        found += [(int(row["sequence"]), bytes(row["prediction_id"])) for row in batch.headers]
    return found


def tensor_of(datatype):
    if datatype == "BYTES":
        return TensorRecord(INPUT, 0, datatype, (1, 2), bytes_raw([b"one", "zwölf".encode()]))
    array = np.arange(6).reshape(2, 3).astype(NUMPY_OF[datatype])
    return TensorRecord(OUTPUT, 3, datatype, array.shape, array)


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("status", STATUS_NAMES)
def test_a_call_is_read_back_as_it_was_written(tmp_path, datatype, status):
    writer = writer_of(config_in(tmp_path))
    number = writer.schema(schema())
    know(writer, route(epoch=9))
    tensor = tensor_of(datatype)
    written = Record(
        writer.next_id(10**15), status, 10**15, schema=number, epoch=9, version=4, role=2, rule=3, bucket=9_999,
        weight_bp=10_000, key_hash=(1 << 64) - 1, rows=2, decode_ns=1, queue_ns=2, run_ns=3, total_ns=1 << 40,
        request_id="né".encode(), reason=b"why not", tensors=[tensor], parent_id=bytes(range(16)),
        trace_id=bytes(range(16, 32)),
    )  # fmt: skip
    assert writer.append(written)
    batch = JournalReader(writer.folder).read()
    assert batch is not None
    header = batch.headers[0]
    for field in Record._fields:
        if field in header.dtype.names and field != "tensors":
            expected = getattr(written, field)
            found = bytes(header[field]) if isinstance(expected, bytes) else int(header[field])
            assert found == expected, field
    assert batch.text(0) == ("né", "why not")
    view = batch.tensor(0, tensor.direction, tensor.index)
    assert (view.datatype, view.shape, bytes(view.data)) == (datatype, tensor.shape, bytes(memoryview(tensor.data)))
    if datatype != "BYTES":
        np.testing.assert_array_equal(view.array(), tensor.data)
    assert batch.schemas[number] == schema()
    assert batch.routes[9] == route(epoch=9)
    assert batch.offsets[0] % 8 == 0
    writer.close()


def test_a_call_without_tensors_text_or_schema_is_a_record_too(tmp_path):
    writer = writer_of(config_in(tmp_path))
    assert writer.append(Record(writer.next_id(1), 2, 1))
    assert [sequence for sequence, _ in everything(writer.folder)] == [0]
    writer.close()


def test_sequences_go_on_over_rotation_and_restart(tmp_path):
    config = config_in(tmp_path)
    x = np.ones((100, 3))
    total = 0
    for _ in range(3):
        writer = writer_of(config)
        number = writer.schema(schema())
        for _ in range(1_000):
            while not writer._rotate(wait_s=5) if writer.open.offset + 4_000 > SEGMENT_BYTES else False:
                pass
            assert writer.append(record(writer, number, x=x, score=x))
            total += 1
        writer.close()
    assert [sequence for sequence, _ in everything(writer.folder)] == list(range(total))
    paths = segments(writer.folder)
    assert len(paths) > 3
    assert all(path.stat().st_size < SEGMENT_BYTES for path in paths)
    assert SegmentReader(paths[-1]).path == paths[-1]


def test_a_segment_that_has_grown_old_is_ended_and_an_empty_one_is_not(tmp_path):
    writer = writer_of(config_in(tmp_path, segment_max_age_s=0.001))
    time.sleep(0.002)
    writer.tick()
    assert writer.append(record(writer, 0))
    while len(segments(writer.folder)) == 1:
        writer.tick()
    assert writer.append(record(writer, 0))
    writer.close()
    assert [sequence for sequence, _ in everything(writer.folder)] == [0, 1]


def test_without_room_on_the_disk_calls_are_refused_and_counted_and_later_written_again(tmp_path, monkeypatch):
    writer = writer_of(config_in(tmp_path))
    while writer._ahead._spare is None:
        time.sleep(0.001)
    with monkeypatch.context() as full:
        full.setattr(writer._ahead, "take", lambda base, wait_s=0.0: None)  # the disk gives no segment
        x = np.ones((1_000, 3))
        written = 0
        while writer.append(record(writer, 0, x=x)):
            written += 1
        assert not writer.append(record(writer, 0, x=x))
        assert writer.lost == 2
    assert writer.append(record(writer, 0, x=x))
    writer.close()
    assert [sequence for sequence, _ in everything(writer.folder)] == [*range(written), written + 2]
    reader = JournalReader(writer.folder)
    while reader.read() is not None:
        pass
    assert reader.missed == 2


def test_the_next_segment_is_waited_for_by_a_record_without_room_and_not_by_age(tmp_path, monkeypatch):
    writer = writer_of(config_in(tmp_path, segment_max_age_s=0.001))
    waited = []
    monkeypatch.setattr(writer._ahead, "take", lambda base, wait_s=0.0: waited.append(wait_s))  # gives none
    assert writer.append(record(writer, 0))
    time.sleep(0.002)
    writer.tick()
    assert waited == [0.0]
    while writer.append(record(writer, 0, x=np.ones((1_000, 3)))):
        pass
    assert not writer.append(record(writer, 0, x=np.ones((1_000, 3))))
    writer.tick()
    assert waited == [0.0, PATIENCE_S, 0.0, 0.0]  # a disk that hangs costs that once
    writer.close()


def test_a_call_larger_than_a_segment_is_refused_alone(tmp_path):
    writer = writer_of(config_in(tmp_path))
    assert not writer.append(record(writer, 0, x=np.ones((200_000, 3))))
    assert writer.append(record(writer, 0))
    assert writer.lost == 1
    writer.close()


def test_an_end_that_cannot_be_read_is_left_far_behind(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    for _ in range(3):
        assert writer.append(record(writer, 0, x=np.ones((2, 3))))
    offset = writer.open.offset
    writer.close()
    path = segments(writer.folder)[0]
    with path.open("r+b") as file:
        file.seek(offset - 20)
        file.write(b"\xff")
    again = writer_of(config)
    assert again.sequence >= 1_000_000
    again.close()
    reader = JournalReader(writer.folder)
    before = reader.read()
    assert before is not None
    assert before.headers["sequence"].tolist() == [0, 1]
    with pytest.raises(JournalCorrupt, match=str(path)):
        reader.read()


WRITE = """
import sys, time
from pathlib import Path
from gateway.journal.writer import Record, Writer, TensorRecord
from gateway.journal.format import id_text
writer = Writer(Path(sys.argv[1]), host=7, slot=0, segment_bytes=64 << 10, segment_max_age_s=0.02)
number = writer.schema({"model": "m", "version": 1})
tensors = [TensorRecord(0, 0, "FP32", (1, 3), bytes(12))]
while True:
    for _ in range(20):
        given = writer.next_id(time.time_ns())
        if writer.append(Record(given, 1, time.time_ns(), schema=number, tensors=tensors)):
            sys.stdout.write(id_text(given) + "\\n")
    sys.stdout.flush()
    writer.tick()
"""


def test_nothing_committed_is_lost_and_no_sequence_used_twice_when_writers_are_killed(tmp_path):
    """Each round: a writer tells every id it committed, and is killed at some instant; a reader follows through all."""
    chance, folder = random.Random(5), tmp_path / "w00"
    told, followed = [], []
    reader = JournalReader(folder)
    folder.mkdir()
    for _ in range(20):
        process = subprocess.Popen([sys.executable, "-c", WRITE, str(folder)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told.append(process.stdout.readline().strip())
        end = time.monotonic() + chance.uniform(0.0, 0.05)
        while time.monotonic() < end:
            batch = reader.read()
            followed += [] if batch is None else batch.headers["sequence"].tolist()
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().split("\n")[:-1]  # what follows the last line end was cut
        process.wait()
        process.stdout.close()
    Writer(folder, host=7, slot=0, segment_bytes=64 << 10, segment_max_age_s=1).close()
    while (batch := reader.read()) is not None:
        followed += batch.headers["sequence"].tolist()
    kept = everything(folder)
    sequences = [sequence for sequence, _ in kept]
    assert sequences == sorted(set(sequences))
    assert followed == sequences
    missing = {text for text in told if len(text) == 36} - {id_text(raw) for _, raw in kept}
    assert not missing
    assert len(kept) > 500


def test_segments_without_a_prediction_never_take_a_name_from_one_another(tmp_path):
    writer = Writer(tmp_path, host=0, slot=0, segment_bytes=1 << 20, segment_max_age_s=0.0)
    number = writer.schema({"model": "m", "version": 1})
    for _ in range(5):
        for _ in range(3):
            time.sleep(0.02)
            writer.tick()
        assert writer.append(Record(writer.next_id(time.time_ns()), ANSWERED, time.time_ns(), number))
        writer.tick()
    writer.close()
    reader = JournalReader(tmp_path)
    sequences = []
    while (batch := reader.read()) is not None:
        sequences += batch.headers["sequence"].tolist()
    assert sequences == [0, 1, 2, 3, 4]
    assert reader.missed == 0


def test_the_sequence_goes_on_when_every_segment_was_removed(tmp_path):
    writer = Writer(tmp_path, host=0, slot=0, segment_bytes=1 << 20, segment_max_age_s=100.0)
    for _ in range(7):
        writer.append(Record(writer.next_id(time.time_ns()), ANSWERED, time.time_ns()))
    writer.close()
    for path in segments(tmp_path):
        path.unlink()
    again = Writer(tmp_path, host=0, slot=0, segment_bytes=1 << 20, segment_max_age_s=100.0)
    assert again.sequence == 7
    again.close()
