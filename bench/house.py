"""House: the pair that is measured, with its models, on a folder that goes with it; pinned, and loopback only.

Every model is served with everything on: a profile, so that drift is watched, and a second version as shadow of all
calls. `trees-bare` is the same model with everything off that can be.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import cores, models
from bench.target import Target
from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route, Score

NAME = "gnomon"
BARE = "trees-bare"
WAIT = ("--max-wait-ms", "100")  # what the verdict on an overload is about
FLAGS = ("--retention-bytes", str(512 << 20), "--cold-start-rows", "0")  # what has no profile stays unwatched
APPLY_TIMEOUT_S = 30.0
SCORE = Score(output="probabilities", column=1)
CANARY_BP = 1_000
CALM_S, CALM_SHARE, CALM_TIMEOUT_S = 0.5, 0.15, 15.0


class House:
    """A running pair. `restart` keeps the folder, so that the cache is warm."""

    def __init__(
        self, folder: Path, cache: Path, kinds: Sequence[str], flags: Sequence[str] = (), *, bare: bool = True
    ) -> None:
        """With `bare` there is `trees-bare`; without it and kinds, no model at all."""
        self.folder = folder
        self.versions = 0  # that a worker has loaded at the start
        self._cache, self._kinds, self._flags = cache, kinds, (*FLAGS, *flags)
        self._pair = self._start(workers=1)
        self._push(bare)
        self.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._registry.close()
        self._pair.stop()

    def _start(self, workers: int) -> Embedded:
        cores.pin(os.getpid(), set.union(*cores.split()))  # what is started begins as its users' does
        pair = Embedded(self.folder, workers=workers, gateway_flags=(*WAIT, *self._flags))
        self._registry = RegistryClient(pair.registry)  # one for all routes: a channel costs more than a call
        return pair

    def restart(self, workers: int) -> None:
        self._registry.close()
        self._pair.stop()
        self._pair = self._start(workers)
        self.settle()

    @property
    def target(self) -> Target:
        return Target(name=NAME, address=self._pair.gateway, pids=tuple(self._workers()))

    @property
    def journal(self) -> Path:
        return self.folder / "gateway" / "journal"

    @property
    def http(self) -> str:
        """HOST:PORT of /healthz and /metrics, which the supervisor answers."""
        found: str = self._pair.http
        return found

    def _workers(self) -> list[int]:
        with GatewayClient(self._pair.gateway) as gateway:
            return [worker.pid for worker in gateway.status().workers]

    def settle(self) -> None:
        """Workers on the server's core, one each where there are more; all others on the rest, behind the generator:
        it stands for clients, who have hosts of their own.
        """
        server, rest = cores.split()
        workers = self._workers()
        cores.pin(os.getpid(), rest)  # the benchmark's own threads too
        for other in self.others():
            cores.pin(other, rest)
            cores.give_way(other)
        places = sorted(server | rest)
        for index, pid in enumerate(workers):
            cores.pin(pid, {places[index % len(places)]})

    def calm(self) -> None:
        """Waits until consumers and the control plane have started and read what there was, or some seconds."""
        deadline = time.monotonic() + CALM_TIMEOUT_S
        while time.monotonic() < deadline:
            others = self.others()
            before = cores.cpu_s(others)
            time.sleep(CALM_S)
            if cores.cpu_s(others) - before < CALM_SHARE * CALM_S:
                return

    def add_version(self, kind: str) -> None:
        """One more of a model, the same as its first."""
        self._register(self._registry, kind, models.Recipe(kind=kind, seed=1), watched=True)

    def others(self) -> set[int]:
        """Every process of the pair but the workers."""
        everybody = {other for pid in self._pair.processes.values() for other in (pid, *cores.descendants(pid))}
        return everybody.difference(self._workers())

    def _push(self, bare: bool) -> None:
        with RegistryClient(self._pair.registry) as registry:
            for kind in self._kinds:
                for seed in (1, 2, 1):  # stable, shadow, canary
                    self._register(registry, kind, models.Recipe(kind=kind, seed=seed), watched=True)
            for seed in (1, 2) if bare else ():
                self._register(registry, BARE, models.Recipe(kind="trees", seed=seed), watched=False)
        for kind in self._kinds:
            self.route(kind, 1, shadow=2)
        if bare:
            self.route(BARE, 1)
        self.versions = 2 * len(self._kinds) + bare

    def _register(self, registry: RegistryClient, name: str, recipe: models.Recipe, watched: bool) -> None:
        artifact, rows = models.artifact(recipe, self._cache), recipe.data()[0]
        registry.register_version(
            name,
            artifact_sha256=registry.put_artifact(artifact),
            profile_sha256=registry.put_artifact(models.profile(artifact, rows)) if watched else "",
            warmup_sha256=registry.put_artifact(models.warm_up(name, rows)),
            score=SCORE,
        )

    def route(
        self, model: str, stable: int, *,
        canary: int = 0, shadow: int = 0, warm: tuple[int, ...] = (), wait: bool = True,
    ) -> int:  # fmt: skip
        """Sets a route and waits until it is in force; its revision."""
        revision = self._registry.set_route(route_of(model, stable, canary, shadow, warm)).revision
        if wait:
            self.wait_for(revision)
        return revision

    def wait_for(self, revision: int) -> None:
        """Raises: TimeoutError when the gateway does not come to a revision."""
        deadline = time.monotonic() + APPLY_TIMEOUT_S
        with GatewayClient(self._pair.gateway) as gateway:
            while gateway.status().applied_revision < revision:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"revision {revision} was not applied in {APPLY_TIMEOUT_S:.0f} s")
                time.sleep(0.02)

    def start_s(self) -> float:
        """From the start of the gateway's process until it said that it was ready."""
        said = self.folder / "gateway" / "run" / "endpoints.json"
        pid = int(json.loads(said.read_text())["pid"])
        return cores.age_s(pid) - (time.time() - said.stat().st_mtime)

    def memory_kb(self) -> list[dict[str, int]]:
        """Of each worker."""
        return [cores.memory_kb(pid) for pid in self._workers()]


def route_of(model: str, stable: int, canary: int, shadow: int, warm: tuple[int, ...]) -> Route:
    """One stable arm, and the others where their version is not 0."""
    arms = [Arm(version=stable, role=Role.STABLE, weight_bp=ALL_BP - (CANARY_BP if canary else 0))]
    if canary:
        arms.append(Arm(version=canary, role=Role.CANARY, weight_bp=CANARY_BP))
    if shadow:
        arms.append(Arm(version=shadow, role=Role.SHADOW))
    return Route(model=model, arms=tuple(arms), warm=warm, actor="bench", reason="benchmark")
