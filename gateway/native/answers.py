"""The model has run: for each call its record into the journal and its reply to the connection, in this order.

The reply's bytes are those of gateway.fastcodec.response; the suite holds them side by side.
"""

from typing import Any

from gateway.native.blocks import (
    ANSWERED,
    CANCELLED,
    CHUNK,
    COUNTS,
    DONE,
    IS_PYTHONS,
    JOURNAL,
    NEEDS_ROOM,
    REASON_BITS,
    RUN,
    STREAM,
    TARGET,
    WORLD,
)  # fmt: skip
from gateway.native.memory import (
    I64,
    add8,
    allocate,
    clock_ns,
    compiled,
    copy,
    load8,
    remainder,
    shifted,
    store1,
    store8,
    word_of,
)  # fmt: skip
from gateway.native.records import (
    STATUS_CANCELLED,
    append_answered,
    append_other,
    bytes_of,
    data_of,
    has_room,
    id_high,
    leave_out,
    room_of,
)  # fmt: skip
from gateway.native.sending import enqueue, respond, touch
from gateway.native.streams import end_stream, forget_stream

MONOTONIC = 1
REQUEST_ID_TAG = 26
PREFIX_BYTES, ID_TEXT_BYTES = 5, 36
ALL_BP = 10_000
LEFT = b"CancelledError: the caller has left"
LEFT_WORDS = tuple(int.from_bytes(LEFT[at : at + 8], "little") for at in range(0, len(LEFT), 8))
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9 - (1 << 64), 0x94D049BB133111EB - (1 << 64)


@compiled
def hexadecimal(to: int, value: int, digits: int) -> None:
    """The lowest digits of a number."""
    for index in range(digits):
        digit = shifted(value, 4 * (digits - 1 - index)) & 15
        store1(to + index, digit + (48 if digit < 10 else 87))


@compiled
def id_text(to: int, high: int, low: int) -> None:
    """8-4-4-4-12 digits."""
    hexadecimal(to, shifted(high, 32), 8)
    hexadecimal(to + 9, shifted(high, 16), 4)
    hexadecimal(to + 14, high, 4)
    hexadecimal(to + 19, shifted(low, 48), 4)
    hexadecimal(to + 24, low, 12)
    store1(to + 8, 45)
    store1(to + 13, 45)
    store1(to + 18, 45)
    store1(to + 23, 45)


@compiled
def is_sampled(mix: int, sequence: int, share: int) -> bool:
    """gateway.sampling.is_sampled."""
    if share >= ALL_BP:
        return True
    value = sequence + mix
    value = (value ^ shifted(value, 30)) * MIX_1
    value = (value ^ shifted(value, 27)) * MIX_2
    return remainder(value ^ shifted(value, 31), ALL_BP) < share


@compiled
def count_answered(world: int, run: int, stream: int, now: int) -> None:
    target, arrived = load8(stream + STREAM.TARGET), load8(stream + STREAM.ARRIVED_NS)
    counts, decoded = load8(target + TARGET.COUNTS), load8(stream + STREAM.DECODED_NS)
    started, ended = load8(run + RUN.STARTED_NS), load8(run + RUN.ENDED_NS)
    add8(counts + COUNTS.ANSWERED, 1)
    if load8(target + TARGET.DIVERTED):
        add8(load8(target + TARGET.DIVERTED), 1)
    add8(counts + COUNTS.TOTAL_NS, now - arrived)
    add8(counts + COUNTS.DECODE_NS, decoded - arrived)
    add8(counts + COUNTS.QUEUE_NS, started - decoded)
    add8(counts + COUNTS.RUN_NS, ended - started)
    add8(counts + COUNTS.ROWS, load8(target + TARGET.ROWS))
    store8(counts + COUNTS.LAST_UNIX_MS, load8(stream + STREAM.ARRIVED_UNIX_NS) // 1_000_000)
    add8(load8(world + WORLD.ENDED_ANSWERED), 1)
    add8(load8(world + WORLD.IN_FLIGHT), -1)


@compiled
def piece(to: int, source: int, size: int) -> int:
    copy(to, source, size)
    return to + size


@compiled
def reply(world: int, run: int, stream: int, sequence: int) -> None:
    """Header fields, the message as one chunk, trailers: all into the engine."""
    target, id_size = load8(stream + STREAM.TARGET), load8(stream + STREAM.REQUEST_ID_SIZE)
    size = load8(target + TARGET.REPLY_SIZE) + (2 + id_size if id_size else 0)
    chunk = allocate(CHUNK.SIZE + PREFIX_BYTES + size)
    store8(chunk + CHUNK.BYTES, PREFIX_BYTES + size)
    at = chunk + CHUNK.SIZE
    store1(at, 0)
    for index in range(4):
        store1(at + 1 + index, shifted(size, 24 - 8 * index))
    at = piece(at + PREFIX_BYTES, load8(target + TARGET.BEFORE_ID), load8(target + TARGET.BEFORE_ID_SIZE))
    if id_size:
        store1(at, REQUEST_ID_TAG)
        store1(at + 1, id_size)
        at = piece(at + 2, load8(stream + STREAM.BUFFER) + load8(stream + STREAM.REQUEST_ID), id_size)
    at = piece(at, load8(target + TARGET.BEFORE_PREDICTION), load8(target + TARGET.BEFORE_PREDICTION_SIZE))
    id_text(at, id_high(world, stream), load8(world + WORLD.ID_LOW) | sequence)
    at += ID_TEXT_BYTES
    at = piece(at, load8(target + TARGET.AFTER_PREDICTION), load8(target + TARGET.AFTER_PREDICTION_SIZE))
    for number in range(load8(target + TARGET.OUTPUTS)):
        at = piece(at, word_of(target, TARGET.HEAD, number), word_of(target, TARGET.HEAD_SIZE, number))
        source = word_of(target, TARGET.OUTPUT, number)
        at = piece(at, data_of(run, target, stream, source), bytes_of(target, source))
    store8(stream + STREAM.TRAILERS, load8(world + WORLD.TRAILERS))
    store8(stream + STREAM.TRAILER_COUNT, load8(world + WORLD.TRAILER_COUNT))
    store8(stream + STREAM.ENDING, 1)
    store8(stream + STREAM.STATE, ANSWERED)
    enqueue(stream, chunk)
    connection = load8(stream + STREAM.CONNECTION)
    respond(connection, stream, load8(world + WORLD.FIELDS), load8(world + WORLD.FIELD_COUNT), 1)
    touch(world, connection)


@compiled
def end_answered(world: int, run: int, stream: int, now: int) -> None:
    target = load8(stream + STREAM.TARGET)
    sequence = load8(load8(world + WORLD.JOURNAL) + JOURNAL.SEQUENCE)
    if load8(run + RUN.NO_ROOM):
        leave_out(world)
        add8(load8(world + WORLD.LOST), 1)
    else:
        append_answered(world, run, stream, now)
        add8(load8(world + WORLD.JOURNALED), 1)
    for number in range(load8(target + TARGET.SHADOWS)):
        mix, share = word_of(target, TARGET.SHADOW_MIX, number), word_of(target, TARGET.SHADOW_BP, number)
        if is_sampled(mix, sequence, share):
            add8(word_of(target, TARGET.OFFERED, number), 1)
    reply(world, run, stream, sequence)
    count_answered(world, run, stream, now)


@compiled
def left_text(world: int) -> int:
    """Where the words are."""
    at = world + WORLD.SCRATCH
    for index in range(len(LEFT_WORDS)):
        store8(at + 8 * index, LEFT_WORDS[index])
    return at


@compiled
def end_left(world: int, run: int, stream: int, now: int) -> None:
    counts = load8(load8(stream + STREAM.TARGET) + TARGET.COUNTS)
    if load8(run + RUN.NO_ROOM):
        leave_out(world)
        add8(load8(world + WORLD.LOST_OTHER), 1)
    else:
        append_other(world, stream, STATUS_CANCELLED, left_text(world), len(LEFT), now)
    add8(counts + COUNTS.FAILED, 1)
    add8(counts + COUNTS.FAILED_NS, now - load8(stream + STREAM.ARRIVED_NS))
    add8(load8(world + WORLD.ENDED_CANCELLED), 1)
    add8(load8(world + WORLD.IN_FLIGHT), -1)
    forget_stream(stream)
    end_stream(world, stream)


@compiled
def uncount(world: int) -> None:
    """The call goes back to Python, which counts it anew."""
    add8(load8(world + WORLD.RECEIVED), -1)
    add8(load8(world + WORLD.IN_FLIGHT), -1)


def answer(world: int, run: int) -> int:
    """Ends the calls of a run. Comes back before its end where Python must help: see NEEDS_ROOM, IS_PYTHONS."""
    at, count = load8(run + RUN.FIRST), load8(run + RUN.COUNT)
    now = clock_ns(MONOTONIC, world + WORLD.SCRATCH)
    while at < count:
        stream = word_of(load8(run + RUN.CALLS), 0, at)
        left = load8(stream + STREAM.STATE) == CANCELLED
        deadline = load8(stream + STREAM.DEADLINE_NS)
        if not left and (load8(run + RUN.FAILED) or (deadline and deadline <= now)):
            uncount(world)
            return at << REASON_BITS | IS_PYTHONS
        if not load8(run + RUN.NO_ROOM) and not has_room(world, load8(stream + STREAM.TARGET), room_of(stream)):
            return at << REASON_BITS | NEEDS_ROOM
        if left:
            end_left(world, run, stream, now)
        else:
            end_answered(world, run, stream, now)
        store8(run + RUN.NO_ROOM, 0)
        at += 1
    return at << REASON_BITS | DONE


def count_dead(world: int, calls: int, count: int) -> int:
    """How many of these calls nobody waits for any more."""
    now = clock_ns(MONOTONIC, world + WORLD.SCRATCH)
    dead = 0
    for at in range(count):
        stream = word_of(calls, 0, at)
        deadline = load8(stream + STREAM.DEADLINE_NS)
        dead += load8(stream + STREAM.STATE) == CANCELLED or (deadline != 0 and deadline <= now)
    return dead


def record_bytes(stream: int) -> int:
    """`room_of`, for Python."""
    return room_of(stream)


CALLS: dict[str, Any] = {
    "answer": (answer, I64(I64, I64)),
    "record_bytes": (record_bytes, I64(I64)),
    "count_dead": (count_dead, I64(I64, I64, I64)),
}
