"""The edge of the service: what every call has in common. Errors become statuses here and nowhere else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any

import grpc

from gnomon import status
from gnomon.errors import InvalidInput

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Any, Context], AsyncIterator[Any]]


def unary(method: Unary) -> Unary:
    """A method with one answer: whatever it raises ends the call with its row of the status table."""

    @wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Any:
        try:
            return await method(self, request, context)
        except Exception as error:
            failure = error
        return await _end(context, failure)

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
        await _end(context, failure)

    return call


async def _end(context: Context, error: Exception) -> None:
    code, details, trailing = status.reply_of(error)
    await context.abort(code, details, trailing)


def named(what: str, text: str) -> str:
    """Raises: InvalidInput unless `text` says something."""
    if not text.strip():
        raise InvalidInput(f"{what} {text!r}: a name expected")
    return text


def at_least(lowest: int, what: str, number: int) -> int:
    """Raises: InvalidInput unless `number` is `lowest` or more."""
    if number < lowest:
        raise InvalidInput(f"{what} {number}: {lowest} or more expected")
    return number
