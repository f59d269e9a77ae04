"""libnghttp2's callbacks, and what Python asks of a connection, in machine code.

The layouts of frames are those of nghttp2.h, whose interface is stable since 1.0. Events for Python are written one
after the other into one buffer of the server, read right after each call. The rest of a stream is in its block.
"""

from typing import Any

from gateway.native.blocks import (
    ANSWERED,
    BODY_BYTES,
    CALLBACK_FAILURE,
    CANCELLED,
    CHUNK,
    CLOSED,
    CONNECTION,
    COUNTS,
    DATA,
    EVENT,
    GENERAL,
    HAS_EVENTS,
    HAS_WORK,
    IDLE,
    IS_CONSUMED,
    IS_LAST,
    IS_OVER,
    JOINED,
    PING,
    PING_ANSWERED,
    READING,
    REQUEST,
    RESET,
    SETTINGS,
    STREAM,
    TARGET,
    TODO_BITS,
    TOO_LONG,
    TRAILERS,
    WAITING,
    WANTS_WRITE,
    WORLD,
)  # fmt: skip
from gateway.native.calls import PREFIX_BYTES, note_field, takes_lane, wait_in_lane
from gateway.native.memory import (
    I32,
    I64,
    U8,
    U32,
    add8,
    allocate,
    allocate_zeroed,
    clock_ns,
    compiled,
    copy,
    external,
    load1,
    load4,
    load8,
    reallocate,
    release,
    store4,
    store8,
    word_of,
)  # fmt: skip
from gateway.native.records import STATUS_SHED, append_other, has_room, room_of

# nghttp2.h
FRAME_LENGTH, FRAME_STREAM, FRAME_TYPE, FRAME_FLAGS, FRAME_BODY, FRAME_CATEGORY = 0, 8, 12, 13, 16, 56
DATA_TYPE, HEADERS_TYPE, PRIORITY_TYPE, RESET_TYPE, SETTINGS_TYPE, PING_TYPE = 0, 1, 2, 3, 4, 6
END_STREAM = ACK = 1
CATEGORY_REQUEST = 0
DEFERRED = -508
EOF, NO_END_STREAM = 1, 2
REALTIME, MONOTONIC = 0, 1  # clocks of the kernel
NAME_VALUE_BYTES = 40
KEPT_BYTES = 64 << 10  # a buffer of an ended stream is kept for the next one up to this

read_bytes = external("nghttp2_session_mem_recv2", I64, I64, I64, I64)
_next_bytes = external("nghttp2_session_mem_send2", I64, I64, I64)
_set_stream = external("nghttp2_session_set_stream_user_data", I32, I64, I32, I64)
_get_stream = external("nghttp2_session_get_stream_user_data", I64, I64, I32)
_submit_response = external("nghttp2_submit_response2", I32, I64, I32, I64, I64, I64)
_submit_trailers = external("nghttp2_submit_trailer", I32, I64, I32, I64, I64)
_resume = external("nghttp2_session_resume_data", I32, I64, I32)
_consume = external("nghttp2_session_consume", I32, I64, I32, I64)
_wants_write = external("nghttp2_session_want_write", I32, I64)
_wants_read = external("nghttp2_session_want_read", I32, I64)


# Events.


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
def hand_over(world: int, stream: int, value: int) -> None:
    """Python takes the call: its headers, and what has come of its message."""
    store8(stream + STREAM.STATE, GENERAL)
    stream_id, buffer = load8(stream + STREAM.ID), load8(stream + STREAM.BUFFER)
    headers, used = load8(stream + STREAM.HEADERS), load8(stream + STREAM.USED)
    emit(world, REQUEST, stream_id, 0, buffer, headers)
    emit(world, DATA, stream_id, value | IS_CONSUMED, buffer + headers, used - headers)


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
        _set_stream(load8(connection + CONNECTION.SESSION), I32(load8(stream + STREAM.ID)), 0)


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


# Callbacks: what arrives.


def on_begin_headers(session: int, frame: int, connection: int) -> int:
    if load1(frame + FRAME_TYPE) == HEADERS_TYPE and load4(frame + FRAME_CATEGORY) == CATEGORY_REQUEST:
        stream_id = load4(frame + FRAME_STREAM)
        store8(connection + CONNECTION.LAST, stream_id)
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
        scratch = world + WORLD.SCRATCH
        store4(scratch, name_size)
        store4(scratch + 4, value_size)
        keep(stream, scratch, 8)
        keep(stream, name, name_size)
        keep(stream, value, value_size)
        note_field(world, stream, name, name_size, value, value_size)
    return I32(0)


def on_data(session: int, flags: int, stream_id: int, data: int, size: int, connection: int) -> int:
    world, stream = load8(connection + CONNECTION.WORLD), _get_stream(session, stream_id)
    if stream and load8(stream + STREAM.STATE) == GENERAL:
        emit(world, DATA, I64(stream_id), 0, data, size)
        return I32(0)
    _consume(session, stream_id, size)
    if stream and load8(stream + STREAM.STATE) == READING:
        if load8(stream + STREAM.USED) == load8(stream + STREAM.HEADERS) and size >= PREFIX_BYTES:
            announced = load1(data + 2) << 16 | load1(data + 3) << 8 | load1(data + 4)  # of a message that may be large
            reserve(stream, load8(stream + STREAM.USED) + PREFIX_BYTES + min(announced, BODY_BYTES))
        keep(stream, data, size)
        if load8(stream + STREAM.USED) - load8(stream + STREAM.HEADERS) > BODY_BYTES:
            hand_over(world, stream, 0)
    return I32(0)


@compiled
def take_headers(session: int, frame: int, connection: int, ended: int) -> None:
    """A whole header block has arrived: of a request, or of its trailers."""
    world, stream_id = load8(connection + CONNECTION.WORLD), load4(frame + FRAME_STREAM)
    stream = _get_stream(session, I32(stream_id))
    if stream == 0:
        return
    if load4(frame + FRAME_CATEGORY) != CATEGORY_REQUEST:
        if load8(stream + STREAM.STATE) == READING:
            hand_over(world, stream, 0)
        emit(world, TRAILERS, stream_id, ended, 0, 0)
        return
    used = load8(stream + STREAM.USED)
    store8(stream + STREAM.HEADERS, used)
    if not ended and takes_lane(world, connection, stream):
        store8(stream + STREAM.STATE, READING)
    else:
        emit(world, REQUEST, stream_id, ended, load8(stream + STREAM.BUFFER), used)


@compiled
def take_data_end(session: int, frame: int, connection: int, ended: int) -> None:
    """A whole DATA frame has arrived; its bytes have been told of, or kept."""
    world, stream_id = load8(connection + CONNECTION.WORLD), load4(frame + FRAME_STREAM)
    stream = _get_stream(session, I32(stream_id))
    if ended and stream and load8(stream + STREAM.STATE) == READING:
        what = wait_in_lane(world, stream)
        if what >= TOO_LONG and has_room(world, load8(stream + STREAM.TARGET), room_of(stream)):
            shed(world, connection, stream, what - TOO_LONG)
        elif what != JOINED:
            hand_over(world, stream, IS_LAST)
        return
    last = load8(world + WORLD.LAST_EVENT)
    told = load8(world + WORLD.EVENTS_USED) and load8(last + EVENT.KIND) == DATA
    if ended and told and load8(last + EVENT.STREAM) == stream_id:
        store8(last + EVENT.VALUE, load8(last + EVENT.VALUE) | IS_LAST)
    elif ended or load8(frame + FRAME_LENGTH) == 0:
        emit(world, DATA, stream_id, IS_LAST if ended else 0, 0, 0)


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
        # By value: the frame is gone when Python looks.
        emit(world, PING_ANSWERED if flags & ACK else PING, 0, load8(frame + FRAME_BODY), 0, 0)
    elif kind == SETTINGS_TYPE and not flags & ACK:
        emit(world, SETTINGS, 0, 0, 0, 0)
    elif kind == PRIORITY_TYPE:
        emit(world, IDLE, stream_id, 0, 0, 0)
    return I32(0)


@compiled
def leave(world: int, stream: int) -> None:
    """The stream is over. A call that waits in a lane is ended there, by who runs it: the block is still its."""
    if load8(stream + STREAM.STATE) == WAITING:
        store8(stream + STREAM.STATE, CANCELLED)
    if load8(stream + STREAM.STATE) == CANCELLED:
        unlink(stream)
    else:
        end_stream(world, stream)


def on_close(session: int, stream_id: int, error: int, connection: int) -> int:
    stream = _get_stream(session, stream_id)
    if stream:
        world = load8(connection + CONNECTION.WORLD)
        if load8(stream + STREAM.STATE) == GENERAL:
            emit(world, CLOSED, I64(stream_id), I64(error), 0, 0)
        leave(world, stream)
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


def on_read(session: int, stream_id: int, buffer: int, room: int, data_flags: int, source: int, connection: int) -> int:
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
    store8(stream + STREAM.OWN_TRAILERS, 1)
    store8(stream + STREAM.ENDING, 1)
    if load8(stream + STREAM.DEFERRED):
        store8(stream + STREAM.DEFERRED, 0)
        _resume(session, I32(stream_id))
    return 0


def queued(connection: int, stream_id: int) -> int:
    """Bytes of a stream that wait to be framed."""
    stream = _get_stream(load8(connection + CONNECTION.SESSION), I32(stream_id))
    return load8(stream + STREAM.QUEUED) if stream else 0


@compiled
def todo(session: int, world: int) -> int:
    """What there is for Python to do now."""
    found = HAS_EVENTS if load8(world + WORLD.EVENTS_USED) else 0
    if load8(world + WORLD.READY):
        found |= HAS_WORK
    if _wants_write(session):
        return found | WANTS_WRITE
    return found if _wants_read(session) else found | IS_OVER


def receive(connection: int, data: int, size: int) -> int:
    """Takes received bytes; how many, with what there is to do. An error of libnghttp2 is negative."""
    session, world = load8(connection + CONNECTION.SESSION), load8(connection + CONNECTION.WORLD)
    recycle(world)
    store8(world + WORLD.NOW_NS, clock_ns(MONOTONIC, world + WORLD.SCRATCH))
    store8(world + WORLD.NOW_UNIX_NS, clock_ns(REALTIME, world + WORLD.SCRATCH))
    taken = read_bytes(session, data, size)
    return taken if taken < 0 else taken << TODO_BITS | todo(session, world)


@compiled
def fill_out(connection: int, buffer: int, room: int) -> int:
    """Fills `buffer` with what may be sent; how many bytes, with what there is to do.

    Behind `room` there is place for one frame of the largest size.
    """
    session, world = load8(connection + CONNECTION.SESSION), load8(connection + CONNECTION.WORLD)
    recycle(world)
    done = 0
    while done < room:
        size = _next_bytes(session, world + WORLD.SCRATCH)
        if size < 0:
            return size
        if size == 0:
            break
        copy(buffer + done, load8(world + WORLD.SCRATCH), size)
        done += size
    return done << TODO_BITS | todo(session, world)


@compiled
def touch(world: int, connection: int) -> None:
    """There is something to send: `flush` in gateway.native.sockets will look at it."""
    if load8(connection + CONNECTION.TOUCHED) == 0:
        store8(connection + CONNECTION.TOUCHED, 1)
        touched = load8(world + WORLD.TOUCHED)
        store8(load8(world + WORLD.TOUCHED_LIST) + 8 * touched, connection)
        store8(world + WORLD.TOUCHED, touched + 1)


@compiled
def shed(world: int, connection: int, stream: int, why: int) -> None:
    """Refuses a call at once: in the books, in the journal, and to its caller."""
    now = clock_ns(MONOTONIC, world + WORLD.SCRATCH)
    reason, reason_bytes = word_of(world, WORLD.REASON, why), word_of(world, WORLD.REASON_BYTES, why)
    append_other(world, stream, STATUS_SHED, reason, reason_bytes, now)
    counts = load8(load8(stream + STREAM.TARGET) + TARGET.COUNTS)
    add8(counts + COUNTS.FAILED, 1)
    add8(counts + COUNTS.FAILED_NS, now - load8(stream + STREAM.ARRIVED_NS))
    add8(load8(world + WORLD.RECEIVED), 1)
    add8(load8(world + WORLD.ENDED_SHED), 1)
    add8(word_of(world, WORLD.SHED_COUNT, why), 1)
    store8(stream + STREAM.STATE, ANSWERED)
    respond(
        connection, stream, word_of(world, WORLD.REFUSAL, why), word_of(world, WORLD.REFUSAL_COUNT, why), 0
    )  # fmt: skip
    touch(world, connection)


def close(connection: int) -> int:
    """Forgets the streams of a connection whose session is about to go, but for calls that wait in a lane."""
    stream = load8(connection + CONNECTION.STREAMS)
    while stream:
        following = load8(stream + STREAM.NEXT)
        leave(load8(connection + CONNECTION.WORLD), stream)
        stream = following
    return 0


def refuse(connection: int, packed: int, count: int) -> int:
    """Ends the calls in the lane that have no answer yet, with headers alone."""
    stream = load8(connection + CONNECTION.STREAMS)
    fields = allocate(count * NAME_VALUE_BYTES)
    fill_fields(fields, packed, count)
    while stream:
        state = load8(stream + STREAM.STATE)
        if state in (READING, WAITING):
            respond(connection, stream, fields, count, 0)
            store8(stream + STREAM.STATE, CANCELLED if state == WAITING else ANSWERED)
        stream = load8(stream + STREAM.NEXT)
    release(fields)
    return 0


def hand_back(stream: int) -> int:
    """A call that waited in a lane becomes Python's; its events are at hand."""
    hand_over(load8(load8(stream + STREAM.CONNECTION) + CONNECTION.WORLD), stream, IS_LAST)
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
    "close": (close, I64(I64)),
    "refuse": (refuse, I64(I64, I64, I64)),
    "hand_back": (hand_back, I64(I64)),
}
