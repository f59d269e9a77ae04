"""Blocking clients of both planes. Values in, values out, errors of gnomon.errors; every call has a deadline.

The gateway's own client of the registry is asynchronous: gnomon.aio.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from gnomon import wire
from gnomon.aio import AsyncRegistryClient
from gnomon.channel import CHUNK_BYTES, OPTIONS, RECONNECT, ClientTls, channel, typed_errors
from gnomon.domain import Lineage, LogPolicy, Model, Route, Score, Stage, Version
from gnomon.drift import FROM_NOW_ON, DriftEvent, DriftPolicy
from gnomon.errors import ArtifactCorrupt
from gnomon.evidence import CalibrationReport, Drift, Outcome, ShadowReport
from gnomon.gateway.v1 import gateway_pb2 as gateway_pb
from gnomon.gateway.v1.gateway_pb2_grpc import GatewayStub
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import RegistryStub
from gnomon.rollout import Policy, Rollout
from gnomon.switch import reverted, switched

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
        """The route in force, or the one of an epoch; -1: the one before. Raises: ModelNotFound, NotFound."""
        return self._route(self._stub.GetRoute, pb.GetRouteRequest(model=model, revision=revision))

    def set_route(self, route: Route, expected_revision: int = -1) -> Route:
        """Replaces the route whole. `expected_revision` 0: there is none yet; -1: whatever is there.

        Raises: StaleRevision, VersionNotFound, Precondition: while a rollout of the model runs.
        """
        request = pb.SetRouteRequest(route=wire.message_of(route), expected_revision=expected_revision)
        return self._route(self._stub.SetRoute, request)

    def switch_route(self, model: str, version: int, actor: str, reason: str = "") -> Route:
        """All calls to a version that is warm; what answered stays warm. Raises: RouteInvalid, StaleRevision."""
        current = self.get_route(model)
        return self._replace(current, switched(current, version), actor, reason or f"switched to version {version}")

    def revert_route(self, model: str, actor: str, reason: str = "") -> Route:
        """Back to the route before the one in force, at once; twice: forth again.

        Raises: NotFound, RouteInvalid: a version of it is not warm any more, StaleRevision.
        """
        current, before = self.get_route(model), self.get_route(model, -1)
        return self._replace(current, reverted(current, before), actor, reason or f"back to epoch {before.revision}")

    def _replace(self, current: Route, route: Route, actor: str, reason: str) -> Route:
        named = dataclasses.replace(route, actor=actor, reason=reason)
        return self.set_route(named, expected_revision=current.revision)

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

    def pause_rollout(self, model: str, reason: str, actor: str) -> Rollout:
        """It goes no further until it is resumed; gates may still stop it. Raises: IllegalTransition."""
        return self._rollout(self._stub.PauseRollout, pb.PauseRolloutRequest(model=model, reason=reason, actor=actor))

    def resume_rollout(self, model: str, reason: str, actor: str) -> Rollout:
        """Goes on with the step it was paused in, whose clock starts anew. Raises: IllegalTransition."""
        return self._rollout(self._stub.ResumeRollout, pb.ResumeRolloutRequest(model=model, reason=reason, actor=actor))

    def promote_rollout(self, model: str, reason: str, actor: str) -> Rollout:
        """Puts the candidate in production at once, past the steps and gates that are left."""
        request = pb.PromoteRolloutRequest(model=model, reason=reason, actor=actor)
        return self._rollout(self._stub.PromoteRollout, request)

    def approve_step(self, model: str, reason: str, actor: str) -> Rollout:
        """Says yes to the running step of the rollout. Raises: IllegalTransition: it asks for nobody's."""
        return self._rollout(self._stub.ApproveStep, pb.ApproveStepRequest(model=model, reason=reason, actor=actor))

    def record_outcomes(self, model: str, outcomes: Iterable[Outcome]) -> int:
        """How many of them are new. Raises: ModelNotFound, VersionNotFound."""
        told = [wire.message_of(outcome) for outcome in outcomes]
        reply = self._call(self._stub.RecordOutcomes, pb.RecordOutcomesRequest(model=model, outcomes=told))
        return int(reply.recorded)

    def get_calibration(self, model: str) -> CalibrationReport:
        """Whether scores come true as often as they say, of the newest outcomes. Raises: ModelNotFound."""
        reply = self._call(self._stub.GetCalibration, pb.GetCalibrationRequest(model=model))
        return cast(CalibrationReport, wire.decode(reply, CalibrationReport))

    def get_drift(
        self,
        model: str,
        version: int = 0,
        from_unix_ms: int = 0,
        to_unix_ms: int = 0,
        *,
        points: int = 0,
        with_counts: bool = False,
        monitors: Sequence[str] = (),
        of_slice: str = "",
    ) -> Drift:
        """Drift of what a version (0: the stable arm's) was asked, in [from, to).

        With `points`, so many of each monitor's history; `with_counts`, its bins; `monitors`, of these alone;
        `of_slice`, COLUMN=VALUE, of those rows alone.
        """
        request = pb.GetDriftRequest(
            model=model, version=version, from_unix_ms=from_unix_ms, to_unix_ms=to_unix_ms,
            points=points, with_counts=with_counts, monitors=monitors, slice=of_slice,
        )  # fmt: skip
        return cast(Drift, wire.decode(self._call(self._stub.GetDrift, request), Drift))

    def get_drift_policy(self, model: str) -> DriftPolicy:
        """Which false alarms and which drift the model bears."""
        request = pb.GetDriftPolicyRequest(model=model)
        return cast(DriftPolicy, wire.decode(self._call(self._stub.GetDriftPolicy, request), DriftPolicy))

    def set_drift_policy(self, policy: DriftPolicy) -> DriftPolicy:
        """Replaces it, whole. Raises: ModelNotFound."""
        reply = self._call(self._stub.SetDriftPolicy, wire.message_of(policy))
        return cast(DriftPolicy, wire.decode(reply, DriftPolicy))

    def list_drift_events(self, model: str = "", after_id: int = 0, limit: int = 0) -> list[DriftEvent]:
        """Alarms raised and cleared of a model (of all, where none is named), oldest first: a page of them."""
        request = pb.ListDriftEventsRequest(model=model, after_id=after_id, limit=limit)
        reply = self._call(self._stub.ListDriftEvents, request)
        return [wire.decode(event, DriftEvent) for event in reply.events]

    def watch_drift_events(self, model: str = "", after_id: int = FROM_NOW_ON) -> Iterator[DriftEvent]:
        """Events behind one, then all that come, until the caller stops. Raises: Unavailable: the registry stops."""
        call = self._stub.WatchDriftEvents(pb.WatchDriftEventsRequest(model=model, after_id=after_id))
        try:
            with typed_errors():
                for event in call:
                    yield wire.decode(event, DriftEvent)
        finally:
            call.cancel()

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

    def explain(
        self, model: str, routing_key: str = "", *, headers: Mapping[str, str] | None = None, request: Any = None
    ) -> gateway_pb.Explanation:
        """Where a call with this key, these headers and this ModelInferRequest goes, and by which rule.

        By rule `sequence`: to no version yet; calls without a key go by turn. Without a gateway: gnomon.routing.

        Raises: ModelNotFound, VersionNotFound, InvalidInput.
        """
        asked = gateway_pb.ExplainRequest(
            model=model, routing_key=routing_key, headers=headers or {},
            infer_request=b"" if request is None else request.SerializeToString(),
        )  # fmt: skip
        return cast(gateway_pb.Explanation, self._call(self._stub.Explain, asked))

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
