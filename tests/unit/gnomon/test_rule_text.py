"""Rules as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.cli.rule import rule_of, text_of
from gnomon.errors import GnomonError, InvalidInput
from gnomon.rules import ORDERS, Compare, RouteRule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "gold: tenant in acme, globex -> 2",
            RouteRule(name="gold", version=2, header="x-tenant", values=("acme", "globex")),
        ),
        (
            "eu:header x-region==eu->3",
            RouteRule(name="eu", version=3, header="x-region", compare=Compare.EQ, values=("eu",)),
        ),
        (
            "large: input.features[3] >= 1e3 -> 3",
            RouteRule(name="large", version=3, feature="input.features[3]", compare=Compare.GE, values=("1e3",)),
        ),
        ("cold: x[0] < -5 -> 1", RouteRule(name="cold", version=1, feature="x[0]", compare=Compare.LT, values=("-5",))),
        ("inland: inn in a -> 1", RouteRule(name="inland", version=1, feature="inn", values=("a",))),
        (
            "words: s == a, b -> 1",
            RouteRule(name="words", version=1, feature="s", compare=Compare.EQ, values=("a, b",)),
        ),
    ],
)
def test_a_rule_is_read(text: str, rule: RouteRule) -> None:
    assert rule_of(text) == rule


@pytest.mark.parametrize("text", ["", "gold", "gold: tenant in acme", "gold tenant in acme -> 2", "g: x = 2 -> 1"])
def test_what_is_no_rule_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InvalidInput, match="NAME: header KEY"):
        rule_of(text)


def test_a_rule_that_means_nothing_is_refused_by_its_value() -> None:
    for text in ("g: tenant < 5 -> 1", "g: x[0] > much -> 1", "g g: tenant in a -> 1", "g: tenant in a -> 0"):
        with pytest.raises(GnomonError, match=r"not <|'much'|'g g'|version 0"):
            rule_of(text)


words = st.from_regex(r"[a-z0-9.]{1,6}", fullmatch=True).filter(lambda word: word != "in")


@given(st.sampled_from(Compare), words, st.booleans(), st.lists(words, min_size=1, max_size=3), st.integers(0, 99))
def test_a_rule_is_read_as_it_is_shown(
    compare: Compare, name: str, header: bool, values: list[str], number: int
) -> None:
    if compare in ORDERS:
        header, values = False, [str(number)]
    given_values = tuple(values) if compare is Compare.IN else tuple(values[:1])
    asked = {"header": f"x-{name}"} if header else {"feature": f"t{name}[{number}]"}
    rule = RouteRule(name="r", version=1, compare=compare, values=given_values, **asked)  # type: ignore[arg-type]
    assert rule_of(text_of(rule)) == rule
