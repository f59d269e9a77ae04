from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Profile(_message.Message):
    __slots__ = ("rows", "data_sha256", "monitors")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    MONITORS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    data_sha256: str
    monitors: _containers.RepeatedCompositeFieldContainer[Monitor]
    def __init__(self, rows: _Optional[int] = ..., data_sha256: _Optional[str] = ..., monitors: _Optional[_Iterable[_Union[Monitor, _Mapping]]] = ...) -> None: ...

class Monitor(_message.Message):
    __slots__ = ("name", "tensor", "column", "is_score", "edges", "counts", "singleton")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    IS_SCORE_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SINGLETON_FIELD_NUMBER: _ClassVar[int]
    name: str
    tensor: str
    column: int
    is_score: bool
    edges: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    singleton: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, name: _Optional[str] = ..., tensor: _Optional[str] = ..., column: _Optional[int] = ..., is_score: bool = ..., edges: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ..., singleton: _Optional[_Iterable[bool]] = ...) -> None: ...
