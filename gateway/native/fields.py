"""Header fields of a call as they come: what they say of it, and whether the lane can take it."""

from gateway.native.blocks import CONNECTION, STREAM, WORLD
from gateway.native.memory import compiled, load1, load8, same, store1, store8

# What the header fields of a call said, in FLAGS.
IS_POST, IS_PATH, IS_GRPC, IS_STRANGE = 1, 2, 4, 8
EXPECTED = IS_POST | IS_PATH | IS_GRPC
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
