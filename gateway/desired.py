"""From what the registry wants to what every worker serves: watch, pull and verify, prepare, commit, remember.

A model whose new versions cannot be pulled or loaded keeps the route it had; the others go on. The last state that was
applied lies on disk, so a gateway boots and serves without the registry.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc

from gateway.layout import Layout
from gnomon.aio import AsyncRegistryClient
from gnomon.domain import DesiredState, ModelState, Version
from gnomon.errors import GnomonError
from gnomon.evidence import LoadFailure
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode, message_of

log = logging.getLogger(__name__)
PAUSE_S = 1.0

Prepare = Callable[[DesiredState], Awaitable[list[LoadFailure]]]
Commit = Callable[[DesiredState], Awaitable[None]]


def read_snapshot(path: Path) -> DesiredState | None:
    """The last applied state, None where there never was one. Raises: DecodeError for a file that is none."""
    if not path.exists():
        return None
    state: DesiredState = decode(registry_pb2.DesiredState.FromString(path.read_bytes()), DesiredState)
    return state


def write_snapshot(path: Path, state: DesiredState) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(message_of(state).SerializeToString())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def has_digest(path: Path, digest: str) -> bool:
    """Whether the file is there and is what its name says. Blocking."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def effective(wanted: DesiredState, served: DesiredState, failures: list[LoadFailure]) -> DesiredState:
    """What can be served of `wanted`: a model with a failure stays as in `served`, or out where it never was. Pure."""
    failed = {failure.model for failure in failures}
    before = {model.route.model: model for model in served.models}
    models = [model if model.route.model not in failed else before.get(model.route.model) for model in wanted.models]
    return DesiredState(revision=wanted.revision, models=tuple(model for model in models if model is not None))


class Desired:
    """Converges this host to the registry's state. Written by: its own task on the supervisor's event loop."""

    def __init__(
        self, layout: Layout, client: AsyncRegistryClient, gateway_id: str, prepare: Prepare, commit: Commit
    ) -> None:
        self.layout = layout
        self.client = client
        self.gateway_id = gateway_id
        self.served = DesiredState()
        self.processed_revision = 0  # the newest that was applied as far as it could be
        self.failures: list[LoadFailure] = []
        self.connected = False
        self._prepare = prepare
        self._commit = commit
        self._verified: set[str] = set()
        self._latest: DesiredState | None = None
        self._changed = asyncio.Event()

    async def boot(self) -> None:
        """Serves the last applied state, where there is one, before the registry is asked."""
        snapshot = read_snapshot(self.layout.snapshot)
        if snapshot is not None:
            await self.apply(snapshot)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._converge())

    async def _watch(self) -> None:
        """Keeps the newest state at hand; a registry that is gone is asked again and again."""
        while True:
            with contextlib.suppress(GnomonError, grpc.RpcError):
                async for state in self.client.watch(self.gateway_id):
                    self.connected = True
                    self._latest = state
                    self._changed.set()
            if self.connected:
                log.warning("the registry is gone; serving revision %d on", self.served.revision)
            self.connected = False
            await asyncio.sleep(PAUSE_S)

    async def _converge(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            state = self._latest
            if state is not None and not await self.apply(state):
                await asyncio.sleep(PAUSE_S)
                self._changed.set()

    async def apply(self, wanted: DesiredState) -> bool:
        """Brings every worker to `wanted`; False when something should be tried again."""
        failures, again = await self._pull(wanted)
        can = effective(wanted, self.served, failures)
        failures = failures + await self._prepare(can)
        can = effective(can, self.served, failures)
        await self._commit(can)
        if can != self.served or not self.layout.snapshot.exists():
            write_snapshot(self.layout.snapshot, can)
        self.served, self.failures, self.processed_revision = can, failures, wanted.revision
        return not again

    async def _pull(self, wanted: DesiredState) -> tuple[list[LoadFailure], bool]:
        """Brings every artifact into the cache, verified. What failed, and whether it may succeed later."""
        failures, again = [], False
        for model in wanted.models:
            for version in model.versions:
                try:
                    await self._pull_version(version)
                except (GnomonError, OSError) as error:
                    failures.append(LoadFailure(model=version.model, version=version.version, reason=f"pull: {error}"))
                    again = True
        return failures, again

    async def _pull_version(self, version: Version) -> None:
        """Every file once a process: what lies in the cache is believed only by its digest."""
        for digest in version.blobs:
            path = self.layout.blob(digest)
            if digest in self._verified and path.exists():
                continue
            if not await asyncio.to_thread(has_digest, path, digest):
                await self.client.download(digest, path)
            self._verified.add(digest)

    def model(self, name: str) -> ModelState | None:
        return next((model for model in self.served.models if model.route.model == name), None)
