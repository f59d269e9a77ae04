"""The journal's record of a call in a lane, byte for byte as gateway.journal.writer makes it.

Who appends has asked `has_room`. The checksum and the cursor come last: a reader never believes half a record.
"""

from gateway.native.blocks import FRAME, FRAME_BYTES, JOURNAL, LANE, MOST_INPUTS, RUN, STREAM, TARGET, WORLD
from gateway.native.crc32 import crc32
from gateway.native.memory import (
    add8,
    compiled,
    copy,
    load8,
    publish8,
    shifted,
    store1,
    store2,
    store4,
    store8,
    word_of,
)  # fmt: skip

PREDICTION, STATUS_ANSWERED, STATUS_SHED, STATUS_CANCELLED = 3, 1, 3, 5  # gateway.journal.format
NEXT_AT, COMMITTED_AT = 72, 64
MOST_ROWS = 65_535  # a record counts
MOST_REASON_BYTES = 160


@compiled
def big_endian(to: int, value: int) -> None:
    for index in range(8):
        store1(to + index, shifted(value, 56 - 8 * index))


@compiled
def id_high(world: int, stream: int) -> int:
    """Time, version 7, slot: gateway.journal.format.prediction_id."""
    return (load8(stream + STREAM.ARRIVED_UNIX_NS) // 1_000_000) << 16 | load8(world + WORLD.ID_HIGH)


@compiled
def frame_head(world: int, stream: int, frame: int, status: int, tensors: int, reason_bytes: int) -> None:
    """The fixed part of a record, but for its size and its checksum."""
    target = load8(stream + STREAM.TARGET)
    sequence = load8(load8(world + WORLD.JOURNAL) + JOURNAL.SEQUENCE)
    for at in range(0, FRAME_BYTES, 8):
        store8(frame + at, 0)
    store1(frame + FRAME.KIND, PREDICTION)
    store1(frame + FRAME.ROLE, load8(target + TARGET.ROLE))
    store1(frame + FRAME.STATUS, status)
    store1(frame + FRAME.RULE, load8(stream + STREAM.RULE))
    store2(frame + FRAME.TENSORS, tensors)
    store2(frame + FRAME.REQUEST_ID_BYTES, load8(stream + STREAM.REQUEST_ID_SIZE))
    store4(frame + FRAME.SCHEMA, load8(target + TARGET.SCHEMA))
    store2(frame + FRAME.REASON_BYTES, reason_bytes)
    store2(frame + FRAME.ROWS, min(load8(target + TARGET.ROWS), MOST_ROWS))
    store8(frame + FRAME.SEQUENCE, sequence)
    big_endian(frame + FRAME.PREDICTION_ID, id_high(world, stream))
    big_endian(frame + FRAME.PREDICTION_ID + 8, load8(world + WORLD.ID_LOW) | sequence)
    store8(frame + FRAME.ARRIVED_UNIX_NS, load8(stream + STREAM.ARRIVED_UNIX_NS))
    store8(frame + FRAME.EPOCH, load8(target + TARGET.EPOCH))
    store4(frame + FRAME.VERSION, load8(target + TARGET.VERSION))
    store2(frame + FRAME.BUCKET, load8(stream + STREAM.BUCKET))
    store2(frame + FRAME.WEIGHT_BP, load8(target + TARGET.WEIGHT))
    store8(frame + FRAME.KEY_HASH, load8(stream + STREAM.KEY_HASH))
    copy(frame + FRAME.TRACE_ID, stream + STREAM.TRACE, 16)


@compiled
def frame_times(stream: int, frame: int, started: int, ended: int, now: int) -> None:
    """Nanoseconds of each stage."""
    arrived, decoded = load8(stream + STREAM.ARRIVED_NS), load8(stream + STREAM.DECODED_NS)
    store8(frame + FRAME.DECODE_NS, decoded - arrived)
    store8(frame + FRAME.QUEUE_NS, started - decoded)
    store8(frame + FRAME.RUN_NS, ended - started)
    store8(frame + FRAME.TOTAL_NS, now - arrived)


@compiled
def put_text(to: int, source: int, size: int) -> int:
    """Bytes, padded to eight; where they end."""
    copy(to, source, size)
    end = to + size
    while end & 7:
        store1(end, 0)
        end += 1
    return end


@compiled
def data_of(run: int, target: int, stream: int, source: int) -> int:
    """Where the rows of a call are: `source` is a place among the inputs, then among the outputs."""
    row = load8(stream + STREAM.ROW) - load8(run + RUN.ROW)
    lane = load8(target + TARGET.LANE)
    if source < MOST_INPUTS:
        return word_of(run, RUN.INPUTS, source) + row * word_of(lane, LANE.INPUT_BYTES, source)
    output = source - MOST_INPUTS
    return word_of(run, RUN.OUTPUTS, output) + row * word_of(lane, LANE.OUTPUT_BYTES, output)


@compiled
def bytes_of(target: int, source: int) -> int:
    """Bytes of that tensor in one call."""
    lane, rows = load8(target + TARGET.LANE), load8(target + TARGET.ROWS)
    if source < MOST_INPUTS:
        return rows * word_of(lane, LANE.INPUT_BYTES, source)
    return rows * word_of(lane, LANE.OUTPUT_BYTES, source - MOST_INPUTS)


@compiled
def put_tensors(run: int, target: int, stream: int, to: int) -> int:
    for number in range(load8(target + TARGET.TENSORS)):
        head_bytes = word_of(target, TARGET.BEFORE_SIZE, number)
        copy(to, word_of(target, TARGET.BEFORE, number), head_bytes)
        source = word_of(target, TARGET.SOURCE, number)
        to = put_text(to + head_bytes, data_of(run, target, stream, source), bytes_of(target, source))
    return to


@compiled
def commit(world: int, frame: int, end: int) -> None:
    """Size and checksum, then the cursor: a reader never believes half a record."""
    journal = load8(world + WORLD.JOURNAL)
    size = end - frame
    store4(frame + FRAME.CRC32, crc32(load8(world + WORLD.CRC_TABLE), frame + 8, size - 8))
    store4(frame + FRAME.FRAME_BYTES, size)
    memory = load8(journal + JOURNAL.MEMORY)
    store8(journal + JOURNAL.OFFSET, end - memory)
    publish8(memory + COMMITTED_AT, end - memory)
    sequence = load8(journal + JOURNAL.SEQUENCE) + 1
    store8(journal + JOURNAL.SEQUENCE, sequence)
    publish8(memory + NEXT_AT, sequence)


@compiled
def has_room(world: int, target: int, size: int) -> bool:
    """Whether a record fits into the open segment, which knows its schema and its route."""
    journal = load8(world + WORLD.JOURNAL)
    known = load8(target + TARGET.INTRODUCED) == load8(journal + JOURNAL.GENERATION)
    return known and load8(journal + JOURNAL.OFFSET) + size <= load8(journal + JOURNAL.END)


@compiled
def leave_out(world: int) -> None:
    """A record that has no room: its number is left out, where readers see it."""
    journal = load8(world + WORLD.JOURNAL)
    sequence = load8(journal + JOURNAL.SEQUENCE) + 1
    store8(journal + JOURNAL.SEQUENCE, sequence)
    if load8(journal + JOURNAL.END):
        publish8(load8(journal + JOURNAL.MEMORY) + NEXT_AT, sequence)


@compiled
def padded(size: int) -> int:
    return (size + 7) & -8


@compiled
def room_of(stream: int) -> int:
    """What the record of a call takes at most."""
    target = load8(stream + STREAM.TARGET)
    texts = padded(load8(stream + STREAM.REQUEST_ID_SIZE) + MOST_REASON_BYTES)
    return FRAME_BYTES + texts + load8(target + TARGET.RECORD_SIZE)


@compiled
def append_answered(world: int, run: int, stream: int, now: int) -> None:
    """With the tensors that came and those that the model gave."""
    journal, target = load8(world + WORLD.JOURNAL), load8(stream + STREAM.TARGET)
    frame = load8(journal + JOURNAL.MEMORY) + load8(journal + JOURNAL.OFFSET)
    frame_head(world, stream, frame, STATUS_ANSWERED, load8(target + TARGET.TENSORS), 0)
    frame_times(stream, frame, load8(run + RUN.STARTED_NS), load8(run + RUN.ENDED_NS), now)
    request_id = load8(stream + STREAM.BUFFER) + load8(stream + STREAM.REQUEST_ID)
    end = put_text(frame + FRAME_BYTES, request_id, load8(stream + STREAM.REQUEST_ID_SIZE))
    commit(world, frame, put_tensors(run, target, stream, end))
    add8(journal + JOURNAL.ANSWERED, 1)


@compiled
def append_other(world: int, stream: int, status: int, reason: int, reason_bytes: int, now: int) -> None:
    """Without tensors, with the reason why there is no answer. It never ran: all its time is decoding and waiting."""
    journal = load8(world + WORLD.JOURNAL)
    frame = load8(journal + JOURNAL.MEMORY) + load8(journal + JOURNAL.OFFSET)
    frame_head(world, stream, frame, status, 0, reason_bytes)
    frame_times(stream, frame, now, now, now)
    size = load8(stream + STREAM.REQUEST_ID_SIZE)
    copy(frame + FRAME_BYTES, load8(stream + STREAM.BUFFER) + load8(stream + STREAM.REQUEST_ID), size)
    commit(world, frame, put_text(frame + FRAME_BYTES + size, reason, reason_bytes))
