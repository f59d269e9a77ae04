"""Rules of a route, made ready to be asked in their order: what a call has, held against what each rule wants.

`T` is what stands for a rule: whoever asks gets that of the first rule that takes the call.
"""

import operator
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from gnomon.asked import Asked
from gnomon.columns import Column, Value
from gnomon.rules import ORDERS, Compare, RouteRule, number_of

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)
Test = Callable[[Value], bool]


class Matcher(Protocol[Found]):
    """One rule, or several that one look decides."""

    def take(self, asked: Asked) -> Found | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class ByText(Generic[T]):
    """Rules in a row that ask one header for values: one look-up, however many they are."""

    header: str
    found: dict[bytes | None, T]

    def take(self, asked: Asked) -> T | None:
        return self.found.get(asked.header(self.header))


@dataclass(frozen=True, slots=True, eq=False)
class ByOtherText(Generic[T]):
    """A header that is there, and is another."""

    header: str
    unwanted: frozenset[bytes]
    found: T

    def take(self, asked: Asked) -> T | None:
        value = asked.header(self.header)
        return None if value is None or value in self.unwanted else self.found


@dataclass(frozen=True, slots=True, eq=False)
class ByColumn(Generic[T]):
    """A column that can be read, of which every row matches."""

    column: Column
    rule: RouteRule
    found: T
    tests: dict[str, Test] = field(default_factory=dict)  # by the column's datatype: made at its first call

    def take(self, asked: Asked) -> T | None:
        values = asked.column(self.column)
        if values is None:
            return None
        test = self.tests.get(values.datatype) or self.test(values.datatype)
        rows = values.rows
        return self.found if (test(rows[0]) if len(rows) == 1 else all(map(test, rows))) else None

    def test(self, datatype: str) -> Test:
        """What each row has to pass."""
        return self.tests.setdefault(datatype, test_of(self.rule, datatype))


def matchers(rules: Iterable[tuple[RouteRule, T]]) -> tuple[Matcher[T], ...]:
    """Each rule beside what stands for it."""
    made: list[Matcher[T]] = []
    for rule, found in rules:
        if rule.feature:
            made.append(ByColumn(Column.named(rule.feature), rule, found))
        elif rule.compare is Compare.NE:
            made.append(ByOtherText(rule.header, _texts(rule), found))
        else:
            last = made[-1] if made else None
            if not isinstance(last, ByText) or last.header != rule.header:
                last = ByText(rule.header, {})
                made.append(last)
            for text in _texts(rule):
                last.found.setdefault(text, found)
    return tuple(made)


def test_of(rule: RouteRule, datatype: str) -> Test:
    """Whether a value of this datatype matches. Text by its bytes, numbers by their value; NaN matches nothing."""
    wanted = _texts(rule) if datatype == "BYTES" else numbers_of(rule, datatype)
    if not wanted or (datatype == "BYTES" and rule.compare in ORDERS):
        return lambda _: False
    if rule.compare is Compare.NE:
        return lambda value: value == value and value not in wanted
    if rule.compare in ORDERS:
        return partial(_TURNED[rule.compare], *wanted)
    return wanted.__contains__


_TURNED = {Compare.LT: operator.gt, Compare.LE: operator.ge, Compare.GT: operator.lt, Compare.GE: operator.le}
_NARROW = {"FP16": "<e", "FP32": "<f", "BF16": "<f"}


def _texts(rule: RouteRule) -> frozenset[bytes]:
    return frozenset(value.encode() for value in rule.values)


def numbers_of(rule: RouteRule, datatype: str) -> frozenset[Any]:
    """The values that are numbers, as the datatype has them."""
    numbers = (number_of(value) for value in rule.values)
    return frozenset(_rounded(number, datatype) for number in numbers if number is not None)


def _rounded(number: float, datatype: str) -> float:
    """0.1 is the FP32 that a client sends for it. A number beyond the datatype's range stays itself."""
    form = _NARROW.get(datatype)
    if form is None:
        return number
    try:
        rounded: float = struct.unpack(form, struct.pack(form, number))[0]
    except (OverflowError, struct.error):  # a float, a whole number
        return number
    return rounded
