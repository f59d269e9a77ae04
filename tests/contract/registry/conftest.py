"""A registry of its own process's kind, in a thread of the test's: real sockets, real files."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import grpc
import pytest

from gnomon.client import RegistryClient
from gnomon.domain import Arm, Role, Route, Stage, Version
from gnomon.registry.v1.registry_pb2_grpc import RegistryStub
from registry.app import App, build
from registry.config import Config


class Running:
    """A registry that serves from a folder until it is stopped."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.config = Config(dir=folder, port=0, rollout_interval_s=0.02, drain_timeout_s=1.0, **options)
        self._served: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, App, str]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="registry")
        self._thread.start()
        self._loop, self._stopping, self.app, self.target = self._served.result(timeout=20)

    async def _serve(self) -> None:
        stopping, app = asyncio.Event(), build(self.config)
        try:
            self._served.set_result((asyncio.get_running_loop(), stopping, app, await app.start()))
            await stopping.wait()
        except Exception as error:
            self._served.set_exception(error)
        finally:
            await app.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=20)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One registry for a file of tests; each test has a model of its own."""
    running = Running(tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Registries on the test's own folder, to be stopped, broken and started again."""
    started: list[Running] = []

    def start(**options: Any) -> Running:
        started.append(Running(tmp_path / "registry", **options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def client(registry: Running) -> Iterator[RegistryClient]:
    with RegistryClient(registry.target) as client:
        yield client


@pytest.fixture
def stub(registry: Running) -> Iterator[Any]:
    """The generated stub: for what no client of ours would send."""
    with grpc.insecure_channel(registry.target) as channel:
        yield RegistryStub(channel)


numbers = itertools.count(1)


@pytest.fixture
def model() -> str:
    return f"model-{next(numbers)}"


class Hand:
    """Shorthand for what many tests begin with."""

    def __init__(self, client: RegistryClient, model: str) -> None:
        self.client, self.model = client, model

    def version(self, data: bytes | None = None, *, approved: bool = True) -> Version:
        digest = self.client.put_artifact(data or f"{self.model} {next(numbers)}".encode())
        version = self.client.register_version(self.model, artifact_sha256=digest)
        return self.client.approve_version(self.model, version.version, "ann") if approved else version

    def production(self, version: int) -> Version:
        return self.client.set_stage(self.model, version, Stage.PRODUCTION, "bob")

    def route(self, *arms: Arm, **changes: Any) -> Route:
        return Route(**{"model": self.model, "arms": arms, "actor": "bob", "reason": "a test"} | changes)

    def stages(self) -> list[str]:
        return [version.stage.name for version in self.client.list_versions(self.model)]


@pytest.fixture
def hand(client: RegistryClient, model: str) -> Hand:
    return Hand(client, model)


def stable(version: int, weight_bp: int = 10_000) -> Arm:
    return Arm(version=version, role=Role.STABLE, weight_bp=weight_bp)
