"""libnghttp2's callbacks, and what a read of a connection brings and a write takes."""

from typing import Any

from gateway.native.blocks import (
    BODY_BYTES,
    CALLBACK_FAILURE,
    CLOSED,
    CONNECTION,
    DATA,
    EVENT,
    GENERAL,
    HAS_EVENTS,
    HAS_WORK,
    IDLE,
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
    TODO_BITS,
    TOO_LONG,
    TRAILERS,
    WANTS_WRITE,
    WORLD,
)
from gateway.native.calls import PREFIX_BYTES, wait_in_lane
from gateway.native.fields import note_field, takes_lane
from gateway.native.libnghttp2 import (
    ACK,
    CATEGORY_REQUEST,
    DATA_TYPE,
    END_STREAM,
    FRAME_BODY,
    FRAME_CATEGORY,
    FRAME_FLAGS,
    FRAME_LENGTH,
    FRAME_STREAM,
    FRAME_TYPE,
    HEADERS_TYPE,
    PING_TYPE,
    PRIORITY_TYPE,
    RESET_TYPE,
    SETTINGS_TYPE,
    consume,
    get_stream,
    next_bytes,
    read_bytes,
    set_stream,
    wants_read,
    wants_write,
)
from gateway.native.memory import I32, I64, U8, U32, add8, clock_ns, compiled, copy, load1, load4, load8, store4, store8
from gateway.native.records import has_room, room_of
from gateway.native.sending import on_read, shed
from gateway.native.streams import begin_stream, emit, hand_over, keep, leave, recycle, reserve

REALTIME, MONOTONIC = 0, 1  # clocks of the kernel


def on_begin_headers(session: int, frame: int, connection: int) -> int:
    if load1(frame + FRAME_TYPE) == HEADERS_TYPE and load4(frame + FRAME_CATEGORY) == CATEGORY_REQUEST:
        stream_id = load4(frame + FRAME_STREAM)
        store8(connection + CONNECTION.LAST, stream_id)
        set_stream(session, I32(stream_id), begin_stream(connection, stream_id))
    return I32(0)


def on_header(
    session: int, frame: int, name: int, name_size: int, value: int, value_size: int, flags: int, connection: int
) -> int:
    """Keeps a field, as length, length, name, value; trailers only count."""
    stream = get_stream(session, I32(load4(frame + FRAME_STREAM)))
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
    world, stream = load8(connection + CONNECTION.WORLD), get_stream(session, stream_id)
    if stream and load8(stream + STREAM.STATE) == GENERAL:
        emit(world, DATA, I64(stream_id), 0, data, size)
        return I32(0)
    consume(session, stream_id, size)
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
    stream = get_stream(session, I32(stream_id))
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
    stream = get_stream(session, I32(stream_id))
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


def on_close(session: int, stream_id: int, error: int, connection: int) -> int:
    stream = get_stream(session, stream_id)
    if stream:
        world = load8(connection + CONNECTION.WORLD)
        if load8(stream + STREAM.STATE) == GENERAL:
            emit(world, CLOSED, I64(stream_id), I64(error), 0, 0)
        leave(world, stream)
    return I32(0)


@compiled
def todo(session: int, world: int) -> int:
    """What there is for Python to do now."""
    found = HAS_EVENTS if load8(world + WORLD.EVENTS_USED) else 0
    if load8(world + WORLD.READY):
        found |= HAS_WORK
    if wants_write(session):
        return found | WANTS_WRITE
    return found if wants_read(session) else found | IS_OVER


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
        size = next_bytes(session, world + WORLD.SCRATCH)
        if size < 0:
            return size
        if size == 0:
            break
        copy(buffer + done, load8(world + WORLD.SCRATCH), size)
        done += size
    return done << TODO_BITS | todo(session, world)


def close(connection: int) -> int:
    """Forgets the streams of a connection whose session is about to go, but for calls that wait in a lane."""
    stream = load8(connection + CONNECTION.STREAMS)
    while stream:
        following = load8(stream + STREAM.NEXT)
        leave(load8(connection + CONNECTION.WORLD), stream)
        stream = following
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
    "receive": (receive, I64(I64, I64, I64)),
    "close": (close, I64(I64)),
    "hand_back": (hand_back, I64(I64)),
}
