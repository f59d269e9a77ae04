"""`python -m bench.slow_disk`: the disk under the journal made ten times slower. What does it do to calls?

Other processes write to the same disk past the page cache, as many as it takes until a small forced write takes ten
times what it took before. Windows with and without them stand side by side in time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.house import House
from bench.session import window

SLOWER = 10.0
P99_LIMIT = 1.05
MOST_WRITERS = 32
PROBES = 40
WRITE = """
import mmap, os, sys
from bench import cores
cores.step_aside()
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
piece = mmap.mmap(-1, 1 << 20)
piece.write(os.urandom(1 << 20))
turn = 0
while os.getppid() == int(sys.argv[2]):
    os.pwrite(file, piece, (turn % 64) << 20)
    turn += 1
"""


@dataclass(kw_only=True)
class Found:
    """Window by window. Written by: the one thread that runs it."""

    quiet_p99_us: list[float] = field(default_factory=list)
    slow_p99_us: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)  # a forced write, against the one of the quiet window before
    writers: int = 0
    calls: int = 0
    failed: int = 0

    def take(self, result: dict[str, Any]) -> float:
        self.calls += result["calls"]
        self.failed += result["failed"]
        return float(result["latency_us"]["p99"])

    def ratio(self) -> float:
        """p99 on the slow disk over p99 on the quiet one, the median over pairs of windows."""
        pairs = zip(self.slow_p99_us, self.quiet_p99_us, strict=True)
        return statistics.median(slow / quiet for slow, quiet in pairs)


def forced_write_s(folder: Path) -> float:
    """The median of some writes of 4 KiB that are forced to the disk, one after the other."""
    taken = []
    file = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(PROBES):
            os.pwrite(file, b"x" * 4096, 0)
            began = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(file)
    return statistics.median(taken)


class Writers:
    """Processes that keep the disk busy; they end with this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def __len__(self) -> int:
        return len(self._running)

    def add(self) -> None:
        target = self._folder / f"writer-{len(self)}"
        self._running.append(subprocess.Popen([sys.executable, "-c", WRITE, str(target), str(os.getpid())]))

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        self._running.clear()


@contextmanager
def slowed(folder: Path, quiet_s: float, wanted: int) -> Iterator[tuple[int, float]]:
    """(how many writers, how many times slower): at least `wanted` writers, and more until it is enough."""
    writers = Writers(folder)
    try:
        while True:
            while len(writers) < wanted:
                writers.add()
            time.sleep(0.5)
            slower = forced_write_s(folder) / quiet_s
            if slower >= SLOWER or wanted >= MOST_WRITERS:
                break
            wanted *= 2
        yield wanted, slower
    finally:
        writers.stop()


def run(house: House, folder: Path, options: argparse.Namespace) -> Found:
    found = Found(writers=4)
    window(house, options.rate, options.window_s)  # the first calls fill caches
    for _ in range(options.pairs):
        quiet_s = forced_write_s(folder)
        found.quiet_p99_us.append(found.take(window(house, options.rate, options.window_s)))
        with slowed(folder, quiet_s, found.writers) as (found.writers, slower):
            found.slower.append(slower)
            found.slow_p99_us.append(found.take(window(house, options.rate, options.window_s)))
        print(
            f"a forced write of {quiet_s * 1e3:.1f} ms is {slower:.0f} times slower beside {found.writers} writers: "
            f"p99 {found.slow_p99_us[-1]:.0f} µs, quiet {found.quiet_p99_us[-1]:.0f} µs, {found.failed} failed",
            flush=True,
        )
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench.slow_disk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=6, help="of windows, without and with the other writers")
    parser.add_argument("--rate", type=float, default=5_000.0, help="calls a second, on a schedule")
    parser.add_argument("--window-s", type=float, default=4.0)
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="folder for slow-disk.json")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="gnomon-disk-", ignore_cleanup_errors=True) as work,
        House(Path(work) / "pair", options.results / "models", ()) as house,
    ):
        found = run(house, Path(work), options)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "slow-disk.json").write_text(json.dumps(asdict(found), indent=1))
    slowest, ratio = statistics.median(found.slower), found.ratio()
    judged = {
        f"a disk {slowest:.0f} times slower, {SLOWER:g} wanted": slowest >= SLOWER,
        f"{found.failed} calls of {found.calls} failed": found.failed == 0,
        f"p99 {ratio:.2f} times that on the quiet disk, the median of {options.pairs} pairs (at most {P99_LIMIT})":
            ratio <= P99_LIMIT,
    }  # fmt: skip
    for name, met in judged.items():
        print(f"{'met   ' if met else 'missed'} {name}")
    return 0 if all(judged.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
