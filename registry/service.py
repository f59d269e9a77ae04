"""The servicer: decode, call, encode. What a call may not say is refused here; what the state does not allow, inside.

Guarantee: a change that was answered has been committed and told to everyone who watches.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gnomon import wire
from gnomon.domain import Lineage, LogPolicy, Route, Score, Stage, check_model_name, check_sha256
from gnomon.drift import FROM_NOW_ON, DriftPolicy
from gnomon.errors import InvalidInput
from gnomon.evidence import GatewayStatus, Outcome, StatsReport
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import RegistryServicer
from gnomon.rollout import Policy
from gnomon.servicer import Context, streaming, unary
from gnomon.stats.profile import Profile
from registry.arguments import at_least, named, share
from registry.artifacts import Artifacts
from registry.catalog import Catalog
from registry.changes import Changes
from registry.drift_answers import DriftAnswers, Question
from registry.drift_book import Book
from registry.events import Events
from registry.rollout.controller import Controller
from registry.shadow import ALPHA, MAX_DISAGREEMENT_SHARE, report_of
from registry.stats import Stats
from registry.threads import Lane
from registry.watch import Watch

EVENTS_LISTED = 1_000  # of one page at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the service calls."""

    catalog: Catalog
    artifacts: Artifacts
    controller: Controller
    stats: Stats
    watch: Watch
    changes: Changes
    store: Lane  # the database's one thread
    files: Lane  # artifacts and arithmetic
    drift: DriftAnswers
    book: Book
    events: Events


class Service(RegistryServicer):
    """gnomon.registry.v1.Registry."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # Artifacts

    @unary
    async def PutArtifact(self, request: AsyncIterator[pb.ArtifactChunk], context: Context) -> pb.Artifact:
        files, expected = self._parts.files, ""
        upload = self._parts.artifacts.upload()  # not in a thread: a call cancelled meanwhile would leave it to nobody
        try:
            async for chunk in request:
                if chunk.sha256:
                    expected = check_sha256(chunk.sha256)
                await files.run(upload.write, chunk.data)
            sha256 = await files.run(upload.finish, expected)
        finally:
            upload.abandon()
        return pb.Artifact(sha256=sha256, size_bytes=upload.size_bytes)

    @streaming
    async def GetArtifact(self, request: pb.GetArtifactRequest, context: Context) -> AsyncIterator[pb.ArtifactChunk]:
        chunks = self._parts.artifacts.read(check_sha256(request.sha256))
        while (chunk := await self._parts.files.run(next, chunks, None)) is not None:
            yield pb.ArtifactChunk(data=chunk)

    # Models and versions

    @unary
    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        models = await self._parts.store.run(self._parts.catalog.list_models)
        return pb.ListModelsResponse(models=[wire.message_of(model) for model in models])

    @unary
    async def RegisterVersion(self, request: pb.RegisterVersionRequest, context: Context) -> Any:
        version = await self._parts.store.run(
            self._parts.catalog.register,
            check_model_name(request.model),
            at_least(0, "version", request.version),
            artifact_sha256=check_sha256(request.artifact_sha256),
            profile_sha256=_optional_sha256(request.profile_sha256),
            warmup_sha256=_optional_sha256(request.warmup_sha256),
            score=wire.decode(request.score, Score) if request.HasField("score") else Score(),
            lineage=wire.decode(request.lineage, Lineage),
        )
        return wire.message_of(version)

    @unary
    async def GetVersion(self, request: pb.GetVersionRequest, context: Context) -> Any:
        model, number = _version_named(request)
        return wire.message_of(await self._parts.store.run(self._parts.catalog.get_version, model, number))

    @unary
    async def ListVersions(self, request: pb.ListVersionsRequest, context: Context) -> pb.ListVersionsResponse:
        versions = await self._parts.store.run(self._parts.catalog.list_versions, check_model_name(request.model))
        return pb.ListVersionsResponse(versions=[wire.message_of(version) for version in versions])

    @unary
    async def ApproveVersion(self, request: pb.ApproveVersionRequest, context: Context) -> Any:
        model, number = _version_named(request)
        approver = named("approver", request.approver)
        return await self._change(self._parts.catalog.approve, model, number, approver, request.note)

    @unary
    async def SetStage(self, request: pb.SetStageRequest, context: Context) -> Any:
        model, number = _version_named(request)
        stage, actor = wire.decode_enum(request.stage, Stage), named("actor", request.actor)
        return await self._change(self._parts.catalog.set_stage, model, number, stage, actor)

    # Routes

    @unary
    async def GetRoute(self, request: pb.GetRouteRequest, context: Context) -> Any:
        model, revision = check_model_name(request.model), at_least(-1, "revision", request.revision)
        return wire.message_of(await self._parts.store.run(self._parts.catalog.get_route, model, revision))

    @unary
    async def SetRoute(self, request: pb.SetRouteRequest, context: Context) -> Any:
        expected = at_least(-1, "expected_revision", request.expected_revision)
        named("actor", request.route.actor)
        return await self._change(self._parts.catalog.set_route, wire.decode(request.route, Route), expected)

    # Log policies

    @unary
    async def GetLogPolicy(self, request: pb.GetLogPolicyRequest, context: Context) -> Any:
        model = check_model_name(request.model)
        return wire.message_of(await self._parts.store.run(self._parts.catalog.get_log_policy, model))

    @unary
    async def SetLogPolicy(self, request: pb.LogPolicy, context: Context) -> Any:
        named("actor", request.actor)
        return await self._change(self._parts.catalog.set_log_policy, wire.decode(request, LogPolicy))

    # Rollouts

    @unary
    async def StartRollout(self, request: pb.StartRolloutRequest, context: Context) -> Any:
        model, number = _version_named(request)
        policy, actor = wire.decode(request.policy, Policy), named("actor", request.actor)
        return wire.message_of(await self._parts.controller.start(model, number, policy, actor))

    @unary
    async def GetRollout(self, request: pb.GetRolloutRequest, context: Context) -> Any:
        model, number = check_model_name(request.model), at_least(0, "id", request.id)
        return wire.message_of(await self._parts.controller.get(model, number))

    @unary
    async def ListRollouts(self, request: pb.ListRolloutsRequest, context: Context) -> pb.ListRolloutsResponse:
        rollouts = await self._parts.controller.list_of(check_model_name(request.model))
        return pb.ListRolloutsResponse(rollouts=[wire.message_of(rollout) for rollout in rollouts])

    @unary
    async def AbortRollout(self, request: pb.AbortRolloutRequest, context: Context) -> Any:
        return await self._by_hand(self._parts.controller.abort, request)

    @unary
    async def PauseRollout(self, request: pb.PauseRolloutRequest, context: Context) -> Any:
        return await self._by_hand(self._parts.controller.pause, request)

    @unary
    async def ResumeRollout(self, request: pb.ResumeRolloutRequest, context: Context) -> Any:
        return await self._by_hand(self._parts.controller.resume, request)

    @unary
    async def PromoteRollout(self, request: pb.PromoteRolloutRequest, context: Context) -> Any:
        return await self._by_hand(self._parts.controller.promote, request)

    @unary
    async def ApproveStep(self, request: pb.ApproveStepRequest, context: Context) -> Any:
        return await self._by_hand(self._parts.controller.approve, request)

    @unary
    async def RecordOutcomes(self, request: pb.RecordOutcomesRequest, context: Context) -> pb.RecordOutcomesResponse:
        told = tuple(wire.decode(outcome, Outcome) for outcome in request.outcomes)
        recorded = await self._parts.controller.record(check_model_name(request.model), told)
        return pb.RecordOutcomesResponse(recorded=recorded)

    @unary
    async def GetCalibration(self, request: pb.GetCalibrationRequest, context: Context) -> Any:
        return wire.message_of(await self._parts.drift.calibration(check_model_name(request.model)))

    async def _by_hand(self, change: Any, request: Any) -> Any:
        model, actor = check_model_name(request.model), named("actor", request.actor)
        return wire.message_of(await change(model, request.reason, actor))

    # Gateways

    @streaming
    async def WatchConfig(self, request: pb.WatchConfigRequest, context: Context) -> AsyncIterator[pb.DesiredState]:
        named("gateway_id", request.gateway_id)
        async for state in self._parts.watch.states():
            yield wire.message_of(state)

    @unary
    async def ReportStatus(self, request: pb.GatewayStatus, context: Context) -> pb.ReportAck:
        self._parts.stats.report_status(wire.decode(request, GatewayStatus))
        return pb.ReportAck()

    @unary
    async def ReportStats(self, request: pb.StatsReport, context: Context) -> pb.ReportAck:
        self._parts.stats.report(wire.decode(request, StatsReport))
        return pb.ReportAck()

    # Shadows

    @unary
    async def GetShadow(self, request: pb.GetShadowRequest, context: Context) -> Any:
        model, since = check_model_name(request.model), at_least(0, "from_epoch", request.from_epoch)
        limit = request.max_disagreement_share or MAX_DISAGREEMENT_SHARE
        limits = {"limit": share("max_disagreement_share", limit), "alpha": share("alpha", request.alpha or ALPHA)}
        route = await self._parts.store.run(self._parts.catalog.get_route, model)
        stats, since = self._parts.stats, since or route.revision
        epochs = [epoch for epoch in stats.epochs(model) if epoch >= since]
        pairs, books = [*stats.pairs(model, epochs), *stats.slices(model, epochs)], stats.books(model, epochs)
        report = await self._parts.files.run(lambda: report_of(model, epochs, pairs, books, **limits))
        return wire.message_of(report)

    # Drift

    @unary
    async def GetDrift(self, request: pb.GetDriftRequest, context: Context) -> Any:
        asked = Question(
            model=check_model_name(request.model),
            version=at_least(0, "version", request.version),
            from_unix_ms=at_least(0, "from_unix_ms", request.from_unix_ms),
            to_unix_ms=at_least(0, "to_unix_ms", request.to_unix_ms),
            points=request.points,
            with_counts=request.with_counts,
            monitors=tuple(request.monitors),
            slice=request.slice,
        )
        return wire.message_of(await self._parts.drift.answer(asked))

    @unary
    async def AdoptProfile(self, request: pb.AdoptProfileRequest, context: Context) -> Any:
        model, number = _version_named(request)
        upload = self._parts.artifacts.upload()
        try:
            await self._parts.files.run(_check_profile, request.profile)
            await self._parts.files.run(upload.write, request.profile)
            sha256 = await self._parts.files.run(upload.finish, "")
        finally:
            upload.abandon()
        return await self._change(self._parts.catalog.adopt_profile, model, number, sha256)

    @unary
    async def GetDriftPolicy(self, request: pb.GetDriftPolicyRequest, context: Context) -> Any:
        model = check_model_name(request.model)
        return wire.message_of(await self._parts.store.run(self._parts.book.get_policy, model))

    @unary
    async def SetDriftPolicy(self, request: pb.DriftPolicy, context: Context) -> Any:
        named("actor", request.actor)
        policy = wire.decode(request, DriftPolicy)
        return wire.message_of(await self._parts.store.run(self._parts.book.set_policy, policy))

    @unary
    async def ListDriftEvents(self, request: pb.ListDriftEventsRequest, context: Context) -> pb.ListDriftEventsResponse:
        model, after = _model_or_all(request.model), at_least(0, "after_id", request.after_id)
        limit = min(at_least(0, "limit", request.limit) or EVENTS_LISTED, EVENTS_LISTED)
        events = await self._parts.store.run(self._parts.book.events_after, model, after, limit)
        return pb.ListDriftEventsResponse(events=[wire.message_of(event) for event in events])

    @streaming
    async def WatchDriftEvents(
        self, request: pb.WatchDriftEventsRequest, context: Context
    ) -> AsyncIterator[pb.DriftEvent]:
        model, after = _model_or_all(request.model), at_least(FROM_NOW_ON, "after_id", request.after_id)
        async for event in self._parts.events.after(model, after):
            yield wire.message_of(event)

    async def _change(self, change: Any, *arguments: Any) -> Any:
        return wire.message_of(await self._parts.changes.make(change, *arguments))


def _model_or_all(model: str) -> str:
    return check_model_name(model) if model else ""


def _version_named(request: Any) -> tuple[str, int]:
    return check_model_name(request.model), at_least(1, "version", request.version)


def _optional_sha256(digest: str) -> str:
    return check_sha256(digest) if digest else ""


def _check_profile(data: bytes) -> None:
    """Raises: InvalidInput."""
    try:
        Profile.from_bytes(data)
    except ValueError as error:
        raise InvalidInput(f"profile: {error}") from None
