"""`python -m bench.soak`: a thousand loads and unloads under calls. What fails, what grows, and what it costs p99.

Windows with reloads and windows without stand side by side in time, so that p99 is compared under the same noise.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.beside import told
from bench.house import House
from bench.reloading import Reloading, metric
from bench.session import window
from bench.trend import Trend

EXIT_USAGE = 64
P99_LIMIT = 1.2
FLAT_MB = 16.0  # a thousand loads


@dataclass(kw_only=True)
class Soak:
    """What was found, window by window. Written by: the one thread that runs it."""

    loads: list[int] = field(default_factory=list)
    anonymous_mb: list[float] = field(default_factory=list)
    steady_p99_us: list[float] = field(default_factory=list)
    reload_p99_us: list[float] = field(default_factory=list)
    late_p99_us: list[float] = field(default_factory=list)  # of the generator, with reloads
    reloading_s: float = 0.0
    calls: int = 0
    failed: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    collection_longest_us: float = 0.0

    def count(self, found: dict[str, Any]) -> float:
        """Takes a window in; its p99."""
        self.calls += found["calls"]
        self.failed += found["failed"]
        for status, calls in found["statuses"].items():
            self.statuses[status] = self.statuses.get(status, 0) + calls
        return float(found["latency_us"].get("p99", float("inf")))

    def ratio(self) -> float:
        """p99 with reloads over p99 without, the median over pairs of windows."""
        pairs = zip(self.reload_p99_us, self.steady_p99_us, strict=False)
        return statistics.median(reload / steady for reload, steady in pairs)

    def memory(self) -> Trend:
        return Trend.of(self.loads, self.anonymous_mb)


def run(house: House, options: argparse.Namespace) -> Soak:
    """Pairs of windows until there were enough loads, or the time is up."""
    found, deadline = Soak(), time.monotonic() + options.limit_s
    window(house, options.rate, options.window_s)  # the first calls fill caches
    while (found.loads[-1] if found.loads else 0) < options.loads and time.monotonic() < deadline:
        found.steady_p99_us.append(found.count(window(house, options.rate, options.window_s)))
        done = found.loads[-1] if found.loads else 0
        with Reloading(house, options.pause_ms / 1e3, options.loads, done) as reloading:
            began_s = time.monotonic()
            result = window(house, options.rate, options.window_s)
            found.reloading_s += time.monotonic() - began_s
        found.reload_p99_us.append(found.count(result))
        found.late_p99_us.append(result["late_us"]["p99"])
        found.loads.append(reloading.loads)
        found.anonymous_mb.append(sum(memory["RssAnon"] for memory in house.memory_kb()) / 1e3)
        print(line(found), flush=True)
    found.collection_longest_us = metric(house.http, "gnomon_worker_collection_longest_ns") / 1e3
    return found


def line(found: Soak) -> str:
    return (
        f"{found.loads[-1]:5} loads  {found.calls:8} calls  {found.failed} failed  "
        f"p99 {found.reload_p99_us[-1]:.0f} µs, steady {found.steady_p99_us[-1]:.0f} µs, "
        f"generator late by {found.late_p99_us[-1]:.0f} µs  "
        f"{found.anonymous_mb[-1]:.1f} MB"
    )


def verdicts(found: Soak, wanted: int) -> dict[str, bool]:
    """What is promised, by name."""
    memory = found.memory()
    rate = found.loads[-1] / found.reloading_s
    return {
        f"{found.loads[-1]} loads, {wanted} wanted, {rate:.1f} a second": found.loads[-1] >= wanted,
        f"{found.failed} calls of {found.calls} failed {found.statuses if found.failed else ''}": found.failed == 0,
        f"memory {memory.first:.1f} → {memory.last:.1f} MB, {memory.per_thousand:+.1f} MB a thousand loads "
        f"(at most {FLAT_MB:g})": memory.per_thousand <= FLAT_MB,
        f"p99 {found.ratio():.2f} times steady, the median of {len(found.reload_p99_us)} pairs (at most {P99_LIMIT})":
            found.ratio() <= P99_LIMIT,
        f"longest garbage collection {found.collection_longest_us:.0f} µs (at most 2000)":
            found.collection_longest_us <= 2_000,
    }  # fmt: skip


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m bench.soak", description="Load and unload under calls, many times.")
    made.add_argument("--loads", type=int, default=1_000, help="versions loaded, and as many unloaded")
    made.add_argument("--rate", type=float, default=2_000.0, help="calls a second, on a schedule")
    made.add_argument(
        "--pause-ms", type=float, default=100.0, help="from a route in force to the next: 8 loads a second"
    )
    made.add_argument("--window-s", type=float, default=5.0, help="length of a window; they alternate with steady ones")
    made.add_argument("--limit-s", type=float, default=600.0, help="ends then, however many loads there were")
    made.add_argument("--gateway-flag", action="append", default=[], metavar="FLAG=VALUE", help="for the gateway")
    made.add_argument("--results", type=Path, default=Path("bench-results"), help="folder for soak.json and models")
    return made


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    if min(options.loads, options.rate, options.window_s, options.limit_s) <= 0:
        print("bench.soak: loads, rate, window-s and limit-s must be above 0", file=sys.stderr)
        return EXIT_USAGE
    flags = tuple(text for flag in options.gateway_flag for text in f"--{flag.lstrip('-')}".split("=", 1))
    with (
        tempfile.TemporaryDirectory(prefix="gnomon-soak-", ignore_cleanup_errors=True) as work,
        House(Path(work) / "pair", options.results / "models", (), flags) as house,
    ):
        found = run(house, options)
    try:
        judged = verdicts(found, options.loads)
    except ValueError as error:
        print(f"bench.soak: {error}: shorter windows, more loads or a longer limit", file=sys.stderr)
        return 1
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "soak.json").write_text(json.dumps(asdict(found), indent=1))
    return told(judged)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
