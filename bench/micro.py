"""What a record costs: its append, its checksum, its way into an observer's columns, and all an observer does with it.

    python -m bench.micro [--records 400000] [--dir DIR]

A call of 30 float32 features, answered with a label and two probabilities. Each figure is the best of the repeats, on
one core: compare within a run, not between runs.
"""

import argparse
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gateway.config import Config
from gateway.desired import write_snapshot
from gateway.journal.columns import groups
from gateway.journal.durable import DurableWriter
from gateway.journal.format import ANSWERED, INPUT, NUMPY_OF, OUTPUT
from gateway.journal.segments import segments
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.layout import Layout
from gateway.observer import Observer
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.stats.profile import Profile
from gnomon.wire import message_of

FEATURES = 30
REPEATS = 3
TURNS = 300
BATCH = 4_096  # as an observer reads
SCHEMA = {
    "model": "flight-delay",
    "version": 3,
    "artifact_sha256": "a" * 64,
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
    ],
    "score": {"output": 1, "column": 1},
}
ROUTE = Route(
    model="flight-delay", revision=7, arms=(Arm(version=3, role=Role.STABLE),), latency_thresholds_us=(1_000, 5_000)
)


def tensors() -> list[TensorRecord]:
    features = np.random.default_rng(1).normal(size=(1, FEATURES)).astype(np.float32)
    return [
        TensorRecord(INPUT, 0, "FP32", (1, FEATURES), features.tobytes()),
        TensorRecord(OUTPUT, 0, "INT64", (1,), bytes(8)),
        TensorRecord(OUTPUT, 1, "FP32", (1, 2), np.array([0.25, 0.75], np.float32).tobytes()),
    ]


def fill(folder: Path, records: int, segment_bytes: int) -> float:
    """A journal of `records` calls; the seconds it took to append them, rotations apart."""
    writer = Writer(folder, host=7, slot=0, segment_bytes=segment_bytes, segment_max_age_s=1e9)
    number, kept, taken_ns = writer.schema(SCHEMA), tensors(), 0
    writer.route(ROUTE.revision, message_of(ROUTE).SerializeToString())
    done = 0
    while done < records:
        portion = min(10_000, records - done)
        ids = [writer.next_id(time.time_ns())] * portion
        began = time.thread_time_ns()
        for given in ids:
            writer.append(
                Record(
                    given, ANSWERED, 1_700_000_000_000_000_000 + done, number, 7, 3, 1, 2, 4_711, 10_000, 99, 1,
                    11_000, 4_000, 30_000, 60_000, b"0123456789abcdef", b"", kept,
                )
            )  # fmt: skip
        taken_ns += time.thread_time_ns() - began
        done += portion
    writer.close()
    assert not writer.lost
    return taken_ns / 1e9


def synced(folder: Path, calls: int, segment_bytes: int) -> float:
    """Seconds on the clock for a turn of `calls` appends and the wait for the disk: the median of some hundred."""
    writer = DurableWriter(folder, host=7, slot=1, segment_bytes=segment_bytes, segment_max_age_s=1e9)
    number, kept, taken = writer.schema(SCHEMA), tensors(), []
    for _ in range(TURNS):
        began = time.perf_counter()
        for _ in range(calls):
            writer.append(Record(writer.next_id(1), ANSWERED, 1, number, tensors=kept))
        assert writer.sync()
        taken.append(time.perf_counter() - began)
    writer.close()
    return sorted(taken)[TURNS // 2]


def best(run: Callable[[], None]) -> float:
    """Seconds of processor time of the fastest of the repeats."""
    taken = []  # processor time: a neighbour on the core is not ours to count
    for _ in range(REPEATS):
        began = time.thread_time()
        run()
        taken.append(time.thread_time() - began)
    return min(taken)


def decode(folder: Path, records: int) -> None:
    """Every frame checked, and every tensor of numbers a column."""
    reader, read, total = JournalReader(folder), 0, 0.0
    while (batch := reader.read(BATCH)) is not None:
        for group in groups(batch):
            read += len(group)
            for place in group.places:
                if place.datatype in NUMPY_OF:
                    total += float(group.values(place).reshape(len(group), -1)[-1, -1])
    assert read == records, (read, records)
    assert total > 0


def checksums(folder: Path) -> Iterator[tuple[str, float]]:
    """(what, seconds for every byte of the journal), over the frames' own sizes."""
    data = b"".join(path.read_bytes() for path in segments(folder))
    size = len(data)
    frame = memoryview(data)[4096 : 4096 + 336]
    count = size // len(frame)

    def each(part: bytes | memoryview, times: int) -> None:
        for _ in range(times):
            zlib.crc32(part)

    yield "zlib, a frame a call", best(lambda: each(frame, count))
    yield "zlib, all at once", best(lambda: each(data, 1))


def observer_of(config: Config, profile: Profile | None) -> Observer:
    digest = "b" * 64 if profile is not None else ""
    if profile is not None:
        config.layout.blob(digest).write_bytes(profile.to_bytes())
    version = Version(model="flight-delay", version=3, artifact_sha256="a" * 64, profile_sha256=digest)
    state = DesiredState(revision=7, models=(ModelState(route=ROUTE, versions=(version,)),))
    write_snapshot(config.layout.snapshot, state)
    return Observer(config)


def observe(config: Config, profile: Profile | None, records: int) -> None:
    observer = observer_of(config, profile)
    while observer.read():
        pass
    assert sum(follower.read for follower in observer.readers) == records


def reference() -> Profile:
    rows = np.random.default_rng(2).normal(size=(20_000, FEATURES)).astype(np.float32)
    return Profile.fit(rows, tensor="features")


def measure(root: Path, records: int) -> Iterator[tuple[str, float]]:
    """(what, seconds for all records)."""
    config = Config(dir=str(root))
    config.layout.make()
    folder = Layout(root).worker_journal(0)
    yield "append", fill(folder, records, config.segment_bytes)
    for what, taken in checksums(folder):
        yield f"checksum ({what})", taken
    decode(folder, records)  # compiles what is compiled
    yield "walk + decode", best(lambda: decode(folder, records))
    for what, profile in (("observer, no profile", None), (f"observer, {FEATURES} monitors", reference())):
        observe(config, profile, records)
        yield what, best(lambda profile=profile: observe(config, profile, records))  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description="Microseconds a record.")
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--dir", type=Path, help="where the journal is written (default: a temporary folder)")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=flags.dir) as folder:
        for what, taken in measure(Path(folder), flags.records):
            found[what] = 1e6 * taken / flags.records
            say(flags.json, f"{what:34}{found[what]:8.3f} µs a record{1 / found[what]:9.2f} M records/s")
        for calls in (1, 16, 64):
            taken = synced(Path(folder) / f"sync-{calls}", calls, 64 << 20)
            found[f"sync, {calls} calls a turn"] = 1e6 * taken / calls
            say(flags.json, f"append + sync, {calls:2} calls a turn{taken * 1e6:9.0f} µs a turn, waiting for the disk")
    if flags.json:
        print(json.dumps({what: {"us_a_record": each} for what, each in found.items()}, indent=1))


def say(as_json: bool, line: str) -> None:
    if not as_json:
        print(line, flush=True)


if __name__ == "__main__":
    main()
