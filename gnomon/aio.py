"""The registry as a gateway sees it: asyncio, the watch, verified downloads, reports."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import grpc

from gnomon import wire
from gnomon.channel import KEEPALIVE, OPTIONS, RECONNECT, typed_errors
from gnomon.domain import DesiredState, Route, Version, check_sha256
from gnomon.errors import ArtifactCorrupt, Unavailable
from gnomon.evidence import GatewayStatus, StatsReport
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import RegistryStub
from gnomon.rollout import Rollout


class AsyncRegistryClient:
    """The calls of a gateway. Make it inside a running loop; close it, or use `async with`.

    Every call has a deadline but `watch`, which lasts: keepalive pings tell within 15 s that the registry is gone.
    """

    def __init__(self, target: str, timeout_s: float = 10.0, transfer_timeout_s: float = 300.0) -> None:
        self.target = target
        self._timeout_s = timeout_s
        self._transfer_timeout_s = transfer_timeout_s
        self._channel = grpc.aio.insecure_channel(target, options=[*OPTIONS, *RECONNECT, *KEEPALIVE])
        # The generated stub is annotated for blocking channels only; on this one its calls are awaited.
        self._stub: Any = cast(Any, RegistryStub)(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def get_version(self, model: str, version: int) -> Version:
        with typed_errors():
            request = pb.GetVersionRequest(model=model, version=version)
            return cast(Version, wire.decode(await self._stub.GetVersion(request, timeout=self._timeout_s), Version))

    async def get_route(self, model: str, revision: int = 0) -> Route:
        """The route of a revision; the one in force where none is given."""
        with typed_errors():
            request = pb.GetRouteRequest(model=model, revision=revision)
            return cast(Route, wire.decode(await self._stub.GetRoute(request, timeout=self._timeout_s), Route))

    async def list_rollouts(self, model: str) -> list[Rollout]:
        with typed_errors():
            request = pb.ListRolloutsRequest(model=model)
            reply = await self._stub.ListRollouts(request, timeout=self._timeout_s)
            return [wire.decode(rollout, Rollout) for rollout in reply.rollouts]

    async def download(self, sha256: str, path: Path) -> None:
        """Puts the artifact at `path`: whole and verified, or not at all.

        Streams to a temporary file beside it, checks the digest, syncs, renames. Cost: one sha256 over the bytes, in
        the event loop's thread, a chunk (1 MiB, about a millisecond) at a time.

        Raises: ArtifactCorrupt, ArtifactNotFound, Unavailable; nothing is left behind.
        """
        check_sha256(sha256)
        descriptor, name = tempfile.mkstemp(prefix=f".{sha256[:12]}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                await self._receive(sha256, file)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    async def _receive(self, sha256: str, file: IO[bytes]) -> None:
        digest = hashlib.sha256()
        with typed_errors():
            request = pb.GetArtifactRequest(sha256=sha256)
            async for chunk in self._stub.GetArtifact(request, timeout=self._transfer_timeout_s):
                digest.update(chunk.data)
                file.write(chunk.data)
        if digest.hexdigest() != sha256:
            raise ArtifactCorrupt(f"artifact {sha256} arrived as {digest.hexdigest()}")
        file.flush()
        os.fsync(file.fileno())

    async def watch(self, gateway_id: str) -> AsyncIterator[DesiredState]:
        """The desired state whole, now and at every change; a slow reader skips to the newest.

        Never ends by itself: the caller decides when to try again.

        Raises: Unavailable: the registry is gone or is going.
        """
        call = self._stub.WatchConfig(pb.WatchConfigRequest(gateway_id=gateway_id))
        try:
            with typed_errors():
                async for message in call:
                    yield wire.decode(message, DesiredState)
        finally:
            call.cancel()
        raise Unavailable(f"registry {self.target} ended the watch")

    async def report_status(self, status: GatewayStatus) -> None:
        with typed_errors():
            await self._stub.ReportStatus(wire.message_of(status), timeout=self._timeout_s)

    async def adopt_profile(self, model: str, version: int, profile: bytes) -> Version:
        """Gives a version its profile, if it has none. Raises: VersionNotFound, InvalidInput: no profile."""
        with typed_errors():
            request = pb.AdoptProfileRequest(model=model, version=version, profile=profile)
            return cast(Version, wire.decode(await self._stub.AdoptProfile(request, timeout=self._timeout_s), Version))

    async def report_stats(self, report: StatsReport) -> None:
        with typed_errors():
            await self._stub.ReportStats(wire.message_of(report), timeout=self._timeout_s)
