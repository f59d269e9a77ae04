"""One wrapper for the handlers of every server: what a handler raises becomes its status, once, here."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any

import grpc

from gnomon.errors import InvalidInput
from gnomon.oip import Unreadable
from gnomon.status import reply_of

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Any, Context], AsyncIterator[Any]]


def unary(method: Unary) -> Unary:
    """A method with one answer: whatever it raises ends the call with its row of the status table."""

    @wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Any:
        try:
            if isinstance(request, Unreadable):
                raise InvalidInput(f"{request.size_bytes} bytes that are not a {request.kind}")
            return await method(self, request, context)
        except Exception as error:
            failure = error
        return await context.abort(*reply_of(failure))

    return call


def streaming(method: Stream) -> Stream:
    """The same for a method with many answers."""

    @wraps(method)
    async def call(self: Any, request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async for answer in method(self, request, context):
                yield answer
            return
        except Exception as error:
            failure = error
        await context.abort(*reply_of(failure))

    return call
