"""The extensions of the Open Inference Protocol that clients and load generators ask for, read-only.

What is served is the registry's to decide, so load and unload are refused. Replies are made by pure functions; the
class hands them what the worker knows.
"""

from collections.abc import AsyncIterator
from typing import Any

from gateway.counters import Counters, VersionCounters
from gateway.job import Call
from gateway.servables import Servable, Servables, TensorSpec
from gateway.serving import Serving
from gateway.stream import stream
from gateway.transport.awaited import AwaitedCall
from gnomon import oip
from gnomon.asked import version_number
from gnomon.errors import InvalidInput, Precondition
from gnomon.servicer import streaming, unary

NAMES = ("model_repository", "model_configuration", "statistics", "parameters", "binary_tensor_data")
PLATFORM = "onnxruntime_onnx"
BACKEND = "onnxruntime"
ROWS_AT_MOST = 65_535  # of a call, as its description says; the journal counts no further


def repository_index(serving: Serving, servables: Servables, *, ready_only: bool) -> Any:
    """Every version that a route has loaded, and whether it is here."""
    reply = oip.RepositoryIndexResponse()
    for model, table in sorted(serving.tables.items()):
        for number in table.route.loaded:
            if (model, number) in servables:
                reply.models.add(name=model, version=str(number), state="READY")
            elif not ready_only:
                reply.models.add(name=model, version=str(number), state="UNAVAILABLE", reason="not loaded")
    return reply


def model_config(servable: Servable, versions: tuple[int, ...]) -> Any:
    """The axis of the rows is left out of the shapes where the version takes any number of them."""
    batches = servable.takes_any_rows and all(len(spec.shape) > 1 for spec in (*servable.inputs, *servable.outputs))
    config = oip.ModelConfig(
        name=servable.version.model, platform=PLATFORM, backend=BACKEND, default_model_filename="model.onnx",
        max_batch_size=ROWS_AT_MOST if batches else 0,
    )  # fmt: skip
    config.version_policy.specific.versions.extend(versions)
    config.instance_group.add(name=servable.version.model, count=1, kind="KIND_CPU")
    config.model_transaction_policy.decoupled = False
    if batches:
        config.dynamic_batching.SetInParent()
    for into, specs in ((config.input, servable.inputs), (config.output, servable.outputs)):
        for spec in specs:
            into.add(name=spec.name, data_type=data_type(spec), dims=spec.shape[1:] if batches else spec.shape)
    return oip.ModelConfigResponse(config=config)


def data_type(spec: TensorSpec) -> int:
    """The datatype's number in a configuration, where BYTES are called strings."""
    name = "STRING" if spec.datatype == "BYTES" else spec.datatype
    number: int = oip.DataType.values_by_name[f"TYPE_{name}"].number
    return number


def add_statistics(reply: Any, model: str, version: int, counters: VersionCounters) -> None:
    """One version's counts into a ModelStatisticsResponse."""
    sums = counters.sums
    into = reply.model_stats.add(
        name=model, version=str(version), last_inference=sums.last_unix_ms, inference_count=sums.rows,
        execution_count=counters.runs,
    )  # fmt: skip
    for name, count, ns in (
        ("success", sums.answered, sums.answered_ns),
        ("fail", sums.failed, sums.failed_ns),
        ("queue", sums.answered, sums.queue_ns),
        ("compute_input", sums.answered, sums.decode_ns),
        ("compute_infer", sums.answered, sums.run_ns),
        ("compute_output", sums.answered, counters.encode_ns),
    ):
        duration = getattr(into.inference_stats, name)
        duration.count, duration.ns = count, ns
    for rows, (runs, ns) in sorted(counters.run_sizes.items()):
        size = into.batch_stats.add(batch_size=rows)
        size.compute_infer.count, size.compute_infer.ns = runs, ns


def statistics(keys: list[tuple[str, int]], counters: Counters) -> Any:
    """Of the versions in `keys`."""
    reply = oip.ModelStatisticsResponse()
    for model, version in keys:
        add_statistics(reply, model, version, counters.of(model, version))
    return reply


def refused(request: Any) -> Precondition:
    return Precondition(
        f"model {request.model_name!r}: the registry decides what is served; use `gnomon route set`, which loads first"
    )


class Extensions:
    """Methods of the extensions, for a servicer that has what they read and `infer`."""

    serving: Serving
    servables: Servables
    counters: Counters

    def infer(self, data: bytes | memoryview, call: Call) -> None:
        raise NotImplementedError

    def _named(self, request: Any) -> Servable:
        """The version a call is about: the one it names, else the stable one. Raises: NotFound, InvalidInput."""
        route = self.serving.table(request.name).route
        number = version_number(request.version) if request.version else route.stable.version
        return self.servables.get(request.name, number)

    @unary
    async def RepositoryIndex(self, request: Any, context: Any) -> Any:
        if request.repository_name:
            raise InvalidInput(f"repository {request.repository_name!r}: there is one, without a name")
        return repository_index(self.serving, self.servables, ready_only=request.ready)

    @unary
    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:
        raise refused(request)

    @unary
    async def RepositoryModelUnload(self, request: Any, context: Any) -> Any:
        raise refused(request)

    @unary
    async def ModelConfig(self, request: Any, context: Any) -> Any:
        servable = self._named(request)
        return model_config(servable, tuple(self.serving.table(request.name).route.loaded))

    @unary
    async def ModelStatistics(self, request: Any, context: Any) -> Any:
        if request.version:
            servable = self._named(request)
            return statistics([(request.name, servable.version.version)], self.counters)
        if request.name:
            self.serving.table(request.name)
        loaded = self.servables.keys()
        return statistics([key for key in loaded if request.name in ("", key[0])], self.counters)

    @streaming
    def ModelStreamInfer(self, requests: Any, context: Any) -> AsyncIterator[bytes]:
        async def infer(data: bytes) -> bytes:
            call = AwaitedCall(context)
            self.infer(data, call)
            try:
                return await call.ended
            finally:
                call.cancelled = True

        return stream(requests, infer)
