"""A real Prometheus scrapes a real gateway and registry, behind a real Envoy; every rule and panel is evaluated."""

import itertools
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from deploy import dashboards, rules
from gateway.metrics import METRICS as OF_GATEWAY
from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Role, Stage
from gnomon.oip import GRPCInferenceServiceStub
from gnomon.rollout import Policy, Step
from gnomon.stats.profile import Profile
from registry.metrics import METRICS as OF_REGISTRY
from tests import models
from tests.calling import request
from tests.prometheus import Prometheus, tools
from tests.servers import Server, free_port, script, started
from tests.waiting import serves, until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CALLS, BUDGET_US = 300, 3_000_000
CANARY = Step(role=Role.CANARY, weight_bp=5_000, min_calls=10**6, timeout_s=600.0)


@pytest.fixture
def registry_metrics(monkeypatch: pytest.MonkeyPatch) -> str:
    port = free_port()
    monkeypatch.setenv("GNOMON_REGISTRY_METRICS_PORT", str(port))
    return f"127.0.0.1:{port}"


@pytest.fixture
def pair(registry_metrics: str, tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(tmp_path / "data") as running:
        yield running


def begin_rollout(pair: Embedded) -> None:
    """Version 1 in production, version 2 a canary of half the calls, both with a profile."""
    profile = Profile.fit(np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32), tensor="x").to_bytes()
    with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway) as gateway:
        for number, factor in enumerate((0.5, 0.51), 1):
            digests = [registry.put_artifact(data) for data in (models.scaled(factor), profile)]
            registry.register_version("m", artifact_sha256=digests[0], profile_sha256=digests[1])
            registry.approve_version("m", number, approver="reviewer")
        registry.set_stage("m", 1, Stage.PRODUCTION, actor="test")
        until(lambda: serves(gateway, "m", 1))
        registry.start_rollout(
            "m", 2, Policy(steps=(CANARY,), p99_budget_us=BUDGET_US, max_error_share=0.1), actor="test"
        )
        until(lambda: any(len(route.arms) == 2 for route in gateway.status().routes))


def envoy(folder: Path, gateway: str) -> Server:
    """That of deploy/envoy, on loopback and before this gateway."""
    settings: Any = yaml.safe_load((DEPLOY / "envoy" / "envoy.yaml").read_text())
    port, admin_port = free_port(), free_port()
    static = settings["static_resources"]
    static["listeners"][0]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    settings["admin"]["address"]["socket_address"]["port_value"] = admin_port
    endpoint = static["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    host, upstream = gateway.split(":")
    endpoint["address"]["socket_address"] = {"address": host, "port_value": int(upstream)}
    (folder / "envoy.yaml").write_text(yaml.safe_dump(settings))
    command = [script("envoy"), "-c", str(folder / "envoy.yaml"), "--concurrency", "1", "--base-id", str(os.getpid())]
    return Server([*command, "-l", "warning"], port, folder / "envoy.log")


def arms_of(target: str, count: int) -> list[str]:
    """Which arm answered each of the keys 0, 1, 2 …, given in the header."""
    with grpc.insecure_channel(target) as channel:
        stub: Any = GRPCInferenceServiceStub(channel)
        replies = [
            stub.ModelInfer(
                request("m"), timeout=10, metadata=[("x-routing-key", f"key-{number}")], wait_for_ready=True
            )
            for number in range(count)
        ]
    return [reply.parameters["arm"].string_param for reply in replies]


def test_prometheus_sees_what_was_served_and_evaluates_every_rule_and_panel(
    pair: Embedded, registry_metrics: str, tmp_path: Path
) -> None:
    prometheus_binary, promtool = tools()
    begin_rollout(pair)
    targets = {"gnomon-gateway": pair.http, "gnomon-registry": registry_metrics}
    rules_file = DEPLOY / "prometheus" / "rules.yml"
    prometheus = Prometheus(tmp_path, prometheus_binary, targets, rules_file)
    balancer = envoy(tmp_path, pair.gateway)
    with started(prometheus, balancer):
        until(lambda: prometheus.value("gnomon_worker_received_total") is not None)
        arms = arms_of(f"127.0.0.1:{balancer.port}", CALLS)
        assert arms[:20] == arms_of(pair.gateway, 20), "the key has come through"
        assert set(arms) == {"stable", "canary"}
        what_was_served_is_there(prometheus, CALLS + 20)
        everything_is_described(pair.http, registry_metrics)
        arms_of(f"127.0.0.1:{balancer.port}", 50)  # a rate is of what a series gains once it is there
        every_rule_and_panel_is_evaluated(prometheus)
    checked = subprocess.run([promtool, "check", "rules", rules_file], capture_output=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout


def what_was_served_is_there(prometheus: Prometheus, calls: int) -> None:
    until(lambda: prometheus.value('sum(gnomon_calls_total{model="m", status="answered"})') == calls)
    until(lambda: prometheus.value('sum(gnomon_run_rows_sum{model="m"})') == calls)
    assert prometheus.value('sum(gnomon_worker_ended_total{status="answered"})') == calls
    le = f"{BUDGET_US / 1e6}"
    assert prometheus.value(f'sum(gnomon_call_latency_seconds_bucket{{le="{le}"}})') == calls
    assert prometheus.value(f'gnomon_route_budget_seconds{{model="m", le="{le}"}}') == BUDGET_US / 1e6
    until(lambda: prometheus.value('gnomon_route_weight_ratio{arm="canary"}') == 0.5)
    until(lambda: prometheus.value('gnomon_gate_seen{model="m", version="2", gate="errors"}'))
    until(lambda: prometheus.value('max(gnomon_drift_psi_lower{feature="x[0]"})'))
    assert until(lambda: prometheus.value('min(gnomon_drift_alarmed_features{model="m"})')) == 3
    until(lambda: prometheus.value("gnomon_applied_revision == on () gnomon_registry_revision"))


def everything_is_described(gateway: str, registry: str) -> None:
    """Every family has the kind and the labels that its table says."""
    for target, catalogue in ((gateway, OF_GATEWAY), (registry, OF_REGISTRY)):
        asked = urllib.request.Request(f"http://{target}/metrics", headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(asked, timeout=10) as reply:
            families = list(text_string_to_metric_families(reply.read().decode()))
        for family in families:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert family.type == catalogue[name].kind
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(catalogue[name].labels) - {"le"}, sample
        assert len(families) > len(catalogue) / 2


def every_rule_and_panel_is_evaluated(prometheus: Prometheus) -> None:
    over = until(lambda: prometheus.series(rules.OVER_BUDGET))
    assert {dict(labels)["arm"] for labels in over} == {"stable", "canary"}
    assert set(over.values()) == {0.0}, "no call took 3 s"
    for recording in rules.RECORDINGS:
        for labels in prometheus.series(recording.record):
            assert {name for name, _ in labels} - {"__name__"} == set(recording.by)
    for panel in itertools.chain.from_iterable(row for board in dashboards.ALL for row in board.rows):
        for expression, _ in panel.asks:
            prometheus.series(expression.replace("$model", ".*"))
    for group in prometheus.ask("rules")["groups"]:
        assert [rule for rule in group["rules"] if rule["health"] != "ok"] == []
    alerts = prometheus.ask("alerts")["alerts"]
    assert {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"} == set()
