"""Which metrics and labels an expression of PromQL names: enough of its grammar to tell them from all else. Pure.

Whether an expression can be evaluated is Prometheus's to say, and the tests ask it; whether its names exist, we know.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<duration>\d+(?:ms|[smhdwy])|\$__\w+)
      | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
      | (?P<name>[a-zA-Z_:][\w:]*)
      | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],:])
      | (?P<space>\s+)""",
    re.VERBOSE,
)
LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
WORDS: Final = LISTS | {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass(slots=True)
class Named:
    """What an expression names: labels that a metric's braces ask for, and labels that it groups or joins by."""

    metrics: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def tokens(expression: str) -> Iterator[tuple[str, str]]:
    """(kind, text). Raises: ValueError, where something is no PromQL."""
    at = 0
    while at < len(expression):
        found = TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"{expression!r}: cannot read on at {expression[at : at + 20]!r}")
        at = found.end()
        if found.lastgroup != "space":
            yield str(found.lastgroup), found.group()


def names_in(expression: str) -> Named:
    """Raises: ValueError, for braces or parentheses that do not close."""
    found, all_tokens = Named(), list(tokens(expression))
    at, metric = 0, ""
    while at < len(all_tokens):
        kind, text = all_tokens[at]
        following = all_tokens[at + 1][1] if at + 1 < len(all_tokens) else ""
        if text == "{":
            at, labels = _until(all_tokens, at, "}")
            found.metrics.setdefault(metric, set()).update(labels)
        elif kind == "name" and text in LISTS and following == "(":
            at, labels = _until(all_tokens, at + 1, ")")
            found.grouped.update(labels)
        elif kind == "name" and text not in WORDS and following != "(" and not _is_aggregation(following):
            metric = text
            found.metrics.setdefault(metric, set())
        at += 1
    return found


def _is_aggregation(following: str) -> bool:
    """`sum by (…) (…)`: what stands before `by` is no metric."""
    return following in ("by", "without")


def _until(all_tokens: list[tuple[str, str]], at: int, end: str) -> tuple[int, list[str]]:
    """Where the list that opens at `at` ends, and the names in it."""
    labels: list[str] = []
    for index in range(at + 1, len(all_tokens)):
        kind, text = all_tokens[index]
        if text == end:
            return index, labels
        if kind == "name":
            labels.append(text)
    raise ValueError(f"no {end!r} closes {all_tokens[at][1]!r}")
