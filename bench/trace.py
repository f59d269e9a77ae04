"""How long it takes to find one prediction among millions on disk.

    python -m bench.trace [--records 10000000] [--lookups 2000] [--dir DIR]

Writes a journal of small calls (4 features; about 2.4 GB for ten million), indexes it as a supervisor does, and looks
predictions up at random: by their own id, and by the id their caller gave. The first look-up, which opens every index,
is said apart.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.finder import Finder
from gateway.journal.format import ANSWERED, INPUT, OUTPUT, id_text, prediction_id
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.layout import Layout
from gateway.shelf import Shelf

SEGMENT_BYTES = 64 << 20
FEATURES = 4
HOST = 7
BEGAN_MS = 1_700_000_000_000
SCHEMA = {
    "model": "flight-delay", "version": 3, "artifact_sha256": "a" * 64,
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
    "score": {"output": 0, "column": 0},
}  # fmt: skip


def identity(sequence: int) -> bytes:
    return prediction_id(BEGAN_MS + sequence // 20, HOST, 0, sequence)


def request_id(sequence: int) -> bytes:
    return b"request-%012d" % sequence


def fill(folder: Path, records: int) -> None:
    writer = Writer(folder, host=HOST, slot=0, segment_bytes=SEGMENT_BYTES, segment_max_age_s=1e9)
    number = writer.schema(SCHEMA)
    features = np.ones((1, FEATURES), np.float32).tobytes()
    tensors = [
        TensorRecord(INPUT, 0, "FP32", (1, FEATURES), features), TensorRecord(OUTPUT, 0, "FP32", (1,), bytes(4))
    ]  # fmt: skip
    for sequence in range(records):
        record = Record(
            identity(sequence), ANSWERED, (BEGAN_MS + sequence // 20) * 1_000_000, number, 7, 3, 1, 2, 4_711, 10_000,
            99, 1, 11_000, 4_000, 30_000, 60_000, request_id(sequence), b"", tensors,
        )  # fmt: skip
        while not writer.append(record):  # the disk is slower than we are: a benchmark waits, a worker would not
            raise SystemExit("the disk gave no segment in time")
    writer.close()


def timed(look: Callable[[int], int], sequences: list[int]) -> Iterator[tuple[float, float]]:
    """Milliseconds of each: on the clock, and of the processor."""
    for sequence in sequences:
        began, computing = time.perf_counter(), time.thread_time()
        found = look(sequence)
        yield (time.perf_counter() - began) * 1e3, (time.thread_time() - computing) * 1e3
        assert found == sequence, (found, sequence)


def report(what: str, taken: list[tuple[float, float]]) -> None:
    first, *others = taken
    clock, processor = np.quantile(np.array(others), [0.5, 0.99, 1.0], axis=0).T
    print(f"{what}: first {first[0]:.2f} ms; p50, p99, most {told(clock)} ms")
    print(f"{'':{len(what)}}  of the processor: p50, p99, most {told(processor)} ms", flush=True)


def told(figures: NDArray[np.float64]) -> str:
    return " ".join(f"{figure:.3f}" for figure in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds to find a prediction.")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--lookups", type=int, default=2_000)
    parser.add_argument("--dir", type=Path, help="where the journal is written (default: a temporary folder)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=flags.dir) as root:
        layout = Layout(Path(root))
        layout.make()
        began = time.perf_counter()
        fill(layout.worker_journal(0), flags.records)
        print(f"{flags.records} records written in {time.perf_counter() - began:.0f} s", flush=True)
        began = time.perf_counter()
        made = Shelf(layout).make()
        size = sum(path.stat().st_size for path in layout.indexes.rglob("*"))
        print(
            f"{made} segments indexed in {time.perf_counter() - began:.1f} s, {size / flags.records:.1f} bytes a record"
        )
        chance = random.Random(1)
        sequences = [chance.randrange(flags.records) for _ in range(flags.lookups + 1)]
        finder = Finder(layout)
        by_id = timed(lambda n: int(finder.by_prediction(id_text(identity(n))).sequence), sequences)
        report("by prediction id", list(by_id))
        finder = Finder(layout)
        by_request = timed(lambda n: int(finder.by_request(request_id(n).decode()).sequence), sequences[:501])
        report("by request id", list(by_request))


if __name__ == "__main__":
    main()
