"""What a route asks of a call beside its key, put into numbers for compiled code (gateway.native.choosing).

There is one description of it, the matchers of gnomon.routing.Table, and they are asked here: which numbers a rule
takes is found out by its own test. Compiled code has no rules of its own, but those by which bytes are numbers.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gateway.fastcodec.layout import Layout
from gateway.fastcodec.varint import encoded
from gateway.journal.format import NUMPY_OF
from gateway.lanes.block import Block, signed
from gateway.native.blocks import ASKS, COLUMN, FLOAT, QUESTION, RULED, SIGNED, TEXT, TRUTH, UNSIGNED
from gnomon.columns import FORMS, Column
from gnomon.matching import ByColumn, ByOtherText, ByText, numbers_of
from gnomon.routing import Choice, Table
from gnomon.rules import ORDERS, Compare

SORTS = {"b": TRUTH, "u": UNSIGNED, "i": SIGNED, "f": FLOAT}  # by numpy's kinds
HALF = 1 << 63  # of what an unsigned number of 64 bits can be: zero is in its middle
REMEMBERED = 1024  # a rule's texts and numbers, which are the same for all kinds of calls


class Numbers:
    """The values of a datatype, each as a whole number by which they stand in their order."""

    def __init__(self, datatype: str) -> None:
        dtype, self._form = NUMPY_OF[datatype], f"<{FORMS[datatype]}"
        self.sort, self.width = SORTS[dtype.kind], dtype.itemsize
        bits = 8 * self.width
        self.sign = 1 << (bits - 1) if self.sort in (SIGNED, FLOAT) else 0
        self.infinity = self.bits = self.bias = 0
        self.least, self.most = 0, (1 << bits) - 1
        if self.sort == FLOAT:
            finite: Any = np.finfo(dtype.type)
            self.bits, self.bias = int(finite.nmant), int(finite.maxexp) - 1
            self.infinity = (2 * self.bias + 1) << self.bits
            self.least, self.most = -self.infinity, self.infinity
        elif self.sort == TRUTH:
            self.most = 1
        elif self.sort == SIGNED or bits == 64:
            self.least, self.most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def value(self, number: int) -> float:
        if self.sort == FLOAT:
            bits = number if number >= 0 else self.sign | -number
            found: float = struct.unpack(self._form, bits.to_bytes(self.width, "little"))[0]
            return found
        return number + HALF if self.sort == UNSIGNED and self.width == 8 else number

    def number(self, value: float) -> int | None:
        """None where the datatype does not have the value."""
        if self.sort == FLOAT:
            try:
                data = struct.pack(self._form, value)
            except (OverflowError, struct.error):
                return None
            bits = int.from_bytes(data, "little")
            magnitude = bits & ~self.sign
            found = -magnitude if bits & self.sign else magnitude
        else:
            found = int(value) - HALF if self.sort == UNSIGNED and self.width == 8 else int(value)
        return found if self.least <= found <= self.most and self.value(found) == value else None

    def first(self, takes: Callable[[Any], bool]) -> int:
        """The first that is taken, where all behind it are; past the last where none is."""
        low, high = self.least, self.most + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if takes(self.value(middle)) else (middle + 1, high)
        return low


class Wanted(NamedTuple):
    """The numbers that a rule takes: from `low` to `high`, or these; or, negated, no such."""

    low: int
    high: int
    numbers: tuple[int, ...] = ()
    negated: bool = False


@lru_cache(maxsize=REMEMBERED)
def wanted_of(matcher: ByColumn[Choice], datatype: str) -> Wanted | None:
    """None: nothing of this datatype is taken."""
    rule, numbers = matcher.rule, Numbers(datatype)
    values = numbers_of(rule, datatype)
    if not values:
        return None
    if rule.compare in ORDERS:
        return _ordered(numbers, matcher.test(datatype), rule.compare in (Compare.GT, Compare.GE))
    found = sorted(number for value in values if (number := numbers.number(value)) is not None)
    negated = rule.compare is Compare.NE
    if len(found) > 1:
        return Wanted(0, 0, tuple(found), negated)
    return Wanted(found[0], found[0], negated=negated) if found else Wanted(1, 0, negated=negated)


def _ordered(numbers: Numbers, test: Callable[[Any], bool], rising: bool) -> Wanted | None:
    if rising:
        first = numbers.first(test)
        return Wanted(first, numbers.most) if first <= numbers.most else None
    last = numbers.first(lambda value: not test(value)) - 1
    return Wanted(numbers.least, last) if last >= numbers.least else None


@lru_cache(maxsize=REMEMBERED)
def texts_of(matcher: ByText[Choice] | ByOtherText[Choice]) -> tuple[Block, int]:
    """By size and bytes, each with the place of its rule; and how many they are."""
    places = (
        {text: choice.bucket for text, choice in matcher.found.items() if text is not None}
        if isinstance(matcher, ByText)
        else dict.fromkeys(matcher.unwanted, 0)
    )
    texts = sorted(places, key=lambda text: (len(text), text))
    block, words = Block(TEXT.SIZE * len(texts)), list[int]()
    at = block.point(b"".join(texts))
    for text in texts:
        words += at, len(text), places[text]
        at += len(text)
    block.fill(0, words)
    return block, len(texts)


class Contents:
    """Where in the raw contents of a request, from their first tag on, the columns of its inputs are."""

    def __init__(self, layout: Layout) -> None:
        self._inputs, self._starts, at = layout.inputs, [], 0
        for _, datatype, shape in layout.inputs:
            size = NUMPY_OF[datatype].itemsize * int(np.prod(shape))
            at += 1 + len(encoded(size))
            self._starts.append(at)
            at += size
        self.size = at

    def find(self, column: Column) -> tuple[str, Block] | None:
        """Its datatype, and what compiled code reads it by; None where there is no such column."""
        for start, (name, datatype, shape) in zip(self._starts, self._inputs, strict=True):
            if name in column.names:
                place = column.place(shape)
                return None if place is None or shape[0] < 1 else (datatype, _block(start, datatype, shape, place))
        return None


def _block(start: int, datatype: str, shape: tuple[int, ...], place: int) -> Block:
    block, numbers = Block(COLUMN.SIZE), Numbers(datatype)
    block[COLUMN.AT], block[COLUMN.ROWS] = start + place * numbers.width, shape[0]
    block[COLUMN.STRIDE] = numbers.width * int(np.prod(shape[1:]))
    block[COLUMN.SORT], block[COLUMN.WIDTH], block[COLUMN.SIGN] = numbers.sort, numbers.width, signed(numbers.sign)
    block[COLUMN.INFINITY], block[COLUMN.BITS], block[COLUMN.BIAS] = numbers.infinity, numbers.bits, numbers.bias
    return block


class Asks:
    """What the route of `table` asks of calls of one layout. Written by: the event loop."""

    def __init__(self, table: Table, layout: Layout) -> None:
        self.block, self._ruled = Block(ASKS.SIZE), Block(RULED.SIZE * len(table.route.rules))
        contents = Contents(layout)
        questions = [question for matcher in table.matchers if (question := _question(matcher, contents)) is not None]
        for one, following in pairwise(questions):
            one.refer(QUESTION.NEXT, following)
        self.block[ASKS.RAW_BYTES] = contents.size
        self.block.refer(ASKS.RULED, self._ruled)
        if questions:
            self.block.refer(ASKS.QUESTION, questions[0])
        key = contents.find(table.key_column) if table.key_column is not None else None
        if key is not None:
            self.block.refer(ASKS.KEY_COLUMN, key[1])

    def point(self, place: int, target: int, rule: int) -> None:
        """Where the calls of a rule go, 0 to Python; and, where it is not the rule that sends them there, what does."""
        self._ruled.fill(RULED.SIZE * place, [target, rule])


def _question(matcher: Any, contents: Contents) -> Block | None:
    """None where it takes no call of these contents."""
    return _of_column(matcher, contents) if isinstance(matcher, ByColumn) else _of_header(matcher)


def _of_header(matcher: ByText[Choice] | ByOtherText[Choice]) -> Block:
    question, (texts, count) = Block(QUESTION.SIZE), texts_of(matcher)
    question.text(QUESTION.HEADER, matcher.header.encode())
    question.refer(QUESTION.WANTED, texts)
    question[QUESTION.COUNT] = count
    if isinstance(matcher, ByOtherText):
        question[QUESTION.NEGATED], question[QUESTION.PLACE] = 1, matcher.found.bucket
    return question


def _of_column(matcher: ByColumn[Choice], contents: Contents) -> Block | None:
    found = contents.find(matcher.column)
    wanted = None if found is None else wanted_of(matcher, found[0])
    if found is None or wanted is None:
        return None
    question = Block(QUESTION.SIZE)
    question.refer(QUESTION.COLUMN, found[1])
    question[QUESTION.LOW], question[QUESTION.HIGH] = wanted.low, wanted.high
    question[QUESTION.NEGATED], question[QUESTION.PLACE] = wanted.negated, matcher.found.bucket
    if wanted.numbers:
        numbers = Block(8 * len(wanted.numbers))
        numbers.fill(0, wanted.numbers)
        question.refer(QUESTION.WANTED, numbers)
        question[QUESTION.COUNT] = len(wanted.numbers)
    return question
