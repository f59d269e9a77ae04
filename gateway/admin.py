"""What a gateway tells people: where it stands, why a call goes where it goes, what became of one."""

import asyncio
import contextlib
import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from gateway import codec, servables
from gateway.crew import Crew
from gateway.desired import Desired
from gateway.disagreements import disagreements
from gateway.layout import Layout
from gateway.standing import books, consumers, readings, shadow_books, trips
from gateway.tensors import array_of, raw_of
from gnomon.domain import Version
from gnomon.errors import GnomonError, InvalidInput, ModelNotFound
from gnomon.gateway.v1 import gateway_pb2 as pb
from gnomon.gateway.v1 import gateway_pb2_grpc
from gnomon.profile.v1 import profile_pb2
from gnomon.rollout import Decision, Rollout
from gnomon.routing import Table, rule_text
from gnomon.servicer import unary
from gnomon.wire import encode, message_of

if TYPE_CHECKING:
    from gateway.finder import Finder


class Admin(gateway_pb2_grpc.GatewayServicer):
    """The Gateway service, in the supervisor. Reads files and pages; changes nothing."""

    def __init__(self, layout: Layout, gateway_id: str, desired: Desired, crew: Crew, export_url: str = "") -> None:
        self.layout = layout
        self.export_url = export_url
        self.gateway_id = gateway_id
        self.desired = desired
        self.crew = crew
        self._finder: Finder | None = None  # made by the first trace, in its thread

    @unary
    async def GetStatus(self, request: Any, context: Any) -> pb.Status:
        status = pb.Status(gateway_id=self.gateway_id, applied_revision=self.desired.processed_revision)
        for hand, child in zip(self.crew.hands, self.crew.children, strict=True):
            status.workers.add(slot=hand.slot, pid=child.pid, ready=hand.ready, restarts=child.restarts)
        found = readings(self.layout)
        status.books.CopyFrom(books(found))
        status.consumers.extend(consumers(found))
        status.shadow.CopyFrom(shadow_books(found))
        status.routes.extend(message_of(model.route) for model in self.desired.served.models)
        status.failures.extend(message_of(failure) for failure in self.desired.failures)
        status.trips.extend(message_of(trip) for trip in trips(self.layout, [hand.slot for hand in self.crew.hands]))
        return status

    @unary
    async def Explain(self, request: Any, context: Any) -> pb.Explanation:
        model = self.desired.model(request.model)
        if model is None:
            raise ModelNotFound(f"model {request.model!r} is not served here")
        asked = codec.parse(request.infer_request) if request.infer_request else None
        if asked is not None and asked.model_name not in ("", request.model):
            raise InvalidInput(f"a request of model {asked.model_name!r}, to be explained for {request.model!r}")
        table = dataclasses.replace(Table.build(model.route), diverted=self._tripped(request.model))
        choice = table.explain(key=request.routing_key, headers=request.headers, request=asked)
        found = pb.Explanation(
            model=request.model, epoch=model.route.revision, rule="sequence",
            shadows=[arm.version for arm in model.route.shadows],
        )  # fmt: skip
        if choice is not None:
            found.version, found.role = choice.version, cast(Any, int(choice.role))
            found.bucket, found.weight_bp = choice.bucket, choice.weight_bp
            found.rule = rule_text(choice.rule, choice.bucket, model.route.rules)
        return found

    def _tripped(self, model: str) -> frozenset[int]:
        """Versions whose breaker is open in every worker."""
        slots = [hand.slot for hand in self.crew.hands]
        found = trips(self.layout, slots)
        opened = Counter(trip.version for trip in found if (trip.model, trip.state) == (model, "open"))
        return frozenset(version for version, count in opened.items() if count == len(slots))

    @unary
    async def Trace(self, request: Any, context: Any) -> pb.PredictionTrace:
        if request.prediction_id and request.request_id:
            raise InvalidInput("a trace is of a prediction id or of a request id, not of both")
        found = await asyncio.to_thread(self._find, request.prediction_id, request.request_id)
        await self._explain(found)
        found.why.rule = rule_text(found.why.rule, found.why.bucket, found.route.rules)
        version = await self._version(found.why.model, found.why.version)
        if version is not None:
            encode(version, found.version)
            self._name_columns(version, found)
            if request.rescore:
                found.rescore.CopyFrom(await self._rescore(version, found))
        return found

    @unary
    async def ListDisagreements(self, request: Any, context: Any) -> pb.Disagreements:
        found = list(disagreements(self.layout, request.model, request.version))
        if not found and self.desired.model(request.model) is None:
            raise ModelNotFound(f"model {request.model!r} is not served here")
        return pb.Disagreements(found=found)

    def _find(self, prediction_id: str, request_id: str) -> pb.PredictionTrace:
        """Raises: InvalidInput, PredictionNotFound, Unavailable."""
        from gateway.finder import Finder  # compiled: a start does not wait for it
        from gateway.shipping.stores import store_of

        if self._finder is None:
            self._finder = Finder(self.layout, store_of(self.export_url, self.layout.parquet, self.gateway_id))
        return self._finder.by_request(request_id) if request_id else self._finder.by_prediction(prediction_id)

    async def _explain(self, found: pb.PredictionTrace) -> None:
        """The route in force, where the record does not carry it, and the decisions that led to it or fell under it."""
        model, epoch = found.why.model, found.why.epoch
        if not model or not epoch:
            return
        with contextlib.suppress(GnomonError):  # without the registry a trace says what this host knows
            if not found.HasField("route"):
                encode(await self.desired.client.get_route(model, epoch), found.route)
            for rollout in await self.desired.client.list_rollouts(model):
                found.decisions.extend(message_of(decision) for decision in decisions_of(rollout, epoch))

    async def _version(self, model: str, number: int) -> Version | None:
        """From the registry, or from what is served here when it does not answer; None where no arm was reached."""
        if not number:
            return None
        try:
            return await self.desired.client.get_version(model, number)
        except GnomonError:
            served = self.desired.model(model)
            return next((item for item in served.versions if item.version == number), None) if served else None

    async def _rescore(self, version: Version, found: pb.PredictionTrace) -> pb.Rescore:
        """Runs the artifact on the journaled inputs again. Raises: ArtifactCorrupt, Unavailable."""
        for digest in version.blobs:
            if not self.layout.blob(digest).exists():
                await self.desired.client.download(digest, self.layout.blob(digest))
        return await asyncio.to_thread(_run_again, self.layout, version, found)

    def _name_columns(self, version: Version, found: pb.PredictionTrace) -> None:
        path = self.layout.blob(version.profile_sha256) if version.profile_sha256 else None
        if path is None or not path.exists():
            return
        profile = profile_pb2.Profile.FromString(path.read_bytes())
        for tensor in found.inputs:
            named = {item.column: item.name for item in profile.monitors if item.tensor == tensor.name}
            tensor.columns.extend(named.get(column, "") for column in range(max(named, default=-1) + 1))


def decisions_of(rollout: Rollout, epoch: int) -> list[Decision]:
    """The decision that led to an epoch, and the one that ended it, which rests on what was seen in it."""
    made = [number for number, decision in enumerate(rollout.decisions) if decision.epoch == epoch]
    return list(rollout.decisions[made[0] : made[-1] + 2]) if made else []


def _run_again(layout: Layout, version: Version, found: pb.PredictionTrace) -> pb.Rescore:
    servable = servables.Servable(version, layout.blob(version.artifact_sha256))
    feeds = {tensor.name: array_of(tensor.datatype, tensor.shape, tensor.raw) for tensor in found.inputs}
    again = [
        pb.Tensor(name=spec.name, datatype=spec.kept, shape=array.shape, raw=raw_of(array))
        for spec, array in zip(servable.outputs, servable.run(feeds), strict=True)
    ]
    before = {tensor.name: tensor.raw for tensor in found.outputs}
    equal = bool(before) and before == {tensor.name: tensor.raw for tensor in again}
    return pb.Rescore(equal=equal and version.artifact_sha256 == found.artifact_sha256, outputs=again)
