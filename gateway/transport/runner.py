"""Runs a handler of any of the four kinds and the three styles, and turns how it ended into a status, once."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import grpc

from gateway.transport.call import Call, Gone
from gateway.transport.context import Aborted, Context, SyncContext
from gateway.transport.method import Method, Style
from gateway.transport.refusal import Refusal

log = logging.getLogger(__name__)
INTERNAL = grpc.StatusCode.INTERNAL


async def run(call: Call, method: Method, threads: Executor) -> None:
    """One call, from its first message to its status. Never raises."""
    context = Context(call, method)
    try:
        argument = Requests(context) if method.reads_stream else _decoded(method, call.pop())
        await _STYLES[method.style](context, method, call, argument, threads)
        call.close(context.trailers())
    except asyncio.CancelledError:
        # Where the caller has left or the deadline has passed, the call is over and this does nothing.
        call.fail(grpc.StatusCode.CANCELLED, "the server ended the call")
    except Exception as error:
        _close_failed(call, context, error)
    finally:
        _finish(context)


def _close_failed(call: Call, context: Context, error: Exception) -> None:
    """The status of an exception: that of an abort; our own refusal; else internal, the traceback in the log."""
    if context.aborted and isinstance(error, Aborted):
        call.close(context.trailers())
    elif isinstance(error, Refusal):
        call.fail(error.code, error.details)
    elif not (isinstance(error, Gone) and call.finished):
        log.error("a handler of %s raised", call.head.path.decode("latin-1"), exc_info=error)
        call.close(context.trailers(INTERNAL, "internal error"))


def _finish(context: Context) -> None:
    try:
        context.finish()
    except Exception as error:
        log.error("a callback of a call raised", exc_info=error)


def _decoded(method: Method, data: bytes) -> Any:
    """Raises: Refusal."""
    try:
        return method.deserialize(data)
    except Exception:
        raise Refusal(INTERNAL, "the request could not be decoded") from None


class Requests:
    """What a handler that reads a stream iterates over. It may stop before the end."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def __aiter__(self) -> "Requests":
        return self

    async def __anext__(self) -> Any:
        request = await self._context.read()
        if request is grpc.aio.EOF:
            raise StopAsyncIteration
        return request


def _answer(context: Context, method: Method, call: Call, response: Any) -> None:
    """A single response, with the status set for it; a status of failure is sent without it."""
    if context.code() in (None, grpc.StatusCode.OK):
        call.answer(method.serialize(response), context.trailers())
    else:
        call.close(context.trailers())


async def _coroutine(context: Context, method: Method, call: Call, argument: Any, threads: Executor) -> None:
    response = await method.function(argument, context)
    if not method.writes_stream:
        _answer(context, method, call, response)


async def _generator(context: Context, method: Method, call: Call, argument: Any, threads: Executor) -> None:
    responses = method.function(argument, context)
    try:
        async for response in responses:
            await call.write(method.serialize(response))
    finally:
        await responses.aclose()


async def _function(context: Context, method: Method, call: Call, argument: Any, threads: Executor) -> None:
    loop = asyncio.get_running_loop()
    seen = SyncContext(context, loop)
    given = _blocking(argument, loop) if method.reads_stream else argument
    if method.writes_stream:
        await loop.run_in_executor(threads, _pump, method, call, given, seen, loop)
    else:
        _answer(context, method, call, await loop.run_in_executor(threads, method.function, given, seen))


def _blocking(requests: Requests, loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """In a thread: the requests, each awaited in the loop."""

    async def following() -> Any:
        return await anext(requests, grpc.aio.EOF)

    while (request := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not grpc.aio.EOF:
        yield request


def _pump(method: Method, call: Call, given: Any, seen: SyncContext, loop: asyncio.AbstractEventLoop) -> None:
    """In a thread: writes what a generator yields, as fast as the caller reads."""
    for response in method.function(given, seen):
        asyncio.run_coroutine_threadsafe(call.write(method.serialize(response)), loop).result()


_STYLES = {Style.COROUTINE: _coroutine, Style.GENERATOR: _generator, Style.FUNCTION: _function}
