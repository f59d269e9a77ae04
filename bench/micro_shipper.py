"""Records a second from journal to Parquet, on one core: sealed segments to files that are forced to the disk.

    python -m bench.micro_shipper

A record is a call of one row with 30 features and two outputs, a client's id and a routing key's hash, as a worker
journals it. The figure is the best of the repeats; stages are of that one's segments, on their own.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.journal.format import ANSWERED, INPUT, OUTPUT
from gateway.journal.segments import segments
from gateway.journal.walk import SegmentReader
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.layout import Layout
from gateway.shipper import Files
from gateway.shipping import parquet
from gateway.shipping.frames import walk
from gateway.shipping.policies import Policies
from gateway.shipping.rows import parts, table
from gateway.shipping.segment import read_sealed
from gateway.shipping.stores import Folder

FEATURES = 30
RECORDS = 400_000
REPEATS = 3
SEGMENT_BYTES = 64 << 20
MODEL = {
    "model": "pricing", "version": 1, "artifact_sha256": "a" * 64,
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
    ],
    "score": {"output": 1, "column": -1},
}  # fmt: skip


def write_journal(folder: Path, records: int) -> list[Path]:
    """Sealed segments of `records` calls with random features: nothing compresses that would not."""
    writer = Writer(folder, host=1, slot=0, segment_bytes=SEGMENT_BYTES, segment_max_age_s=1e9)
    number = writer.schema(MODEL)
    features = np.random.default_rng(1).normal(size=(records, FEATURES)).astype(np.float32)
    now = 1_700_000_000_000_000_000
    for row in range(records):
        tensors = [
            TensorRecord(INPUT, 0, "FP32", (1, FEATURES), features[row]),
            TensorRecord(OUTPUT, 0, "INT64", (1,), np.array([row % 2])),
            TensorRecord(OUTPUT, 1, "FP32", (1, 2), features[row, :2]),
        ]
        arrived = now + row * 3000
        record = Record(
            writer.next_id(arrived), ANSWERED, arrived, number, version=1, role=1, rule=2, rows=1, epoch=7,
            bucket=row % 10_000, weight_bp=10_000, key_hash=row * 2_654_435_761 % (1 << 64),
            decode_ns=3_000 + row % 997, queue_ns=500 + row % 89, run_ns=12_000 + row % 4_999,
            total_ns=20_000 + row % 7_919, request_id=b"%016x" % (row * 40_503), tensors=tensors,
        )  # fmt: skip
        while not writer.append(record):
            time.sleep(0.01)  # the next segment is not there yet
    writer.close()
    return segments(folder)


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ship(path: Path, root: Path) -> None:
    segment = read_sealed(path, "w00")
    assert segment is not None
    Files(Folder(root), Policies(Layout(root))).deliver(segment)


def shipping_s(paths: list[Path], root: Path) -> float:
    began = time.perf_counter()
    for path in paths:
        ship(path, root)
    return time.perf_counter() - began


def stages(path: Path, folder: Path) -> dict[str, float]:
    """Microseconds a record of each stage, for one segment."""
    walked = walk(SegmentReader(path))
    (part,) = parts(walked.frames, walked.schemas)
    built = table(part, "w00")
    took = {
        "walk and check": seconds(lambda: walk(SegmentReader(path))),
        "arrow columns": seconds(lambda: table(part, "w00")),
        "parquet to disk": seconds(lambda: parquet.write(built, folder / "stage.parquet")),
    }
    return {name: taken / len(part.frames) * 1e6 for name, taken in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=RECORDS)
    records = parser.parse_args().records
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_journal(folder / "w00", records)
        ship(paths[0], folder / "warm")  # compiles
        took = min(shipping_s(paths, folder / f"repeat-{repeat}") for repeat in range(REPEATS))
        print(f"{records / took:,.0f} records/s to Parquet on one core ({FEATURES} features, 2 outputs)")
        for stage, microseconds in stages(paths[0], folder).items():
            print(f"  {stage:16}{microseconds:7.2f} µs")


if __name__ == "__main__":
    main()
