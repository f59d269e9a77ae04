from gnomon.registry.v1 import registry_pb2 as _registry_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Status(_message.Message):
    __slots__ = ("gateway_id", "applied_revision", "workers", "books", "consumers", "shadow", "routes", "failures", "trips")
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_REVISION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    applied_revision: int
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    books: Books
    consumers: _containers.RepeatedCompositeFieldContainer[Consumer]
    shadow: ShadowBooks
    routes: _containers.RepeatedCompositeFieldContainer[_registry_pb2.Route]
    failures: _containers.RepeatedCompositeFieldContainer[_registry_pb2.LoadFailure]
    trips: _containers.RepeatedCompositeFieldContainer[_registry_pb2.Trip]
    def __init__(self, gateway_id: _Optional[str] = ..., applied_revision: _Optional[int] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., books: _Optional[_Union[Books, _Mapping]] = ..., consumers: _Optional[_Iterable[_Union[Consumer, _Mapping]]] = ..., shadow: _Optional[_Union[ShadowBooks, _Mapping]] = ..., routes: _Optional[_Iterable[_Union[_registry_pb2.Route, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[_registry_pb2.LoadFailure, _Mapping]]] = ..., trips: _Optional[_Iterable[_Union[_registry_pb2.Trip, _Mapping]]] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("slot", "pid", "ready", "restarts")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    slot: int
    pid: int
    ready: bool
    restarts: int
    def __init__(self, slot: _Optional[int] = ..., pid: _Optional[int] = ..., ready: bool = ..., restarts: _Optional[int] = ...) -> None: ...

class Books(_message.Message):
    __slots__ = ("received", "answered", "rejected", "shed", "failed", "cancelled", "in_flight", "journaled", "journal_lost", "shadow_offered")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    JOURNALED_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_LOST_FIELD_NUMBER: _ClassVar[int]
    SHADOW_OFFERED_FIELD_NUMBER: _ClassVar[int]
    received: int
    answered: int
    rejected: int
    shed: int
    failed: int
    cancelled: int
    in_flight: int
    journaled: int
    journal_lost: int
    shadow_offered: int
    def __init__(self, received: _Optional[int] = ..., answered: _Optional[int] = ..., rejected: _Optional[int] = ..., shed: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., in_flight: _Optional[int] = ..., journaled: _Optional[int] = ..., journal_lost: _Optional[int] = ..., shadow_offered: _Optional[int] = ...) -> None: ...

class Consumer(_message.Message):
    __slots__ = ("name", "journal", "read", "pending", "missed", "pending_bytes", "cursor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    PENDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    journal: str
    read: int
    pending: int
    missed: int
    pending_bytes: int
    cursor: int
    def __init__(self, name: _Optional[str] = ..., journal: _Optional[str] = ..., read: _Optional[int] = ..., pending: _Optional[int] = ..., missed: _Optional[int] = ..., pending_bytes: _Optional[int] = ..., cursor: _Optional[int] = ...) -> None: ...

class ShadowBooks(_message.Message):
    __slots__ = ("offered", "run", "shed", "expired", "failed")
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    offered: int
    run: int
    shed: int
    expired: int
    failed: int
    def __init__(self, offered: _Optional[int] = ..., run: _Optional[int] = ..., shed: _Optional[int] = ..., expired: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("model", "routing_key", "headers", "infer_request")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROUTING_KEY_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    INFER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    model: str
    routing_key: str
    headers: _containers.ScalarMap[str, str]
    infer_request: bytes
    def __init__(self, model: _Optional[str] = ..., routing_key: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., infer_request: _Optional[bytes] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("model", "epoch", "version", "role", "bucket", "weight_bp", "rule", "shadows")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BP_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SHADOWS_FIELD_NUMBER: _ClassVar[int]
    model: str
    epoch: int
    version: int
    role: _registry_pb2.Role
    bucket: int
    weight_bp: int
    rule: str
    shadows: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, model: _Optional[str] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., role: _Optional[_Union[_registry_pb2.Role, str]] = ..., bucket: _Optional[int] = ..., weight_bp: _Optional[int] = ..., rule: _Optional[str] = ..., shadows: _Optional[_Iterable[int]] = ...) -> None: ...

class TraceRequest(_message.Message):
    __slots__ = ("prediction_id", "rescore", "request_id")
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    RESCORE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    prediction_id: str
    rescore: bool
    request_id: str
    def __init__(self, prediction_id: _Optional[str] = ..., rescore: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("name", "datatype", "shape", "raw", "columns")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATATYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    name: str
    datatype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    raw: bytes
    columns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., datatype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., raw: _Optional[bytes] = ..., columns: _Optional[_Iterable[str]] = ...) -> None: ...

class PredictionTrace(_message.Message):
    __slots__ = ("prediction_id", "request_id", "journal", "sequence", "arrived_unix_ns", "status", "why", "inputs", "outputs", "decode_us", "queue_us", "run_us", "total_us", "version", "route", "artifact_sha256", "rescore", "source", "reason", "trace_id", "others", "decisions")
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DECODE_US_FIELD_NUMBER: _ClassVar[int]
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    RUN_US_FIELD_NUMBER: _ClassVar[int]
    TOTAL_US_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_SHA256_FIELD_NUMBER: _ClassVar[int]
    RESCORE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    prediction_id: str
    request_id: str
    journal: str
    sequence: int
    arrived_unix_ns: int
    status: str
    why: Explanation
    inputs: _containers.RepeatedCompositeFieldContainer[Tensor]
    outputs: _containers.RepeatedCompositeFieldContainer[Tensor]
    decode_us: int
    queue_us: int
    run_us: int
    total_us: int
    version: _registry_pb2.Version
    route: _registry_pb2.Route
    artifact_sha256: str
    rescore: Rescore
    source: str
    reason: str
    trace_id: str
    others: _containers.RepeatedScalarFieldContainer[str]
    decisions: _containers.RepeatedCompositeFieldContainer[_registry_pb2.Decision]
    def __init__(self, prediction_id: _Optional[str] = ..., request_id: _Optional[str] = ..., journal: _Optional[str] = ..., sequence: _Optional[int] = ..., arrived_unix_ns: _Optional[int] = ..., status: _Optional[str] = ..., why: _Optional[_Union[Explanation, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ..., decode_us: _Optional[int] = ..., queue_us: _Optional[int] = ..., run_us: _Optional[int] = ..., total_us: _Optional[int] = ..., version: _Optional[_Union[_registry_pb2.Version, _Mapping]] = ..., route: _Optional[_Union[_registry_pb2.Route, _Mapping]] = ..., artifact_sha256: _Optional[str] = ..., rescore: _Optional[_Union[Rescore, _Mapping]] = ..., source: _Optional[str] = ..., reason: _Optional[str] = ..., trace_id: _Optional[str] = ..., others: _Optional[_Iterable[str]] = ..., decisions: _Optional[_Iterable[_Union[_registry_pb2.Decision, _Mapping]]] = ...) -> None: ...

class Rescore(_message.Message):
    __slots__ = ("equal", "outputs")
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    equal: bool
    outputs: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, equal: bool = ..., outputs: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class ListDisagreementsRequest(_message.Message):
    __slots__ = ("model", "version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Disagreement(_message.Message):
    __slots__ = ("prediction_id", "shadow_id", "arrived_unix_ms", "row", "epoch", "version", "live", "shadow")
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    SHADOW_ID_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    prediction_id: str
    shadow_id: str
    arrived_unix_ms: int
    row: int
    epoch: int
    version: int
    live: float
    shadow: float
    def __init__(self, prediction_id: _Optional[str] = ..., shadow_id: _Optional[str] = ..., arrived_unix_ms: _Optional[int] = ..., row: _Optional[int] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., live: _Optional[float] = ..., shadow: _Optional[float] = ...) -> None: ...

class Disagreements(_message.Message):
    __slots__ = ("found",)
    FOUND_FIELD_NUMBER: _ClassVar[int]
    found: _containers.RepeatedCompositeFieldContainer[Disagreement]
    def __init__(self, found: _Optional[_Iterable[_Union[Disagreement, _Mapping]]] = ...) -> None: ...
