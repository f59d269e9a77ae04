"""How long a canary that turns bad goes on answering: in calls by simulation, in calls and milliseconds under load.

    python -m bench.trip [--seconds 3] [--weight-bp 1000]

The table plays calls to a breaker, each bad with some chance. Then a worker's service runs in this process, on the
first core, with a stable version and a canary of the same trees, and the load generator on another; in the middle the
canary's runs are spoilt. What became of each call is read from the journal: the first bad answer, and the last.
"""

import argparse
import asyncio
import logging
import math
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray

from bench import cores
from bench.micro_lane import MODEL, driven, served, service_in
from gateway.breaker import Breaker, Outcomes, Policy
from gateway.breakers import Breakers, is_finite
from gateway.journal.format import ANSWERED, FAILED, OUTPUT
from gateway.journal.walk import JournalReader
from gateway.pages import Page
from gateway.servables import Servable, invented_calls
from gateway.service import InferenceService
from gateway.serving import Serving
from gateway.transport.limits import Limits
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version

CHANCES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02)
REPEATS, MOST_CALLS, SEED = 400, 50_000, 7
GOOD, BAD = Outcomes(1), Outcomes(1, failed=1)
CANARY = 2

Outputs = list[NDArray[Any]]
Spoil = Callable[[Outputs, np.random.Generator], Outputs]


def calls_until_trip(chance: float, random: np.random.Generator) -> int:
    breaker = Breaker(Policy())
    for number, bad in enumerate(random.random(MOST_CALLS) < chance, 1):
        if breaker.ended(BAD if bad else GOOD, 0.0, 0.0):
            return number
    return MOST_CALLS


def simulate() -> None:
    random = np.random.default_rng(SEED)
    print(f"{'bad calls':>10}{'half of the trips after':>26}{'nine in ten after':>20}   calls of the arm")
    for chance in CHANCES:
        taken = sorted(calls_until_trip(chance, random) for _ in range(REPEATS))
        print(f"{chance:>10.0%}{statistics.median(taken):>26.0f}{taken[math.ceil(0.9 * REPEATS) - 1]:>20}")


def failing(outputs: Outputs, random: np.random.Generator) -> Outputs:
    raise RuntimeError("spoilt")


def holed(share: float) -> Spoil:
    """That share of the rows are not numbers."""

    def spoil(outputs: Outputs, random: np.random.Generator) -> Outputs:
        *others, scores = outputs
        spoilt = scores.copy()
        spoilt[random.random(len(spoilt)) < share] = np.nan
        return [*others, spoilt]

    return spoil


SPOILS: dict[str, Spoil] = {
    "every run fails": failing, "no answer is a number": holed(1.0), "5 % of the answers are none": holed(0.05),
}  # fmt: skip


def spoil(servable: Servable, how: Spoil) -> None:
    """From here on."""
    run, random = servable.run, np.random.default_rng(SEED)
    servable.run = lambda feeds: how(run(feeds), random)  # type: ignore[method-assign]


def with_canary(service: InferenceService, folder: Path, weight_bp: int) -> Servable:
    """Version 2 beside version 1, under a breaker."""
    version = Version(model=MODEL, version=CANARY, artifact_sha256="0" * 64)
    servable = Servable(version, folder / "model")
    servable.warm_up(invented_calls(servable))
    servable.schema = service.journal.schema(servable.described())
    service.servables.add(servable)
    service.breakers = Breakers(Page.open(folder / "page"), service.servables, Policy())
    service.breakers.moved = service.reroute
    if service.lanes is not None:
        service.lanes.breakers = service.breakers
    arms = (
        Arm(version=1, role=Role.STABLE, weight_bp=10_000 - weight_bp),
        Arm(version=CANARY, role=Role.CANARY, weight_bp=weight_bp),
    )
    stable = service.servables.get(MODEL, 1).version
    state = ModelState(route=Route(model=MODEL, revision=2, arms=arms), versions=(stable, version))
    service.serve(Serving.of(DesiredState(revision=2, models=(state,))))
    return servable


async def tripped(folder: Path, how: Spoil, arguments: argparse.Namespace) -> str:
    limits = Limits(max_message_bytes=16 << 20, max_streams=1024)
    service = service_in(folder, limits)
    server, _ = served(service, limits)
    canary = with_canary(service, folder, arguments.weight_bp)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    load = asyncio.create_task(driven(port, arguments))
    await asyncio.sleep(1.0 + arguments.seconds / 2)
    spoil(canary, how)
    found = await load
    assert service.breakers is not None
    opened = service.breakers.leads_around((MODEL, CANARY))
    await server.stop(0)
    service.batcher.stop()
    service.journal.close()
    return f"{found['calls_per_s']:>9,.0f} calls/s; " + (told(folder) if opened else "not tripped")


def told(folder: Path) -> str:
    """What the journal says of the canary's calls."""
    reader, ends, bad = JournalReader(folder / "w00"), [], []
    while (batch := reader.read()) is not None:
        for row in np.flatnonzero(batch.headers["version"] == CANARY).tolist():
            header = batch.headers[row]
            ends.append(int(header["arrived_unix_ns"]) + int(header["total_ns"]))
            outputs = [
                np.frombuffer(view.data, "<f4")
                for view in batch.tensors(row)
                if view.direction == OUTPUT and view.datatype == "FP32"
            ]
            bad.append(header["status"] == FAILED or (header["status"] == ANSWERED and not is_finite(outputs)))
    order = np.argsort(ends)
    times, spoilt = np.array(ends)[order], np.flatnonzero(np.array(bad)[order])
    first, last = spoilt[0], spoilt[-1]
    taken_ms = (times[last] - times[first]) / 1e6
    return f"{len(spoilt)} bad answers among {last - first + 1} calls, {taken_ms:.1f} ms from the first to the last"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.trip", description=(__doc__ or "").splitlines()[0])
    for name, value in (("connections", 4), ("in-flight", 16), ("rows", 1), ("weight-bp", 1_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    logging.basicConfig(filename=os.devnull)
    simulate()
    cores.pin(os.getpid(), cores.split()[0])
    for name, how in SPOILS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name:30}{uvloop.run(tripped(Path(folder), how, arguments))}", flush=True)


if __name__ == "__main__":
    main()
