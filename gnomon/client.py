"""Blocking clients of both planes. Values in, values out, errors of gnomon.errors; every call has a deadline.

The gateway's own client of the registry is asynchronous: gnomon.aio.
"""

import hashlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, cast

from gnomon import wire
from gnomon.aio import AsyncRegistryClient
from gnomon.channel import CHUNK_BYTES, OPTIONS, RECONNECT, ClientTls, channel, typed_errors
from gnomon.domain import Lineage, LogPolicy, Model, Route, Score, Stage, Version
from gnomon.errors import ArtifactCorrupt
from gnomon.evidence import Drift, ShadowReport
from gnomon.gateway.v1 import gateway_pb2 as gateway_pb
from gnomon.gateway.v1.gateway_pb2_grpc import GatewayStub
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import RegistryStub
from gnomon.rollout import Policy, Rollout

__all__ = ["AsyncRegistryClient", "ClientTls", "GatewayClient", "RegistryClient"]

ANY_SCORE = Score()
NO_LINEAGE = Lineage()


def chunks_of(data: bytes, sha256: str) -> Iterator[pb.ArtifactChunk]:
    """An artifact as it travels; the first chunk names its digest."""
    for start in range(0, max(len(data), 1), CHUNK_BYTES):
        yield pb.ArtifactChunk(sha256=sha256 if start == 0 else "", data=data[start : start + CHUNK_BYTES])


class _Client:
    """A channel that is closed on leaving a `with`. Connects at the first call."""

    def __init__(self, target: str, timeout_s: float = 10.0, tls: ClientTls | None = None) -> None:
        self.target = target
        self._timeout_s = timeout_s
        self._channel = channel(target, tls, [*OPTIONS, *RECONNECT])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        with typed_errors():
            return method(request, timeout=self._timeout_s)


class RegistryClient(_Client):
    """The registry, for people, scripts and the trainer.

    `transfer_timeout_s` bounds putting or getting one artifact; every other call has `timeout_s`.
    """

    def __init__(self, target: str, timeout_s: float = 10.0, transfer_timeout_s: float = 300.0) -> None:
        super().__init__(target, timeout_s)
        self._transfer_timeout_s = transfer_timeout_s
        self._stub: Any = cast(Any, RegistryStub)(self._channel)

    def put_artifact(self, data: bytes) -> str:
        """Stores `data` (again: nothing happens) and returns its sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        with typed_errors():
            artifact = self._stub.PutArtifact(chunks_of(data, sha256), timeout=self._transfer_timeout_s)
        return cast(str, artifact.sha256)

    def get_artifact(self, sha256: str) -> bytes:
        """The bytes of an artifact, in memory. Raises: ArtifactNotFound, ArtifactCorrupt."""
        with typed_errors():
            stream = self._stub.GetArtifact(pb.GetArtifactRequest(sha256=sha256), timeout=self._transfer_timeout_s)
            data = b"".join(chunk.data for chunk in stream)
        received = hashlib.sha256(data).hexdigest()
        if received != sha256:
            raise ArtifactCorrupt(f"artifact {sha256} arrived as {received}")
        return data

    def list_models(self) -> list[Model]:
        return [wire.decode(model, Model) for model in self._call(self._stub.ListModels, pb.ListModelsRequest()).models]

    def register_version(
        self,
        model: str,
        *,
        artifact_sha256: str,
        version: int = 0,
        profile_sha256: str = "",
        warmup_sha256: str = "",
        score: Score = ANY_SCORE,
        lineage: Lineage = NO_LINEAGE,
    ) -> Version:
        """Makes a version of artifacts already put. Raises: ArtifactNotFound, AlreadyExists."""
        request = pb.RegisterVersionRequest(
            model=model,
            version=version,
            artifact_sha256=artifact_sha256,
            profile_sha256=profile_sha256,
            warmup_sha256=warmup_sha256,
            score=wire.message_of(score),
            lineage=wire.message_of(lineage),
        )
        return self._version(self._stub.RegisterVersion, request)

    def get_version(self, model: str, version: int) -> Version:
        return self._version(self._stub.GetVersion, pb.GetVersionRequest(model=model, version=version))

    def list_versions(self, model: str) -> list[Version]:
        reply = self._call(self._stub.ListVersions, pb.ListVersionsRequest(model=model))
        return [wire.decode(version, Version) for version in reply.versions]

    def approve_version(self, model: str, version: int, approver: str, note: str = "") -> Version:
        request = pb.ApproveVersionRequest(model=model, version=version, approver=approver, note=note)
        return self._version(self._stub.ApproveVersion, request)

    def set_stage(self, model: str, version: int, stage: Stage, actor: str) -> Version:
        """Raises: ApprovalMissing, IllegalTransition."""
        request = pb.SetStageRequest(model=model, version=version, stage=cast(Any, int(stage)), actor=actor)
        return self._version(self._stub.SetStage, request)

    def get_route(self, model: str, revision: int = 0) -> Route:
        """The route in force, or the one of an epoch. Raises: ModelNotFound, NotFound."""
        return self._route(self._stub.GetRoute, pb.GetRouteRequest(model=model, revision=revision))

    def set_route(self, route: Route, expected_revision: int = -1) -> Route:
        """Replaces the route whole. `expected_revision` 0: there is none yet; -1: whatever is there.

        Raises: StaleRevision, VersionNotFound, Precondition: while a rollout of the model runs.
        """
        request = pb.SetRouteRequest(route=wire.message_of(route), expected_revision=expected_revision)
        return self._route(self._stub.SetRoute, request)

    def get_log_policy(self, model: str) -> LogPolicy:
        """What of the model's predictions may leave a gateway's host."""
        return self._log_policy(self._stub.GetLogPolicy, pb.GetLogPolicyRequest(model=model))

    def set_log_policy(self, policy: LogPolicy) -> LogPolicy:
        """Replaces it, whole. Raises: ModelNotFound."""
        return self._log_policy(self._stub.SetLogPolicy, wire.message_of(policy))

    def start_rollout(self, model: str, version: int, policy: Policy, actor: str) -> Rollout:
        request = pb.StartRolloutRequest(model=model, version=version, policy=wire.message_of(policy), actor=actor)
        return self._rollout(self._stub.StartRollout, request)

    def get_rollout(self, model: str, id: int = 0) -> Rollout:  # noqa: A002 - the message's own name
        """A rollout of the model; the latest where no id is given."""
        return self._rollout(self._stub.GetRollout, pb.GetRolloutRequest(model=model, id=id))

    def list_rollouts(self, model: str) -> list[Rollout]:
        reply = self._call(self._stub.ListRollouts, pb.ListRolloutsRequest(model=model))
        return [wire.decode(rollout, Rollout) for rollout in reply.rollouts]

    def abort_rollout(self, model: str, reason: str, actor: str) -> Rollout:
        """Stops the running rollout; traffic goes back to the baseline."""
        return self._rollout(self._stub.AbortRollout, pb.AbortRolloutRequest(model=model, reason=reason, actor=actor))

    def get_drift(self, model: str, version: int = 0, from_unix_ms: int = 0, to_unix_ms: int = 0) -> Drift:
        """Drift of what a version (0: the stable arm's) was asked, in [from, to)."""
        request = pb.GetDriftRequest(model=model, version=version, from_unix_ms=from_unix_ms, to_unix_ms=to_unix_ms)
        return cast(Drift, wire.decode(self._call(self._stub.GetDrift, request), Drift))

    def get_shadow(
        self, model: str, from_epoch: int = 0, *, max_disagreement_share: float = 0.0, alpha: float = 0.0
    ) -> ShadowReport:
        """What shadows answered beside the live arms, since an epoch (0: the one in force). Raises: NotFound."""
        request = pb.GetShadowRequest(
            model=model, from_epoch=from_epoch, max_disagreement_share=max_disagreement_share, alpha=alpha
        )
        return cast(ShadowReport, wire.decode(self._call(self._stub.GetShadow, request), ShadowReport))

    def _version(self, method: Any, request: Any) -> Version:
        return cast(Version, wire.decode(self._call(method, request), Version))

    def _route(self, method: Any, request: Any) -> Route:
        return cast(Route, wire.decode(self._call(method, request), Route))

    def _log_policy(self, method: Any, request: Any) -> LogPolicy:
        return cast(LogPolicy, wire.decode(self._call(method, request), LogPolicy))

    def _rollout(self, method: Any, request: Any) -> Rollout:
        return cast(Rollout, wire.decode(self._call(method, request), Rollout))


class GatewayClient(_Client):
    """A gateway's answers about itself, as the messages of gnomon.gateway.v1."""

    def __init__(self, target: str, timeout_s: float = 10.0, tls: ClientTls | None = None) -> None:
        super().__init__(target, timeout_s, tls)
        self._stub: Any = cast(Any, GatewayStub)(self._channel)

    def status(self) -> gateway_pb.Status:
        return cast(gateway_pb.Status, self._call(self._stub.GetStatus, gateway_pb.GetStatusRequest()))

    def explain(self, model: str, routing_key: str) -> gateway_pb.Explanation:
        """Where a call with this key goes, and by which rule."""
        request = gateway_pb.ExplainRequest(model=model, routing_key=routing_key)
        return cast(gateway_pb.Explanation, self._call(self._stub.Explain, request))

    def trace(
        self, prediction_id: str = "", rescore: bool = False, *, request_id: str = ""
    ) -> gateway_pb.PredictionTrace:
        """What became of one prediction, or of the newest of a caller's own id; with `rescore` its row is run again."""
        request = gateway_pb.TraceRequest(prediction_id=prediction_id, rescore=rescore, request_id=request_id)
        return cast(gateway_pb.PredictionTrace, self._call(self._stub.Trace, request))

    def disagreements(self, model: str, version: int = 0) -> list[gateway_pb.Disagreement]:
        """Rows that a shadow and the live version scored furthest apart, the newest first."""
        request = gateway_pb.ListDisagreementsRequest(model=model, version=version)
        return list(self._call(self._stub.ListDisagreements, request).found)
