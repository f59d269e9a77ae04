import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from gnomon.exposition import COUNTER, GAUGE, HISTOGRAM, UNKNOWN, Described, Family, families, is_openmetrics, render

CATALOGUE = {
    "things_total": Described(COUNTER, "Things that were counted.", ("kind",)),
    "level": Described(GAUGE, "How high it stands."),
}
FORMATS = pytest.mark.parametrize(
    ("openmetrics", "parse"), [(False, text_families), (True, openmetrics_families)], ids=["text", "openmetrics"]
)


def samples_of(text, parse):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


@FORMATS
def test_both_formats_say_the_same_to_the_official_parsers(openmetrics, parse):
    found = families(
        CATALOGUE, [("things_total", {"kind": "a"}, 3), ("level", {}, 0.1 + 0.2), ("level", {"x": "y"}, 2.0)]
    )
    text = render(found, openmetrics=openmetrics)
    assert samples_of(text, parse) == {
        ("things_total", ("kind", "a")): 3, ("level",): 0.1 + 0.2, ("level", ("x", "y")): 2,
    }  # fmt: skip
    assert {family.name: family.type for family in parse(text.decode())} == {"things": "counter", "level": "gauge"}


@FORMATS
def test_labels_with_quotes_backslashes_and_line_ends_come_back_as_they_were(openmetrics, parse):
    ugly = 'a "quoted" \\ back\nslash,{le="1"}'
    text = render(families(CATALOGUE, [("things_total", {"kind": ugly}, 1)]), openmetrics=openmetrics)
    assert list(samples_of(text, parse)) == [("things_total", ("kind", ugly))]


@FORMATS
def test_a_metric_without_a_type_and_lines_that_were_ready_are_part_of_it(openmetrics, parse):
    other = Family("other", Described(UNKNOWN, "Who knows."), ["other 4"])
    lines = ['buckets_bucket{le="+Inf"} 2', "buckets_sum 3", "buckets_count 2"]
    ready = render([Family("buckets", Described(HISTOGRAM, "Sizes."), lines)])
    text = render([other], ready, openmetrics=openmetrics)
    assert samples_of(text, parse) == {
        ("other",): 4, ("buckets_bucket", ("le", "+Inf")): 2, ("buckets_sum",): 3, ("buckets_count",): 2,
    }  # fmt: skip


def test_openmetrics_goes_to_who_asks_for_it():
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    assert is_openmetrics(prometheus)
    assert not is_openmetrics("*/*")
    assert not is_openmetrics("")


def test_a_sample_of_a_metric_that_nobody_described_is_refused():
    with pytest.raises(KeyError, match="elsewhere"):
        families(CATALOGUE, [("elsewhere", {}, 1)])
