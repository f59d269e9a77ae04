import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from gateway import http
from gateway.metrics import METRICS
from gateway.observe.arms import Total, TotalKey
from gateway.observe.edges import edges_ns
from gateway.observe.page import publish_arms
from gateway.pages import Page
from gateway.scrape import Scrape
from tests.journals import config_in


def exposed(folder, scrape=None):
    return samples_of((scrape or Scrape(folder, versions=50))().decode())


def samples_of(text, parse=text_string_to_metric_families):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_counters_of_all_processes_are_exposed_with_the_process(tmp_path):
    for name in ("w00", "w01"):
        page = Page.create(tmp_path / f"{name}.page")
        page.values[page.counter("gnomon_worker_received_total", worker=name)] += 7
    found = exposed(tmp_path)
    assert found["gnomon_worker_received_total", ("process", "w00"), ("worker", "w00")] == 7
    assert found["gnomon_worker_received_total", ("process", "w01"), ("worker", "w01")] == 7
    assert any(key[0] == "gnomon_build_info" for key in found)


def test_a_histogram_is_put_together_from_its_slots(tmp_path):
    page = Page.create(tmp_path / "observer.page")
    for edge, count in (("0.5", 2), ("+Inf", 3), ("0.01", 1)):
        page.set("gnomon_call_latency_seconds_bucket", count, model="m", le=edge)
    page.set("gnomon_call_latency_seconds_sum", 2_500_000_000, model="m")
    found = exposed(tmp_path)
    labels = (("model", "m"), ("process", "observer"))
    assert found["gnomon_call_latency_seconds_sum", *labels] == 2.5
    assert found["gnomon_call_latency_seconds_count", *labels] == 3
    assert found["gnomon_call_latency_seconds_bucket", ("le", "0.5"), *labels] == 2


def test_a_name_nobody_described_is_exposed_without_a_type(tmp_path):
    page = Page.create(tmp_path / "w00.page")
    page.set("something_new", 4)
    assert exposed(tmp_path)["something_new", ("process", "w00")] == 4


def test_a_damaged_page_costs_only_itself(tmp_path):
    Page.create(tmp_path / "w00.page").set("gnomon_worker_in_flight", 4)
    (tmp_path / "w01.page").write_bytes(b"not a page")
    assert exposed(tmp_path)["gnomon_worker_in_flight", ("process", "w00")] == 4


def page_of(folder, *versions, calls=10):
    page = Page.create(folder / "observer.page")
    publish(page, dict.fromkeys(versions, calls))
    return page


def publish(page, calls, edges=()):
    totals = {TotalKey("m", version, 1): total_of(number, edges_ns(edges)) for version, number in calls.items()}
    publish_arms(page, SimpleNamespace(totals=totals))


def total_of(calls, edges):
    total = Total(edges)
    total.calls, total.buckets[5], total.sums_ns = {"answered": calls}, calls, [calls * 1_000_000] * 4
    return total


def arm(version, **more):
    return tuple(sorted({"process": "observer", "model": "m", "version": version, "arm": "stable", **more}.items()))


def test_the_least_called_versions_are_added_up_and_no_call_is_lost_when_one_gets_a_name(tmp_path):
    page, scrape = page_of(tmp_path), Scrape(tmp_path, versions=2, clock_s=lambda: 0.0)
    publish(page, {1: 100, 2: 100, 3: 1})
    exposed(tmp_path, scrape)
    publish(page, {1: 100, 2: 100, 3: 6, 4: 4})
    found = exposed(tmp_path, scrape)
    other = {**dict(arm("other")), "model": "other", "status": "answered"}
    assert found["gnomon_calls_total", *sorted(other.items())] == 5 + 4
    assert ("gnomon_calls_total", *arm("3", status="answered")) not in found
    assert found["gnomon_metrics_series_dropped", ("process", "supervisor")] > 0
    publish(page, {1: 100, 2: 100, 3: 1_006, 4: 4})
    found = exposed(tmp_path, scrape)
    assert found["gnomon_calls_total", *arm("3", status="answered")] == 1_006 - 5, "five of them are in other"
    assert found["gnomon_calls_total", *sorted(other.items())] == 5 + 4
    le = [("gnomon_call_latency_seconds_bucket", *sorted({**other, "le": le}.items())) for le in ("0.0001", "+Inf")]
    assert all((key[0], *(pair for pair in key[1:] if pair[0] != "status")) in found for key in le)


def test_the_edge_of_one_models_budget_is_not_an_edge_of_other(tmp_path):
    page, scrape = page_of(tmp_path), Scrape(tmp_path, versions=1)
    publish(page, {1: 9}, edges=(333,))
    publish(page, {2: 1}, edges=(333,))
    exposed(tmp_path, scrape)
    publish(page, {2: 2}, edges=(333,))
    edges = {version: set() for version in ("1", "other")}
    for key in exposed(tmp_path, scrape):
        if key[0] == "gnomon_call_latency_seconds_bucket":
            edges[dict(key[1:])["version"]].add(dict(key[1:])["le"])
    assert edges["1"] - edges["other"] == {"0.000333"}


def test_a_budget_that_is_no_more_has_no_edge_and_the_others_keep_their_counts(tmp_path):
    page, total = page_of(tmp_path), total_of(8, edges_ns((333,)))
    arms = SimpleNamespace(totals={TotalKey("m", 1, 1): total})
    publish_arms(page, arms)
    before = exposed(tmp_path)
    total.cut(edges_ns((444,)))
    publish_arms(page, arms)
    after = exposed(tmp_path)
    assert {dict(key[1:])["le"] for key in before.keys() - after.keys()} == {"0.000333"}
    assert {dict(key[1:])["le"] for key in after.keys() - before.keys()} == {"0.000444"}
    assert all(after[key] == before[key] for key in after.keys() & before.keys())


def test_a_page_that_is_written_meanwhile_gives_buckets_that_do_not_fall(tmp_path):
    page = Page.create(tmp_path / "observer.page")
    for edge, count in (("0.5", 7), ("1.0", 6), ("+Inf", 6)):
        page.set("gnomon_call_latency_seconds_bucket", count, model="m", le=edge)
    page.set("gnomon_call_latency_seconds_sum", 1, model="m")
    text = Scrape(tmp_path, versions=50)(True).decode()
    found = samples_of(text, openmetrics_families)
    labels = (("model", "m"), ("process", "observer"))
    assert found["gnomon_call_latency_seconds_count", *labels] == 7


def test_names_that_come_later_are_seen_by_the_next_scrape(tmp_path):
    page, scrape = Page.create(tmp_path / "w00.page"), Scrape(tmp_path, versions=50)
    page.set("gnomon_worker_in_flight", 1)
    exposed(tmp_path, scrape)
    page.set("gnomon_worker_ended_total", 2, status="shed")
    page.set("gnomon_worker_in_flight", 3)
    found = exposed(tmp_path, scrape)
    assert found["gnomon_worker_in_flight", ("process", "w00")] == 3
    assert found["gnomon_worker_ended_total", ("process", "w00"), ("status", "shed")] == 2


def test_what_pages_and_the_supervisor_both_have_is_one_family(tmp_path):
    Page.create(tmp_path / "observer.page").set("gnomon_metrics_series_dropped", 5)
    found = samples_of(Scrape(tmp_path, versions=50)(True).decode(), openmetrics_families)
    dropped = {key[1]: value for key, value in found.items() if key[0] == "gnomon_metrics_series_dropped"}
    assert dropped == {("process", "observer"): 5, ("process", "supervisor"): 0}


def test_times_are_seconds(tmp_path):
    Page.create(tmp_path / "w00.page").set("gnomon_worker_backlog_seconds", 1_500_000)
    assert exposed(tmp_path)["gnomon_worker_backlog_seconds", ("process", "w00")] == 0.0015


def test_descriptions_can_stand_in_both_formats_as_they_are():
    assert not [name for name, item in METRICS.items() if set(item.text) & set('\\"\n')]
    assert not [name for name, item in METRICS.items() if (item.kind == "counter") != name.endswith("_total")]


@pytest.fixture
def server(tmp_path):
    state = {"ready": False}
    served = http.serve(config_in(tmp_path, http_port=0), lambda: state)
    yield served, state
    served.stop()


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_follows_the_status_and_metrics_are_served(server):
    served, state = server
    assert get(served, "/healthz")[0] == 503
    state["ready"] = True
    assert get(served, "/healthz") == (200, '{"ready": true}\n')
    assert "gnomon_build_info" in get(served, "/metrics")[1]
    assert get(served, "/elsewhere") == (404, "there are /metrics and /healthz\n")


def test_prometheus_gets_openmetrics_with_what_the_supervisor_and_the_observer_know(tmp_path):
    config = config_in(tmp_path, http_port=0)
    config.layout.sheet.write_bytes(b"# TYPE gnomon_drift_rows gauge\ngnomon_drift_rows 4\n")
    served = http.serve(config, dict, lambda: [("gnomon_route_epoch", {"model": "m"}, 7)])
    try:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{served.port}/metrics",
            headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"},
        )
        with urllib.request.urlopen(asked, timeout=5) as reply:
            kind, text = reply.headers["Content-Type"], reply.read().decode()
    finally:
        served.stop()
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    found = samples_of(text, openmetrics_families)
    assert found["gnomon_route_epoch", ("model", "m")] == 7
    assert found["gnomon_drift_rows",] == 4
