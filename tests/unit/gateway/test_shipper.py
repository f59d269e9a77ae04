"""Every call of a sealed segment becomes one row, once, whatever kills the shipper."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.journal.format import ANSWERED, DATATYPES, FAILED, INPUT, LIVE_OUTPUT, NUMPY_OF, OUTPUT, REJECTED, id_text
from gateway.journal.segments import segments
from gateway.journal.writer import Record, TensorRecord
from gateway.pages import read_page
from gateway.shipper import Shipper
from gateway.shipping.books import Books
from gateway.tensors import bytes_raw
from tests.journals import config_in, know, record, route, schema, writer_of

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def rows_of(config, dataset="predictions"):
    files = sorted((config.layout.parquet / dataset).rglob("*.parquet"))
    return [row for path in files for row in pq.read_table(path, partitioning=None).to_pylist()]


def drained(config):
    shipper = Shipper(config)
    while shipper.step():
        pass
    shipper.close()
    return shipper


def test_a_call_becomes_a_row_with_all_that_the_journal_says_of_it(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    number = writer.schema(schema())
    know(writer, route())
    arrived = 1_700_000_000_123_456_789
    written = record(
        writer, number, x=X, score=2 * X, arrived_unix_ns=arrived, rule=2, bucket=77, weight_bp=9_900, key_hash=1 << 63,
        request_id="mañana".encode(), decode_ns=1_000, queue_ns=2_500, run_ns=30_000, total_ns=50_000,
        trace_id=bytes(range(16)),
    )  # fmt: skip
    assert writer.append(written)
    writer.close()
    drained(config)
    (path,) = config.layout.parquet.rglob("*.parquet")
    folder = "predictions/model=flights/date=2023-11-14/hour=22"
    assert str(path.relative_to(config.layout.parquet)) == f"{folder}/w00-{0:016d}-v1.parquet"
    (row,) = rows_of(config)
    assert row == {
        "prediction_id": id_text(written.prediction_id), "parent_id": None, "request_id": "mañana", "journal": "w00",
        "trace_id": "000102030405060708090a0b0c0d0e0f",
        "sequence": 0, "arrived": datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC), "model": "flights", "version": 1,
        "role": "stable", "epoch": 1, "rule": "key", "bucket": 77, "weight_bp": 9_900, "key_hash": 1 << 63,
        "status": "answered", "reason": "", "rows": 2, "decode_us": 1.0, "queue_us": 2.5, "run_us": 30.0,
        "total_us": 50.0, "artifact_sha256": "a" * 64, "sampled": True,
        **{f"input.x[{column}]": X[:, column].tolist() for column in range(3)}, "input.x.shape": [2, 3],
        **{f"output.score[{column}]": (2 * X)[:, column].tolist() for column in range(3)}, "output.score.shape": [2, 3],
    }  # fmt: skip
    said = {b"datatype": b"FP32", b"side": b"input", b"tensor": b"x", b"column": b"2"}
    field = pq.read_schema(path).field("input.x[2]")
    assert (field.type, field.metadata) == (pa.list_(pa.float32()), said)


def test_every_datatype_keeps_its_values(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    specs = [{"name": name, "datatype": name, "shape": [-1]} for name in DATATYPES]
    number = writer.schema({"model": "m", "version": 1, "artifact_sha256": "", "inputs": specs, "outputs": []})
    arrays = {name: np.array([0, 1, 1]).astype(dtype) for name, dtype in NUMPY_OF.items()}
    tensors = [TensorRecord(INPUT, index, name, (3,), arrays[name]) for index, name in enumerate(DATATYPES[:-1])]
    tensors.append(TensorRecord(INPUT, len(DATATYPES) - 1, "BYTES", (3,), bytes_raw([b"", b"\xff\x00", b"text"])))
    for _ in range(3):
        assert writer.append(Record(writer.next_id(1), ANSWERED, 1, number, version=1, tensors=tensors))
    writer.close()
    drained(config)
    found = rows_of(config)
    assert len(found) == 3
    for row in found:
        assert row["input.BYTES"] == [b"", b"\xff\x00", b"text"]
        assert {name: row[f"input.{name}"] for name in arrays} == {name: arrays[name].tolist() for name in arrays}


def test_versions_and_hours_are_files_of_their_own_and_calls_without_a_model_are_rows_too(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    first, second = writer.schema(schema()), writer.schema(schema(version=2) | {"outputs": []})
    hour = 3_600_000_000_000
    assert writer.append(record(writer, first, x=X, score=X, arrived_unix_ns=5))
    assert writer.append(record(writer, second, x=X, version=2, arrived_unix_ns=5))
    assert writer.append(record(writer, first, x=X, score=X, arrived_unix_ns=5 + hour))
    assert writer.append(record(writer, first, status=FAILED, arrived_unix_ns=6, reason=b"broke"))
    refused = Record(writer.next_id(1), REJECTED, 7, request_id=b"\xff", reason=b"no such model")
    assert writer.append(refused)
    writer.close()
    shipper = drained(config)
    files = {str(path.relative_to(config.layout.parquet)) for path in config.layout.parquet.rglob("*.parquet")}
    day, name = "date=1970-01-01", f"w00-{0:016d}"
    assert files == {
        f"predictions/model=flights/{day}/hour=00/{name}-v1.parquet",
        f"predictions/model=flights/{day}/hour=00/{name}-v2.parquet",
        f"predictions/model=flights/{day}/hour=01/{name}-v1.parquet",
        f"predictions/model=_unknown/{day}/hour=00/{name}-v0.parquet",
    }
    by_sequence = {row["sequence"]: row for row in rows_of(config)}
    assert set(by_sequence) == set(range(5))
    assert (by_sequence[3]["reason"], by_sequence[3]["input.x[0]"], by_sequence[3]["status"]) == (
        "broke",
        None,
        "failed",
    )
    assert (by_sequence[4]["request_id"], by_sequence[4]["role"]) == ("�", "")
    assert "output.score[0]" not in by_sequence[1]
    assert shipper.rows["predictions", "_unknown", "rejected"] == 1
    counted = {(item.name, item.labels.get("status")): item.value for item in read_page(config.layout.page("shipper"))}
    assert counted["gnomon_shipped_rows_total", "answered"] == 3


def test_a_model_name_never_leads_out_of_the_folder(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    number = writer.schema({"model": "../../etc", "version": 1})
    assert writer.append(record(writer, number))
    writer.close()
    drained(config)
    assert [row["model"] for row in rows_of(config)] == ["../../etc"]


def test_a_shadow_frame_carries_both_answers(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config, slot=4095)
    described = schema(version=2) | {"live_version": 1, "live_outputs": schema()["outputs"], "live_score": None}
    number = writer.schema(described)
    tensors = [TensorRecord(direction, 0, "FP32", (2, 3), X * direction) for direction in (OUTPUT, LIVE_OUTPUT)]
    given = Record(
        writer.next_id(1), ANSWERED, 1, number, version=2, role=3, rule=4, tensors=tensors, parent_id=bytes(range(16))
    )
    assert writer.append(given)
    writer.close()
    writer.folder.rename(config.layout.shadow_journal)
    drained(config)
    (row,) = rows_of(config, "shadow")
    assert row["parent_id"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert [row[f"live_output.score[{column}]"] for column in range(3)] == (2 * X).T.tolist()
    assert (row["role"], row["rule"]) == ("shadow", "shadow")


def test_a_folder_of_files_is_read_as_one_table(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    number = writer.schema(schema())
    for _ in range(3):
        assert writer.append(record(writer, number, x=X, score=X))
        assert writer.append(record(writer, number, status=FAILED))
        assert writer.append(record(writer, 0))
    writer.close()
    drained(config)
    table = pq.read_table(config.layout.parquet / "predictions")
    assert sorted(table["model"].to_pylist()) == ["_unknown"] * 3 + ["flights"] * 6
    one_model = pq.read_table(config.layout.parquet / "predictions" / "model=flights")
    assert {"date", "hour", "input.x[0]"} <= set(one_model.column_names)
    assert one_model["input.x[0]"].null_count == 3


def test_only_sealed_segments_are_shipped(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    assert writer.append(record(writer, 0))
    assert not Shipper(config).step()
    writer.close()
    assert Shipper(config).step()
    assert not Shipper(config).step()


def test_a_segment_shipped_again_gives_the_same_files(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    number = writer.schema(schema())
    for _ in range(50):
        assert writer.append(record(writer, number, x=X, score=X))
    writer.close()
    drained(config)
    before = {path: path.read_bytes() for path in config.layout.parquet.rglob("*.parquet")}
    config.layout.checkpoint("shipper").unlink()
    again = drained(config)
    assert {path: path.read_bytes() for path in config.layout.parquet.rglob("*") if path.is_file()} == before
    assert again.rows.total() == 50


def test_what_precedes_a_damaged_frame_is_shipped_and_the_rest_is_missed(tmp_path):
    config = config_in(tmp_path)
    for _ in range(2):
        writer = writer_of(config)
        for _ in range(10):
            assert writer.append(record(writer, 0))
        writer.close()
    path = segments(writer.folder)[0]
    content = bytearray(path.read_bytes())
    content[4096 + 144 * 6 + 50] ^= 1
    path.write_bytes(content)
    shipper = drained(config)
    assert [row["sequence"] for row in rows_of(config)] == [*range(6), *range(10, 20)]
    assert shipper.journals["w00"]["corrupt"] == 1
    assert shipper.books()["w00"] == Books(journaled=20, delivered=16, unreadable=4)


def test_a_disk_that_takes_no_file_is_tried_again_without_a_row_twice(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    assert writer.append(record(writer, 0))
    writer.close()
    config.layout.parquet.rmdir()
    config.layout.parquet.write_text("in the way")
    shipper = Shipper(config)
    assert not shipper.step()
    assert shipper.totals["errors"] == 1
    config.layout.parquet.unlink()
    shipper._again = 0.0
    assert shipper.step()
    assert len(rows_of(config)) == 1


SHIP = """
import sys
from pathlib import Path
from gateway.config import Config
from gateway import shipper
shipper.run(Config.from_json(Path(sys.argv[1]).read_text()))
"""


def test_every_call_is_a_row_once_when_the_shipper_is_killed_at_any_instant(tmp_path):
    config = config_in(tmp_path, segment_bytes=(1 << 17) + (2 << 20))
    config.layout.config.write_text(config.to_json())
    writer = writer_of(config, segment_bytes=40_000)
    number = writer.schema(schema())
    written = set()
    for _ in range(40):
        for _ in range(100):
            call = record(writer, number, x=X, score=X)
            assert writer.append(call)
            written.add(id_text(call.prediction_id))
        assert writer._rotate(wait_s=5)
    writer.close()
    chance = random.Random(3)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", SHIP, str(config.layout.config)])
        checkpoint = config.layout.checkpoint("shipper")
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
            time.sleep(0.001)
            if process.poll() is not None:
                break
            if before and len(rows_of(config)) == len(written):
                break
        time.sleep(chance.uniform(0.0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    shipper = drained(config)
    found = Counter(row["prediction_id"] for row in rows_of(config))
    assert set(found) == written
    assert found.total() == len(written)
    assert shipper.rows.total() == len(written)


def test_a_shipper_told_to_stop_ships_what_is_sealed_and_ends_well(tmp_path):
    config = config_in(tmp_path)
    config.layout.config.write_text(config.to_json())
    writer = writer_of(config)
    assert writer.append(record(writer, 0))
    process = subprocess.Popen([sys.executable, "-c", SHIP, str(config.layout.config)])
    page = config.layout.page("shipper")
    while not page.exists():
        time.sleep(0.01)
    writer.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert len(rows_of(config)) == 1


@pytest.mark.parametrize("name", ["request_id", "reason", "prediction_id"])
def test_texts_are_strings_in_arrow(tmp_path, name):
    config = config_in(tmp_path)
    writer = writer_of(config)
    for number in range(20):
        assert writer.append(record(writer, 0, request_id=b"r" * number, reason=b"q" * (20 - number)))
    writer.close()
    drained(config)
    (path,) = config.layout.parquet.rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    assert table.schema.field(name).type == pa.string()
    assert table["request_id"].to_pylist() == ["r" * number for number in range(20)]
    assert table["reason"].to_pylist() == ["q" * (20 - number) for number in range(20)]
