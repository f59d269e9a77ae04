"""A service that shows every way a call can go, as grpcio would register it. Messages are plain bytes."""

import asyncio
from typing import Any

import grpc

SERVICE = "test.Everything"
WORDS = "nicht gültig: 100 % 模型\n"


class Everything:
    """One method a situation."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.done_callbacks = 0
        self.written = 0
        self.slow = 0

    async def Echo(self, request: bytes, context: Any) -> bytes:
        return request

    async def Fail(self, request: bytes, context: Any) -> bytes:
        trailing = (("why", "a-test"), ("raw-bin", b"\x00\xff"))
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, WORDS, trailing)
        raise AssertionError

    async def SetCode(self, request: bytes, context: Any) -> bytes:
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("set, not raised")
        return b""

    async def Break(self, request: bytes, context: Any) -> bytes:
        raise KeyError("secret")

    async def Metadata(self, request: bytes, context: Any) -> bytes:
        """Sends back what was sent, at both ends."""
        sent = [(key, value) for key, value in context.invocation_metadata() if key.startswith("x-")]
        await context.send_initial_metadata([*sent, ("first", "1")])
        context.set_trailing_metadata([*sent, ("last", "2")])
        return b"".join(value if isinstance(value, bytes) else value.encode() for _, value in sent)

    async def Remaining(self, request: bytes, context: Any) -> bytes:
        return repr(context.time_remaining()).encode()

    async def Peer(self, request: bytes, context: Any) -> bytes:
        return str(context.peer()).encode()

    async def Compressed(self, request: bytes, context: Any) -> bytes:
        context.set_compression(grpc.Compression.Gzip)
        return request

    async def Wait(self, request: bytes, context: Any) -> bytes:
        """Until the caller has enough of it."""
        context.add_done_callback(self._count)
        self.started.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b"late"

    def _count(self, context: Any) -> None:
        self.done_callbacks += 1

    async def Slow(self, request: bytes, context: Any) -> bytes:
        self.slow += 1
        await asyncio.sleep(0.05)
        return request

    async def Count(self, request: bytes, context: Any) -> Any:
        for number in range(int(request)):
            yield str(number).encode()

    async def CountWriting(self, request: bytes, context: Any) -> None:
        for number in range(int(request)):
            await context.write(str(number).encode())

    async def CountThenFail(self, request: bytes, context: Any) -> Any:
        yield b"0"
        await context.abort(grpc.StatusCode.DATA_LOSS, "after one")

    async def Flood(self, request: bytes, context: Any) -> Any:
        for _ in range(int(request)):
            yield bytes(16 << 10)
            self.written += 1

    async def Join(self, requests: Any, context: Any) -> bytes:
        return b",".join([request async for request in requests])

    async def JoinReading(self, requests: Any, context: Any) -> bytes:
        parts = []
        while (request := await context.read()) is not grpc.aio.EOF:
            parts.append(request)
        return b",".join(parts)

    async def Chat(self, requests: Any, context: Any) -> Any:
        async for request in requests:
            yield b"re: " + request

    def Plain(self, request: bytes, context: Any) -> bytes:
        if request == b"abort":
            context.abort(grpc.StatusCode.OUT_OF_RANGE, "a plain function")
        return request[::-1]

    def PlainChat(self, requests: Any, context: Any) -> Any:
        for request in requests:
            yield request.upper()


KINDS = {
    "Count": "unary_stream", "CountWriting": "unary_stream", "CountThenFail": "unary_stream", "Flood": "unary_stream",
    "Join": "stream_unary", "JoinReading": "stream_unary", "Chat": "stream_stream", "PlainChat": "stream_stream",
}  # fmt: skip


def add_to_server(servicer: Everything, server: Any) -> None:
    """What generated code does."""
    handlers = {
        name: getattr(grpc, f"{KINDS.get(name, 'unary_unary')}_rpc_method_handler")(getattr(servicer, name))
        for name in vars(Everything)
        if name[0].isupper()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


def path(name: str) -> str:
    return f"/{SERVICE}/{name}"


def call(channel: Any, name: str) -> Any:
    """A callable of that method, of the channel's flavour."""
    return getattr(channel, KINDS.get(name, "unary_unary"))(path(name))
