"""ModelStreamInfer: calls on one stream, answered in their order while several are on their way.

As other servers of the protocol do it: an answer holds the response or, for a call that failed, its message; a failed
call does not end the stream; every answer is marked as the last of its call.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway import codec
from gateway.fastcodec.varint import field
from gateway.transport.awaited import Refusal
from gnomon.errors import InvalidInput
from gnomon.status import reply_of

WINDOW = 64  # calls of one stream that may wait for the one before them; the stream is read no further

ERROR_MESSAGE, INFER_RESPONSE = 1, 2  # fields of ModelStreamInferResponse
ID, PARAMETERS = 3, 4  # fields of ModelInferResponse
FINAL = field(PARAMETERS, field(1, b"triton_final_response") + field(2, b"\x08\x01"))

Infer = Callable[[bytes], Awaitable[bytes]]


async def stream(requests: AsyncIterator[bytes], infer: Infer, *, window: int = WINDOW) -> AsyncIterator[bytes]:
    """Serialized ModelStreamInferResponse messages. `infer` answers one serialized ModelInferRequest, or raises.

    When the caller leaves, calls on their way are cancelled.
    """
    answers: asyncio.Queue[asyncio.Future[bytes] | None] = asyncio.Queue(window)
    reader = asyncio.create_task(_take_up(requests, infer, answers))
    try:
        while (answer := await answers.get()) is not None:
            yield await answer
    finally:
        reader.cancel()
        while not answers.empty():
            if (answer := answers.get_nowait()) is not None:
                answer.cancel()


async def _take_up(
    requests: AsyncIterator[bytes], infer: Infer, answers: "asyncio.Queue[asyncio.Future[bytes] | None]"
) -> None:
    """Begins a call for each request, None after the last. What reading raises takes the place of an answer."""
    try:
        async for data in requests:
            answer = asyncio.create_task(_answer(infer, data))
            try:
                await answers.put(answer)
            except asyncio.CancelledError:
                answer.cancel()
                raise
    except Exception as error:
        broken = asyncio.get_running_loop().create_future()
        broken.set_exception(error)
        await answers.put(broken)
    await answers.put(None)


async def _answer(infer: Infer, data: bytes) -> bytes:
    try:
        return field(INFER_RESPONSE, await infer(data) + FINAL)
    except Exception as error:
        message = error.details if isinstance(error, Refusal) else reply_of(error)[1]
        return field(ERROR_MESSAGE, message.encode()) + field(INFER_RESPONSE, _id_field(data) + FINAL)


def _id_field(data: bytes) -> bytes:
    """Says which request it was; nothing for bytes that are none."""
    try:
        request_id = codec.parse(data).id.encode()
    except InvalidInput:
        return b""
    return field(ID, request_id)
