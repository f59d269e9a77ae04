"""Rules of a route as people write them: `gold: tenant in acme, globex -> 2`, `large: features[3] >= 1000 -> 3`."""

import re

from gnomon.errors import InvalidInput
from gnomon.rules import SIGNS, TENANT_HEADER, Compare, RouteRule

FORM = "NAME: header KEY | tenant | COLUMN  == != < <= > >= in  VALUE, …  -> VERSION"
RULE = re.compile(
    r"(?P<name>[^:]+?)\s*:\s*(?P<what>.+?)\s*(?P<sign>==|!=|<=|>=|<|>|\bin\b)\s*(?P<values>.+?)\s*->\s*(?P<version>\d+)"
)
HEADER = re.compile(r"header\s+(?P<header>\S+)")


def rule_of(text: str) -> RouteRule:
    """Raises: InvalidInput, RouteInvalid: for what is no rule."""
    found = RULE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"rule {text!r}: {FORM} expected")
    compare = next(compare for compare, sign in SIGNS.items() if sign == found["sign"])
    values = [part.strip() for part in found["values"].split(",")] if compare is Compare.IN else [found["values"]]
    header = HEADER.fullmatch(found["what"])
    named = header["header"] if header else TENANT_HEADER if found["what"] == "tenant" else ""
    return RouteRule(
        name=found["name"], version=int(found["version"]), header=named, feature="" if named else found["what"],
        compare=compare, values=tuple(values),
    )  # fmt: skip


def text_of(rule: RouteRule) -> str:
    """What `rule_of` reads."""
    what = "tenant" if rule.header == TENANT_HEADER else f"header {rule.header}" if rule.header else rule.feature
    return f"{rule.name}: {what} {SIGNS[rule.compare]} {', '.join(rule.values)} -> {rule.version}"
