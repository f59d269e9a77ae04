"""Where a call's time goes in the lane, stage by stage, in microseconds of the clock.

    python -m bench.micro_lane [--connections 4] [--in-flight 16] [--rows 1] [--seconds 3]

A worker's service runs in this process, on the first core, and the load generator on another. A clock stands around
each step of a turn of the loop; what is in none is the event loop's, and Python's between them. `answer` is record and
reply together: it bounds what the append to the journal costs. Nothing reads the journal here: see scenario `guests`.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from bench import cores, models
from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.journal.writer import Writer
from gateway.lanes.lanes import Lanes
from gateway.pages import Page
from gateway.servables import Servable, Servables, invented_calls
from gateway.service import InferenceService
from gateway.serving import Serving
from gateway.transport.limits import Limits
from gateway.transport.server import Server
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from gnomon.oip import SERVICE

MODEL = "trees"
PATH = f"/{SERVICE}/ModelInfer"
MOST_IN_FLIGHT = 4096
CACHE = Path("bench-results") / "models"


class Clock:
    """Adds up what calls of a function take."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.calls = self.ns = 0
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter_ns()
        found = self._function(*arguments)
        self.ns += time.perf_counter_ns() - began
        self.calls += 1
        return found


def service_in(folder: Path, limits: Limits) -> InferenceService:
    """One version of the trees, stable; its journal and its books in `folder`."""
    journal = Writer(folder / "w00", host=1, slot=0, segment_bytes=64 << 20, segment_max_age_s=1e6)
    (folder / "model").write_bytes(models.artifact(models.Recipe(kind=MODEL), CACHE))
    version = Version(model=MODEL, version=1, artifact_sha256="0" * 64)
    servable = Servable(version, folder / "model")
    servable.warm_up(invented_calls(servable))
    servable.schema = journal.schema(servable.described())
    servables = Servables()
    servables.add(servable)
    service = InferenceService(
        journal=journal, servables=servables, books=WorkerBooks(Page.open(folder / "page")),
        batcher=Batcher(inline_run_us=1_000, batch_run_us=500), max_in_flight=MOST_IN_FLIGHT,
        max_message_bytes=limits.max_message_bytes, max_wait_ms=60_000,
    )  # fmt: skip
    route = Route(model=MODEL, revision=1, arms=(Arm(version=1, role=Role.STABLE),))
    service.serving = Serving.of(DesiredState(revision=1, models=(ModelState(route=route, versions=(version,)),)))
    return service


def served(service: InferenceService, limits: Limits) -> tuple[Server, Lanes]:
    server = Server(limits)
    server.add_direct(PATH, service.infer)
    service.batcher.flushed = server.flush
    lanes = service.lanes = Lanes(
        server.world, path=PATH.encode(), limits=limits, journal=service.journal, books=service.books,
        batcher=service.batcher, counters=service.counters, unkeyed=service.unkeyed, max_in_flight=MOST_IN_FLIGHT,
        backlog=service.backlog,
    )  # fmt: skip
    server.work, server.work_now = lanes.work, lanes.turn
    lanes.flush, lanes.between = lambda: server.sockets.flush(), lambda: server.sockets.read()
    return server, lanes


async def driven(port: int, arguments: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """What the generator found; `more` of its flags."""
    flags = {
        "target": f"127.0.0.1:{port}", "model": MODEL, "rows": arguments.rows, "connections": arguments.connections,
        "in-flight": arguments.in_flight, "seconds": arguments.seconds, "core": max(cores.split()[1]),
    } | more  # fmt: skip
    command = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", *command, "--json", stdout=asyncio.subprocess.PIPE
    )
    found: dict[str, Any] = json.loads((await process.communicate())[0])
    return found


async def measured(folder: Path, arguments: argparse.Namespace) -> None:
    limits = Limits(max_message_bytes=16 << 20, max_streams=1024)
    service = service_in(folder, limits)
    server, _ = served(service, limits)
    native = server.world.native
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    steps = {name: Clock(getattr(native, name)) for name in ("poll", "answer", "flush")}
    for name, step in steps.items():
        setattr(native, name, step)
    cpu_s, sums = time.process_time(), service.counters.of(MODEL, 1)
    found = await driven(port, arguments)
    cpu_s = time.process_time() - cpu_s
    told(found, cpu_s, steps, sums)
    await server.stop(0)
    service.batcher.stop()
    service.journal.close()


def told(found: dict[str, Any], cpu_s: float, steps: dict[str, Clock], counters: Any) -> None:
    calls = counters.sums.answered
    run_ns = sum(ns for _, ns in counters.run_sizes.values())
    print(f"{found['calls_per_s']:,.0f} calls/s; {calls / counters.runs:.1f} calls a run, in µs a call:")
    rows = {"poll (read, HTTP/2, decode, route)": steps["poll"].ns, "run": run_ns}
    rows |= {"answer (record, reply)": steps["answer"].ns, "flush (HTTP/2, write)": steps["flush"].ns}
    for name, ns in rows.items():
        print(f"  {name:36}{ns / 1e3 / calls:8.2f}")
    rest = cpu_s * 1e6 / calls - sum(rows.values()) / 1e3 / calls
    print(f"  {'the loop, Python between the steps':36}{rest:8.2f}\n  {'CPU':36}{cpu_s * 1e6 / calls:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.micro_lane", description=(__doc__ or "").splitlines()[0])
    for name, value in (("connections", 4), ("in-flight", 16), ("rows", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    cores.pin(os.getpid(), cores.split()[0])
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measured(Path(folder), arguments))


if __name__ == "__main__":
    main()
