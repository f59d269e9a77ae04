"""A prediction's call as its bytes come: whether the lane can take it, of which kind it is, which arm it falls to.

Reads what gateway.fastcodec.request reads, and less: whatever is not as most clients send it, or was not seen before,
is left to Python, which answers it, or refuses it, and may learn the kind (gateway.lanes).
"""

from gateway.native.blocks import JOINED, KIND, LANE, PYTHONS, STREAM, TARGET, TOO_LONG, TOO_MANY, WAITING, WORLD
from gateway.native.choosing import target_of
from gateway.native.fields import word
from gateway.native.memory import add8, clock_ns, compiled, copy, load1, load8, same, store8

PREFIX_BYTES = 5  # of gRPC, before a message
# Tags of ModelInferRequest's fields: number << 3 | 2.
MODEL_NAME, MODEL_VERSION, REQUEST_ID, PARAMETER, INPUT, OUTPUT, RAW = 10, 18, 26, 34, 42, 50, 58
SHORT = 0x80  # lengths below take one byte


@compiled
def hashed(at: int, size: int, seed: int) -> int:
    """A number for bytes, eight at a time; equal numbers are compared in full."""
    value = seed ^ size
    end = at + (size & -8)
    while at < end:
        value = (value ^ load8(at)) * 0x2545F4914F6CDD1D
        value ^= value >> 29
        at += 8
    value = (value ^ word(at, size & 7)) * 0x2545F4914F6CDD1D
    return value ^ (value >> 32)


@compiled
def kind_of(world: int, prefix: int, prefix_size: int, span: int, span_size: int) -> int:
    """The kind that Python learned of these bytes; 0 where it knows none."""
    value = hashed(span, span_size, hashed(prefix, prefix_size, 0))
    mask, table = load8(world + WORLD.KINDS_MASK), load8(world + WORLD.KINDS)
    slot = value & mask
    while True:
        kind = load8(table + 8 * slot)
        if kind == 0:
            return 0
        if (
            load8(kind + KIND.HASH) == value
            and load8(kind + KIND.PREFIX_SIZE) == prefix_size
            and load8(kind + KIND.SPAN_SIZE) == span_size
            and same(load8(kind + KIND.PREFIX), prefix, prefix_size)
            and same(load8(kind + KIND.SPAN), span, span_size)
        ):
            return kind
        slot = (slot + 1) & mask


def hash_of(prefix: int, prefix_size: int, span: int, span_size: int) -> int:
    """For Python, when it puts a kind into the table."""
    return hashed(span, span_size, hashed(prefix, prefix_size, 0))


@compiled
def length_at(at: int, end: int) -> int:
    """A length in its shortest form, shifted by 8, and how many bytes it takes. 0 for any other, or past `end`."""
    value, shift, begin = 0, 0, at
    while at < end and shift < 28:
        byte = load1(at)
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < SHORT:
            return value << 8 | (at - begin) if byte or shift == 0 else 0
        shift += 7
    return 0


@compiled
def after_short(at: int, end: int, tag: int) -> int:
    """Where a short field with that tag ends, `at` where another stands there, 0 past the end or for a long one."""
    if at + 1 >= end:
        return 0
    if load1(at) != tag:
        return at
    size = load1(at + 1)
    following = at + 2 + size
    return following if size < SHORT and following < end else 0


@compiled
def is_ascii(at: int, size: int) -> bool:
    high = 0
    for index in range(size):
        high |= load1(at + index)
    return high < SHORT


ROUTING_KEY = b"\x0a\x0brouting_key\x12"
ROUTING_1, ROUTING_2 = int.from_bytes(ROUTING_KEY[:8], "little"), int.from_bytes(ROUTING_KEY[8:], "little")


@compiled
def key_parameter(stream: int, at: int, end: int) -> bool:
    """Takes the parameter `routing_key`, a string in the shortest form; no other is known here."""
    size = load1(at + 1)
    if size < 17 or word(at + 2, 8) != ROUTING_1 or word(at + 10, 6) != ROUTING_2:
        return False
    if load1(at + 16) != size - 15 or load1(at + 17) != 26 or load1(at + 18) != size - 17:
        return False
    if not is_ascii(at + 19, size - 17):
        return False
    # A header's key goes first; of several parameters the last counts.
    if load8(stream + STREAM.KEY_SIZE) == 0 or load8(stream + STREAM.KEY) >= load8(stream + STREAM.HEADERS):
        store8(stream + STREAM.KEY, at + 19 - load8(stream + STREAM.BUFFER))
        store8(stream + STREAM.KEY_SIZE, size - 17)
    return True


@compiled
def span_end(at: int, end: int) -> int:
    """Where the descriptions of inputs and outputs end and raw contents begin; 0 where it is not so."""
    while at < end:
        tag = load1(at)
        if tag == RAW:
            return at
        if tag not in (INPUT, OUTPUT):
            return 0
        length = length_at(at + 1, end)
        if length == 0:
            return 0
        at += 1 + (length & 0xFF) + (length >> 8)
    return 0


@compiled
def put_rows(kind: int, lane: int, raw: int, end: int) -> bool:
    """Copies the raw contents behind the rows that wait; whether they were what the kind says, to the last byte."""
    rows = load8(lane + LANE.ROWS)
    for index in range(load8(kind + KIND.INPUTS)):
        size = load8(kind + KIND.BYTES + 8 * index)
        length = length_at(raw + 1, end)
        begin = raw + 1 + (length & 0xFF)
        if raw >= end or load1(raw) != RAW or length == 0 or length >> 8 != size or begin + size > end:
            return False
        place = load8(kind + KIND.PLACES + 8 * index)
        row_bytes = load8(lane + LANE.INPUT_BYTES + 8 * place)
        copy(load8(lane + LANE.BUFFER + 8 * place) + rows * row_bytes, begin, size)
        raw = begin + size
    return raw == end


@compiled
def find_kind(world: int, stream: int, at: int, end: int) -> int:
    """The kind of a message, with its id and key noted; where its raw contents begin is left in ROW. 0: none."""
    begin = at
    if load1(at) != MODEL_NAME:
        return 0
    at = after_short(at, end, MODEL_NAME)
    at = after_short(at, end, MODEL_VERSION) if at else 0
    if at == 0:
        return 0
    prefix_size = at - begin
    if load1(at) == REQUEST_ID:
        size = load1(at + 1)
        store8(stream + STREAM.REQUEST_ID, at + 2 - load8(stream + STREAM.BUFFER))
        store8(stream + STREAM.REQUEST_ID_SIZE, size)
        at = after_short(at, end, REQUEST_ID)
        if at == 0 or not is_ascii(at - size, size):
            return 0
    while load1(at) == PARAMETER:
        following = after_short(at, end, PARAMETER)
        if following == 0 or not key_parameter(stream, at, end):
            return 0
        at = following
    raw = span_end(at, end)
    if raw == 0:
        return 0
    store8(stream + STREAM.ROW, raw)
    return kind_of(world, begin, prefix_size, at, raw - at)


@compiled
def wait_in_lane(world: int, stream: int) -> int:
    """Puts a whole call behind those that wait for the same run: JOINED, or why not."""
    begin = load8(stream + STREAM.BUFFER) + load8(stream + STREAM.HEADERS)
    end = load8(stream + STREAM.BUFFER) + load8(stream + STREAM.USED)
    size = end - begin - PREFIX_BYTES
    if size < 3 or load1(begin) != 0 or size > load8(world + WORLD.MESSAGE_BYTES):
        return PYTHONS
    if load1(begin + 1) << 24 | load1(begin + 2) << 16 | load1(begin + 3) << 8 | load1(begin + 4) != size:
        return PYTHONS
    deadline = load8(stream + STREAM.DEADLINE_NS)
    if deadline and deadline <= load8(world + WORLD.NOW_NS):
        return PYTHONS
    kind = find_kind(world, stream, begin + PREFIX_BYTES, end)
    target = target_of(world, stream, kind, end) if kind else 0
    return join(world, stream, kind, target, load8(stream + STREAM.ROW), end) if target else PYTHONS


@compiled
def note_call(world: int, stream: int, target: int) -> None:
    """What its record will say of a call."""
    store8(stream + STREAM.TARGET, target)
    store8(stream + STREAM.ARRIVED_NS, load8(world + WORLD.NOW_NS))
    store8(stream + STREAM.ARRIVED_UNIX_NS, load8(world + WORLD.NOW_UNIX_NS))
    store8(stream + STREAM.DECODED_NS, clock_ns(1, world + WORLD.SCRATCH))


@compiled
def join(world: int, stream: int, kind: int, target: int, raw: int, end: int) -> int:
    """The call enters its lane and the books, unless there is no room or its contents are not as described.

    It is to be refused where as many calls are in flight as may be, or the work before it is expected to take longer
    than anybody shall wait; its contents are not looked at then.
    """
    lane, rows = load8(target + TARGET.LANE), load8(target + TARGET.ROWS)
    calls, before = load8(lane + LANE.CALLS), load8(lane + LANE.ROWS)
    note_call(world, stream, target)
    if load8(load8(world + WORLD.IN_FLIGHT)) >= load8(world + WORLD.MOST_IN_FLIGHT):
        return TOO_MANY
    backlog, cost = load8(world + WORLD.EXPECTED_NS), rows * load8(lane + LANE.ROW_NS)
    if load8(backlog) and load8(backlog) + cost > load8(world + WORLD.MOST_EXPECTED_NS):
        return TOO_LONG
    if calls >= load8(lane + LANE.MOST_CALLS) or before + rows > load8(lane + LANE.MOST_ROWS):
        return PYTHONS
    if not put_rows(kind, lane, raw, end):
        return PYTHONS
    add8(backlog, cost)
    if load8(stream + STREAM.TAKES_TURN):
        add8(load8(kind + KIND.COUNTER), 1)
    store8(load8(lane + LANE.CALL_LIST) + 8 * calls, stream)
    store8(load8(lane + LANE.ROW_LIST) + 8 * calls, before)
    store8(lane + LANE.CALLS, calls + 1)
    store8(lane + LANE.ROWS, before + rows)
    store8(stream + STREAM.ROW, before)
    store8(stream + STREAM.STATE, WAITING)
    add8(load8(world + WORLD.RECEIVED), 1)
    add8(load8(world + WORLD.IN_FLIGHT), 1)
    if load8(lane + LANE.IS_READY) == 0:
        store8(lane + LANE.IS_READY, 1)
        ready = load8(world + WORLD.READY)
        store8(load8(world + WORLD.READY_LIST) + 8 * ready, load8(lane + LANE.NUMBER))
        store8(world + WORLD.READY, ready + 1)
    return JOINED
