"""Streams: the blocks of memory that calls have from their first header to their end, and what is told of them.

Events for Python are written one after the other into one buffer of the server, which is read right after each call.
"""

from gateway.native.blocks import (
    CANCELLED,
    CHUNK,
    CONNECTION,
    DATA,
    EVENT,
    GENERAL,
    IS_CONSUMED,
    REQUEST,
    STREAM,
    WAITING,
    WORLD,
)
from gateway.native.libnghttp2 import set_stream
from gateway.native.memory import I32, add8, allocate_zeroed, compiled, copy, load8, reallocate, release, store8

KEPT_BYTES = 64 << 10  # a buffer of an ended stream is kept for the next one up to this


@compiled
def emit(world: int, kind: int, stream_id: int, value: int, data: int, size: int) -> None:
    """One more for Python, which empties the buffer after each slice of received data: see EVENTS_BYTES."""
    at = load8(world + WORLD.EVENTS) + load8(world + WORLD.EVENTS_USED)
    store8(at + EVENT.KIND, kind)
    store8(at + EVENT.STREAM, stream_id)
    store8(at + EVENT.VALUE, value)
    store8(at + EVENT.DATA, data)
    store8(at + EVENT.BYTES, size)
    store8(world + WORLD.LAST_EVENT, at)
    add8(world + WORLD.EVENTS_USED, EVENT.SIZE)


@compiled
def begin_stream(connection: int, stream_id: int) -> int:
    """A block for a new stream, in front of its connection's list."""
    world = load8(connection + CONNECTION.WORLD)
    stream = load8(world + WORLD.FREE_STREAMS)
    if stream:
        store8(world + WORLD.FREE_STREAMS, load8(stream + STREAM.NEXT))
        buffer, capacity = load8(stream + STREAM.BUFFER), load8(stream + STREAM.CAPACITY)
        at = 0
        while at < STREAM.SIZE:
            store8(stream + at, 0)
            at += 8
        store8(stream + STREAM.BUFFER, buffer)
        store8(stream + STREAM.CAPACITY, capacity)
    else:
        stream = allocate_zeroed(1, STREAM.SIZE)
    following = load8(connection + CONNECTION.STREAMS)
    store8(stream + STREAM.NEXT, following)
    if following:
        store8(following + STREAM.PREVIOUS, stream)
    store8(connection + CONNECTION.STREAMS, stream)
    store8(stream + STREAM.CONNECTION, connection)
    store8(stream + STREAM.ID, stream_id)
    return stream


@compiled
def unlink(stream: int) -> None:
    """Takes it from its connection's list."""
    connection = load8(stream + STREAM.CONNECTION)
    if connection == 0:
        return
    before, after = load8(stream + STREAM.PREVIOUS), load8(stream + STREAM.NEXT)
    if before:
        store8(before + STREAM.NEXT, after)
    else:
        store8(connection + CONNECTION.STREAMS, after)
    if after:
        store8(after + STREAM.PREVIOUS, before)
    add8(connection + CONNECTION.QUEUED, -load8(stream + STREAM.QUEUED))
    store8(stream + STREAM.CONNECTION, 0)


@compiled
def end_stream(world: int, stream: int) -> None:
    """Gives the block and all it holds back."""
    unlink(stream)
    chunk = load8(stream + STREAM.FIRST)
    while chunk:
        following = load8(chunk + CHUNK.NEXT)
        release(chunk)
        chunk = following
    if load8(stream + STREAM.OWN_TRAILERS):
        release(load8(stream + STREAM.TRAILERS))
    store8(stream + STREAM.NEXT, load8(world + WORLD.CLOSED_STREAMS))
    store8(world + WORLD.CLOSED_STREAMS, stream)


@compiled
def forget_stream(stream: int) -> None:
    """libnghttp2 may still have it: it shall not tell of its end any more."""
    connection = load8(stream + STREAM.CONNECTION)
    if connection:
        set_stream(load8(connection + CONNECTION.SESSION), I32(load8(stream + STREAM.ID)), 0)


@compiled
def recycle(world: int) -> None:
    """Blocks of ended streams can be used again: Python has read what events of the last call said of them."""
    stream = load8(world + WORLD.CLOSED_STREAMS)
    while stream:
        following = load8(stream + STREAM.NEXT)
        if load8(stream + STREAM.CAPACITY) > KEPT_BYTES:
            release(load8(stream + STREAM.BUFFER))
            store8(stream + STREAM.BUFFER, 0)
            store8(stream + STREAM.CAPACITY, 0)
        store8(stream + STREAM.NEXT, load8(world + WORLD.FREE_STREAMS))
        store8(world + WORLD.FREE_STREAMS, stream)
        stream = following
    store8(world + WORLD.CLOSED_STREAMS, 0)


@compiled
def reserve(stream: int, size: int) -> None:
    """Makes the buffer of a stream at least that large."""
    capacity = load8(stream + STREAM.CAPACITY)
    if size > capacity:
        capacity = max(2 * capacity, size, 1024)
        store8(stream + STREAM.BUFFER, reallocate(load8(stream + STREAM.BUFFER), capacity))
        store8(stream + STREAM.CAPACITY, capacity)


@compiled
def keep(stream: int, source: int, size: int) -> None:
    """Appends to the buffer of a stream."""
    used = load8(stream + STREAM.USED)
    reserve(stream, used + size)
    copy(load8(stream + STREAM.BUFFER) + used, source, size)
    store8(stream + STREAM.USED, used + size)


@compiled
def hand_over(world: int, stream: int, value: int) -> None:
    """Python takes the call: its headers, and what has come of its message."""
    store8(stream + STREAM.STATE, GENERAL)
    stream_id, buffer = load8(stream + STREAM.ID), load8(stream + STREAM.BUFFER)
    headers, used = load8(stream + STREAM.HEADERS), load8(stream + STREAM.USED)
    emit(world, REQUEST, stream_id, 0, buffer, headers)
    emit(world, DATA, stream_id, value | IS_CONSUMED, buffer + headers, used - headers)


@compiled
def leave(world: int, stream: int) -> None:
    """The stream is over. A call that waits in a lane is ended there, by who runs it: the block is still its."""
    if load8(stream + STREAM.STATE) == WAITING:
        store8(stream + STREAM.STATE, CANCELLED)
    if load8(stream + STREAM.STATE) == CANCELLED:
        unlink(stream)
    else:
        end_stream(world, stream)
