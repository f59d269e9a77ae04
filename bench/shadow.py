"""`python -m bench.shadow`: what shadows cost the calls that are answered, and what a core of theirs gets done.

First, one shadow of all calls that hangs, crashes each second, takes ten times as long, leaks, or spins on all cores,
each beside none and one that behaves, in turns: p99 at a fifth of the capacity, failed calls, and whether the books
balance. Then the shadow is held until there is a backlog, and let go: rows a second of its processor time, beside the
worker's, on the same calls.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import cores
from bench.faults import VARIABLE
from bench.house import House
from bench.plan import Plan
from bench.scenarios import TREES
from bench.session import load
from gnomon.client import GatewayClient

GOOD = 2
FAULTS = {4: "hang", 5: "crash", 6: "slow", 7: "leak", 8: "spin"}
SHARE_OF_CAPACITY = 1 / 5
MOST_LATER = 1.05  # p99, times that without a shadow
MEMORY = 512 << 20
FLAGS = (
    "--shadow-child", "bench.faults", "--shadow-memory-bytes", str(MEMORY), "--shadow-run-timeout-s", "1",
    "--shadow-max-lag", str(10**9), "--shadow-max-age-s", "20", "--segment-max-age-s", "600",
)  # fmt: skip
SETTLE_TIMEOUT_S = 120.0
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

    def settled(self) -> Books:
        """Once every offered call has come to an end. Raises: TimeoutError."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline:
            books = self.books()
            if books["offered"] == sum(books.values()) - books["offered"]:
                return books
            time.sleep(0.1)
        raise TimeoutError(f"the books do not balance after {SETTLE_TIMEOUT_S:.0f} s: {books}")


def with_faults(measured: Measured, house: House, rounds: int) -> list[dict[str, Any]]:
    """A row a fault: p99 in each round over that without a shadow in the same round."""
    house.route(TREES, 1)
    rate = SHARE_OF_CAPACITY * float(measured.load(connections=4, in_flight=16)["calls_per_s"])
    arms = {"none": 0, "good": GOOD} | {fault: version for version, fault in FAULTS.items()}
    p99: dict[str, list[float]] = {name: [] for name in arms}
    failed = dict.fromkeys(arms, 0)
    for _ in range(rounds):
        for name, version in arms.items():
            house.route(TREES, 1, shadow=version)
            measured.load(rate=rate, seconds=STARTS_S)  # the arm's process starts meanwhile
            found = measured.load(rate=rate)
            p99[name].append(float(found["latency_us"]["p99"]))
            failed[name] += int(found["failed"])
            print(f"  {name:6} p99 {p99[name][-1]:7.0f} µs, failed {found['failed']}", flush=True)
    house.route(TREES, 1)
    ratios = {name: [one / none for one, none in zip(found, p99["none"], strict=True)] for name, found in p99.items()}
    return [
        {
            "shadow": name,
            "p99_us": min(p99[name]),
            "times_none": statistics.median(ratios[name]),
            "failed": failed[name],
        }
        for name in arms
    ]


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
    found.add_argument("--seconds", type=float, default=2.0, help="length of each run of the generator")
    found.add_argument("--rounds", type=int, default=3, help="of each fault, in turns; the median ratio counts")
    found.add_argument("--only", choices=("faults", "throughput"), help="one of the two")
    found.add_argument("--results", type=Path, default=Path("bench-results"), help="folder for what is written")
    options = found.parse_args()
    with standing(options.results) as house:
        measured = Measured(house, options.seconds)
        result: dict[str, Any] = {}
        if options.only != "faults":  # first: an arm that spins goes on for a while
            result["throughput"] = throughput(measured, house)
        if options.only != "throughput":
            result["faults"] = with_faults(measured, house, options.rounds)
            result["books"] = measured.settled()
    (options.results / "shadow.json").write_text(json.dumps(result, indent=1))
    for row in result.get("faults", []):
        print("{shadow:6} p99 {p99_us:7.0f} µs, {times_none:.2f} times none; failed calls {failed}".format(**row))
    if "books" in result:
        print("books:", ", ".join(f"{name} {count}" for name, count in result["books"].items()))
    for row in result.get("throughput", []):
        print("{calls:12} worker {worker_us:.1f} µs a row, shadow {shadow_us:.1f}: {times:.1f} times".format(**row))
    late = [row for row in result.get("faults", []) if row["failed"] or row["times_none"] > MOST_LATER]
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
