"""One call on its way through a worker: what is known of it so far, and how it ends, exactly once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import grpc
from numpy.typing import NDArray

from gateway.codec import Inputs
from gateway.journal.format import CANCELLED, FAILED, REJECTED, RULE_CODES, SHED
from gateway.journal.writer import Record, TensorRecord
from gateway.servables import Servable
from gateway.traceparent import HEADER, trace_id
from gnomon import errors
from gnomon.domain import Role, Route
from gnomon.routing import Choice

REASON_BYTES = 300
ARM_NAMES = ("", *(role.name.lower() for role in Role))  # by the number of the role
NO_ARM = (0,) * 8  # fields of a record from `schema` to `key_hash`, of a call that reached no arm


class Call(Protocol):
    """A unary call as a transport hands it over. Nothing here waits."""

    cancelled: bool  # the caller has left

    def metadata(self, name: str) -> bytes | None:
        """The first value of that name."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, None where there is none."""

    def reply(self, message: bytes) -> None: ...

    def fail(self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, str]] = ()) -> None: ...


class Ends(Protocol):
    """What becomes of a job: the service."""

    def answer(self, job: "Job", outputs: list[NDArray[Any]]) -> None: ...

    def refuse(self, job: "Job", error: BaseException) -> None: ...

    def moved(self, job: "Job") -> bool:
        """Whether it waits somewhere else from now on."""


def outcome_of(error: BaseException) -> int:
    """How the journal names a call that was not answered."""
    if isinstance(error, asyncio.CancelledError):
        return CANCELLED
    if isinstance(error, errors.Unavailable | errors.DeadlineExceeded):
        return SHED
    return REJECTED if isinstance(error, errors.GnomonError) else FAILED


def too_many(max_in_flight: int) -> errors.Overloaded:
    return errors.Overloaded(f"{max_in_flight} calls are in flight, as many as this worker takes")


class Taken(NamedTuple):
    """What a call asks for, once it is known to be in order."""

    request: Any
    choice: Choice
    route: Route
    servable: Servable
    inputs: Inputs
    wanted: tuple[int, ...]
    kind: object  # calls of one kind differ in their rows only


class Job:
    """A call and its times, in nanoseconds of the monotonic clock. Written by: the worker's event loop."""

    __slots__ = (
        "arm", "arrived_unix_ns", "began_ns", "call", "cost_ns", "decoded_ns", "ended_ns", "ends", "is_late",
        "request_id", "started_ns", "taken",
    )  # fmt: skip

    def __init__(self, call: Call, ends: Ends) -> None:
        self.arrived_unix_ns = time.time_ns()
        self.began_ns = self.decoded_ns = self.started_ns = self.ended_ns = time.perf_counter_ns()
        self.call = call
        self.ends = ends
        self.request_id = b""
        self.arm = NO_ARM
        self.taken: Taken | None = None
        self.cost_ns = 0  # expected of its run
        self.is_late = False  # its deadline was seen to pass while its run went on

    @property
    def feeds(self) -> dict[str, NDArray[Any]]:
        assert self.taken is not None
        return self.taken.inputs.feeds

    @property
    def rows(self) -> int:
        assert self.taken is not None
        return self.taken.inputs.rows

    @property
    def layout(self) -> object:
        """Jobs with equal layouts have inputs that differ in their rows only."""
        assert self.taken is not None
        return self.taken.kind

    def choose(self, choice: Choice, route: Route, servable: Servable) -> None:
        """Remembers which arm it fell to, whatever becomes of it."""
        self.arm = (
            servable.schema, route.revision, choice.version, choice.role, RULE_CODES[choice.rule], choice.bucket,
            choice.weight_bp, choice.key_hash,
        )  # fmt: skip

    def take(self, taken: Taken) -> None:
        self.taken = taken
        self.decoded_ns = self.started_ns = self.ended_ns = time.perf_counter_ns()

    def dropped(self) -> bool:
        """Whether nobody waits for it any more, and it is ended here then; or it waits for another arm from now on."""
        if self.call.cancelled:
            self.ends.refuse(self, asyncio.CancelledError("the caller has left"))
            return True
        remaining = self.call.time_remaining()
        if remaining is not None and remaining <= 0:
            self.ends.refuse(self, errors.DeadlineExceeded("the call's deadline passed before its model ran"))
            return True
        return self.ends.moved(self)

    def remaining_s(self) -> float | None:
        return self.call.time_remaining()

    def done(self, outputs: list[NDArray[Any]], started_ns: int, ended_ns: int) -> None:
        self.started_ns, self.ended_ns = started_ns, ended_ns
        if self.call.cancelled:
            self.ends.refuse(self, asyncio.CancelledError("the caller left while the model ran"))
        else:
            self.ends.answer(self, outputs)

    def failed(self, error: Exception, started_ns: int, ended_ns: int) -> None:
        self.started_ns, self.ended_ns = started_ns, ended_ns
        self.ends.refuse(self, error)

    def record(
        self, prediction_id: bytes, status: int, reason: bytes = b"", tensors: Sequence[TensorRecord] = ()
    ) -> Record:
        """What the journal keeps of it. A time that was not reached counts as none taken."""
        rows = 0 if self.taken is None else self.taken.inputs.rows
        return Record(
            prediction_id, status, self.arrived_unix_ns, *self.arm, rows, self.decoded_ns - self.began_ns,
            self.started_ns - self.decoded_ns, self.ended_ns - self.started_ns, time.perf_counter_ns() - self.began_ns,
            self.request_id, reason, tensors, trace_id=trace_id(self.call.metadata(HEADER)),
        )  # fmt: skip
