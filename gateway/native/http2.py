"""libnghttp2's callbacks, and what Python asks of a connection, in machine code.

The layouts of frames are those of nghttp2.h, whose interface is stable since 1.0. Events for Python are written one
after the other into one buffer of the server, read right after each call. The rest of a stream is in its block.
"""

from typing import Any

from gateway.native.blocks import (
    CALLBACK_FAILURE, CHUNK, CLOSED, CONNECTION, DATA, EVENT, EVENTS_FULL, HAS_EVENTS, IDLE, PING, PING_ANSWERED,
    RECEIVED_SHIFT, REQUEST, RESET, SETTINGS, STREAM, TRAILERS, WANTS_WRITE, WORLD,
)  # fmt: skip
from gateway.native.memory import (
    I32, I64, U8, U32, _external, add8, allocate, allocate_zeroed, compiled, copy, load1, load4, load8, reallocate,
    release, store1, store4, store8,
)  # fmt: skip

# nghttp2.h
FRAME_LENGTH, FRAME_STREAM, FRAME_TYPE, FRAME_FLAGS, FRAME_BODY, FRAME_CATEGORY = 0, 8, 12, 13, 16, 56
DATA_TYPE, HEADERS_TYPE, PRIORITY_TYPE, RESET_TYPE, SETTINGS_TYPE, PING_TYPE = 0, 1, 2, 3, 4, 6
END_STREAM = ACK = 1
CATEGORY_REQUEST = 0
PAUSE, DEFERRED = -526, -508
EOF, NO_END_STREAM = 1, 2
NAME_VALUE_BYTES = 40

_read_bytes = _external("nghttp2_session_mem_recv2", I64, I64, I64, I64)
_next_bytes = _external("nghttp2_session_mem_send2", I64, I64, I64)
_set_stream = _external("nghttp2_session_set_stream_user_data", I32, I64, I32, I64)
_get_stream = _external("nghttp2_session_get_stream_user_data", I64, I64, I32)
_submit_response = _external("nghttp2_submit_response2", I32, I64, I32, I64, I64, I64)
_submit_trailers = _external("nghttp2_submit_trailer", I32, I64, I32, I64, I64)
_resume = _external("nghttp2_session_resume_data", I32, I64, I32)
_consume = _external("nghttp2_session_consume", I32, I64, I32, I64)
_wants_write = _external("nghttp2_session_want_write", I32, I64)


# Events.


@compiled
def emit(world: int, kind: int, stream_id: int, value: int, source: int, size: int) -> None:
    """The reader empties the buffer before it can overflow: see EVENTS_FULL."""
    at = load8(world + WORLD.EVENTS) + load8(world + WORLD.EVENTS_USED)
    store8(world + WORLD.LAST_EVENT, at)
    store8(at + EVENT.KIND, kind)
    store8(at + EVENT.STREAM, stream_id)
    store8(at + EVENT.VALUE, value)
    store8(at + EVENT.BYTES, size)
    if size:
        copy(at + EVENT.SIZE, source, size)
    add8(world + WORLD.EVENTS_USED, EVENT.SIZE + ((size + 7) & -8))


# Streams.


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
def end_stream(stream: int) -> None:
    """Gives the block and all it holds back."""
    connection = load8(stream + STREAM.CONNECTION)
    before, after = load8(stream + STREAM.PREVIOUS), load8(stream + STREAM.NEXT)
    if before:
        store8(before + STREAM.NEXT, after)
    else:
        store8(connection + CONNECTION.STREAMS, after)
    if after:
        store8(after + STREAM.PREVIOUS, before)
    add8(connection + CONNECTION.QUEUED, -load8(stream + STREAM.QUEUED))
    chunk = load8(stream + STREAM.FIRST)
    while chunk:
        following = load8(chunk + CHUNK.NEXT)
        release(chunk)
        chunk = following
    trailers = load8(stream + STREAM.TRAILERS)
    if trailers:
        release(trailers)
    world = load8(connection + CONNECTION.WORLD)
    store8(stream + STREAM.NEXT, load8(world + WORLD.FREE_STREAMS))
    store8(world + WORLD.FREE_STREAMS, stream)


@compiled
def keep(stream: int, source: int, size: int) -> None:
    """Appends to the buffer of a stream."""
    used = load8(stream + STREAM.USED)
    capacity = load8(stream + STREAM.CAPACITY)
    if used + size > capacity:
        capacity = max(2 * capacity, used + size, 1024)
        store8(stream + STREAM.BUFFER, reallocate(load8(stream + STREAM.BUFFER), capacity))
        store8(stream + STREAM.CAPACITY, capacity)
    copy(load8(stream + STREAM.BUFFER) + used, source, size)
    store8(stream + STREAM.USED, used + size)


# Callbacks: what arrives.


def on_begin_headers(session: int, frame: int, connection: int) -> int:
    if load1(frame + FRAME_TYPE) == HEADERS_TYPE and load4(frame + FRAME_CATEGORY) == CATEGORY_REQUEST:
        stream_id = load4(frame + FRAME_STREAM)
        _set_stream(session, I32(stream_id), begin_stream(connection, stream_id))
    return I32(0)


def on_header(
    session: int, frame: int, name: int, name_size: int, value: int, value_size: int, flags: int, connection: int
) -> int:
    """Keeps a field, as length, length, name, value; trailers only count."""
    stream = _get_stream(session, I32(load4(frame + FRAME_STREAM)))
    if stream == 0:
        return I32(0)
    world = load8(connection + CONNECTION.WORLD)
    add8(stream + STREAM.LIST_BYTES, name_size + value_size + 32)
    add8(stream + STREAM.COUNT, 1)
    too_many = load8(stream + STREAM.COUNT) > load8(world + WORLD.HEADER_COUNT)
    if too_many or load8(stream + STREAM.LIST_BYTES) > load8(world + WORLD.HEADER_BYTES):
        return I32(CALLBACK_FAILURE)
    if load4(frame + FRAME_CATEGORY) == CATEGORY_REQUEST:
        scratch = load8(connection + CONNECTION.WORLD) + WORLD.SCRATCH
        store4(scratch, name_size)
        store4(scratch + 4, value_size)
        keep(stream, scratch, 8)
        keep(stream, name, name_size)
        keep(stream, value, value_size)
    return I32(PAUSE if load8(world + WORLD.EVENTS_USED) > EVENTS_FULL else 0)


def on_data(session: int, flags: int, stream_id: int, data: int, size: int, connection: int) -> int:
    if _get_stream(session, stream_id) == 0:
        _consume(session, stream_id, size)
        return I32(0)
    world = load8(connection + CONNECTION.WORLD)
    emit(world, DATA, I64(stream_id), 0, data, size)
    return I32(PAUSE if load8(world + WORLD.EVENTS_USED) > EVENTS_FULL else 0)


@compiled
def take_headers(session: int, frame: int, connection: int, ended: int) -> None:
    """A whole header block has arrived: of a request, or of its trailers."""
    world, stream_id = load8(connection + CONNECTION.WORLD), load4(frame + FRAME_STREAM)
    if load4(frame + FRAME_CATEGORY) != CATEGORY_REQUEST:
        emit(world, TRAILERS, stream_id, ended, 0, 0)
        return
    stream = _get_stream(session, I32(stream_id))
    if stream:
        store8(stream + STREAM.HEADERS, load8(stream + STREAM.USED))
        emit(world, REQUEST, stream_id, ended, load8(stream + STREAM.BUFFER), load8(stream + STREAM.USED))


@compiled
def take_data_end(session: int, frame: int, connection: int, ended: int) -> None:
    """A whole DATA frame has arrived; its bytes have been told of."""
    world, stream_id = load8(connection + CONNECTION.WORLD), load4(frame + FRAME_STREAM)
    last = load8(world + WORLD.LAST_EVENT)
    told = load8(world + WORLD.EVENTS_USED) and load8(last + EVENT.KIND) == DATA
    if ended and told and load8(last + EVENT.STREAM) == stream_id:
        store8(last + EVENT.VALUE, 1)
    elif ended or load8(frame + FRAME_LENGTH) == 0:
        emit(world, DATA, stream_id, ended, 0, 0)


def on_frame(session: int, frame: int, connection: int) -> int:
    kind, flags = load1(frame + FRAME_TYPE), load1(frame + FRAME_FLAGS)
    world, stream_id = load8(connection + CONNECTION.WORLD), load4(frame + FRAME_STREAM)
    if kind == HEADERS_TYPE:
        take_headers(session, frame, connection, flags & END_STREAM)
    elif kind == DATA_TYPE:
        take_data_end(session, frame, connection, flags & END_STREAM)
    elif kind == RESET_TYPE:
        emit(world, RESET, stream_id, load4(frame + FRAME_BODY), 0, 0)
    elif kind == PING_TYPE:
        emit(world, PING_ANSWERED if flags & ACK else PING, 0, 0, frame + FRAME_BODY, 8)
    elif kind == SETTINGS_TYPE and not flags & ACK:
        emit(world, SETTINGS, 0, 0, 0, 0)
    elif kind == PRIORITY_TYPE:
        emit(world, IDLE, stream_id, 0, 0, 0)
    return I32(0)


def on_close(session: int, stream_id: int, error: int, connection: int) -> int:
    stream = _get_stream(session, stream_id)
    if stream:
        emit(load8(connection + CONNECTION.WORLD), CLOSED, I64(stream_id), I64(error), 0, 0)
        end_stream(stream)
    return I32(0)


# What leaves.


@compiled
def enqueue(stream: int, chunk: int) -> None:
    """A chunk behind those that wait; the stream owns it from here on."""
    store8(chunk + CHUNK.NEXT, 0)
    store8(chunk + CHUNK.SENT, 0)
    size = load8(chunk + CHUNK.BYTES)
    last = load8(stream + STREAM.LAST)
    if last:
        store8(last + CHUNK.NEXT, chunk)
    else:
        store8(stream + STREAM.FIRST, chunk)
    store8(stream + STREAM.LAST, chunk)
    add8(stream + STREAM.QUEUED, size)
    add8(load8(stream + STREAM.CONNECTION) + CONNECTION.QUEUED, size)


@compiled
def take_out(stream: int, buffer: int, room: int) -> int:
    """Moves queued bytes into `buffer`; how many."""
    done = 0
    chunk = load8(stream + STREAM.FIRST)
    while chunk and done < room:
        sent = load8(chunk + CHUNK.SENT)
        left = load8(chunk + CHUNK.BYTES) - sent
        size = min(left, room - done)
        copy(buffer + done, chunk + CHUNK.SIZE + sent, size)
        done += size
        if size < left:
            store8(chunk + CHUNK.SENT, sent + size)
            break
        following = load8(chunk + CHUNK.NEXT)
        release(chunk)
        chunk = following
    store8(stream + STREAM.FIRST, chunk)
    if chunk == 0:
        store8(stream + STREAM.LAST, 0)
    add8(stream + STREAM.QUEUED, -done)
    add8(load8(stream + STREAM.CONNECTION) + CONNECTION.QUEUED, -done)
    return done


def on_read(
    session: int, stream_id: int, buffer: int, room: int, data_flags: int, source: int, connection: int
) -> int:
    """libnghttp2 wants bytes of an answer."""
    stream = load8(source)
    done = take_out(stream, buffer, room)
    if load8(stream + STREAM.FIRST) == 0 and load8(stream + STREAM.ENDING):
        store4(data_flags, EOF | NO_END_STREAM)
        _submit_trailers(
            session, stream_id, load8(stream + STREAM.TRAILERS), load8(stream + STREAM.TRAILER_COUNT)
        )  # fmt: skip
    elif done == 0:
        store8(stream + STREAM.DEFERRED, 1)
        return DEFERRED
    return done


@compiled
def fill_fields(fields: int, packed: int, count: int) -> None:
    """Header fields as libnghttp2 takes them, from those packed one after the other: length, length, name, value."""
    number = 0
    while number < count:
        name_size, value_size = load4(packed), load4(packed + 4)
        at = fields + number * NAME_VALUE_BYTES
        store8(at, packed + 8)
        store8(at + 8, packed + 8 + name_size)
        store8(at + 16, name_size)
        store8(at + 24, value_size)
        store8(at + 32, 0)
        packed += 8 + name_size + value_size
        number += 1


@compiled
def respond(connection: int, stream: int, fields: int, count: int, body: int) -> int:
    """Response headers; with `body`, data and trailers follow."""
    provider = load8(connection + CONNECTION.WORLD) + WORLD.SCRATCH + 256
    store8(provider, stream)
    store8(provider + 8, load8(load8(connection + CONNECTION.WORLD) + WORLD.READER))
    stream_id = I32(load8(stream + STREAM.ID))
    session = load8(connection + CONNECTION.SESSION)
    store8(connection + CONNECTION.ANSWERED, 1)
    return I64(_submit_response(session, stream_id, fields, count, provider if body else 0))


def send_headers(connection: int, stream_id: int, packed: int, count: int, body: int) -> int:
    """Python's answer begins. An error of libnghttp2 where the stream is gone."""
    stream = _get_stream(load8(connection + CONNECTION.SESSION), I32(stream_id))
    if stream == 0:
        return CALLBACK_FAILURE
    fields = allocate(count * NAME_VALUE_BYTES)
    fill_fields(fields, packed, count)
    status = respond(connection, stream, fields, count, body)
    release(fields)
    return status


def send_data(connection: int, stream_id: int, data: int, size: int) -> int:
    session = load8(connection + CONNECTION.SESSION)
    stream = _get_stream(session, I32(stream_id))
    if stream == 0:
        return CALLBACK_FAILURE
    chunk = allocate(CHUNK.SIZE + size)
    store8(chunk + CHUNK.BYTES, size)
    copy(chunk + CHUNK.SIZE, data, size)
    enqueue(stream, chunk)
    if load8(stream + STREAM.DEFERRED):
        store8(stream + STREAM.DEFERRED, 0)
        _resume(session, I32(stream_id))
    return 0


def send_trailers(connection: int, stream_id: int, packed: int, size: int, count: int) -> int:
    """They follow the last byte that was queued."""
    session = load8(connection + CONNECTION.SESSION)
    stream = _get_stream(session, I32(stream_id))
    if stream == 0:
        return CALLBACK_FAILURE
    fields = allocate(count * NAME_VALUE_BYTES + size)
    copy(fields + count * NAME_VALUE_BYTES, packed, size)
    fill_fields(fields, fields + count * NAME_VALUE_BYTES, count)
    store8(stream + STREAM.TRAILERS, fields)
    store8(stream + STREAM.TRAILER_COUNT, count)
    store8(stream + STREAM.ENDING, 1)
    if load8(stream + STREAM.DEFERRED):
        store8(stream + STREAM.DEFERRED, 0)
        _resume(session, I32(stream_id))
    return 0


def queued(connection: int, stream_id: int) -> int:
    """Bytes of a stream that wait to be framed."""
    stream = _get_stream(load8(connection + CONNECTION.SESSION), I32(stream_id))
    return load8(stream + STREAM.QUEUED) if stream else 0


def receive(connection: int, data: int, size: int) -> int:
    """Takes received bytes; how many, shifted, with what there is to do now. An error of libnghttp2 is negative."""
    session, world = load8(connection + CONNECTION.SESSION), load8(connection + CONNECTION.WORLD)
    taken = _read_bytes(session, data, size)
    if taken < 0:
        return taken
    todo = HAS_EVENTS if load8(world + WORLD.EVENTS_USED) else 0
    if _wants_write(session):
        todo |= WANTS_WRITE
    return taken << RECEIVED_SHIFT | todo


def send(connection: int, buffer: int, room: int) -> int:
    """Fills `buffer` with what may be sent; how many bytes. It holds at least one frame of the largest size more."""
    session = load8(connection + CONNECTION.SESSION)
    pointer = load8(connection + CONNECTION.WORLD) + WORLD.SCRATCH
    done = 0
    while done < room:
        size = _next_bytes(session, pointer)
        if size <= 0:
            return size if size < 0 else done
        copy(buffer + done, load8(pointer), size)
        done += size
    return done


def close(connection: int) -> int:
    """Forgets the streams of a connection whose session is about to go."""
    stream = load8(connection + CONNECTION.STREAMS)
    while stream:
        following = load8(stream + STREAM.NEXT)
        end_stream(stream)
        stream = following
    return 0


CALLBACKS: dict[str, Any] = {
    "on_begin_headers": (on_begin_headers, I32(I64, I64, I64)),
    "on_header": (on_header, I32(I64, I64, I64, I64, I64, I64, U8, I64)),
    "on_data_chunk_recv": (on_data, I32(I64, U8, I32, I64, I64, I64)),
    "on_frame_recv": (on_frame, I32(I64, I64, I64)),
    "on_stream_close": (on_close, I32(I64, I32, U32, I64)),
    "read": (on_read, I64(I64, I32, I64, I64, I64, I64, I64)),
}
CALLS: dict[str, Any] = {
    "send_headers": (send_headers, I64(I64, I64, I64, I64, I64)),
    "send_data": (send_data, I64(I64, I64, I64, I64)),
    "send_trailers": (send_trailers, I64(I64, I64, I64, I64, I64)),
    "queued": (queued, I64(I64, I64)),
    "receive": (receive, I64(I64, I64, I64)),
    "send": (send, I64(I64, I64, I64)),
    "close": (close, I64(I64)),
}
