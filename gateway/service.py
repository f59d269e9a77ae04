"""The request path on one screen: bytes in, arm, model, bytes out, and one append to the journal.

Nothing here waits: a call is taken up when its bytes are there, runs with those read in the same turn of the loop, and
is answered from the run. Any transport may hand calls to `infer`; `ModelInfer` is the same for one that awaits.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from gateway import codec
from gateway.backlog import Backlog
from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.breakers import Breakers
from gateway.counters import Counters, VersionCounters
from gateway.extensions import NAMES, Extensions
from gateway.fastcodec.inputs import take
from gateway.fastcodec.request import Decoder
from gateway.fastcodec.response import encode
from gateway.job import ARM_NAMES, REASON_BYTES, Call, Job, Taken, outcome_of, too_many
from gateway.journal.format import ANSWERED, SHED, id_text
from gateway.journal.writer import TensorRecord, Writer
from gateway.lanes.lanes import Lanes
from gateway.pages import Page
from gateway.run_rows import RunRows
from gateway.sampling import offered_to
from gateway.servables import Servable, Servables
from gateway.serving import Serving
from gateway.transport.awaited import AwaitedCall, Refusal
from gateway.unkeyed import Unkeyed
from gnomon import errors, oip
from gnomon.domain import Route
from gnomon.routing import Choice, Table, diverted
from gnomon.servicer import unary
from gnomon.status import reply_of

VERSION = "0.1.0"
REQUEST_ID_BYTES = 1024  # of the caller's id, in the journal


class InferenceService(Extensions):
    """The Open Inference Protocol, served from what is loaded. Written by: the worker's event loop."""

    def __init__(
        self,
        *,
        journal: Writer,
        servables: Servables,
        books: WorkerBooks,
        batcher: Batcher,
        max_in_flight: int,
        max_message_bytes: int,
        max_wait_ms: int,
        breakers: Breakers | None = None,
    ) -> None:
        self.journal = journal
        self.servables = servables
        self.books = books
        self.batcher = batcher
        self.max_in_flight = max_in_flight
        self.max_message_bytes = max_message_bytes
        self.serving = Serving()  # written by the worker, as a whole
        self.draining = False
        self.counters = Counters()
        self.run_rows = RunRows()
        self.batcher.ran = self._ran
        self.backlog = Backlog(max_wait_ms)
        self._decoder = Decoder()
        self.unkeyed = Unkeyed()
        self.lanes: Lanes | None = None  # where the transport has a lane
        self.breakers = breakers
        if breakers is not None:
            breakers.moved = self.reroute

    def serve(self, serving: Serving) -> None:
        """In force for every call that comes after it."""
        changed = serving.unlike(self.serving)
        self.serving = serving if self.breakers is None else self.breakers.follow(serving)
        if self.lanes is not None:
            self.lanes.follow(changed, self.serving.tables)

    def foresee(self, serving: Serving) -> Iterator[None]:
        """What can be done for `serve` before it, in steps between which calls are answered: then its calls need no
        Python, from the first on."""
        if self.lanes is not None:
            changing = [serving.tables[model] for model in serving.unlike(self.serving) & serving.tables.keys()]
            yield from self.lanes.foresee(changing, self.servables)

    def reroute(self, table: Table) -> None:
        """A breaker has led calls of one model around an arm, or back."""
        self.serving = self.serving.with_table(table)
        if self.lanes is not None:
            self.lanes.reroute(table)

    def infer(self, data: bytes | memoryview, call: Call) -> None:
        """Takes up one ModelInfer call; it ends later in `answer` or `refuse`."""
        job = Job(call, self)
        self.books.begin()
        try:
            self._take_up(job, data)
        except Exception as error:
            self.refuse(job, error)

    def _take_up(self, job: Job, data: bytes | memoryview) -> None:
        self._admit(job.call)
        request = self._decoder.decode(data)
        job.request_id = request.id_raw[:REQUEST_ID_BYTES]
        self._put(job, request, *self.serving.choose(request, job.call, self.unkeyed))

    def _put(self, job: Job, request: Any, route: Route, choice: Choice) -> None:
        """Behind those that wait for the arm. Raises: VersionNotFound, InvalidInput, Overloaded."""
        servable = self.servables.get(request.model_name, choice.version)
        job.choose(choice, route, servable)
        inputs, wanted, kind = take(request, servable)
        cost_ns = int(servable.cost.least_us(inputs.rows) * 1e3)
        self.backlog.take(cost_ns)
        job.cost_ns = cost_ns
        job.take(Taken(request, choice, route, self.servables.lend(servable), inputs, wanted, kind))
        if self.breakers is not None:
            self.breakers.admitted(job)
        self.batcher.put(servable, job)

    def moved(self, job: Job) -> bool:
        """Whether the arm of a call that waits was tripped: the call then waits for stable."""
        taken = job.taken
        if taken is None or self.breakers is None or taken.choice.rule == "pinned":
            return False
        if not self.breakers.leads_around((taken.route.model, taken.choice.version)):
            return False
        self._give_back(job)
        job.taken = None
        try:
            self._put(job, taken.request, taken.route, diverted(taken.route, taken.choice))
        except Exception as error:
            self.refuse(job, error)
        return True

    def _admit(self, call: Call) -> None:
        """Raises: Overloaded, DeadlineExceeded: before anything is spent on the call.

        A call that the transport let in while the worker drains is answered: the transport sends clients away.
        """
        if self.books.in_flight > self.max_in_flight:
            raise too_many(self.max_in_flight)
        remaining = call.time_remaining()
        if remaining is not None and remaining <= 0:
            raise errors.DeadlineExceeded("the call's deadline had passed before it began")

    def answer(self, job: Job, outputs: list[Any]) -> None:
        """The model ran: encode, journal, reply. In this order, so that every reply a client has is in the journal."""
        try:
            message = self._journaled_reply(job, outputs)
        except Exception as error:
            self.refuse(job, error)
            return
        if self.breakers is not None:
            self.breakers.answered(job, outputs)
        self._give_back(job)
        self.books.end(ANSWERED)
        job.call.reply(message)

    def _journaled_reply(self, job: Job, outputs: list[Any]) -> bytes:
        taken = job.taken
        assert taken is not None
        records = codec.output_records(taken.servable, outputs)
        prediction_id = self.journal.next_id(job.arrived_unix_ns)
        message = encode_reply(taken, records, prediction_id)
        if len(message) > self.max_message_bytes:
            limit = self.max_message_bytes
            raise errors.MessageTooLarge(f"the reply has {len(message)} bytes; at most {limit} are sent")
        record = job.record(prediction_id, ANSWERED, tensors=taken.inputs.records + records)
        wanted = offered_to(taken.route, taken.choice.version, self.journal.name, self.journal.sequence)
        self.books.journaled(self.journal.append(record))
        for shadow in wanted:
            self.books.offered(taken.route.model, shadow.version)
        self._counters_of(job).answer(
            rows=record.rows, decode_ns=record.decode_ns, queue_ns=record.queue_ns, run_ns=record.run_ns,
            total_ns=record.total_ns, unix_ms=record.arrived_unix_ns // 1_000_000,
        )  # fmt: skip
        if self.lanes is not None:
            self.lanes.learn(taken, records, self.serving.tables)
        return message

    def refuse(self, job: Job, error: BaseException) -> None:
        """Ends a call without an answer: journaled and counted, with the status of its error."""
        outcome = outcome_of(error)
        reason = f"{type(error).__name__}: {error}".encode()[:REASON_BYTES]
        try:
            record = job.record(self.journal.next_id(job.arrived_unix_ns), outcome, reason=reason)
            self.books.refusal_journaled(self.journal.append(record))
        finally:  # whatever happens to the record, the call ends
            if job.taken is not None:
                self._counters_of(job).fail(time.perf_counter_ns() - job.began_ns)
            self._give_back(job)
            self.books.end(outcome)
            if outcome == SHED:
                self.books.shed(error)
            if not isinstance(error, asyncio.CancelledError):
                job.call.fail(*reply_of(error))
            if self.breakers is not None:
                self.breakers.refused(job, error)

    def _ran(self, servable: Servable, rows: int, taken_ns: int) -> None:
        self.counters.of(servable.version.model, servable.version.version).ran(rows, taken_ns)
        self.run_rows.ran(servable.version.model, rows)
        if self.lanes is not None:
            self.lanes.learned(servable)

    def sweep(self) -> None:
        """A few times a second: callers whose time is up, while they wait for a thread or their runs go on in one."""
        if self.breakers is not None:
            runs = self.lanes.computing if self.lanes is not None else ()
            self.breakers.overdue(runs, chain.from_iterable(self.batcher.computing))
        if self.lanes is not None:
            self.lanes.sweep()

    def publish(self, page: Page) -> None:
        """What is on the page only now and then."""
        self.run_rows.publish(page)
        page.set("gnomon_worker_backlog_seconds", self.backlog.expected_ns)

    def _counters_of(self, job: Job) -> VersionCounters:
        assert job.taken is not None
        return self.counters.of(job.taken.route.model, job.taken.choice.version)

    def _give_back(self, job: Job) -> None:
        if job.taken is not None:
            self.servables.give_back(job.taken.servable)
            self.backlog.done(job.cost_ns, calls=1)

    async def ModelInfer(self, data: bytes, context: Any) -> bytes:
        """`infer`, for a transport that awaits its handlers."""
        call = AwaitedCall(context)
        self.infer(data, call)
        try:
            return await call.ended
        except Refusal as refusal:
            return await context.abort(refusal.code, refusal.details, refusal.trailing)  # type: ignore[no-any-return]
        finally:
            call.cancelled = True

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
        return oip.ServerMetadataResponse(name="gnomon", version=VERSION, extensions=NAMES)

    @unary
    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        servable = self._named(request)
        reply = oip.ModelMetadataResponse(name=request.name, platform="onnx_onnxv1")
        reply.versions.extend(str(number) for number in self.serving.table(request.name).route.loaded)
        for into, specs in ((reply.inputs, servable.inputs), (reply.outputs, servable.outputs)):
            for spec in specs:
                into.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        return reply


def encode_reply(taken: Taken, records: list[TensorRecord], prediction_id: bytes) -> bytes:
    """The reply's bytes: raw by a template; typed, for a call that was, by the general encoder."""
    arm, epoch = ARM_NAMES[taken.choice.role], taken.route.revision
    if taken.inputs.raw:
        return encode(taken.servable, taken.request.id_raw, records, taken.wanted, prediction_id, arm, epoch)
    reply = codec.response(taken.request, taken.servable, records, taken.wanted, raw=False)
    reply.parameters["prediction_id"].string_param = id_text(prediction_id)
    reply.parameters["arm"].string_param = arm
    reply.parameters["epoch"].int64_param = epoch
    message: bytes = reply.SerializeToString()
    return message
