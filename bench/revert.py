"""How long it takes until every connection is answered by the other version: blue/green switches, and reverts.

    python -m bench.revert [--times 100] [--workers 1] [--connections 8]

From the client's call to the first reply of the other version on the last of the connections, in milliseconds of the
clock: reading the route and replacing it in the registry, its watch, the supervisor, all workers, and the calls that
look. Every reply has to be one of the two versions, and none of the old one after the first new one on a connection.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from bench import models
from bench.call import request
from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.oip import GRPCInferenceServiceStub, ModelInferRequest

MODEL, KIND = "trees", "trees"
CACHE = Path("bench-results") / "models"
TIMEOUT_S = 30.0


class Caller:
    """One connection of its own."""

    def __init__(self, target: str, stack: ExitStack) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._stub: Any = GRPCInferenceServiceStub(stack.enter_context(grpc.insecure_channel(target, options=options)))
        row = np.zeros((1, models.FEATURES), np.float32)
        self._request = ModelInferRequest.FromString(request(MODEL, row))

    def version(self) -> int:
        return int(self._stub.ModelInfer(self._request, timeout=5, wait_for_ready=True).model_version)


def served(registry: RegistryClient) -> None:
    """Version 1 answers, 2 is warm: the same trees twice."""
    digest = registry.put_artifact(models.artifact(models.Recipe(kind=KIND), CACHE))
    for number in (1, 2):
        registry.register_version(MODEL, artifact_sha256=digest, version=number)
    arms = (Arm(version=1, role=Role.STABLE),)
    registry.set_route(Route(model=MODEL, arms=arms, warm=(2,), actor="bench"))


def until_served(target: str) -> None:
    """Until the first route is in force. Raises: TimeoutError."""
    deadline = time.monotonic() + TIMEOUT_S
    with GatewayClient(target) as gateway:
        while not gateway.status().routes:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{target} serves nothing after {TIMEOUT_S:.0f} s")
            time.sleep(0.05)


def until_all(callers: list[Caller], version: int, began: float) -> float:
    """Milliseconds since `began` when each has been answered by `version`. Raises: TimeoutError."""
    waiting = list(callers)
    while waiting:
        waiting = [caller for caller in waiting if caller.version() != version]
        if time.perf_counter() - began > TIMEOUT_S:
            raise TimeoutError(f"{len(waiting)} connections are not answered by version {version}")
    taken_ms = (time.perf_counter() - began) * 1e3
    assert all(caller.version() == version for caller in callers), "a connection went back by itself"
    return taken_ms


def changes(registry: RegistryClient, callers: list[Caller], times: int) -> Iterator[tuple[str, float]]:
    """(what, milliseconds): a switch to the other version, and the way back."""
    for _ in range(times):
        began = time.perf_counter()
        registry.switch_route(MODEL, 2, "bench")
        yield "switch", until_all(callers, 2, began)
        began = time.perf_counter()
        registry.revert_route(MODEL, "bench")
        yield "revert", until_all(callers, 1, began)


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.revert", description=(__doc__ or "").splitlines()[0])
    for name, value in (("times", 100), ("workers", 1), ("connections", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pair = stack.enter_context(Embedded(Path(folder), workers=given.workers))
        registry = stack.enter_context(RegistryClient(pair.registry))
        served(registry)
        callers = [Caller(pair.gateway, stack) for _ in range(given.connections)]
        until_served(pair.gateway)
        taken: dict[str, list[float]] = {"switch": [], "revert": []}
        for what, taken_ms in changes(registry, callers, given.times):
            taken[what].append(taken_ms)
    for what, values in taken.items():
        p50, p99, most = np.quantile(values, [0.5, 0.99, 1.0])
        print(f"{what}: p50, p99, most {p50:.1f} {p99:.1f} {most:.1f} ms, of {len(values)}")


if __name__ == "__main__":
    main()
