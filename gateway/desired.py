"""From what the registry wants to what every worker serves: watch, pull and verify, prepare, commit, remember.

A model whose new versions cannot be pulled or loaded keeps the route it had; the others go on. The last state that was
applied lies on disk, so a gateway boots and serves without the registry.
"""

import asyncio
import dataclasses
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError

from gateway.layout import Layout
from gnomon.aio import AsyncRegistryClient
from gnomon.domain import DesiredState, ModelState, Version
from gnomon.errors import ArtifactCorrupt, GnomonError, InvalidInput, NotFound, RouteInvalid
from gnomon.evidence import LoadFailure
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode, message_of

log = logging.getLogger(__name__)
PAUSE_S = 1.0

Prepare = Callable[[DesiredState], Awaitable[list[LoadFailure]]]
Commit = Callable[[DesiredState], Awaitable[None]]


def read_snapshot(path: Path) -> DesiredState | None:
    """The last applied state, None where there is none. A file that is no state is kept aside."""
    if not path.is_file():
        return None
    try:
        state: DesiredState = decode(registry_pb2.DesiredState.FromString(path.read_bytes()), DesiredState)
    except (DecodeError, GnomonError) as error:
        aside = path.with_suffix(".corrupt")
        log.error("%s is no desired state (%s); kept as %s", path, error, aside)
        path.replace(aside)
        return None
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


def _failure(version: Version, error: BaseException) -> LoadFailure:
    return LoadFailure(model=version.model, version=version.version, reason=f"pull: {error}")


def effective(wanted: DesiredState, served: DesiredState, failures: list[LoadFailure]) -> DesiredState:
    """What can be served of `wanted`: a model with a failure stays as in `served`, or out where it never was. Pure."""
    failed = {failure.model for failure in failures}
    before = {model.route.model: model for model in served.models}
    models = [
        _kept(before.get(model.route.model), model) if model.route.model in failed else model for model in wanted.models
    ]
    return DesiredState(revision=wanted.revision, models=tuple(model for model in models if model is not None))


def _kept(served: ModelState | None, wanted: ModelState) -> ModelState | None:
    """What is served on; but what may leave the host is at once as it is wanted."""
    return None if served is None else dataclasses.replace(served, log_policy=wanted.log_policy)


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
        self.refused = ""  # why the newest state is not taken
        self._prepare = prepare
        self._commit = commit
        self._written: DesiredState | None = None  # what the snapshot holds
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
        """Keeps the newest state at hand; a registry that is gone, or sends what is none, is asked again and again."""
        while True:
            try:
                async for state in self.client.watch(self.gateway_id):
                    self.connected, self.refused = True, ""
                    self._latest = state
                    self._changed.set()
            except (InvalidInput, RouteInvalid) as error:
                self._refuse(str(error))
            except (GnomonError, grpc.RpcError):
                if self.connected:
                    log.warning("the registry is gone; serving revision %d on", self.served.revision)
            self.connected = False
            await asyncio.sleep(PAUSE_S)

    def _refuse(self, reason: str) -> None:
        """A state that cannot be: the registry checks it before this gateway does, and one of them is wrong."""
        if reason != self.refused:
            log.error("a state is refused: %s; serving revision %d on", reason, self.served.revision)
        self.refused = reason

    async def _converge(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                settled = self._latest is None or await self.apply(self._latest)
            except Exception:  # one state that cannot be applied must not be the last that is tried
                log.exception("the wanted state was not applied; trying again")
                settled = False
            if not settled:
                await asyncio.sleep(PAUSE_S)
                self._changed.set()

    def again(self) -> None:
        """Applies the wanted state once more: a worker lacks something that should be here."""
        self._changed.set()

    async def apply(self, wanted: DesiredState) -> bool:
        """Brings every worker to `wanted`; False when something should be tried again."""
        damaged, delayed = await self._pull(wanted)
        can = effective(wanted, self.served, damaged + delayed)
        failures = damaged + await self._prepare(can)
        can = effective(can, self.served, failures)
        await self._commit(can)
        self._tell(failures)
        self.served, self.failures = can, failures
        if not delayed:
            self.processed_revision = wanted.revision
        return self._remember(can) and not (damaged or delayed)

    def _tell(self, failures: list[LoadFailure]) -> None:
        for failure in failures:
            if failure not in self.failures:
                log.error("%s version %d keeps out: %s", failure.model, failure.version, failure.reason)

    def _remember(self, state: DesiredState) -> bool:
        """Whether the state is on disk. One that is not is served all the same, and written later."""
        try:
            if state != self._written:
                write_snapshot(self.layout.snapshot, state)
        except OSError as error:
            log.error("%s: %s; served, but a restart without the registry would not know", self.layout.snapshot, error)
            return False
        self._written = state
        return True

    async def _pull(self, wanted: DesiredState) -> tuple[list[LoadFailure], list[LoadFailure]]:
        """Brings every artifact into the cache, verified: what cannot be had, and what may be had later."""
        failures, delayed = [], []
        for model in wanted.models:
            for version in model.versions:
                try:
                    await self._pull_version(version)
                except (ArtifactCorrupt, NotFound) as error:
                    failures.append(_failure(version, error))
                except (GnomonError, grpc.RpcError, OSError) as error:
                    log.warning("%s version %d: %s; trying again", version.model, version.version, error)
                    delayed.append(_failure(version, error))
        return failures, delayed

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
