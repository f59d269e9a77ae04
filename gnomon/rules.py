"""Rules of a route: which calls go to one version, whatever the weights. Values and their checks; no call is seen here.

A rule looks at a header of the call (a tenant is the value of one), or at an input column.
"""

import enum
import math
import re
from dataclasses import dataclass

from gnomon.errors import InvalidInput, RouteInvalid

TENANT_HEADER = "x-tenant"  # where tenants come in no other
MAX_RULES = 64
MAX_VALUES = 256  # of a rule
MAX_VALUE_BYTES = 128
RULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HEADER_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
COLUMN = re.compile(r"(?P<tensor>.+?)(\[(?P<index>\d{1,9})\])?")
INPUT_SIDE = "input."  # may stand before a tensor's name, as in a log policy
WORDS = {"true": 1, "false": 0}


class Compare(enum.IntEnum):
    """How a rule holds what a call has against the rule's values."""

    EQ = 1
    NE = 2
    LT = 3
    LE = 4
    GT = 5
    GE = 6
    IN = 7


SIGNS = {
    Compare.EQ: "==", Compare.NE: "!=", Compare.LT: "<", Compare.LE: "<=", Compare.GT: ">", Compare.GE: ">=",
    Compare.IN: "in",
}  # fmt: skip
ORDERS = (Compare.LT, Compare.LE, Compare.GT, Compare.GE)


def number_of(text: str) -> int | float | None:
    """The number that a rule's value is; None where it is none (or not a finite one)."""
    if text in WORDS:
        return WORDS[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def check_column(name: str) -> str:
    """Raises: InvalidInput unless `name` can be an input column's."""
    if not name.strip() or not COLUMN.fullmatch(name):
        raise InvalidInput(f"column {name!r}: an input column expected, as features[3] or input.features[3]")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """Calls that match go to `version`. Of a call with several rows each has to match; what is missing or not a number
    matches nothing, not even `!=`.

    Raises: InvalidInput, RouteInvalid: a name or a version that is none, both or neither of header and feature, values
    that the comparison cannot have.
    """

    name: str
    version: int
    header: str = ""  # a key of the call's metadata; or
    feature: str = ""  # an input column: features[3], input.features[3], or the name of an input that has one column
    compare: Compare = Compare.IN
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not RULE_NAME.fullmatch(self.name):
            raise InvalidInput(f"rule name {self.name!r}: letters, digits, '.', '_' and '-', at most 64")
        if self.version < 1:
            raise RouteInvalid(f"rule {self.name}: version {self.version}; versions count from 1")
        if bool(self.header) == bool(self.feature):
            raise InvalidInput(f"rule {self.name}: a header or a feature expected, one of both")
        if self.feature:
            check_column(self.feature)
        else:
            self._check_header()
        self._check_values()

    def _check_header(self) -> None:
        if not HEADER_NAME.fullmatch(self.header) or self.header.startswith("grpc-") or self.header.endswith("-bin"):
            raise InvalidInput(f"rule {self.name}: header {self.header!r}: a lower-case metadata key of text expected")
        if self.compare in ORDERS:
            raise InvalidInput(f"rule {self.name}: a header is text; ==, != or in expected, not {SIGNS[self.compare]}")

    def _check_values(self) -> None:
        most = MAX_VALUES if self.compare is Compare.IN else 1
        if not 1 <= len(self.values) <= most:
            wanted = "one value" if most == 1 else f"1 to {most} values"
            raise InvalidInput(
                f"rule {self.name}: {len(self.values)} values with {SIGNS[self.compare]}; {wanted} expected"
            )
        long = [value for value in self.values if len(value.encode()) > MAX_VALUE_BYTES]
        if long:
            raise InvalidInput(f"rule {self.name}: value {long[0]!r} is longer than {MAX_VALUE_BYTES} bytes")
        if self.compare in ORDERS and number_of(self.values[0]) is None:
            raise InvalidInput(
                f"rule {self.name}: value {self.values[0]!r} with {SIGNS[self.compare]}; a number expected"
            )


def check_rules(model: str, rules: tuple[RouteRule, ...], answering: set[int]) -> None:
    """Raises: RouteInvalid: too many, a name that stands twice, a version the route does not answer with."""
    if len(rules) > MAX_RULES:
        raise RouteInvalid(f"route of {model}: {len(rules)} rules; at most {MAX_RULES}")
    names = [rule.name for rule in rules]
    if len(set(names)) != len(names):
        raise RouteInvalid(f"route of {model}: a rule's name stands twice in {names}")
    for rule in rules:
        if rule.version not in answering:
            raise RouteInvalid(
                f"route of {model}: rule {rule.name} names version {rule.version}; "
                f"a stable, canary or warm version expected, of {sorted(answering)}"
            )
