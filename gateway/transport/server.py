"""A gRPC server on HTTP/2 streams. It takes handlers as grpcio's asyncio server does, and functions on the fast path.

Stopping, in this order: listeners close; every connection is told to go elsewhere and finishes its calls; what is left
when the grace has passed is ended with UNAVAILABLE; connections close.
"""

import asyncio
import logging
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from gateway.transport.call import Call
from gateway.transport.direct import DirectCall, Handler
from gateway.transport.engine import World
from gateway.transport.h2 import Http2
from gateway.transport.head import Head, NotGrpc, list_bytes, read
from gateway.transport.limits import Limits
from gateway.transport.listener import BACKLOG, bind, port_of
from gateway.transport.metadata import Headers
from gateway.transport.outbox import Outbox
from gateway.transport.refusal import Refusal
from gateway.transport.reply import failure, not_grpc
from gateway.transport.routes import Routes
from gateway.transport.runner import run
from gateway.transport.sockets import Sockets
from gateway.transport.stream import Stream
from gateway.transport.tls import Tls
from gateway.transport.upkeep import Upkeep, expiry

log = logging.getLogger(__name__)
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
GOING = "the server is shutting down"
LEAVE_S = 1.0  # for clients to hang up once all is said


def _nothing() -> None:
    """Without a lane there is no work in it."""


class Server(grpc.aio.Server):
    """Written by: the event loop it is started in. `outbox` and `sockets` are there from then on."""

    outbox: Outbox
    sockets: Sockets

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        compression: bool = False,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.clock = clock
        self.world = World(self.limits)
        self.work: Callable[[], None] = _nothing  # called when calls came into a lane, while more may come
        self.work_now: Callable[[], None] = _nothing  # when all that has arrived is read
        self.connections: set[Http2] = set()
        self._chance, self._compression = chance, compression
        self._routes = Routes()
        self._bound: list[tuple[socket.socket, ssl.SSLContext | None]] = []
        self._listeners: list[asyncio.AbstractServer] = []
        self._threads = ThreadPoolExecutor(self.limits.sync_threads, thread_name_prefix="rpc-handler")
        self._tasks: set[asyncio.Task[None]] = set()
        self._upkeep = Upkeep(lambda: self.connections, self.limits, clock)
        self._draining = False
        self._empty = asyncio.Event()
        self._stopped = asyncio.Event()

    # What is served, and where.

    def add_direct(self, path: str, handler: Handler) -> None:
        """`path` is `/service/Method`, unary. Goes before handlers registered for it."""
        self._routes.direct[path.encode()] = handler

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        self._routes.generic.extend(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        self._routes.register(service_name, method_handlers)

    def add_insecure_port(self, address: str, *, reuse_port: bool = True) -> int:
        """Binds at once, listens from `start` on; the port. Raises: OSError, ValueError."""
        return self._bind(address, None, reuse_port)

    def add_secure_port(self, address: str, server_credentials: Any, *, reuse_port: bool = True) -> int:
        """With a `Tls`; the port. Raises: OSError, ValueError, TypeError for credentials of grpcio."""
        if not isinstance(server_credentials, Tls):
            raise TypeError("add_secure_port takes gateway.transport.tls.Tls")
        return self._bind(address, server_credentials.context(), reuse_port)

    def _bind(self, address: str, tls: ssl.SSLContext | None, reuse_port: bool) -> int:
        bound = bind(address, reuse_port=reuse_port)
        self._bound.append((bound, tls))
        return port_of(bound)

    # Its life.

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.outbox = Outbox(loop)
        self.sockets = Sockets(self.world, loop, lambda: self.work_now())
        for bound, tls in self._bound:
            timeout = None if tls is None else self.limits.handshake_timeout_s
            listener = await loop.create_server(
                lambda: Http2(self), sock=bound, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout
            )
            self._listeners.append(listener)
        self._upkeep.start(loop)

    def flush(self) -> None:
        """Sends what handlers have answered, without waiting for the turn of the loop to end."""
        self.outbox.flush()

    async def stop(self, grace: float | None) -> None:
        self._draining = True
        await asyncio.sleep(0)  # those who were let in by the kernel already are served
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self.connections):
            connection.drain()
        if self._listeners:
            await self._emptied(grace or 0.0)
            self._end_calls()
            await self._emptied(LEAVE_S)
        await self._close()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Whether it was the timeout that ended the wait."""
        try:
            await asyncio.wait_for(self._stopped.wait(), timeout)
        except TimeoutError:
            return True
        return False

    async def _emptied(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                while self.connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            log.info("%d connections after %.1f s", len(self.connections), timeout)

    def _end_calls(self) -> None:
        for connection in tuple(self.connections):
            for stream in tuple(connection.streams.values()):
                if isinstance(stream, Call | DirectCall):
                    stream.fail(UNAVAILABLE, GOING)
            connection.refuse_lane(failure(UNAVAILABLE, GOING))
            connection.insist(float("inf"))

    async def _close(self) -> None:
        self._upkeep.stop()
        for connection in tuple(self.connections):
            connection.abort()
        for bound, _ in self._bound:
            bound.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVE_S)
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._listeners:
            self.sockets.close()
        self._stopped.set()

    # For connections.

    def opened(self, connection: Http2) -> bool:
        """Whether it may stay."""
        if len(self.connections) >= self.limits.max_connections:
            log.warning("%s: refused, %d connections are open", connection.peer, len(self.connections))
            return False
        self.connections.add(connection)
        connection.expires = expiry(connection.born, self.limits, self._chance())
        if self._draining:
            asyncio.get_running_loop().call_soon(connection.drain)
        return True

    def closed(self, connection: Http2) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def accept(self, connection: Http2, stream_id: int, headers: Headers) -> Stream | None:
        """The call a request begins; None where it has been answered already."""
        fields = dict(headers)
        try:
            head = read(headers, fields, connection.now)
            self._admit(connection, fields, headers)
            handler = self._routes.direct.get(head.path)
            if handler is not None:
                compress = self._compression and head.accepts_gzip
                return DirectCall(connection, stream_id, head, handler, self.limits.max_message_bytes, compress)
            return self._call(connection, stream_id, head)
        except NotGrpc as other:
            connection.end(stream_id, not_grpc(str(other)), begun=False)
        except Refusal as refusal:
            connection.end(stream_id, failure(refusal.code, refusal.details), begun=False)
        return None

    def _admit(self, connection: Http2, fields: Mapping[bytes, bytes], headers: Headers) -> None:
        """Raises: Refusal. The exact size of the header list is taken only where it may matter."""
        limits = self.limits
        if len(headers) != len(fields) or len(b"".join(fields.values())) * 2 > limits.header_list_bytes:
            size = list_bytes(headers)
            if size > limits.header_list_bytes:
                raise Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"{size} bytes of metadata; at most {limits.header_list_bytes} are taken",
                )
        if connection.queued() > limits.send_connection_bytes:
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "this connection does not read its answers")

    def _call(self, connection: Http2, stream_id: int, head: Head) -> Call:
        """Raises: Refusal."""
        method = self._routes.method(head)
        call = Call(connection, stream_id, head, unary=not method.reads_stream)
        call.compress = self._compression and head.accepts_gzip
        loop = asyncio.get_running_loop()

        def start() -> None:
            task = call.task = loop.create_task(run(call, method, self._threads))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        call.watch_deadline(loop, connection.now)
        if method.reads_stream:
            start()
        else:
            call.start = start
        return call
