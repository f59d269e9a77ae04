"""One wrapper for the handlers of every server: what a handler raises becomes its status, once, here."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from gnomon.errors import InvalidInput
from gnomon.oip import Unreadable
from gnomon.status import reply_of

Handler = Callable[[Any, Any, Any], Awaitable[Any]]


def mapped(handler: Handler) -> Handler:
    """A unary handler of an asyncio server whose errors end the call with the status of the table."""

    @functools.wraps(handler)
    async def answer(servicer: Any, request: Any, context: Any) -> Any:
        try:
            if isinstance(request, Unreadable):
                raise InvalidInput(f"{request.size_bytes} bytes that are not a {request.kind}")
            return await handler(servicer, request, context)
        except Exception as error:
            await context.abort(*reply_of(error))

    return answer
