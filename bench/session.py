"""Session: one run of the benchmarks. It measures, keeps what was measured, and says it line by line."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import cores
from bench.house import BARE, House
from bench.plan import Plan
from bench.target import Target

LOAD_TIMEOUT_S = 60.0
Result = dict[str, Any]


class RunFailed(RuntimeError):
    """The generator ended badly; the message is its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured: all of it in five minutes, or the outline in one.

    Everything a promise is made of is measured in `rounds`, in turns; the best of each counts: other users of the
    machine can only take away.
    """

    seconds: float = 2.0
    matrix_s: float = 1.5
    warm_up_s: float = 0.5
    kinds: tuple[str, ...] = ("trees", "logistic", "forest", "mlp")
    rows: tuple[int, ...] = (1, 8, 64, 256)
    rounds: int = 2


FULL = Scale()
QUICK = Scale(seconds=1.0, matrix_s=1.0, warm_up_s=0.2, kinds=("trees",), rows=(1, 256), rounds=1)


def _say(text: str) -> None:
    print(text, flush=True)


@dataclass(kw_only=True)
class Session:
    """`results` is what bench.json holds. Written by: the one thread that runs the scenarios."""

    house: House
    scale: Scale
    results_folder: Path
    work: Path
    yardsticks: list[Target] = field(default_factory=list)  # the grpcio echo first, then other echoes
    peers: list[Target] = field(default_factory=list)  # servers of the protocol with the same models
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    say: Callable[[str], None] = _say

    def measure(self, scenario: str, label: str, server: Target, **settings: Any) -> Result:
        """One run of the generator, kept under the scenario and label."""
        chosen = {"seconds": self.scale.seconds, "warm_up_s": self.scale.warm_up_s, "core": min(cores.split()[1])}
        plan = Plan(target=server.address, server_pid=server.pids, **(chosen | settings))
        return self.keep(scenario, label, server.name, plan.model, load(plan), rows=plan.rows)

    def keep(self, scenario: str, label: str, server: str, model: str, found: Result, rows: int = 1) -> Result:
        """A result of any kind."""
        row = {"scenario": scenario, "label": label, "server": server, "model": model, "rows": rows} | found
        self.results.append(row)
        self.say(line(row))
        return row

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.say(f"  note: {text}")


def load(plan: Plan) -> Result:
    """The generator in a process of its own. Raises: RunFailed."""
    command = [sys.executable, "-m", "bench.load", "--json", *plan.flags()]
    limit_s = LOAD_TIMEOUT_S + plan.seconds + plan.grace_s
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["no word"]
        raise RunFailed(words[-1])
    found: Result = json.loads(done.stdout)
    return found


def window(house: House, rate: float, seconds: float) -> Result:
    """Calls on a schedule, of the model with everything off. Raises: RunFailed."""
    plan = Plan(
        target=house.target.address, model=BARE, rate=rate, seconds=seconds, warm_up_s=0.2,
        server_pid=house.target.pids, core=min(cores.split()[1]),
    )  # fmt: skip
    return load(plan)


def line(row: Result) -> str:
    """A result in one line."""
    text = f"{row['scenario']:9} {row['label']:16} {row['server']:12} {row['model']:10}"
    if "calls_per_s" in row:
        text += f" {row['calls_per_s']:9.0f} calls/s"
    if row.get("server_cpu_us_per_call"):
        text += f" {row['server_cpu_us_per_call']:7.1f} µs CPU"
    if row.get("latency_us"):
        text += "  p50 {p50:.0f} p99 {p99:.0f} p99.9 {p999:.0f} µs".format(**row["latency_us"])
    if row.get("failed"):
        text += f"  not OK: {row['statuses']}"
    return text + "".join(f"  {name} {row[name]:.2f}" for name in ("start_s", "rss_mb", "run_us") if name in row)
