"""Versions that come and go under calls: none fails, memory stays, and all workers switch together or none does."""

import contextlib
import json
import re
import resource
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from tests import models
from tests.calling import Caller
from tests.waiting import until

MODEL = "thing"
RELOADS = 40
SETTLED = 10  # reloads after which memory is first looked at
GROWTH_KB = 24 << 10  # at most, in the other thirty: a session that is not freed takes more
HEAVY_MB = 64


@dataclass(frozen=True)
class House:
    pair: Embedded
    registry: RegistryClient
    gateway: GatewayClient

    def push(self, artifact: bytes) -> None:
        self.registry.register_version(MODEL, artifact_sha256=self.registry.put_artifact(artifact))

    def route(self, version: int) -> int:
        """Without waiting; the revision."""
        route = Route(model=MODEL, arms=(Arm(version=version, role=Role.STABLE),), actor="test")
        return self.registry.set_route(route).revision

    def applied(self) -> int:
        with urllib.request.urlopen(f"http://{self.pair.http}/healthz", timeout=5) as answer:
            return int(json.load(answer)["revision"])

    def switch(self, version: int) -> None:
        revision = self.route(version)
        until(lambda: self.applied() >= revision)

    def workers(self) -> list[int]:
        return [worker.pid for worker in self.gateway.status().workers]


@contextlib.contextmanager
def house(folder: Path, workers: int) -> Iterator[House]:
    with (
        Embedded(folder, workers=workers) as pair,
        RegistryClient(pair.registry) as registry,
        GatewayClient(pair.gateway) as gateway,
    ):
        yield House(pair, registry, gateway)


def own_memory_kb(pid: int) -> int:
    (found,) = re.findall(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found)


def test_versions_loaded_and_unloaded_under_calls_fail_none_and_leave_nothing(tmp_path: Path) -> None:
    with house(tmp_path, workers=1) as at, contextlib.ExitStack() as stack:
        for factor in (2.0, 3.0):
            at.push(models.scaled(factor))
        at.switch(1)
        (worker,) = at.workers()
        callers = [stack.enter_context(Caller(at.pair.gateway, MODEL)) for _ in range(3)]
        settled = 0
        for number in range(RELOADS):
            at.switch(2 - number % 2)
            answered = [len(caller.answered) for caller in callers]
            until(
                lambda before=answered: all(len(caller.answered) > n for caller, n in zip(callers, before, strict=True))
            )
            settled = own_memory_kb(worker) if number == SETTLED else settled
        assert own_memory_kb(worker) - settled < GROWTH_KB
        assert at.workers() == [worker]
        stack.close()
        assert [caller.errors for caller in callers] == [[], [], []]
        assert all(set(caller.versions) == {1, 2} for caller in callers)


def test_a_version_that_one_worker_cannot_load_is_served_by_none_and_later_by_all(tmp_path: Path) -> None:
    """One of two workers has no memory for it, by a limit of the kernel's."""
    with house(tmp_path, workers=2) as at, contextlib.ExitStack() as stack:
        at.push(models.scaled(2.0))
        at.push(models.heavy(HEAVY_MB))
        at.switch(1)
        callers = [stack.enter_context(Caller(at.pair.gateway, MODEL)) for _ in range(8)]
        until(lambda: all(caller.answered for caller in callers))
        poor = at.workers()[1]
        limits = resource.prlimit(poor, resource.RLIMIT_AS)
        resource.prlimit(poor, resource.RLIMIT_AS, (address_space(poor) + (HEAVY_MB << 19), limits[1]))
        at.switch(2)
        (failure,) = at.gateway.status().failures
        assert (failure.model, failure.version) == (MODEL, 2)
        answered = [len(caller.answered) for caller in callers]
        until(lambda: all(len(caller.answered) > n + 20 for caller, n in zip(callers, answered, strict=True)))
        assert all(set(caller.versions) == {1} for caller in callers)

        resource.prlimit(poor, resource.RLIMIT_AS, limits)

        def taken() -> bool:
            """A failure is remembered for a while; a change after that tries again."""
            at.switch(2)
            return not at.gateway.status().failures

        until(taken)
        seen = [len(caller.versions) for caller in callers]
        until(lambda: all(len(caller.versions) > n + 1 for caller, n in zip(callers, seen, strict=True)))
        stack.close()
        assert [caller.errors for caller in callers] == [[]] * len(callers)
        assert all(caller.versions[-1] == 2 for caller in callers)
        assert all(caller.versions == sorted(caller.versions) for caller in callers), "a call went back to the old one"


def address_space(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()
