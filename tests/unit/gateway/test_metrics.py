import urllib.error
import urllib.request

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway import http, metrics
from gateway.pages import Page
from tests.journals import config_in


def exposed(folder):
    text = generate_latest(metrics.registry(folder)).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
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
    assert get(served, "/elsewhere")[0] == 404
