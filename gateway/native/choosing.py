"""The arm a call falls to, as gateway.serving chooses it: by what it names, the route's rules, its key, or its turn.

What rules and key columns ask is put into numbers by gateway.lanes.questions, which asks gnomon.matching and
gnomon.columns: whole numbers are themselves here; of a float the bits, counted from zero either way, so that they stand
in the order of what they mean, and no arithmetic of the processor's is asked.
"""

from gateway.native.blake2b import key_hash
from gateway.native.blocks import (
    ASKS,
    COLUMN,
    FLOAT,
    KIND,
    NOT_A_NUMBER,
    QUESTION,
    RULED,
    SIGNED,
    STREAM,
    TEXT,
    TRUTH,
    UNSIGNED,
    WORLD,
)
from gateway.native.memory import (
    I64,
    compare,
    compiled,
    difference,
    load1,
    load2,
    load4,
    load8,
    quotient,
    remainder,
    same,
    store1,
    store8,
)  # fmt: skip

RULE_PINNED, RULE_KEY, RULE_SEQUENCE, RULE_RULE = 1, 2, 3, 5  # gateway.journal.format.RULE_CODES
STRIDE, ALL_BP = 6_181, 10_000  # gnomon.routing
NONE, UNKNOWN = 0, -1  # of a column's key: there is none; Python writes it
DIGITS = 384  # where in SCRATCH a key is written: behind what the hash needs


@compiled
def header_of(stream: int, name: int, name_size: int) -> int:
    """Where the first field of that name is kept; 0: the call has none."""
    at = load8(stream + STREAM.BUFFER)
    end = at + load8(stream + STREAM.HEADERS)
    while at < end:
        if load4(at) == name_size and same(at + 8, name, name_size):
            return at
        at += 8 + load4(at) + load4(at + 4)
    return 0


@compiled
def place_of_text(question: int, text: int, size: int) -> int:
    """The rule that wants this text, of those sorted by size and bytes; -1: none."""
    low, high = 0, load8(question + QUESTION.COUNT)
    while low < high:
        middle = (low + high) >> 1
        entry = load8(question + QUESTION.WANTED) + middle * TEXT.SIZE
        order = size - load8(entry + TEXT.TEXT_SIZE)
        if order == 0:
            order = I64(compare(text, load8(entry + TEXT.TEXT), size))
        if order == 0:
            return load8(entry + TEXT.PLACE)
        if order < 0:
            high = middle
        else:
            low = middle + 1
    return -1


@compiled
def by_text(stream: int, question: int) -> int:
    """The rule that takes the call for a header; -1: none."""
    header = header_of(stream, load8(question + QUESTION.HEADER), load8(question + QUESTION.HEADER_SIZE))
    if header == 0:
        return -1
    found = place_of_text(question, header + 8 + load4(header), load4(header + 4))
    if load8(question + QUESTION.NEGATED):
        return load8(question + QUESTION.PLACE) if found < 0 else -1
    return found


@compiled
def bits_at(at: int, width: int) -> int:
    if width == 8:
        return load8(at)
    if width == 4:
        return load4(at)
    return load2(at) if width == 2 else load1(at)


@compiled
def number_at(column: int, at: int) -> int:
    """An element, as a number that has its place in the order of all of its datatype."""
    sort, width, sign = load8(column + COLUMN.SORT), load8(column + COLUMN.WIDTH), load8(column + COLUMN.SIGN)
    bits = bits_at(at, width)
    if sort == TRUTH:
        return 1 if bits else 0
    if sort == UNSIGNED:
        return bits ^ NOT_A_NUMBER if width == 8 else bits
    if sort == SIGNED:
        return difference(bits ^ sign, sign)
    magnitude = bits & ~sign
    if magnitude > load8(column + COLUMN.INFINITY):
        return NOT_A_NUMBER
    return -magnitude if bits & sign else magnitude


@compiled
def is_wanted(question: int, number: int) -> bool:
    """Whether it is between two numbers, or one of several."""
    count = load8(question + QUESTION.COUNT)
    if count == 0:
        return load8(question + QUESTION.LOW) <= number and number <= load8(question + QUESTION.HIGH)
    wanted, low, high = load8(question + QUESTION.WANTED), 0, count
    while low < high:
        middle = (low + high) >> 1
        if load8(wanted + 8 * middle) < number:
            low = middle + 1
        else:
            high = middle
    return low < count and load8(wanted + 8 * low) == number


@compiled
def by_column(question: int, raw: int) -> int:
    """The rule that takes the call for a column, if each row matches; -1: not so."""
    column = load8(question + QUESTION.COLUMN)
    negated, is_float = load8(question + QUESTION.NEGATED) != 0, load8(column + COLUMN.SORT) == FLOAT
    at = raw + load8(column + COLUMN.AT)
    for _ in range(load8(column + COLUMN.ROWS)):
        number = number_at(column, at)
        if (is_float and number == NOT_A_NUMBER) or is_wanted(question, number) == negated:
            return -1
        at += load8(column + COLUMN.STRIDE)
    return load8(question + QUESTION.PLACE)


@compiled
def rule_of(stream: int, asks: int, raw: int) -> int:
    """The place of the first rule that takes the call; -1: none does."""
    question = load8(asks + ASKS.QUESTION)
    while question:
        place = by_column(question, raw) if load8(question + QUESTION.COLUMN) else by_text(stream, question)
        if place >= 0:
            return place
        question = load8(question + QUESTION.NEXT)
    return -1


@compiled
def whole_of(column: int, magnitude: int) -> int:
    """The whole number that a float's bits without sign are; UNKNOWN where it is none, or has no 63 bits."""
    bits = load8(column + COLUMN.BITS)
    exponent, fraction = magnitude >> bits, magnitude & (1 << bits) - 1
    power = exponent - load8(column + COLUMN.BIAS) - bits
    if exponent == 0:
        return UNKNOWN if fraction else 0
    whole = fraction | 1 << bits
    if power >= 0:
        return whole << power if power + bits < 63 else UNKNOWN
    if -power > bits or whole & (1 << -power) - 1:
        return UNKNOWN
    return whole >> -power


@compiled
def decimal(to: int, magnitude: int, is_negative: bool) -> int:
    """Writes a number, which has no sign of its own; how many bytes."""
    count, rest = 1, quotient(magnitude, 10)
    while rest:
        count, rest = count + 1, quotient(rest, 10)
    size = count
    if is_negative:
        store1(to, 45)
        size += 1
    for index in range(size - 1, size - 1 - count, -1):
        store1(to + index, 48 + remainder(magnitude, 10))
        magnitude = quotient(magnitude, 10)
    return size


@compiled
def column_key(column: int, raw: int, to: int) -> int:
    """Writes the key that the first row's value makes, gnomon.columns.Values.key; its size, NONE, or UNKNOWN."""
    sort, sign = load8(column + COLUMN.SORT), load8(column + COLUMN.SIGN)
    bits = bits_at(raw + load8(column + COLUMN.AT), load8(column + COLUMN.WIDTH))
    if sort == TRUTH:
        return decimal(to, 1 if bits else 0, False)
    if sort == UNSIGNED:
        return decimal(to, bits, False)
    if sort == SIGNED:
        value = difference(bits ^ sign, sign)
        return decimal(to, difference(0, value) if value < 0 else value, value < 0)
    magnitude = bits & ~sign
    if magnitude >= load8(column + COLUMN.INFINITY):
        return NONE
    whole = whole_of(column, magnitude)
    return UNKNOWN if whole == UNKNOWN else decimal(to, whole, bits & sign != 0 and whole != 0)


@compiled
def by_bucket(stream: int, kind: int, rule: int, bucket: int) -> int:
    """The target of the arm that owns it."""
    store8(stream + STREAM.RULE, rule)
    store8(stream + STREAM.BUCKET, bucket)
    for arm in range(load8(kind + KIND.ARMS)):
        if bucket < load8(kind + KIND.ENDS + 8 * arm):
            own_rule = load8(kind + KIND.RULES + 8 * arm)
            if own_rule:
                store8(stream + STREAM.RULE, own_rule)
            return load8(kind + KIND.TARGETS + 8 * arm)
    return 0


@compiled
def by_key(world: int, stream: int, kind: int, key: int, size: int) -> int:
    value = key_hash(kind + KIND.KEY_STATE, key, size, world + WORLD.SCRATCH)
    store8(stream + STREAM.KEY_HASH, value)
    return by_bucket(stream, kind, RULE_KEY, remainder(value, ALL_BP))


@compiled
def by_rule(stream: int, asks: int, place: int) -> int:
    """The target of a rule's calls."""
    ruled = load8(asks + ASKS.RULED) + place * RULED.SIZE
    own_rule = load8(ruled + RULED.RULE)
    store8(stream + STREAM.RULE, own_rule if own_rule else RULE_RULE)
    store8(stream + STREAM.BUCKET, place)
    return load8(ruled + RULED.TARGET)


@compiled
def target_of(world: int, stream: int, kind: int, end: int) -> int:
    """The arm for a call whose raw contents stand from ROW to `end`; 0 where Python knows no answer of that arm yet, or
    what the route asks."""
    store8(stream + STREAM.TAKES_TURN, 0)
    if load8(kind + KIND.PINNED):
        return by_bucket(stream, kind, RULE_PINNED, 0)
    asks, raw, size = load8(kind + KIND.ASKS), load8(stream + STREAM.ROW), load8(stream + STREAM.KEY_SIZE)
    if asks:
        if end - raw != load8(asks + ASKS.RAW_BYTES):
            return 0
        place = rule_of(stream, asks, raw)
        if place >= 0:
            return by_rule(stream, asks, place)
    if size:
        return by_key(world, stream, kind, load8(stream + STREAM.BUFFER) + load8(stream + STREAM.KEY), size)
    if asks and load8(asks + ASKS.KEY_COLUMN):
        key = world + WORLD.SCRATCH + DIGITS
        size = column_key(load8(asks + ASKS.KEY_COLUMN), raw, key)
        if size == UNKNOWN:
            return 0
        if size != NONE:
            return by_key(world, stream, kind, key, size)
    store8(stream + STREAM.TAKES_TURN, 1)
    return by_bucket(stream, kind, RULE_SEQUENCE, (load8(load8(kind + KIND.COUNTER)) + 1) * STRIDE % ALL_BP)
