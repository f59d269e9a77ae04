"""Examples for a cluster: their flags are flags, their ports meet, and Envoy itself takes its file."""

import dataclasses
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway import config as gateway_config
from gateway.__main__ import supervisor_parser
from registry import config as registry_config
from tests.servers import script

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def kubernetes():
    """Documents by (kind, name)."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes" / "gnomon.yaml").read_text())
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def container(name):
    return kubernetes()["StatefulSet", name]["spec"]["template"]["spec"]["containers"][0]


def test_the_registrys_arguments_are_a_configuration_and_its_ports_are_those_of_the_pod():
    made = registry_config.load(container("gnomon-registry")["args"], {})
    ports = {port["name"]: port["containerPort"] for port in container("gnomon-registry")["ports"]}
    assert ports == {"grpc": made.port, "metrics": made.metrics_port}
    assert str(made.dir).startswith("/data/")


def test_the_gateways_arguments_are_a_configuration_that_finds_the_registry():
    flags = vars(supervisor_parser().parse_args(container("gnomon-gateway")["args"]))
    flags.pop("config")
    made = gateway_config.load(None, {}, flags)
    service = kubernetes()["Service", made.registry.split(":")[0]]
    assert int(made.registry.split(":")[1]) in [port["port"] for port in service["spec"]["ports"]]
    ports = {port["name"]: port["containerPort"] for port in container("gnomon-gateway")["ports"]}
    assert ports == {"grpc": made.grpc_port, "http": made.http_port}
    grace_s = kubernetes()["StatefulSet", "gnomon-gateway"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s > made.drain_timeout_s + 5 + 2 * 30, "what the supervisor waits for its children"


@pytest.mark.parametrize("name", ["gnomon-registry", "gnomon-gateway"])
def test_every_pod_is_probed_bounded_and_keeps_its_data(name):
    spec, pod = kubernetes()["StatefulSet", name]["spec"], container(name)
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    ports = {port["containerPort"] for port in pod["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = pod[probe].get("grpc") or pod[probe].get("httpGet") or pod[probe]["tcpSocket"]
        assert asked["port"] in ports
    assert pod["resources"]["limits"]["memory"]
    assert {mount["name"] for mount in pod["volumeMounts"]} == {
        claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]
    }
    assert pod["image"] == "IMAGE", "no registry of images is named here"


def test_the_example_of_a_scrape_reaches_the_ports_that_are_named_elsewhere():
    made = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in made["scrape_configs"]}
    http_port = next(field.default for field in dataclasses.fields(gateway_config.Config) if field.name == "http_port")
    assert jobs == {"gnomon-gateway": [f"127.0.0.1:{http_port}"], "gnomon-registry": ["127.0.0.1:8503"]}
    assert all((DEPLOY / "prometheus" / name).exists() for name in made["rule_files"])


def test_envoy_itself_takes_its_file():
    command = [script("envoy"), "--mode", "validate", "-c", str(DEPLOY / "envoy" / "envoy.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]


def test_envoy_sends_calls_to_the_gateways_of_the_cluster_by_least_requests():
    made = yaml.safe_load((DEPLOY / "envoy" / "envoy.yaml").read_text())["static_resources"]["clusters"][0]
    address = made["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    service = kubernetes()["Service", address["address"]]["spec"]
    assert made["lb_policy"] == "LEAST_REQUEST"
    assert service["clusterIP"] == "None", "a name that stands for one address each"
    assert address["port_value"] in [port["port"] for port in service["ports"]]
