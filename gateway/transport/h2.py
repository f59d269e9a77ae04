"""Bytes ↔ streams of one HTTP/2 connection.

Received data is acknowledged as it is taken, so a stream whose owner does not read stops its sender at the window. What
is sent waits in the engine until the peer's window and its socket take it; owners that write much ask `queued` first.

A call that ends early is not reset, which would cost its client the answer: the client closes it, and `reap` resets
what stays open.
"""

import asyncio
import logging
from typing import Any

from gateway.native import blocks
from gateway.transport.engine import Engine, EngineError, Event, packed, unpacked
from gateway.transport.frames import CALM, CANCELLED, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, goaway, settings
from gateway.transport.guard import Guard
from gateway.transport.listener import peer_name
from gateway.transport.metadata import Headers
from gateway.transport.stream import Acceptor, Stream

log = logging.getLogger(__name__)

PING = bytes(8)
DRAIN_PING = b"draining"
DRAIN_PING_VALUE = int.from_bytes(DRAIN_PING, "little")
DRAIN_PING_S = 2.0  # how long its answer may take
LINGER_S = 5.0  # how long a call that was answered early may stay half open


class Http2(asyncio.Protocol):
    """One connection. Everything here runs in its event loop.

    `streams` holds the calls that can still end in an answer; `now` is when the bytes at hand arrived. Bytes come from
    asyncio under TLS (`data_received`), else compiled code has read them (`arrived`).
    """

    __slots__ = (
        "_acceptor", "_clock", "_dirty", "_engine", "_finished", "_guard", "_heard", "_outbox", "_paused",
        "_transport", "_waiting", "born", "drained_at", "draining", "ended_at", "ending", "expires", "limits",
        "now", "peer", "pinged", "received", "refusing", "settled", "streams", "tls",
    )  # fmt: skip

    def __init__(self, acceptor: Acceptor) -> None:
        limits = self.limits = acceptor.limits
        self._acceptor, self._outbox, self._clock = acceptor, acceptor.outbox, acceptor.clock
        self.born = self._heard = self.now = self._clock()
        self._guard = Guard(limits, self.now)
        self._engine = Engine(acceptor.world)
        acceptor.world.connections[self._engine.address] = self
        self.streams: dict[int, Stream] = {}
        self._finished: dict[int, float] = {}  # answered, and the client has not ended them: since when
        self._waiting: dict[int, Stream] = {}  # those that have more to write than may be queued
        self._transport: Any = None
        self._dirty = self._paused = False
        self.draining = self.refusing = self.ending = self.settled = False
        self.drained_at = self.ended_at = self.expires = float("inf")
        self.pinged: float | None = None  # when our PING left, while its answer is due
        self.received = 0  # bytes of unfinished messages, counted by their calls
        self.peer = "unknown"
        self.tls: Any = None

    # The socket's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.peer = peer_name(transport.get_extra_info("peername"))
        self.tls = transport.get_extra_info("ssl_object")
        spoken = self.tls is None or self.tls.selected_alpn_protocol() == "h2"
        if not spoken or not self._acceptor.opened(self):
            self._end()
            self._transport.close()
            return
        self._engine.blocked = True  # asyncio writes: under TLS for good
        if self.tls is None:
            # Only once asyncio has begun to read can it be told to leave that.
            asyncio.get_running_loop().call_soon(self._take_socket)
        limits = self.limits
        self._engine.start(settings(limits), limits.connection_window_bytes)
        self.touch()

    def _take_socket(self) -> None:
        """From here on compiled code reads; whatever asyncio has read was handed on."""
        if not (self.ending or self._transport.is_closing()):
            self._transport.pause_reading()
            self._engine.watch(self._transport.get_extra_info("socket").fileno())
            self._unblock()

    def data_received(self, data: bytes) -> None:
        if self.ending:
            return
        self.now = self._heard = self._clock()
        try:
            self._take(data)
        except EngineError as error:
            self._broken(error)

    def _take(self, data: bytes) -> None:
        """Raises: EngineError."""
        if len(data) > blocks.SLICE_BYTES:
            for at in range(0, len(data), blocks.SLICE_BYTES):
                self._take(data[at : at + blocks.SLICE_BYTES])
            return
        while not self.ending:
            taken, todo = self._engine.receive(data)
            if todo & blocks.HAS_WORK:
                self._acceptor.work()
            self._do(todo)
            if taken == len(data):
                return
            data = data[taken:]

    def _do(self, todo: int) -> None:
        if todo & blocks.HAS_EVENTS:
            self.dispatch()
        if todo & (blocks.WANTS_WRITE | blocks.IS_OVER):
            self.touch()

    @property
    def heard(self) -> float:
        """When the peer last sent anything."""
        return max(self._heard, self._engine.heard_s)

    def arrived(self, what: int, code: int, todo: int) -> None:
        """Compiled code has read the socket, and something of it is Python's."""
        self.now = self._clock()
        if what == blocks.TODO:
            self._do(todo)
        elif what == blocks.ENGINE_FAILED:
            self._broken(self._engine.error(code))
        else:
            self._hang_up(abort=what != blocks.SOCKET_ENDED)

    def _broken(self, error: EngineError) -> None:
        self.fail(CALM if error.flooded else PROTOCOL_ERROR, str(error).encode())

    def pause_writing(self) -> None:
        self._paused = True
        self._engine.pause(True)

    def resume_writing(self) -> None:
        self._paused = False
        self._engine.pause(False)
        self.touch()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        self._lose_streams()
        self._acceptor.world.connections.pop(self._engine.address, None)
        self._engine.close()
        self._acceptor.closed(self)

    # What arrived.

    def dispatch(self) -> None:
        """Hands on what the engine has to tell."""
        for event in list(self._engine.events()):
            kind, stream_id, value, data = event
            if kind == blocks.DATA:
                self._data(stream_id, data, value)
            elif kind == blocks.REQUEST:
                self._begin(event)
            elif kind == blocks.CLOSED:
                self._forget(stream_id)
            else:
                self._control(event)
            if self.ending:
                return

    def _data(self, stream_id: int, data: bytes, value: int) -> None:
        stream, ended = self.streams.get(stream_id), bool(value & blocks.IS_LAST)
        taken = stream is None or stream.receive(data, ended)
        if taken and data and not value & blocks.IS_CONSUMED:
            self.consumed(stream_id, len(data))
        if not data and not ended:
            self._judge(self._guard.idle_frame(self.now))

    def _begin(self, event: Event) -> None:
        stream = self._acceptor.accept(self, event.stream_id, unpacked(event.data))
        if stream is not None:
            self.streams[event.stream_id] = stream
            if event.value:
                stream.receive(b"", True)

    def _forget(self, stream_id: int) -> None:
        self._finished.pop(stream_id, None)
        self._waiting.pop(stream_id, None)
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            stream.lost()

    def _control(self, event: Event) -> None:
        """The frames that are not a call's own."""
        match event.kind:
            case blocks.RESET:
                self._judge(self._guard.reset(self.now))
            case blocks.TRAILERS:
                if (stream := self.streams.get(event.stream_id)) is not None:
                    stream.receive(b"", True)
            case blocks.PING:
                self._judge(self._guard.ping(self.now, sent_since=self._engine.answered()))
            case blocks.PING_ANSWERED:
                self.pinged = None
                if event.value == DRAIN_PING_VALUE:
                    self._refuse_more()
            case blocks.SETTINGS:
                self.settled = True
                self._judge(self._guard.idle_frame(self.now))
            case blocks.IDLE:
                self._judge(self._guard.idle_frame(self.now))

    def _judge(self, reason: bytes | None) -> None:
        if reason is not None and not self.ending:
            log.warning("%s: %s", self.peer, reason.decode())
            self.fail(CALM, reason)

    # What is sent.

    def touch(self) -> None:
        """Something is to be sent at the end of this turn of the loop."""
        if not self._dirty:
            self._dirty = True
            self._outbox.add(self)

    def flush(self) -> None:
        """Sends what the peer and its socket take."""
        self._dirty = False
        if self._paused or self.ending:
            return
        self.sent(self._engine.flush())

    def _unblock(self) -> None:
        """Compiled code writes again once asyncio holds nothing that must go first."""
        if self._engine.watched and not self._transport.get_write_buffer_size():
            self._engine.blocked = False

    def sent(self, what: int) -> None:
        """The engine has sent what it had; what its socket did not take is in the buffer of the world."""
        world, code = self._acceptor.world, self._acceptor.world.get(blocks.WORLD.FOUND_SIZE)
        if what == blocks.ENGINE_FAILED:
            self.fail(INTERNAL_ERROR, str(self._engine.error(code)).encode())
        elif what == blocks.SOCKET_FAILED:
            self._hang_up(abort=True)
        elif what != blocks.NOTHING:
            todo = world.get(blocks.WORLD.FOUND_TODO)
            if what == blocks.SOCKET_FULL:
                self._write(world.unsent())
            self._follow(todo)
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            for stream in waiting.values():
                stream.writable()

    def _write(self, data: bytes) -> None:
        self._engine.blocked = True
        self._transport.write(data)
        if self.tls is None:
            asyncio.get_running_loop().call_soon(self._unblock)

    def _follow(self, todo: int) -> None:
        """What comes of having sent something."""
        if todo & blocks.HAS_EVENTS:
            self.dispatch()
        if todo & blocks.IS_OVER and not self.ending:
            self._leave()
        elif todo & blocks.WANTS_WRITE:
            self.touch()  # there is more than one write takes

    def answer(self, stream_id: int, headers: Headers, message: bytes, trailers: Headers) -> None:
        """A whole answer with one framed message. The stream is its owner's no more."""
        self.streams.pop(stream_id, None)
        engine = self._engine
        if self.ending or not engine.headers(stream_id, *packed(headers), body=True):
            return  # taken back by its client in the very bytes that are being read
        engine.data(stream_id, message)
        engine.trailers(stream_id, *packed(trailers))
        if not self._dirty:
            self._dirty = True
            self._outbox.add(self)

    def headers(self, stream_id: int, headers: Headers) -> None:
        if not self.ending:
            self._engine.headers(stream_id, *packed(headers), body=True)
            self.touch()

    def data(self, stream_id: int, data: bytes) -> None:
        if not self.ending:
            self._engine.data(stream_id, data)
            self.touch()

    def end(self, stream_id: int, trailers: Headers, *, begun: bool) -> None:
        """Trailers; as the only headers where none were sent. The stream is its owner's no more."""
        self.streams.pop(stream_id, None)
        self._waiting.pop(stream_id, None)
        if self.ending:
            return
        if begun:
            there = self._engine.trailers(stream_id, *packed(trailers))
        else:
            there = self._engine.headers(stream_id, *packed(trailers), body=False)
        if there:
            self._finished[stream_id] = self._clock()
            self.touch()

    def reset(self, stream_id: int, code: int = CANCELLED) -> None:
        self.streams.pop(stream_id, None)
        if not self.ending:
            self._engine.reset(stream_id, code)
            self.touch()

    def consumed(self, stream_id: int, size: int) -> None:
        """Data that was held is not any more: its sender may go on."""
        if not self.ending:
            self._engine.consumed(size, stream_id)
            self.touch()

    def wait(self, stream_id: int, stream: Stream) -> None:
        """`stream` is to hear of it when some of what is queued has left."""
        self._waiting[stream_id] = stream

    def queued(self, stream_id: int | None = None) -> int:
        """Bytes of messages that wait for the peer to take them, of one stream or of all."""
        return 0 if self.ending else self._engine.queued(stream_id)

    # Its end.

    def ping(self) -> None:
        if not self.ending and self.pinged is None:
            self.pinged = self._clock()
            self._engine.ping(PING)
            self.touch()

    def drain(self) -> None:
        """Tells the client to go elsewhere, in two steps: calls on their way when the first arrives are still served.

        The second follows the answer to a PING, when all that was sent before it has arrived (RFC 9113, section 6.8).
        """
        if self.draining or self.ending:
            return
        self.draining = True
        self.drained_at = self._clock()
        self._engine.notice()
        self._engine.ping(DRAIN_PING)
        self.touch()

    def insist(self, now: float) -> None:
        """The second step without the answer, for a client that does not give it."""
        if not self.ending and now - self.drained_at > DRAIN_PING_S:
            self._refuse_more()

    def _refuse_more(self) -> None:
        if not self.refusing:
            self.refusing = True
            self._engine.goaway()
            self.touch()

    def reap(self, now: float) -> None:
        """Resets calls that were answered long ago and that their client never ended."""
        for stream_id, since in tuple(self._finished.items()):
            if now - since < LINGER_S:
                return
            del self._finished[stream_id]
            if not self.ending and self._engine.queued(stream_id) == 0:
                self.reset(stream_id, NO_ERROR)

    def refuse_lane(self, fields: Headers) -> None:
        """Ends the calls that compiled code has not answered yet."""
        if not self.ending:
            self._engine.refuse(*packed(fields))
            self.touch()

    def fail(self, code: int, reason: bytes) -> None:
        """Ends the connection for a fault of the peer's."""
        if not self.ending:
            self._transport.write(goaway(code, self._engine.last_stream, reason[:200]))
            self._close()

    def abort(self) -> None:
        if self._transport is not None:
            self._hang_up(abort=True)

    def _hang_up(self, *, abort: bool = False) -> None:
        self._engine.unwatch()
        if abort:
            self._transport.abort()
        else:
            self._transport.close()

    def _leave(self) -> None:
        """Closes what both sides are done with. The client hangs up first, so that nothing on its way is lost."""
        self._end()
        self._lose_streams()
        if self.tls is None and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._hang_up()

    def _end(self) -> None:
        self.ending, self.ended_at = True, self._clock()
        self._engine.end()

    def _close(self) -> None:
        self._end()
        self._hang_up()
        self._lose_streams()

    def _lose_streams(self) -> None:
        streams, self.streams = self.streams, {}
        self._finished.clear()
        self._waiting.clear()
        for stream in streams.values():
            stream.lost()
