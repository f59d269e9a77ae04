"""What a rule takes: a table of situations, and an oracle in words."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.asked import Described
from gnomon.columns import Values
from gnomon.matching import matchers
from gnomon.rules import SIGNS, RouteRule

BY_SIGN = {sign: compare for compare, sign in SIGNS.items()}


class Holding(Described):
    """A call with one column."""

    def __init__(self, datatype: str, rows: Sequence[Any]) -> None:
        super().__init__({})
        self.values = Values(datatype, tuple(rows))

    def column(self, column: Any) -> Values:
        return self.values


def by_feature(sign: str, *values: str) -> RouteRule:
    return RouteRule(name="r", version=1, feature="x[0]", compare=BY_SIGN[sign], values=values)


def by_header(sign: str, *values: str, header: str = "x-tenant") -> RouteRule:
    return RouteRule(name="r", version=1, header=header, compare=BY_SIGN[sign], values=values)


def takes(rule: RouteRule, *calls: Described) -> list[bool]:
    (matcher,) = matchers([(rule, "taken")])
    return [matcher.take(asked) == "taken" for asked in calls]


@pytest.mark.parametrize(
    ("sign", "values", "sent", "taken"),
    [
        ("in", ("acme", "globex"), "globex", True),
        ("in", ("acme",), "Acme", False),
        ("in", ("acme",), None, False),
        ("==", ("acme",), "acme", True),
        ("!=", ("acme",), "globex", True),
        ("!=", ("acme",), "acme", False),
        ("!=", ("acme",), None, False),  # nobody is no other tenant
        ("!=", ("acme",), "", True),
        ("==", ("kä",), "kä", True),
    ],
)
def test_a_header(sign: str, values: tuple[str, ...], sent: str | None, taken: bool) -> None:
    asked = Described({} if sent is None else {"X-Tenant": sent})
    assert takes(by_header(sign, *values), asked) == [taken]


NAN = float("nan")


@pytest.mark.parametrize(
    ("sign", "values", "datatype", "rows", "taken"),
    [
        (">", ("2",), "FP32", [3.0], True),
        (">", ("2",), "FP32", [2.0], False),
        (">=", ("2",), "INT64", [2], True),
        ("<", ("2.5",), "INT64", [2], True),
        ("<=", ("1e3",), "FP64", [1e3], True),
        (">", ("2",), "FP32", [3.0, 1.0], False),  # every row has to
        (">", ("2",), "FP32", [3.0, 2.5], True),
        (">", ("2",), "FP32", [NAN], False),
        ("<", ("2",), "FP32", [NAN], False),
        ("!=", ("2",), "FP32", [NAN], False),
        ("!=", ("2",), "FP32", [2.5], True),
        ("==", ("0.1",), "FP32", [0.10000000149011612], True),  # the FP32 that is written 0.1
        ("==", ("0.1",), "FP64", [0.10000000149011612], False),
        ("<=", ("0.1",), "FP32", [0.10000000149011612], True),
        (">", ("1e300",), "FP32", [float("inf")], True),
        ("<", ("1e300",), "FP32", [3e38], True),
        ("<", ("70000",), "FP16", [65504.0], True),
        (">", ("1" + 100 * "0",), "FP32", [3e38], False),
        ("==", ("9007199254740993",), "INT64", [2**53 + 1], True),
        ("==", ("9007199254740993",), "INT64", [2**53], False),
        ("in", ("1", "x", "3"), "INT32", [3], True),
        ("==", ("x",), "INT32", [3], False),
        ("!=", ("x",), "INT32", [3], False),  # a number is not held against a word
        ("==", ("true",), "BOOL", [True], True),
        ("!=", ("true",), "BOOL", [False], True),
        ("in", ("DE", "FR"), "BYTES", [b"DE", b"FR"], True),
        ("in", ("DE", "FR"), "BYTES", [b"DE", b"IT"], False),
        ("!=", ("DE",), "BYTES", [b"FR"], True),
        ("<", ("5",), "BYTES", [b"4"], False),
    ],
)
def test_a_feature(sign: str, values: tuple[str, ...], datatype: str, rows: list[Any], taken: bool) -> None:
    asked = Holding(datatype, rows)
    assert takes(by_feature(sign, *values), asked, asked) == [taken, taken]


def test_a_column_of_one_datatype_does_not_decide_for_another() -> None:
    calls = Holding("INT64", [1]), Holding("BYTES", [b"2"]), Holding("BYTES", [b"1"])
    assert takes(by_feature("==", "1"), *calls) == [True, False, True]


def test_a_column_that_cannot_be_read_matches_nothing() -> None:
    for sign in ("==", "!=", "<", ">="):
        assert takes(by_feature(sign, "1"), Described({})) == [False]


numbers = st.integers(-9, 9)


@given(st.sampled_from(sorted(set(BY_SIGN) - {"in"})), numbers, st.lists(numbers, min_size=1, max_size=4))
def test_a_comparison_is_that_of_numbers(sign: str, value: int, rows: list[int]) -> None:
    expected = all(eval(f"{row} {sign} {value}") for row in rows)
    assert takes(by_feature(sign, str(value)), Holding("INT64", rows)) == [expected]


def test_rules_in_a_row_that_ask_one_header_are_one_look_and_the_first_of_them_counts() -> None:
    rules = [by_header("in", "a", "b"), by_header("==", "b"), by_header("==", "c"), by_header("!=", "d")]
    rules += [by_header("==", "d"), by_header("==", "d", header="x-region")]
    made = matchers([(rule, place) for place, rule in enumerate(rules)])
    assert len(made) == 4
    found = {}
    for tenant in "abcde":
        found[tenant] = [matcher.take(Described({"x-tenant": tenant, "x-region": "d"})) for matcher in made]
    assert found == {
        "a": [0, 3, None, 5],
        "b": [0, 3, None, 5],
        "c": [2, 3, None, 5],
        "d": [None, None, 4, 5],
        "e": [None, 3, None, 5],
    }
