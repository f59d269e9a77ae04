"""libnghttp2 for one connection: bytes in, events out, and back. The only module that calls it from Python.

Its callbacks are compiled (gateway.native); what they have to tell lies in one buffer of the server and is read right
after each call.
"""

import ctypes
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.native.blocks import (
    CALLBACK_FAILURE,
    CONNECTION,
    EVENT,
    EVENTS_BYTES,
    MOST_SOCKETS,
    SLICE_BYTES,
    SOCKET_EVENT_BYTES,
    TODO_BITS,
    WORLD,
)  # fmt: skip
from gateway.native.library import CALLBACKS, library
from gateway.transport.limits import Limits
from gateway.transport.metadata import Headers

SEND_BYTES = 1 << 20  # room for what one call takes from the engine
FRAME_ROOM_BYTES = 256 << 10  # kept free in it: the largest frame is one of headers
MAX_HEADERS = 512
MAX_ACKNOWLEDGEMENTS = 256
FLOODED = (CALLBACK_FAILURE, -904, -905, -537)  # ours, FLOODED, TOO_MANY_CONTINUATIONS, TOO_MANY_SETTINGS

KEEP_NAME, KEEP_VALUE = 2, 4  # NGHTTP2_NV_FLAG_NO_COPY_NAME, _VALUE

_EVENT = struct.Struct("<qqqqq")
_SIZES = struct.Struct("<II")
_SETTING = struct.Struct("<iI")


class EngineError(Exception):
    """The connection cannot go on. `flooded`: its peer sent more of something than anybody needs."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.flooded = code in FLOODED


class Event(NamedTuple):
    """What happened: `kind`, and the bits or the code of `value`, as gateway.native.blocks names them."""

    kind: int
    stream_id: int
    value: int
    data: bytes


def shared(headers: Headers) -> tuple[Any, ...]:
    """Header fields that libnghttp2 reads where they are: an array for it, and what must stay as long as it is used."""
    kept = [ctypes.create_string_buffer(text, len(text)) for header in headers for text in header]
    words: list[int] = []
    for name, value in zip(kept[::2], kept[1::2], strict=True):
        words += ctypes.addressof(name), ctypes.addressof(value), len(name), len(value), KEEP_NAME | KEEP_VALUE
    return (ctypes.c_int64 * len(words))(*words), *kept


def packed(headers: Headers) -> tuple[bytes, int]:
    """Header fields as compiled code reads them (length, length, name, value), and how many."""
    return b"".join(_SIZES.pack(len(name), len(value)) + name + value for name, value in headers), len(headers)


def unpacked(data: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a REQUEST."""
    fields, at, size = [], 0, len(data)
    while at < size:
        name, value = _SIZES.unpack_from(data, at)
        begin = at + 8
        at = begin + name + value
        fields.append((data[begin : begin + name], data[begin + name : at]))
    return fields


class World:
    """What the connections of a server share: buffers, callbacks, limits. Written by: the event loop."""

    def __init__(self, limits: Limits) -> None:
        """Raises: Unloadable, ImportError."""
        self.native = library()
        self.block = (ctypes.c_int64 * (WORLD.SIZE // 8))()
        self.address = ctypes.addressof(self.block)
        self._events, self.events = _buffer(EVENTS_BYTES)
        self._out, self.out = _buffer(SEND_BYTES)
        self.set(WORLD.EVENTS, ctypes.addressof(self._events))
        self._received, _ = _buffer(SLICE_BYTES)
        self._sockets, _ = _buffer(MOST_SOCKETS * SOCKET_EVENT_BYTES)
        self.set(WORLD.RECEIVED_DATA, ctypes.addressof(self._received))
        self.set(WORLD.READY_SOCKETS, ctypes.addressof(self._sockets))
        self.set(WORLD.OUT, ctypes.addressof(self._out))
        self.set(WORLD.OUT_SIZE, SEND_BYTES - FRAME_ROOM_BYTES)
        self.set(WORLD.READER, self.native.code.addresses["read"])
        self.set(WORLD.HEADER_BYTES, 4 * limits.header_list_bytes)
        self.set(WORLD.HEADER_COUNT, MAX_HEADERS)
        self.connections: dict[int, Any] = {}  # by the address of their block
        self._touched = (ctypes.c_int64 * limits.max_connections)()
        self.set(WORLD.TOUCHED_LIST, ctypes.addressof(self._touched))
        self.callbacks = self._callbacks()
        self.options = self._options(limits)

    def get(self, field: int) -> int:
        return self.block[field // 8]  # type: ignore[no-any-return]

    def set(self, field: int, value: int) -> None:
        """`field` of WORLD in gateway.native.blocks."""
        self.block[field // 8] = value

    def unsent(self) -> bytes:
        """What a full socket did not take."""
        return bytes(self.out[self.get(WORLD.FOUND_SIZE) : self.get(WORLD.FOUND_END)])

    def drained(self) -> memoryview:
        """The events at hand, which are taken with that; valid until the next call of the engine."""
        size = self.block[WORLD.EVENTS_USED // 8]
        self.block[WORLD.EVENTS_USED // 8] = 0
        return self.events[:size]

    def _callbacks(self) -> ctypes.c_void_p:
        lib, made = self.native.nghttp2, ctypes.c_void_p()
        lib.nghttp2_session_callbacks_new(ctypes.byref(made))
        for name in CALLBACKS:
            setter = getattr(lib, f"nghttp2_session_callbacks_set_{name}_callback")
            setter(made, ctypes.c_void_p(self.native.code.addresses[name]))
        return made

    def _options(self, limits: Limits) -> ctypes.c_void_p:
        lib, made, u64 = self.native.nghttp2, ctypes.c_void_p(), ctypes.c_uint64
        lib.nghttp2_option_new(ctypes.byref(made))
        lib.nghttp2_option_set_no_auto_window_update(made, 1)
        # Above ours, whose GOAWAY says why.
        lib.nghttp2_option_set_stream_reset_rate_limit(made, u64(2 * limits.reset_burst), u64(2 * limits.reset_rate))
        lib.nghttp2_option_set_glitch_rate_limit(
            made, u64(2 * limits.idle_frame_burst), u64(2 * limits.idle_frame_rate)
        )
        lib.nghttp2_option_set_max_outbound_ack(made, ctypes.c_size_t(MAX_ACKNOWLEDGEMENTS))
        return made


def _buffer(size: int) -> tuple[Any, memoryview]:
    made = ctypes.create_string_buffer(size)
    return made, memoryview(made).cast("B")


class Engine:
    """One connection. `close` must be called at its end: nothing else may be, after that."""

    __slots__ = ("_lib", "_native", "_session", "_world", "address", "block")

    def __init__(self, world: World) -> None:
        self._world, self._native, self._lib = world, world.native, world.native.nghttp2
        self.block = (ctypes.c_int64 * (CONNECTION.SIZE // 8))()
        self.address = ctypes.addressof(self.block)
        self._session = ctypes.c_void_p()
        self._lib.nghttp2_session_server_new2(
            ctypes.byref(self._session), world.callbacks, ctypes.c_void_p(self.address), world.options
        )
        self.block[CONNECTION.WORLD // 8] = world.address
        self.block[CONNECTION.SOCKET // 8] = -1
        self.block[CONNECTION.SESSION // 8] = self._session.value or 0

    def start(self, settings: Mapping[int, int], window_bytes: int) -> None:
        entries = b"".join(_SETTING.pack(name, value) for name, value in settings.items())
        self._lib.nghttp2_submit_settings(self._session, 0, entries, ctypes.c_size_t(len(settings)))
        self._lib.nghttp2_session_set_local_window_size(self._session, 0, 0, window_bytes)

    def close(self) -> None:
        if self._session:
            self._native.unwatch(self.address)
            self._native.close(self.address)
            self._lib.nghttp2_session_del(self._session)
            self._session = ctypes.c_void_p()

    # What arrives.

    def receive(self, data: bytes) -> tuple[int, int]:
        """(bytes taken, what there is to do: bits of gateway.native.blocks). Raises: EngineError."""
        found = self._native.receive(self.address, data, len(data))
        if found < 0:
            raise self.error(found)
        return found >> TODO_BITS, found

    def events(self) -> Iterator[Event]:
        """What happened in the last call; to be taken up before the next."""
        view, at = self._world.drained(), 0
        while at < len(view):
            kind, stream_id, value, data, size = _EVENT.unpack_from(view, at)
            yield Event(kind, stream_id, value, ctypes.string_at(data, size) if size else b"")
            at += EVENT.SIZE

    def consumed(self, size: int, stream_id: int) -> None:
        """The peer may send as much again."""
        self._lib.nghttp2_session_consume(self._session, stream_id, ctypes.c_size_t(size))

    # What leaves.

    def watch(self, socket: int) -> None:
        """The socket is read, and written, by compiled code: gateway.transport.sockets."""
        self._native.watch(self.address, socket)

    def flush(self) -> int:
        """Sends what there is; what is then to be done, as gateway.native.blocks has it for `flush`.

        Of a connection that is `blocked` everything is left in the world's `unsent`.
        """
        return self._native.flush_one(self.address)  # type: ignore[no-any-return]

    @property
    def watched(self) -> bool:
        return self.block[CONNECTION.SOCKET // 8] >= 0  # type: ignore[no-any-return]

    @property
    def blocked(self) -> bool:
        return bool(self.block[CONNECTION.BLOCKED // 8])

    @blocked.setter
    def blocked(self, value: bool) -> None:
        self.block[CONNECTION.BLOCKED // 8] = value

    def pause(self, paused: bool) -> None:
        """While asyncio holds much that its socket did not take, nothing more is sent."""
        self.block[CONNECTION.PAUSED // 8] = paused

    def unwatch(self) -> None:
        """Before the socket is closed: its number may soon be another's."""
        self._native.unwatch(self.address)

    @property
    def heard_s(self) -> float:
        """When compiled code last read something, in seconds of the monotonic clock."""
        return self.block[CONNECTION.HEARD_NS // 8] / 1e9  # type: ignore[no-any-return]

    def end(self) -> None:
        """What is received from here on is not looked at."""
        self.block[CONNECTION.ENDING // 8] = 1

    def headers(self, stream_id: int, fields: bytes, count: int, *, body: bool) -> bool:
        """`fields` are packed. False where the stream is gone; so below."""
        return self._native.send_headers(self.address, stream_id, fields, count, body) == 0  # type: ignore[no-any-return]

    def data(self, stream_id: int, data: bytes) -> bool:
        return self._native.send_data(self.address, stream_id, data, len(data)) == 0  # type: ignore[no-any-return]

    def trailers(self, stream_id: int, fields: bytes, count: int) -> bool:
        """They leave after all data that was queued before."""
        return self._native.send_trailers(self.address, stream_id, fields, len(fields), count) == 0  # type: ignore[no-any-return]

    def queued(self, stream_id: int | None) -> int:
        """Bytes of one stream, or of all, that wait for the peer to take them."""
        if stream_id is None:
            return self.block[CONNECTION.QUEUED // 8]  # type: ignore[no-any-return]
        return self._native.queued(self.address, stream_id)  # type: ignore[no-any-return]

    def answered(self) -> bool:
        """Whether headers or data were given to the engine since this was last asked."""
        found = self.block[CONNECTION.ANSWERED // 8]
        self.block[CONNECTION.ANSWERED // 8] = 0
        return bool(found)

    def reset(self, stream_id: int, code: int) -> None:
        self._lib.nghttp2_submit_rst_stream(self._session, 0, stream_id, ctypes.c_uint32(code))

    def ping(self, data: bytes) -> None:
        self._lib.nghttp2_submit_ping(self._session, 0, data)

    def notice(self) -> None:
        """A GOAWAY that refuses nothing yet."""
        self._lib.nghttp2_submit_shutdown_notice(self._session)

    def goaway(self) -> None:
        last = self._lib.nghttp2_session_get_last_proc_stream_id(self._session)
        self._lib.nghttp2_submit_goaway(self._session, 0, last, 0, None, ctypes.c_size_t(0))

    @property
    def last_stream(self) -> int:
        """The last stream the peer began."""
        return self.block[CONNECTION.LAST // 8]  # type: ignore[no-any-return]

    def refuse(self, fields: bytes, count: int) -> None:
        """Ends calls that compiled code has not answered yet, with these headers."""
        self._native.refuse(self.address, fields, count)

    def error(self, code: int) -> EngineError:
        text = self._lib.nghttp2_strerror
        text.restype = ctypes.c_char_p
        return EngineError(code, text(int(code)).decode())
