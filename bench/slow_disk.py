"""`python -m bench.slow_disk`: the disk under the pair made ten times slower, and full. What does it do to calls?

Root has a file system of its own on a loop device, which the kernel holds back until forced writes, of 4 KiB and of
32 MiB, take ten times what they took before; and which is filled to the last block. Others have neither: processes
write to the same disk past the page cache, as many as it takes, on the cores that the generator wants too, and no disk
is full. Windows with and without stand side by side in time.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import loop_disk
from bench.beside import Beside, told
from bench.house import House
from bench.loop_disk import LoopDisk
from bench.session import window
from gnomon.client import GatewayClient

SLOWER = 10.0
MOST_WRITERS = 32
PROBES = 40
DISK_BYTES = 4 << 30
BULK_BYTES = 32 << 20
SMALL = ("--segment-bytes", str(3 << 20), "--max-message-bytes", str(1 << 20))  # full within a window
RECOVERY_S = 10.0
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
class Found(Beside):
    """And how slow, or how full, the disk was."""

    slower: list[float] = field(default_factory=list)  # a forced write, against the one of the quiet window before
    lost: list[int] = field(default_factory=list)  # answered calls without a record, while the disk was full
    recovered_s: list[float] = field(default_factory=list)  # from the first free block until calls were journaled again


def forced_write_s(folder: Path, size: int = 4096, probes: int = PROBES) -> float:
    """The mean of some writes that are forced to the disk, one after the other."""
    taken = []
    file = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(probes):
            os.pwrite(file, bytes(size), 0)
            began = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(file)
    return statistics.fmean(taken)


class Throttle:
    """Makes a disk of our own slow: how it has to be held back is found once, before anybody else uses it."""

    def __init__(self, disk: LoopDisk) -> None:
        self._disk = disk
        quiet_s, slower = forced_write_s(disk.folder), 0.0
        self._bytes_per_s = int(BULK_BYTES / forced_write_s(disk.folder, BULK_BYTES, 3) / SLOWER)
        self._writes_per_s = int(2 / quiet_s / SLOWER)
        while slower < SLOWER:
            with self.slowed(quiet_s) as slower:
                self._writes_per_s = int(self._writes_per_s * min(0.9, max(0.3, slower / SLOWER)))

    @contextmanager
    def slowed(self, quiet_s: float) -> Iterator[float]:
        """How many times slower it is."""
        self._disk.throttle(self._writes_per_s, self._bytes_per_s)
        try:
            yield forced_write_s(self._disk.folder, probes=10) / quiet_s
        finally:
            self._disk.throttle(0, 0)


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
    def slowed(self, quiet_s: float) -> Iterator[float]:
        """How many times slower the disk is: more writers until it is enough."""
        wanted = 4
        try:
            while True:
                while len(self) < wanted:
                    self.add()
                time.sleep(0.5)
                slower = forced_write_s(self._folder) / quiet_s
                if slower >= SLOWER or wanted >= MOST_WRITERS:
                    break
                wanted *= 2
            yield slower
        finally:
            self.stop()


def slow(house: House, folder: Path, fault: Throttle | Writers, options: argparse.Namespace) -> Found:
    found = Found()
    window(house, options.rate, options.window_s)  # the first calls fill caches
    for _ in range(options.pairs):
        quiet_s = forced_write_s(folder)
        found.quiet_p99_us.append(found.take(window(house, options.rate, options.window_s)))
        with fault.slowed(quiet_s) as slower:
            found.slower.append(slower)
            found.other_p99_us.append(found.take(window(house, options.rate, options.window_s)))
        say(found, f"a forced write of {quiet_s * 1e3:.1f} ms is {slower:.0f} times slower")
    return found


def full(house: House, disk: LoopDisk, options: argparse.Namespace) -> Found:
    found = Found()
    for turn in range(options.pairs + 1):
        quiet = window(house, options.rate, options.window_s)
        with disk.full():
            before = lost(house)
            while lost(house) == before:  # the segment that is open, and the one made ahead
                window(house, options.rate, 0.5)
            other = window(house, options.rate, options.window_s)
        if turn:  # the first calls fill caches
            found.quiet_p99_us.append(found.take(quiet))
            found.other_p99_us.append(found.take(other))
            found.lost.append(lost(house) - before)
            found.recovered_s.append(recovered_s(house))
            say(
                found,
                f"full: {found.lost[-1]} calls without a record, journaled again {found.recovered_s[-1]:.1f} s after",
            )
    return found


def lost(house: House) -> int:
    """Answered calls without a record, ever."""
    with GatewayClient(house.target.address) as gateway:
        return int(gateway.status().books.journal_lost)


def recovered_s(house: House) -> float:
    """Seconds until calls are journaled again. Raises: TimeoutError."""
    began = time.monotonic()
    while time.monotonic() < began + RECOVERY_S:
        before = lost(house)
        window(house, 200.0, 0.2)
        if lost(house) == before:
            return time.monotonic() - began
    raise TimeoutError(f"calls were not journaled within {RECOVERY_S:g} s after the disk had room again")


def say(found: Found, what: str) -> None:
    print(
        f"{what}: p99 {found.other_p99_us[-1]:.0f} µs, quiet {found.quiet_p99_us[-1]:.0f} µs, {found.failed} failed",
        flush=True,
    )


def measured(work: Path, options: argparse.Namespace) -> dict[str, Found]:
    """With a disk of our own, or without."""
    models = options.results / "models"
    if not loop_disk.possible():
        print("no disk of our own here (that wants root and blkio of cgroups v1): other processes make this one slow")
        with House(work / "pair", models, ()) as house:
            return {"slow": slow(house, work, Writers(work), options)}
    with LoopDisk(work, DISK_BYTES) as disk:
        throttle = Throttle(disk)
        with House(disk.folder / "slow", models, ()) as house:
            found = {"slow": slow(house, disk.folder, throttle, options)}
        with House(disk.folder / "full", models, (), SMALL) as house:
            return found | {"full": full(house, disk, options)}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench.slow_disk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12, help="of windows, without and with the other writers")
    parser.add_argument("--rate", type=float, default=5_000.0, help="calls a second, on a schedule")
    parser.add_argument("--window-s", type=float, default=1.5)
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="folder for slow-disk.json")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no mount is left behind
    with tempfile.TemporaryDirectory(prefix="gnomon-disk-", ignore_cleanup_errors=True) as work:
        found = measured(Path(work), options)
    options.results.mkdir(parents=True, exist_ok=True)
    plain = {name: asdict(each) for name, each in found.items()}
    (options.results / "slow-disk.json").write_text(json.dumps(plain, indent=1))
    slowest = statistics.median(found["slow"].slower)
    verdicts = {f"a disk {slowest:.0f} times slower, {SLOWER:g} wanted": slowest >= SLOWER}
    for name, each in found.items():
        verdicts |= each.judged(name)
    return told(verdicts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
