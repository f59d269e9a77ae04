"""What leaves: header fields, chunks of data and trailers into libnghttp2, for answers of either way."""

from typing import Any

from gateway.native.blocks import (
    ANSWERED,
    CALLBACK_FAILURE,
    CANCELLED,
    CHUNK,
    CONNECTION,
    COUNTS,
    READING,
    STREAM,
    TARGET,
    WAITING,
    WORLD,
)
from gateway.native.libnghttp2 import (
    DEFERRED,
    EOF,
    NAME_VALUE_BYTES,
    NO_END_STREAM,
    get_stream,
    resume,
    submit_response,
    submit_trailers,
)
from gateway.native.memory import (
    I32,
    I64,
    add8,
    allocate,
    clock_ns,
    compiled,
    copy,
    load4,
    load8,
    release,
    store4,
    store8,
    word_of,
)
from gateway.native.records import STATUS_SHED, append_other

MONOTONIC = 1  # a clock of the kernel


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
        submit_trailers(
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
    return I64(submit_response(session, stream_id, fields, count, provider if body else 0))


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


def send_headers(connection: int, stream_id: int, packed: int, count: int, body: int) -> int:
    """Python's answer begins. An error of libnghttp2 where the stream is gone."""
    stream = get_stream(load8(connection + CONNECTION.SESSION), I32(stream_id))
    if stream == 0:
        return CALLBACK_FAILURE
    fields = allocate(count * NAME_VALUE_BYTES)
    fill_fields(fields, packed, count)
    status = respond(connection, stream, fields, count, body)
    release(fields)
    return status


def send_data(connection: int, stream_id: int, data: int, size: int) -> int:
    session = load8(connection + CONNECTION.SESSION)
    stream = get_stream(session, I32(stream_id))
    if stream == 0:
        return CALLBACK_FAILURE
    chunk = allocate(CHUNK.SIZE + size)
    store8(chunk + CHUNK.BYTES, size)
    copy(chunk + CHUNK.SIZE, data, size)
    enqueue(stream, chunk)
    if load8(stream + STREAM.DEFERRED):
        store8(stream + STREAM.DEFERRED, 0)
        resume(session, I32(stream_id))
    return 0


def send_trailers(connection: int, stream_id: int, packed: int, size: int, count: int) -> int:
    """They follow the last byte that was queued."""
    session = load8(connection + CONNECTION.SESSION)
    stream = get_stream(session, I32(stream_id))
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
        resume(session, I32(stream_id))
    return 0


def queued(connection: int, stream_id: int) -> int:
    """Bytes of a stream that wait to be framed."""
    stream = get_stream(load8(connection + CONNECTION.SESSION), I32(stream_id))
    return load8(stream + STREAM.QUEUED) if stream else 0


CALLS: dict[str, Any] = {
    "send_headers": (send_headers, I64(I64, I64, I64, I64, I64)),
    "send_data": (send_data, I64(I64, I64, I64, I64)),
    "send_trailers": (send_trailers, I64(I64, I64, I64, I64, I64)),
    "queued": (queued, I64(I64, I64)),
    "refuse": (refuse, I64(I64, I64, I64)),
}
