"""A method as grpcio registers it, classified once: what it reads and writes, and how it is to be run."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import grpc


class Style(Enum):
    COROUTINE = "async def"
    GENERATOR = "async def with yield"
    FUNCTION = "def, run in a thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """`function(request or requests, context)`; identity stands in for a serializer that is not given."""

    function: Callable[[Any, Any], Any]
    style: Style
    reads_stream: bool
    writes_stream: bool
    deserialize: Callable[[bytes], Any]
    serialize: Callable[[Any], bytes]


def method_of(handler: "grpc.RpcMethodHandler[Any, Any]") -> Method:
    reads, writes = bool(handler.request_streaming), bool(handler.response_streaming)
    names = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary"}
    function = getattr(handler, names.get((reads, writes), "stream_stream"))
    return Method(
        function=function, style=style_of(function), reads_stream=reads, writes_stream=writes,
        deserialize=handler.request_deserializer or _as_is, serialize=handler.response_serializer or _as_is,
    )  # fmt: skip


def style_of(function: Any) -> Style:
    """Looks through partials and at the `__call__` of objects."""
    inner = function if inspect.isroutine(function) else getattr(function, "func", type(function).__call__)
    if inspect.isasyncgenfunction(inner):
        return Style.GENERATOR
    return Style.COROUTINE if inspect.iscoroutinefunction(inner) else Style.FUNCTION


def _as_is(message: Any) -> Any:
    return message
