"""Whether a rule of a route takes a call: what the call has, held against the rule's values."""

import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gnomon.asked import Asked
from gnomon.columns import Column, Value
from gnomon.rules import ORDERS, Compare, RouteRule, number_of

Test = Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A rule, made ready to be asked. Cost: a look-up for a header, a test a row for a column."""

    header: str
    column: Column | None  # None: the header is asked for
    wanted: frozenset[bytes]
    negated: bool
    rule: RouteRule
    tests: dict[str, Test] = field(default_factory=dict)  # of a column, by its datatype: made at the first call

    @classmethod
    def build(cls, rule: RouteRule) -> "Matcher":
        column = Column.named(rule.feature) if rule.feature else None
        return cls(rule.header, column, _texts(rule), rule.compare is Compare.NE, rule)

    def takes(self, asked: Asked) -> bool:
        """A header that is there and matches; or a column that can be read, of which every row matches."""
        if self.column is None:
            value = asked.header(self.header)
            return value is not None and (value in self.wanted) is not self.negated
        found = asked.column(self.column)
        if found is None:
            return False
        test = self.tests.get(found.datatype)
        if test is None:
            test = self.tests[found.datatype] = test_of(self.rule, found.datatype)
        return all(map(test, found.rows))


def test_of(rule: RouteRule, datatype: str) -> Test:
    """Whether a value of this datatype matches. Text by its bytes, numbers by their value; NaN matches nothing."""
    wanted = _texts(rule) if datatype == "BYTES" else _numbers(rule, datatype)
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


def _numbers(rule: RouteRule, datatype: str) -> frozenset[Any]:
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
    except OverflowError:
        return number
    return rounded
