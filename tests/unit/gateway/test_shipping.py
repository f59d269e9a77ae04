"""What compiled loops find in a segment is what the plain walk finds, and no value is lost on the way to a column."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from gateway.finder import Finder
from gateway.journal.format import ANSWERED, INPUT, OUTPUT, id_text
from gateway.journal.segments import segments
from gateway.journal.walk import JournalReader, SegmentReader
from gateway.journal.writer import Record, TensorRecord
from gateway.layout import Layout
from gateway.shipper import Files
from gateway.shipping.frames import walk
from gateway.shipping.policies import Policies
from gateway.shipping.rows import parts, table
from gateway.shipping.segment import read_sealed
from gateway.shipping.stores import Folder
from gateway.shipping.whole import tensors_of
from gateway.tensors import bytes_raw, raw_of
from tests.journals import config_in, record, schema, writer_of


def various(tmp_path, count=300):
    """Calls of many layouts: rows, ids, reasons, missing tensors, another shape than declared."""
    writer = writer_of(config_in(tmp_path))
    described = schema() | {
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [-1]},
            {"name": "words", "datatype": "BYTES", "shape": [-1, 2]},
        ]
    }
    number = writer.schema(described)
    chance = np.random.default_rng(5)
    calls = []
    for call in range(count):
        rows = int(chance.integers(0, 5))
        x = chance.normal(size=(3, rows) if call % 7 == 0 else (rows, 3)).astype(np.float32)
        words = [bytes(chance.integers(0, 256, int(size), np.uint8)) for size in chance.integers(0, 9, 2 * rows)]
        tensors = [
            TensorRecord(INPUT, 0, "FP32", x.shape, x.tobytes()),
            TensorRecord(OUTPUT, 0, "FP64", (rows,), chance.normal(size=rows).tobytes()),
            TensorRecord(OUTPUT, 1, "BYTES", (rows, 2), bytes_raw(words)),
        ][: int(chance.integers(0, 4))]
        written = Record(
            writer.next_id(1), ANSWERED, 5, number, version=1, tensors=tensors, rows=rows,
            request_id=b"r" * int(chance.integers(0, 20)), reason=b"q" * int(chance.integers(0, 20)),
        )  # fmt: skip
        assert writer.append(written)
        calls.append(written)
    writer.close()
    return writer.folder, calls


def test_all_of_a_segment_at_once_is_what_a_reader_finds_of_it(tmp_path):
    folder, _ = various(tmp_path)
    batch = JournalReader(folder).read(1_000)
    walked = walk(SegmentReader(segments(folder)[0]))
    assert not walked.corrupt
    assert walked.frames.offsets.tolist() == batch.offsets.tolist()
    assert walked.frames.headers.tobytes() == batch.headers.tobytes()
    assert walked.schemas == batch.schemas


def test_every_tensor_is_put_together_again_byte_by_byte(tmp_path):
    folder, calls = various(tmp_path)
    Files(Folder(tmp_path / "out"), Policies(Layout(tmp_path))).deliver(read_sealed(segments(folder)[0], "w00"))
    (path,) = (tmp_path / "out").rglob("*.parquet")
    found = pq.read_table(path, partitioning=None)
    assert "input.x[2]" in found.column_names
    assert "input.x" in found.column_names  # of the calls whose shape is another
    for row, call in zip(found.to_pylist(), calls, strict=True):
        assert row["prediction_id"] == id_text(call.prediction_id)
        assert (row["request_id"], row["reason"]) == (call.request_id.decode(), call.reason.decode())
        whole = [(one.datatype, one.shape, raw_of(one.values)) for one in tensors_of(row, found.schema)]
        assert whole == [(one.datatype, tuple(one.shape), one.data) for one in call.tensors]


def test_a_trace_says_the_same_from_the_journal_and_from_its_exports(tmp_path):
    folder, calls = various(tmp_path, 60)
    layout = Layout(tmp_path)
    Files(Folder(layout.parquet), Policies(layout)).deliver(read_sealed(segments(folder)[0], "w00"))
    texts = [id_text(call.prediction_id) for call in calls]
    journaled = [Finder(layout).by_prediction(text) for text in texts]
    shutil.rmtree(folder)
    exported = [Finder(layout).by_prediction(text) for text in texts]
    assert {trace.source for trace in journaled} == {"journal"}
    assert {trace.source for trace in exported} == {"parquet"}
    for one, other in zip(journaled, exported, strict=True):
        one.source = other.source
        other.arrived_unix_ns = one.arrived_unix_ns  # exports have microseconds
        assert one == other


def test_a_call_is_found_by_its_request_id_through_a_bloom_filter(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    for number in range(500):
        assert writer.append(record(writer, 0, request_id=b"call-%d" % number, arrived_unix_ns=1))
    writer.close()
    Files(Folder(tmp_path / "out"), Policies(Layout(tmp_path))).deliver(read_sealed(segments(writer.folder)[0], "w00"))
    (path,) = (tmp_path / "out").rglob("*.parquet")
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    assert column.path_in_schema == "request_id"
    said = column.to_dict()
    assert said["bloom_filter_length"] > 500  # bytes: ten bits a value and more
    assert said["statistics"]["min"] == "call-0"
    assert said["compression"] == "ZSTD"


def test_parts_are_of_one_schema_version_and_hour_in_order_of_sequence(tmp_path):
    writer = writer_of(config_in(tmp_path))
    numbers = [writer.schema(schema("a")), writer.schema(schema("b"))]
    hour = 3_600_000_000_000
    for call in range(40):
        assert writer.append(record(writer, numbers[call % 2], version=1 + call % 3, arrived_unix_ns=call // 20 * hour))
    writer.close()
    walked = walk(SegmentReader(segments(writer.folder)[0]))
    found = list(parts(walked.frames, walked.schemas))
    assert len({part.partition for part in found}) == len(found) == 12
    assert sum(len(part.frames) for part in found) == 40
    for part in found:
        sequences = table(part, "w00")["sequence"].to_pylist()
        assert sequences == sorted(sequences)
        assert {part.partition.model} == {"ab"[sequence % 2] for sequence in sequences}


@pytest.mark.parametrize("at", [0, 4, 60, 200])
def test_what_follows_a_flipped_byte_is_left_out(tmp_path, at):
    folder, _ = various(tmp_path, 20)
    path = segments(folder)[0]
    offsets = walk(SegmentReader(path)).frames.offsets
    content = bytearray(path.read_bytes())
    content[offsets[10] + min(at, offsets[11] - offsets[10] - 1)] ^= 1
    path.write_bytes(content)
    walked = walk(SegmentReader(path))
    assert walked.frames.offsets.tolist() == offsets[:10].tolist()
    assert f"the frame at byte {offsets[10]} " in walked.corrupt
