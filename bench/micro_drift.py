"""What counting a value for drift costs, beside numpy and the libraries that are used for it.

    python -m bench.micro_drift [--no-peers] [--rows 100000] [--json]

30 float32 features in 240 bins each, one thread. Each figure is processor time of the best of the repeats, and all of a
run are taken one after the other: compare within a run. Peers have environments of their own under bench-results/venvs,
made at the first run; one that cannot be installed is left out by name.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench.drift_data import FEATURES, table
from bench.peers.child import PeerFailed
from bench.peers.venv import interpreter
from gnomon.stats import Profile, Sketch
from gnomon.stats.binner import Binner

REPEATS = 15
PEER_TIMEOUT_S = 200.0
VENVS = Path("bench-results/venvs")
SMALL = 100  # rows of a call, as serving brings them
NUMPY, OURS, OURS_SMALL = "numpy, searchsorted + bincount", "update, row-major", f"update, {SMALL} rows"
PACKAGES = {
    "kll": ("datasketches==5.2.0", "numpy"),
    "evidently": ("evidently==0.7.23", "pandas<3"),
    "whylogs": ("whylogs==1.6.4", "numpy<2", "pandas<3"),
}
CALLS = (  # peer, rows of a call, how many times slower is wanted
    ("kll", 100_000, 20),
    ("evidently", 10_000, 1_000),
    ("whylogs", 10_000, 1_000),
    ("whylogs", SMALL, 1_000),
)


def best_ns(run: Callable[[], object], values: int, repeats: int = REPEATS) -> float:
    """Processor nanoseconds a value of the fastest run, after one that does not count."""
    run()
    taken = []
    for _ in range(repeats):
        began = time.thread_time_ns()
        run()
        taken.append(time.thread_time_ns() - began)
    return min(taken) / values


def ours(rows: int) -> Iterator[tuple[str, float]]:
    """(what, ns a value)."""
    profile, batch = Profile.fit(table(50_000)), table(rows, seed=1)
    sketch = Sketch(profile)
    yield OURS, best_ns(lambda: sketch.update(batch), batch.size)
    yield OURS_SMALL, best_ns(lambda: sketch.update(batch[:SMALL]), SMALL * FEATURES, repeats=500)
    columns = np.asfortranarray(batch)
    yield "update, column-major", best_ns(lambda: sketch.update(columns), batch.size)
    for kind in ("float64", "int64"):
        numbers = (batch * 100).astype(kind)
        other = Sketch(Profile.fit(numbers[:50_000], dtype=kind))
        yield f"update, {kind}", best_ns(lambda: other.update(numbers), batch.size)  # noqa: B023
    names = np.random.default_rng(2).zipf(1.3, rows).clip(1, 10_000)
    categories = Sketch(Profile.fit({"id": names}, categorical=["id"]))
    yield "update, 4 000 categories of numbers", best_ns(lambda: categories.update({"id": names}), rows)
    yield "update and judge, a window of 10 000", best_ns(lambda: judged(sketch, batch[:10_000]), 10_000 * FEATURES)
    yield NUMPY, best_ns(lambda: counted(profile, batch), batch.size, repeats=3)
    assert np.array_equal(counted(profile, batch), sketch_of(profile, batch).counts)


def sketch_of(profile: Profile, batch: np.ndarray) -> Sketch:
    sketch = Sketch(profile)
    sketch.update(batch)
    return sketch


def judged(sketch: Sketch, batch: np.ndarray) -> None:
    sketch.reset()
    sketch.update(batch)
    sketch.judge()


def counted(profile: Profile, batch: np.ndarray) -> np.ndarray:
    """The counts of `batch` as numpy finds them; no value of it is NaN."""
    return np.concatenate([
        np.bincount(np.searchsorted(monitor.edges, batch[:, place], "right"), minlength=monitor.slots)
        for place, monitor in enumerate(profile.monitors)
    ])  # fmt: skip


def call_us(rows: int) -> float:
    """Processor microseconds of counting one small block, all that Python does included."""
    profile = Profile.fit(table(50_000))
    binner, counts, block = Binner(profile), np.zeros(profile.slots, np.int64), table(rows, seed=1)

    def many() -> None:
        for _ in range(1_000):
            binner.count(block, slice(None), counts)

    return best_ns(many, 1_000) / 1_000


def peer(name: str, rows: int) -> dict[str, float]:
    """Nanoseconds a value of a peer's calls of so many rows. Raises: PeerFailed."""
    python = interpreter(VENVS / name, PACKAGES[name]).absolute()
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "WHYLOGS_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
    command = [str(python), "-m", "bench.peers.drift_peer", name, str(rows)]
    try:
        done = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=PEER_TIMEOUT_S
        )
    except subprocess.SubprocessError as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise PeerFailed(f"{name}: {words[-1] if words else error}") from None
    told = json.loads(done.stdout.splitlines()[-1])
    return {f"{what}, {rows:,} rows": float(taken) for what, taken in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Nanoseconds a value.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    found = dict(ours(flags.rows))
    wanted: dict[str, tuple[str, int]] = {NUMPY: (OURS, 25)}  # beside which of ours, and how many times its time
    for name, rows, factor in () if flags.no_peers else CALLS:
        try:
            measured = peer(name, rows)
        except PeerFailed as error:
            print(f"left out: {error}", flush=True)
            continue
        found |= measured
        wanted |= dict.fromkeys(measured, (OURS_SMALL if rows == SMALL else OURS, factor))
    if flags.json:
        print(json.dumps({what: {"ns_a_value": each, "times": each / found[OURS]} for what, each in found.items()}))
    else:
        report(found, wanted)


def report(found: dict[str, float], wanted: dict[str, tuple[str, int]]) -> None:
    for what, each in found.items():
        line = f"{what:48}{each:12.2f} ns a value"
        if what in wanted:
            beside, factor = wanted[what]
            line += f"{each / found[beside]:12,.1f} times {beside!r}, wanted {factor:,}"
        print(line + (f"{'':12}wanted 2.0" if what == OURS else ""))
    for rows in (1, 8, 64):
        print(f"a call of {rows:2} rows of {FEATURES}: {call_us(rows):.2f} µs")


if __name__ == "__main__":
    main()
