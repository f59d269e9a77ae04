"""Sockets without TLS, read and written where libnghttp2 is: no Python and no copy a connection.

Whatever is not bytes for a lane, or answers from one, comes back to Python: `poll` and `flush` return for it and are
called again.
"""

from typing import Any

from gateway.native.blocks import (
    CONNECTION,
    ENGINE_FAILED,
    HAS_EVENTS,
    IS_OVER,
    MOST_SOCKETS,
    NOTHING,
    SLICE_BYTES,
    SOCKET_ENDED,
    SOCKET_EVENT_BYTES,
    SOCKET_FAILED,
    SOCKET_FULL,
    TODO,
    TODO_BITS,
    WANTS_WRITE,
    WORLD,
)  # fmt: skip
from gateway.native.http2 import MONOTONIC, REALTIME, fill_out, todo
from gateway.native.libnghttp2 import read_bytes
from gateway.native.memory import I32, I64, clock_ns, compiled, external, load4, load8, store4, store8
from gateway.native.sending import touch
from gateway.native.streams import recycle

READABLE = 1  # EPOLLIN
ADD, DELETE = 1, 2  # EPOLL_CTL_
NO_SIGNAL = 0x4000  # MSG_NOSIGNAL
AGAIN, INTERRUPTED = 11, 4  # errno

_epoll_wait = external("epoll_wait", I32, I32, I64, I32, I32)
_epoll_ctl = external("epoll_ctl", I32, I32, I32, I32, I64)
_recv = external("recv", I64, I32, I64, I64, I32)
_send = external("send", I64, I32, I64, I64, I32)
_errno = external("__errno_location", I64)


def watch(connection: int, socket: int) -> int:
    """The connection's socket is read by `poll` from here on."""
    world = load8(connection + CONNECTION.WORLD)
    event = world + WORLD.SCRATCH
    store4(event, READABLE)
    store8(event + 4, connection)
    store8(connection + CONNECTION.SOCKET, socket)
    return I64(_epoll_ctl(I32(load8(world + WORLD.EPOLL)), I32(ADD), I32(socket), event))


def unwatch(connection: int) -> int:
    """The socket is about to be closed: what is known to have arrived, or is to be sent, is nobody's."""
    world, socket = load8(connection + CONNECTION.WORLD), load8(connection + CONNECTION.SOCKET)
    if socket >= 0:
        _epoll_ctl(I32(load8(world + WORLD.EPOLL)), I32(DELETE), I32(socket), world + WORLD.SCRATCH)
        store8(connection + CONNECTION.SOCKET, -1)
    for number in range(load8(world + WORLD.READY_COUNT)):
        event = load8(world + WORLD.READY_SOCKETS) + SOCKET_EVENT_BYTES * number
        if load8(event + 4) == connection:
            store8(event + 4, 0)
    for number in range(load8(world + WORLD.TOUCHED)):
        place = load8(world + WORLD.TOUCHED_LIST) + 8 * number
        if load8(place) == connection:
            store8(place, 0)
    return 0


@compiled
def found(world: int, connection: int, what: int, size: int) -> int:
    store8(world + WORLD.FOUND, connection)
    store8(world + WORLD.FOUND_SIZE, size)
    return what


@compiled
def read_socket(world: int, connection: int) -> int:
    """One read of a socket that has something, into libnghttp2; what Python is to do, or NOTHING."""
    data, session = load8(world + WORLD.RECEIVED_DATA), load8(connection + CONNECTION.SESSION)
    size = _recv(I32(load8(connection + CONNECTION.SOCKET)), data, SLICE_BYTES, I32(0))
    if size == 0:
        return found(world, connection, SOCKET_ENDED, 0)
    if size < 0:
        error = load4(_errno())
        if error in (AGAIN, INTERRUPTED):
            return NOTHING
        return found(world, connection, SOCKET_FAILED, error)
    if load8(connection + CONNECTION.ENDING):
        return NOTHING
    store8(connection + CONNECTION.HEARD_NS, load8(world + WORLD.NOW_NS))
    recycle(world)
    taken = read_bytes(session, data, size)
    if taken < 0:
        return found(world, connection, ENGINE_FAILED, taken)
    what = todo(session, world)
    if what & (HAS_EVENTS | IS_OVER):
        store8(world + WORLD.FOUND_TODO, what)
        return found(world, connection, TODO, 0)
    if what & WANTS_WRITE:
        touch(world, connection)
    return NOTHING


def poll(world: int, begin: int) -> int:
    """Reads every socket that has something, once; without `begin` goes on with that. NOTHING when all are read."""
    if begin:
        sockets = load8(world + WORLD.READY_SOCKETS)
        count = _epoll_wait(I32(load8(world + WORLD.EPOLL)), sockets, I32(MOST_SOCKETS), I32(0))
        store8(world + WORLD.READY_AT, 0)
        store8(world + WORLD.READY_COUNT, max(I64(count), 0))
    store8(world + WORLD.NOW_NS, clock_ns(MONOTONIC, world + WORLD.SCRATCH))
    store8(world + WORLD.NOW_UNIX_NS, clock_ns(REALTIME, world + WORLD.SCRATCH))
    while load8(world + WORLD.READY_AT) < load8(world + WORLD.READY_COUNT):
        number = load8(world + WORLD.READY_AT)
        store8(world + WORLD.READY_AT, number + 1)
        connection = load8(load8(world + WORLD.READY_SOCKETS) + SOCKET_EVENT_BYTES * number + 4)
        if connection:
            what = read_socket(world, connection)
            if what != NOTHING:
                return what
    return NOTHING


@compiled
def write_socket(world: int, connection: int, size: int) -> int:
    """How many of the first bytes of OUT the socket did not take; an error of the system is negative."""
    if size == 0:
        return 0
    sent = _send(I32(load8(connection + CONNECTION.SOCKET)), load8(world + WORLD.OUT), size, I32(NO_SIGNAL))
    if sent >= 0:
        return size - sent
    error = load4(_errno())
    return size if error in (AGAIN, INTERRUPTED) else -error


@compiled
def flush_connection(world: int, connection: int) -> int:
    """Sends what there is, as much as fits in one write; what Python is to do, or NOTHING."""
    room = load8(world + WORLD.OUT_SIZE)
    filled = fill_out(connection, load8(world + WORLD.OUT), room)
    if filled < 0:
        return found(world, connection, ENGINE_FAILED, filled)
    size, what = filled >> TODO_BITS, filled & (HAS_EVENTS | IS_OVER)
    if size >= room:
        what |= WANTS_WRITE
    store8(world + WORLD.FOUND_TODO, what)
    store8(world + WORLD.FOUND_END, size)
    left = size if load8(connection + CONNECTION.BLOCKED) else write_socket(world, connection, size)
    if left < 0:
        return found(world, connection, SOCKET_FAILED, -left)
    if left:
        return found(world, connection, SOCKET_FULL, size - left)
    return found(world, connection, TODO, 0) if what else NOTHING


def flush_one(connection: int) -> int:
    """The same for Python."""
    return flush_connection(load8(connection + CONNECTION.WORLD), connection)


def flush(world: int) -> int:
    """Sends what is to be sent on every connection that was touched, from the last one to the first."""
    while True:
        touched = load8(world + WORLD.TOUCHED)
        if touched == 0:
            return NOTHING
        store8(world + WORLD.TOUCHED, touched - 1)
        connection = load8(load8(world + WORLD.TOUCHED_LIST) + 8 * (touched - 1))
        if connection:
            store8(connection + CONNECTION.TOUCHED, 0)
        if connection and not load8(connection + CONNECTION.PAUSED) and not load8(connection + CONNECTION.ENDING):
            what = flush_connection(world, connection)
            if what != NOTHING:
                return what


CALLS: dict[str, Any] = {
    "watch": (watch, I64(I64, I64)),
    "unwatch": (unwatch, I64(I64)),
    "poll": (poll, I64(I64, I64)),
    "flush": (flush, I64(I64)),
    "flush_one": (flush_one, I64(I64)),
}
