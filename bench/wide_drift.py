"""PSI and KS of every column of two wide Parquet tables, on two cores: the job that takes other libraries hours.

    python -m bench.wide_drift [--rows 3000000] [--columns 1000] [--file-rows 300000] [--dir DIR] [--json]

Each table is one generated file, read as often as its rows go into `--rows`: every pass reads and decodes it again, so
the work is that of a table of that size; only the disk has less to hold. What is timed: bins fitted to a sample of the
reference, both tables counted, all columns judged. A third of the columns has drifted, and has to be found.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.drift_data import table
from gnomon.stats import MonitorVerdict, Profile, Sketch
from gnomon.stats.binner import Binner
from gnomon.stats.columns import columns_of

GROUP_ROWS = 50_000
SAMPLE_ROWS = 50_000
DISTINCT = 60  # columns that are drawn; the others are these again, moved a little
DRIFTED = 3  # every third column
CORES = 2


def generate(path: Path, rows: int, columns: int, seed: int, moved: float) -> None:
    """A Parquet file of float32, a row group at a time; every third column is `moved` standard deviations."""
    names = [f"f{column}" for column in range(columns)]
    with pq.ParquetWriter(
        path, pa.schema([(name, pa.float32()) for name in names]), compression="none", use_dictionary=False
    ) as writer:
        for group, first in enumerate(range(0, rows, GROUP_ROWS)):
            drawn = table(min(GROUP_ROWS, rows - first), min(DISTINCT, columns), seed * 1_000 + group)
            arrays = [_column(drawn, column, moved) for column in range(columns)]
            writer.write_table(pa.table(arrays, names=names))


def _column(drawn: np.ndarray, column: int, moved: float) -> pa.Array:
    values = drawn[:, column % drawn.shape[1]] * np.float32(1 + column // drawn.shape[1])
    return pa.array(values + np.float32(moved * values.std()) if column % DRIFTED == 0 else values)


def fit(path: Path, threads: ThreadPoolExecutor) -> Profile:
    """Bins of a sample: the rows of the first groups, evenly, until there are enough."""
    file = pq.ParquetFile(path)
    groups = min(file.num_row_groups, 4)
    every = max(1, groups * GROUP_ROWS // SAMPLE_ROWS)
    names = file.schema_arrow.names

    def part(some: list[str]) -> dict[str, np.ndarray]:
        found = pq.ParquetFile(path).read_row_groups(list(range(groups)), columns=some, use_threads=False)
        return {name: found[name].to_numpy()[::every].copy() for name in some}

    parts = list(threads.map(part, _portions(names, 50)))
    return Profile.fit({name: values for found in parts for name, values in found.items()})


def _portions(names: list[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(names), size):
        yield names[first : first + size]


def counted(profile: Profile, path: Path, times: int, threads: ThreadPoolExecutor) -> Sketch:
    """Every row group of the file, `times` over, each thread with a sketch of its own; merged at the end."""
    groups = pq.ParquetFile(path).num_row_groups
    wanted = [group for _ in range(times) for group in range(groups)]
    binner = Binner(profile)

    def shard(numbers: list[int]) -> Sketch:
        file, sketch = pq.ParquetFile(path), Sketch(profile, binner)
        for number in numbers:
            for some in _portions(file.schema_arrow.names, 200):
                sketch.update_columns(columns_of(file.read_row_group(number, columns=some, use_threads=False)))
        return sketch

    whole = Sketch(profile, binner)
    for sketch in threads.map(shard, [wanted[core::CORES] for core in range(CORES)]):
        whole.merge(sketch)
    return whole


def run(reference: Path, current: Path, times: int) -> tuple[dict[str, float], list[MonitorVerdict]]:
    """Seconds of each step, and what is found."""
    taken, began = {}, time.perf_counter()

    def lap(what: str) -> None:
        nonlocal began
        now = time.perf_counter()
        taken[what], began = now - began, now

    with ThreadPoolExecutor(CORES, "drift") as threads:
        profile = fit(reference, threads)
        lap("bins of a sample")
        profile = profile.recounted(counted(profile, reference, times, threads).counts)
        lap("reference counted")
        window = counted(profile, current, times, threads)
        lap("current counted")
        verdicts = window.judge()
        lap("judged")
    return taken | {"all": sum(taken.values())}, verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds for PSI and KS of a wide table.")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--columns", type=int, default=1_000)
    parser.add_argument("--file-rows", type=int, default=300_000, help="rows of the files; read again to make --rows")
    parser.add_argument("--dir", type=Path, help="where the files are written (default: a temporary folder)")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    times = max(1, flags.rows // flags.file_rows)
    rows = times * flags.file_rows
    with tempfile.TemporaryDirectory(dir=flags.dir) as folder:
        reference, current = Path(folder) / "reference.parquet", Path(folder) / "current.parquet"
        generate(reference, flags.file_rows, flags.columns, seed=1, moved=0.0)
        generate(current, flags.file_rows, flags.columns, seed=2, moved=1.0)
        read = (reference.stat().st_size + current.stat().st_size) * times
        taken, verdicts = run(reference, current, times)
    found = {int(verdict.name[1:]) for verdict in verdicts if verdict.alarmed}
    assert found == set(range(0, flags.columns, DRIFTED)), "other columns alarm than those that drifted"
    assert {verdict.rows for verdict in verdicts} == {rows}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    if flags.json:
        print(json.dumps({"seconds": taken, "read_gb": read / 1e9, "peak_mb": peak_mb, "rows": rows}))
        return
    print(f"{rows:,} rows of {flags.columns:,} columns, twice: {times} times files of {flags.file_rows:,}")
    for what, seconds in taken.items():
        print(f"{what:20}{seconds:8.2f} s")
    print(f"{read / 1e9:.1f} GB read and decoded, {peak_mb:.0f} MB at most; {len(found)} drifted columns, all found")


if __name__ == "__main__":
    main()
