"""A prediction's call as its bytes come: whether the lane can take it, of which kind it is, which arm it falls to.

Reads what gateway.fastcodec.request reads, and less: whatever is not as most clients send it, or was not seen before,
is left to Python, which answers it, or refuses it, and may learn the kind (gateway.lanes).
"""

from gateway.native.blake2b import key_hash
from gateway.native.blocks import (
    CONNECTION,
    JOINED,
    KIND,
    LANE,
    PYTHONS,
    STREAM,
    TARGET,
    TOO_LONG,
    TOO_MANY,
    WAITING,
    WORLD,
)
from gateway.native.memory import add8, clock_ns, compiled, copy, load1, load8, remainder, same, store1, store8

# What the header fields of a call said, in FLAGS.
IS_POST, IS_PATH, IS_GRPC, IS_STRANGE = 1, 2, 4, 8
EXPECTED = IS_POST | IS_PATH | IS_GRPC
RULE_PINNED, RULE_KEY, RULE_SEQUENCE = 1, 2, 3  # gateway.journal.format.RULE_CODES

PREFIX_BYTES = 5  # of gRPC, before a message
# Tags of ModelInferRequest's fields: number << 3 | 2.
MODEL_NAME, MODEL_VERSION, REQUEST_ID, PARAMETER, INPUT, OUTPUT, RAW = 10, 18, 26, 34, 42, 50, 58
SHORT = 0x80  # lengths below take one byte
STRIDE, ALL_BP = 6_181, 10_000  # gateway.router
FOREVER_NS = 1 << 61  # of a timeout, some seventy years: later is the same


@compiled
def word(at: int, size: int) -> int:
    """Up to eight bytes as a number."""
    value = 0
    for index in range(size):
        value |= load1(at + index) << (8 * index)
    return value


def _text(value: str) -> int:
    """As `word` gives it."""
    return int.from_bytes(value.encode(), "little")


METHOD, POST, PATH = _text(":method"), _text("POST"), _text(":path")
CONTENT_1, CONTENT_2 = _text("content-"), _text("type")
GRPC_1, GRPC_2 = _text("applicat"), _text("ion/grpc")
ENCODING_1, ENCODING_2 = _text("grpc-enc"), _text("oding")
TIMEOUT_1, TIMEOUT_2 = _text("grpc-tim"), _text("eout")
KEY_1, KEY_2 = _text("x-routin"), _text("g-key")
TRACE_1, TRACE_2 = _text("tracepar"), _text("ent")
IDENTITY = _text("identity")
PLUS, SEMICOLON, DASH = ord("+"), ord(";"), ord("-")
NO_VERSION = _text("ff")
HOURS, MINUTES, SECONDS, MILLIS, MICROS, NANOS = (ord(unit) for unit in "HMSmun")


@compiled
def unit_ns(unit: int) -> int:
    if unit == MILLIS:
        return 1_000_000
    if unit == MICROS:
        return 1_000
    if unit == SECONDS:
        return 1_000_000_000
    if unit == NANOS:
        return 1
    if unit == MINUTES:
        return 60_000_000_000
    return 3_600_000_000_000 if unit == HOURS else 0


@compiled
def timeout_ns(value: int, size: int) -> int:
    """Of a `grpc-timeout`: up to eight digits and a unit. -1 for anything else."""
    unit = unit_ns(load1(value + size - 1)) if 2 <= size <= 9 else 0
    if unit == 0:
        return -1
    number = 0
    for index in range(size - 1):
        digit = load1(value + index) - 48
        if digit < 0 or digit > 9:
            return -1
        number = 10 * number + digit
    return number * unit if number <= FOREVER_NS // unit else FOREVER_NS


@compiled
def note_type(value: int, size: int) -> int:
    """`application/grpc`, alone or with what follows + or ;."""
    if size < 16 or word(value, 8) != GRPC_1 or word(value + 8, 8) != GRPC_2:
        return IS_STRANGE
    return IS_GRPC if size == 16 or load1(value + 16) == PLUS or load1(value + 16) == SEMICOLON else IS_STRANGE


@compiled
def note_timeout(world: int, stream: int, value: int, size: int) -> int:
    timeout = timeout_ns(value, size)
    if timeout < 0 or load8(stream + STREAM.DEADLINE_NS):
        return IS_STRANGE
    store8(stream + STREAM.DEADLINE_NS, load8(world + WORLD.NOW_NS) + timeout)
    return 0


@compiled
def note_key(stream: int, value: int, size: int) -> int:
    """The first one counts. Its place is within the buffer, which may still move."""
    if load8(stream + STREAM.KEY_SIZE) == 0:
        store8(stream + STREAM.KEY, load8(stream + STREAM.USED) - size)
        store8(stream + STREAM.KEY_SIZE, size)
    return 0 if size else IS_STRANGE


@compiled
def nibble(digit: int) -> int:
    """The value of a hexadecimal digit, -1 of anything else."""
    if 48 <= digit <= 57:
        return digit - 48
    letter = digit | 32
    return letter - 87 if 97 <= letter <= 102 else -1


@compiled
def note_trace(stream: int, value: int, size: int) -> None:
    """gateway.traceparent.trace_id; the first header counts."""
    if load8(stream + STREAM.TRACED):
        return
    store8(stream + STREAM.TRACED, 1)
    dashes = size >= 55 and load1(value + 2) == DASH and load1(value + 35) == DASH and load1(value + 52) == DASH
    if not dashes or word(value, 2) == NO_VERSION:
        return
    bad = 0
    for index in range(16):
        high, low = nibble(load1(value + 3 + 2 * index)), nibble(load1(value + 4 + 2 * index))
        bad |= high | low
        store1(stream + STREAM.TRACE + index, (high << 4 | low) & 255)
    if bad < 0:
        store8(stream + STREAM.TRACE, 0)
        store8(stream + STREAM.TRACE + 8, 0)


@compiled
def note_field(world: int, stream: int, name: int, name_size: int, value: int, value_size: int) -> None:
    """Marks what the field, kept last, says of its call."""
    found = 0
    first = word(name, min(name_size, 8))
    if name_size == 5:
        if first == PATH and value_size == load8(world + WORLD.PATH_SIZE):
            found = IS_PATH if same(value, load8(world + WORLD.PATH), value_size) else 0
    elif name_size == 7:
        found = IS_POST if first == METHOD and value_size == 4 and word(value, 4) == POST else 0
    elif name_size == 11:
        if first == TRACE_1 and word(name + 8, 3) == TRACE_2:
            note_trace(stream, value, value_size)
    elif name_size == 12:
        rest = word(name + 8, 4)
        if first == CONTENT_1 and rest == CONTENT_2:
            found = note_type(value, value_size)
        elif first == TIMEOUT_1 and rest == TIMEOUT_2:
            found = note_timeout(world, stream, value, value_size)
    elif name_size == 13:
        rest = word(name + 8, 5)
        if first == ENCODING_1 and rest == ENCODING_2:
            found = 0 if value_size == 8 and word(value, 8) == IDENTITY else IS_STRANGE
        elif first == KEY_1 and rest == KEY_2:
            found = note_key(stream, value, value_size)
    store8(stream + STREAM.FLAGS, load8(stream + STREAM.FLAGS) | found)


@compiled
def takes_lane(world: int, connection: int, stream: int) -> bool:
    """Whether a call, its headers read, is one for the lane."""
    return (
        load8(world + WORLD.LANE_OPEN) != 0
        and load8(stream + STREAM.FLAGS) == EXPECTED
        and load8(stream + STREAM.LIST_BYTES) <= load8(world + WORLD.LIST_BYTES)
        and load8(connection + CONNECTION.QUEUED) <= load8(world + WORLD.SEND_BYTES)
    )


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
def target_of(world: int, stream: int, kind: int) -> int:
    """The arm for a call, as gateway.serving chooses it; 0 where Python knows no answer of that arm yet."""
    bucket = 0
    rule = RULE_PINNED
    if load8(kind + KIND.PINNED) == 0:
        size = load8(stream + STREAM.KEY_SIZE)
        if size:
            rule = RULE_KEY
            value = key_hash(
                kind + KIND.KEY_STATE, load8(stream + STREAM.BUFFER) + load8(stream + STREAM.KEY), size,
                world + WORLD.SCRATCH,
            )  # fmt: skip
            store8(stream + STREAM.KEY_HASH, value)
            bucket = remainder(value, ALL_BP)
        else:
            rule = RULE_SEQUENCE
            bucket = (load8(load8(kind + KIND.COUNTER)) + 1) * STRIDE % ALL_BP
    store8(stream + STREAM.RULE, rule)
    store8(stream + STREAM.BUCKET, bucket)
    for arm in range(load8(kind + KIND.ARMS)):
        if bucket < load8(kind + KIND.ENDS + 8 * arm):
            return load8(kind + KIND.TARGETS + 8 * arm)
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
    target = target_of(world, stream, kind) if kind else 0
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
    if load8(kind + KIND.PINNED) == 0 and load8(stream + STREAM.KEY_SIZE) == 0:
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
