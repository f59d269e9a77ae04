from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Profile(_message.Message):
    __slots__ = ("rows", "data_sha256", "monitors", "hours", "slices", "reference")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    MONITORS_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    rows: int
    data_sha256: str
    monitors: _containers.RepeatedCompositeFieldContainer[Monitor]
    hours: _containers.RepeatedCompositeFieldContainer[Hour]
    slices: _containers.RepeatedCompositeFieldContainer[Slice]
    reference: str
    def __init__(self, rows: _Optional[int] = ..., data_sha256: _Optional[str] = ..., monitors: _Optional[_Iterable[_Union[Monitor, _Mapping]]] = ..., hours: _Optional[_Iterable[_Union[Hour, _Mapping]]] = ..., slices: _Optional[_Iterable[_Union[Slice, _Mapping]]] = ..., reference: _Optional[str] = ...) -> None: ...

class Monitor(_message.Message):
    __slots__ = ("name", "tensor", "column", "is_score", "edges", "counts", "singleton", "edges_float64", "edges_int64", "kind", "categories", "derived")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    IS_SCORE_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SINGLETON_FIELD_NUMBER: _ClassVar[int]
    EDGES_FLOAT64_FIELD_NUMBER: _ClassVar[int]
    EDGES_INT64_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    tensor: str
    column: int
    is_score: bool
    edges: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    singleton: _containers.RepeatedScalarFieldContainer[bool]
    edges_float64: _containers.RepeatedScalarFieldContainer[float]
    edges_int64: _containers.RepeatedScalarFieldContainer[int]
    kind: str
    categories: Categories
    derived: str
    def __init__(self, name: _Optional[str] = ..., tensor: _Optional[str] = ..., column: _Optional[int] = ..., is_score: bool = ..., edges: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ..., singleton: _Optional[_Iterable[bool]] = ..., edges_float64: _Optional[_Iterable[float]] = ..., edges_int64: _Optional[_Iterable[int]] = ..., kind: _Optional[str] = ..., categories: _Optional[_Union[Categories, _Mapping]] = ..., derived: _Optional[str] = ...) -> None: ...

class Categories(_message.Message):
    __slots__ = ("values", "others", "open", "once")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Category]
    others: _containers.RepeatedCompositeFieldContainer[Category]
    open: bool
    once: int
    def __init__(self, values: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., others: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., open: bool = ..., once: _Optional[int] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("text", "number", "flag", "real", "binary")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    BINARY_FIELD_NUMBER: _ClassVar[int]
    text: str
    number: int
    flag: bool
    real: float
    binary: bytes
    def __init__(self, text: _Optional[str] = ..., number: _Optional[int] = ..., flag: bool = ..., real: _Optional[float] = ..., binary: _Optional[bytes] = ...) -> None: ...

class Slice(_message.Message):
    __slots__ = ("column", "value", "rows", "counts")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    column: str
    value: str
    rows: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, column: _Optional[str] = ..., value: _Optional[str] = ..., rows: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Hour(_message.Message):
    __slots__ = ("hour_of_week", "rows", "counts")
    HOUR_OF_WEEK_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    hour_of_week: int
    rows: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, hour_of_week: _Optional[int] = ..., rows: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...
