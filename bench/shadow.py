"""`python -m bench.shadow`: what shadows cost the calls that are answered, and what a core of theirs gets done.

One shadow of all calls that hangs, crashes each second, takes ten times as long, leaks a gigabyte, spins on all cores,
or behaves, each in short windows beside windows in which its process stands still: p99 of 10,000 calls a second,
failed calls, and whether the books balance. And the shadow is held until there is a backlog, and let go: rows a second
of its processor time, beside the worker's, on the same calls.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import cores
from bench.beside import Beside, told
from bench.faults import VARIABLE
from bench.house import House
from bench.load import SPARSE
from bench.plan import Plan
from bench.reloading import metric
from bench.scenarios import TREES
from bench.session import load
from gnomon.client import GatewayClient

GOOD = 2
FAULTS = {4: "hang", 5: "crash", 6: "slow", 7: "leak", 8: "spin"}
VERSIONS = {fault: version for version, fault in (FAULTS | {GOOD: "good"}).items()}
ENDING = ("hang", "crash", "leak")  # faults that a process is ended for, or ends by
LEAST_TIMES = 5.0  # rows/s a core, times the worker's
MEMORY = 1536 << 20  # what an arm needs, and a gigabyte that leaks
FLAGS = (
    "--shadow-child", "bench.faults", "--shadow-memory-bytes", str(MEMORY), "--shadow-run-timeout-s", "1",
    "--shadow-max-lag", str(10**9), "--shadow-max-age-s", "20", "--segment-max-age-s", "600",
)  # fmt: skip
SETTLE_TIMEOUT_S = 300.0
STARTS_S = 2.0
SHAPES = {"64 in flight": {"connections": 4, "in_flight": 16}, "16 x 1": {"connections": 16, "in_flight": 1}}

Books = dict[str, int]


class Measured:
    """A house whose shadows may misbehave."""

    def __init__(self, house: House, seconds: float) -> None:
        self._house, self._seconds = house, seconds

    def runner(self) -> int:
        """The shadow runner's process."""
        for pid in self._house.others():
            if b"shadow" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        raise RuntimeError("the gateway has no shadow runner")

    def load(self, **settings: Any) -> dict[str, Any]:
        target = self._house.target
        chosen: dict[str, Any] = {
            "seconds": self._seconds,
            "warm_up_s": 0.3,
            "core": min(cores.split()[1]),
            "model": TREES,
        }
        return load(Plan(target=target.address, server_pid=target.pids, **(chosen | settings)))

    def books(self) -> Books:
        """Of all shadows: what workers offered, and what became of it."""
        with GatewayClient(self._house.target.address) as gateway:
            status = gateway.status()
        names = ("run", "shed", "expired", "failed")
        return {"offered": status.books.shadow_offered} | {name: getattr(status.shadow, name) for name in names}

    def ends(self, version: int) -> int:
        """How often the process of a shadow died, or was ended."""
        return round(metric(self._house.http, "gnomon_shadow_restarts_total", model=TREES, version=version))

    def settled(self) -> Books:
        """Once every offered call has come to an end. Raises: TimeoutError."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline:
            books = self.books()
            if books["offered"] == sum(books.values()) - books["offered"]:
                return books
            time.sleep(0.1)
        raise TimeoutError(f"the books do not balance after {SETTLE_TIMEOUT_S:.0f} s: {books}")


@contextlib.contextmanager
def stopped(runner: int) -> Iterator[None]:
    """The runner and all arms stand still: what an arm began before goes on in no window that is to be without it."""
    os.kill(runner, signal.SIGSTOP)  # first: it starts no other, and those that die keep their pids
    arms = cores.descendants(runner)
    try:
        for pid in arms:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in (*arms, runner):
            os.kill(pid, signal.SIGCONT)


@dataclass(kw_only=True)
class Found(Beside):
    """And how often the arm's process ended."""

    ends: int = 0


def with_faults(measured: Measured, house: House, faults: Sequence[str], pairs: int) -> dict[str, Found]:
    """Calls beside a shadow, window beside window: the arm's process stands still, and goes on where it was."""
    rate = SPARSE  # at a higher one the generator leaves shadows nothing of their core
    found = {fault: Found() for fault in faults}
    for fault, each in found.items():
        house.route(TREES, 1, shadow=VERSIONS[fault])
        measured.load(rate=rate, seconds=STARTS_S)  # the arm's process starts meanwhile
        for _ in range(pairs):
            with stopped(measured.runner()):
                each.quiet_p99_us.append(each.take(measured.load(rate=rate)))
            each.other_p99_us.append(each.take(measured.load(rate=rate)))
        medians = (statistics.median(p99) for p99 in (each.other_p99_us, each.quiet_p99_us))
        print("  {}: p99 {:.0f} µs, quiet {:.0f} µs, at {:.0f} calls/s".format(fault, *medians, rate), flush=True)
    house.route(TREES, 1)
    return found


def judged(found: dict[str, Found], books: Books) -> dict[str, bool]:
    verdicts: dict[str, bool] = {}
    for fault, each in found.items():
        verdicts |= each.judged(fault)
        if fault in ENDING:
            verdicts[f"{fault}: its process ended {each.ends} times"] = each.ends > 0
    ends = sum(books.values()) - books["offered"]
    counts = ", ".join(f"{name} {count}" for name, count in books.items())
    return verdicts | {f"books: {counts}": books["offered"] == ends}


def throughput(measured: Measured, house: House) -> list[dict[str, Any]]:
    """Rows a second of processor time: the worker's on calls of one row, and the shadow's on the backlog they leave."""
    house.route(TREES, 1, shadow=GOOD)
    measured.load(rate=100.0, seconds=STARTS_S)
    found = []
    for shape, settings in SHAPES.items():
        measured.settled()
        runner = measured.runner()
        os.kill(runner, signal.SIGSTOP)
        try:
            served = measured.load(**settings)
        finally:
            os.kill(runner, signal.SIGCONT)
        of_shadow = [runner, *cores.descendants(runner)]
        before_s, before = cores.cpu_s(of_shadow), measured.books()["run"]
        rows = measured.settled()["run"] - before
        took_s = cores.cpu_s(of_shadow) - before_s
        worker_us = float(served["server_cpu_us_per_call"])
        found.append(
            {"calls": shape, "rows": rows, "worker_us": worker_us, "shadow_us": 1e6 * took_s / rows,
             "times": worker_us / (1e6 * took_s / rows)}
        )  # fmt: skip
    return found


@contextlib.contextmanager
def standing(results: Path) -> Iterator[House]:
    """The pair, with a version for each fault."""
    os.environ[VARIABLE] = ",".join(f"{version}={fault}" for version, fault in FAULTS.items())
    with (
        tempfile.TemporaryDirectory(prefix="gnomon-bench-", ignore_cleanup_errors=True) as work,
        House(Path(work) / "pair", results / "models", (TREES,), FLAGS, bare=False) as house,
    ):
        for _ in FAULTS:
            house.add_version(TREES)
        yield house


def main() -> int:
    found = argparse.ArgumentParser("python -m bench.shadow", description="Measure what shadows cost, and get done.")
    found.add_argument("--seconds", type=float, default=1.0, help="length of each run of the generator")
    found.add_argument("--pairs", type=int, default=12, help="of windows of each fault, without it and with it")
    found.add_argument("--faults", default="good,hang,crash,slow,leak,spin", help="which, and in what order")
    found.add_argument("--only", choices=("faults", "throughput"), help="one of the two")
    found.add_argument("--results", type=Path, default=Path("bench-results"), help="folder for what is written")
    options = found.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no process is left behind, nor one that stands still
    verdicts: dict[str, bool] = {}
    with standing(options.results) as house:
        measured = Measured(house, options.seconds)
        result: dict[str, Any] = {}
        if options.only != "faults":  # first: an arm that spins goes on for a while
            rows = result["throughput"] = throughput(measured, house)
            verdicts |= {
                "{calls}: worker {worker_us:.1f} µs a row, shadow {shadow_us:.1f}: {times:.1f} times".format(**row)
                + f" (at least {LEAST_TIMES})": row["times"] >= LEAST_TIMES
                for row in rows
            }
        if options.only != "throughput":
            beside = with_faults(measured, house, options.faults.split(","), options.pairs)
            result["books"] = measured.settled()
            for fault, each in beside.items():  # by now: what an arm does is told with its books
                each.ends = measured.ends(VERSIONS[fault])
            result["faults"] = {fault: asdict(each) for fault, each in beside.items()}
            verdicts |= judged(beside, result["books"])
    (options.results / "shadow.json").write_text(json.dumps(result, indent=1))
    return told(verdicts)


if __name__ == "__main__":
    sys.exit(main())
