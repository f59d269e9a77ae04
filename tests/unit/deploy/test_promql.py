import pytest

from deploy.promql import names_in


@pytest.mark.parametrize(
    ("expression", "metrics", "grouped"),
    [
        ("up", {"up": set()}, set()),
        ('up{job=~"gnomon.*"} == 0', {"up": {"job"}}, set()),
        ("sum by (model, arm) (rate(calls_total[5m]))", {"calls_total": set()}, {"model", "arm"}),
        ("sum(rate(calls_total{a!=\"x\"}[5m])) by (le)", {"calls_total": {"a"}}, {"le"}),
        ("a * on (m, le) group_left (x) b{le='+Inf'}", {"a": set(), "b": {"le"}}, {"m", "le", "x"}),
        ("a > bool 0 and b offset 5m unless c", {"a": set(), "b": set(), "c": set()}, set()),
        ("time() - 1.5e3 * level:a:rate5m", {"level:a:rate5m": set()}, set()),
        ('{job="x"}', {"": {"job"}}, set()),
        ('label_replace(a, "by", "$1", "on", "(.*)")', {"a": set()}, set()),
    ],
)  # fmt: skip
def test_names_are_told_from_functions_words_and_texts(expression, metrics, grouped):
    found = names_in(expression)
    assert (found.metrics, found.grouped) == (metrics, grouped)


@pytest.mark.parametrize("expression", ["a{b", "sum by (a", "a ; b", 'a{b="c}'])
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(ValueError, match=r"closes|cannot read"):
        names_in(expression)
