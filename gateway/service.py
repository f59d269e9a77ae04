"""The request path on one screen: bytes in, arm, model, bytes out, and one append to the journal.

Handlers are registered the way grpcio generates them. Runs in the worker's event loop; only long model runs leave it.
"""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway import codec
from gateway.books import WorkerBooks
from gateway.journal.format import ANSWERED, CANCELLED, FAILED, REJECTED, RULE_CODES, SHED, id_text
from gateway.journal.writer import Record, Writer
from gateway.sampling import is_offered
from gateway.servables import Servable, Servables
from gateway.serving import Serving
from gnomon import errors, oip
from gnomon.servicer import unary
from gnomon.status import reply_of

VERSION = "0.1.0"
REASON_BYTES = 300


def outcome_of(error: BaseException) -> int:
    """How the journal names a call that was not answered."""
    if isinstance(error, asyncio.CancelledError):
        return CANCELLED
    if isinstance(error, errors.Unavailable | errors.DeadlineExceeded):
        return SHED
    return REJECTED if isinstance(error, errors.GnomonError) else FAILED


class Call:
    """One call on its way: what is known of it so far, for the journal. Times in nanoseconds of the monotonic clock."""

    __slots__ = ("arrived_unix_ns", "began_ns", "decoded_ns", "ended_ns", "fields", "request_id", "started_ns")

    def __init__(self) -> None:
        self.arrived_unix_ns = time.time_ns()
        self.began_ns = self.decoded_ns = self.started_ns = self.ended_ns = time.perf_counter_ns()
        self.request_id = b""
        self.fields: dict[str, Any] = {}

    def record(self, prediction_id: bytes, status: int, **more: Any) -> Record:
        return Record(
            prediction_id, status, self.arrived_unix_ns, request_id=self.request_id,
            decode_ns=self.decoded_ns - self.began_ns, queue_ns=self.started_ns - self.decoded_ns,
            run_ns=self.ended_ns - self.started_ns, total_ns=time.perf_counter_ns() - self.began_ns,
            **self.fields, **more,
        )  # fmt: skip


class InferenceService:
    """The Open Inference Protocol, served from what is loaded."""

    def __init__(
        self, *, journal: Writer, servables: Servables, books: WorkerBooks, max_in_flight: int, inline_run_us: int
    ) -> None:
        self.journal = journal
        self.servables = servables
        self.books = books
        self.max_in_flight = max_in_flight
        self.inline_run_us = inline_run_us
        self.serving = Serving()  # written by the worker, as a whole
        self.draining = False
        self._unkeyed: Counter[str] = Counter()  # calls without a routing key, by model
        self._runners = ThreadPoolExecutor(2, thread_name_prefix="model-run")

    async def ModelInfer(self, data: bytes, context: Any) -> Any:
        call = Call()
        self.books.begin()
        try:
            reply = await self._answer(call, data, context)
        except BaseException as error:
            await self._refuse(call, error, context)
            raise
        self.books.end(ANSWERED)
        return reply

    async def _answer(self, call: Call, data: bytes, context: Any) -> Any:
        self._admit(context)
        request = codec.parse(data)
        call.request_id = request.id.encode()[:1024]
        version = codec.version_number(request.model_version) if request.model_version else 0
        key = _metadata_key(context) or codec.routing_key(request)
        table, choice = self.serving.choose(request.model_name, version, key, self._unkeyed)
        with self.servables.borrow(request.model_name, choice.version) as servable:
            call.fields = {
                "schema": servable.schema, "epoch": table.route.revision, "version": choice.version,
                "role": choice.role, "rule": RULE_CODES[choice.rule], "bucket": choice.bucket,
                "weight_bp": choice.weight_bp, "key_hash": choice.key_hash,
            }  # fmt: skip
            inputs = codec.read_inputs(request, servable)
            wanted = codec.wanted_outputs(request, servable)
            call.decoded_ns = call.started_ns = call.ended_ns = time.perf_counter_ns()
            outputs = await self._run(call, servable, inputs.feeds, context)
        records = codec.output_records(servable, outputs)
        prediction_id = self.journal.next_id(call.arrived_unix_ns)
        reply = codec.response(request, servable, records, wanted, raw=inputs.raw)
        reply.parameters["prediction_id"].string_param = id_text(prediction_id)
        reply.parameters["arm"].string_param = choice.role.name.lower()
        reply.parameters["epoch"].int64_param = table.route.revision
        written = call.record(prediction_id, ANSWERED, rows=inputs.rows, tensors=inputs.records + records)
        offered = is_offered(table.route, choice.version, self.journal.name, self.journal.sequence)
        self.books.journaled(self.journal.append(written), offered=offered)
        return reply

    def _admit(self, context: Any) -> None:
        """Raises: ShuttingDown, Overloaded, DeadlineExceeded: before anything is spent on the call."""
        if self.draining:
            raise errors.ShuttingDown("this gateway is shutting down")
        if self.books.in_flight > self.max_in_flight:
            raise errors.Overloaded(f"{self.max_in_flight} calls are in flight, as many as this worker takes")
        _check_deadline(context)

    async def _run(self, call: Call, servable: Servable, feeds: dict[str, Any], context: Any) -> list[Any]:
        if servable.run_us <= self.inline_run_us:
            outputs = servable.run(feeds)
            call.ended_ns = time.perf_counter_ns()
            return outputs
        return await asyncio.get_running_loop().run_in_executor(
            self._runners, _timed_run, call, servable, feeds, context
        )

    async def _refuse(self, call: Call, error: BaseException, context: Any) -> None:
        """Journals and counts a call that got no answer, and ends it with the status of its error."""
        outcome = outcome_of(error)
        reason = f"{type(error).__name__}: {error}".encode()[:REASON_BYTES]
        record = call.record(self.journal.next_id(call.arrived_unix_ns), outcome, reason=reason)
        self.books.lost(not self.journal.append(record))
        self.books.end(outcome)
        if isinstance(error, Exception):
            await context.abort(*reply_of(error))

    def stop(self) -> None:
        self._runners.shutdown(wait=True, cancel_futures=True)

    @unary
    async def ServerLive(self, request: Any, context: Any) -> Any:
        return oip.ServerLiveResponse(live=True)

    @unary
    async def ServerReady(self, request: Any, context: Any) -> Any:
        return oip.ServerReadyResponse(ready=self.serving.revision >= 0 and not self.draining)

    @unary
    async def ModelReady(self, request: Any, context: Any) -> Any:
        try:
            self._named(request)
        except errors.NotFound:
            return oip.ModelReadyResponse(ready=False)
        return oip.ModelReadyResponse(ready=True)

    @unary
    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        return oip.ServerMetadataResponse(name="gnomon", version=VERSION, extensions=[])

    @unary
    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        servable = self._named(request)
        reply = oip.ModelMetadataResponse(name=request.name, platform="onnx_onnxv1")
        reply.versions.extend(str(number) for number in self.serving.table(request.name).route.loaded)
        for into, specs in ((reply.inputs, servable.inputs), (reply.outputs, servable.outputs)):
            for spec in specs:
                into.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        return reply

    def _named(self, request: Any) -> Servable:
        """The version a metadata call is about: the one it names, else the stable one."""
        route = self.serving.table(request.name).route
        number = codec.version_number(request.version) if request.version else route.stable.version
        return self.servables.get(request.name, number)


def _timed_run(call: Call, servable: Servable, feeds: dict[str, Any], context: Any) -> list[Any]:
    """In a thread of the pool. Raises: DeadlineExceeded when the caller's time passed while it waited."""
    call.started_ns = time.perf_counter_ns()
    _check_deadline(context)
    outputs = servable.run(feeds)
    call.ended_ns = time.perf_counter_ns()
    return outputs


def _check_deadline(context: Any) -> None:
    remaining = context.time_remaining()
    if remaining is not None and remaining <= 0:
        raise errors.DeadlineExceeded("the call's deadline had passed before it began")


def _metadata_key(context: Any) -> bytes:
    for key, value in context.invocation_metadata() or ():
        if key == "x-routing-key":
            return value if isinstance(value, bytes) else str(value).encode()
    return b""
