"""A route's rules and keys on a real gateway: what Explain says is what the reply, the journal and the lane do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from typer.testing import CliRunner

from gnomon import oip
from gnomon.cli.embedded import Embedded
from gnomon.cli.main import app
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.errors import GnomonError, InvalidInput, VersionNotFound
from gnomon.routing import Table
from gnomon.rules import Compare, RouteRule
from tests import models
from tests.contract.gateway.conftest import serve
from tests.waiting import until

RULES = (
    RouteRule(name="gold", version=2, header="x-tenant", values=("acme", "globex")),
    RouteRule(name="large", version=4, feature="input.x[1]", compare=Compare.GE, values=("1000",)),
)


@pytest.fixture(scope="module")
def ruled(registry: RegistryClient, gateway: GatewayClient) -> Route:
    """Stable 1, canaries 2 and 3, and 4 that only a rule sends calls to."""
    name = serve(registry, gateway, "ruled", *(models.scaled(float(factor)) for factor in (1, 2, 3, 4)))
    arms = (
        Arm(version=1, role=Role.STABLE, weight_bp=5_000),
        Arm(version=2, role=Role.CANARY, weight_bp=3_000),
        Arm(version=3, role=Role.CANARY, weight_bp=2_000),
    )
    given = Route(model=name, arms=arms, warm=(4,), rules=RULES, routing_key_column="x[0]", actor="test")
    route = registry.set_route(given)
    until(lambda: gateway.explain(name, "x").epoch == route.revision)
    return route


def request(model: str, first: float = 0, second: float = 0, key: str = "", version: str = "") -> Any:
    message = oip.ModelInferRequest(model_name=model, model_version=version)
    message.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    message.raw_input_contents.append(np.array([first, second, 1], "<f4").tobytes())
    if key:
        message.parameters["routing_key"].string_param = key
    return message


def calls(route: Route) -> list[tuple[Any, dict[str, str]]]:
    found: list[tuple[Any, dict[str, str]]] = [
        (request(route.model, 1, 5_000), {"x-tenant": "acme", "x-routing-key": "k"}),
        (request(route.model, 1, 5_000, key="k"), {"x-tenant": "other"}),
        (request(route.model, 1, 999), {"x-tenant": "other"}),
        (request(route.model, 1, 5_000, version="1"), {"x-tenant": "acme"}),
    ]
    found += [(request(route.model, customer), {}) for customer in range(20)]
    found += [(request(route.model, key=f"key-{number}"), {}) for number in range(20)]
    return found


def test_explain_says_what_reply_and_record_say(stub: Any, gateway: GatewayClient, ruled: Route) -> None:
    """Each call twice: nothing that a first one teaches may change where the second goes."""
    table = Table.build(ruled)
    for message, headers in calls(ruled):
        said = gateway.explain(ruled.model, headers=headers, request=message)
        own = table.explain(headers=headers, request=message)
        assert own is not None
        assert (said.version, said.bucket, said.weight_bp) == (own.version, own.bucket, own.weight_bp)
        for _ in range(2):
            reply = stub.ModelInfer(message, metadata=list(headers.items()), timeout=10)
            assert int(reply.model_version) == said.version
            assert reply.parameters["arm"].string_param == Role(said.role).name.lower()
            assert np.frombuffer(reply.raw_output_contents[0], "<f4")[2] == said.version
        why = gateway.trace(reply.parameters["prediction_id"].string_param).why
        assert (why.version, why.role, why.bucket, why.weight_bp, why.rule, why.epoch) == (
            said.version, said.role, said.bucket, said.weight_bp, said.rule, said.epoch,
        )  # fmt: skip
    answered = {
        gateway.explain(ruled.model, headers=headers, request=message).rule for message, headers in calls(ruled)
    }
    assert answered == {"rule:gold", "rule:large", "pinned", "key"}


def test_a_column_is_as_good_a_key_as_the_header_of_the_same_text(gateway: GatewayClient, ruled: Route) -> None:
    for customer in range(10):
        by_column = gateway.explain(ruled.model, request=request(ruled.model, customer))
        assert by_column == gateway.explain(ruled.model, str(customer))


def test_a_rule_is_certain_and_says_so_in_its_propensity(gateway: GatewayClient, ruled: Route) -> None:
    said = gateway.explain(ruled.model, "k", headers={"x-tenant": "globex"})
    assert (said.rule, said.version, said.weight_bp) == ("rule:gold", 2, ALL_BP)


def test_calls_that_nothing_decides_go_by_turn(stub: Any, gateway: GatewayClient, ruled: Route) -> None:
    nobody = request(ruled.model, float("nan"))
    said = gateway.explain(ruled.model, request=nobody)
    assert (said.rule, said.version) == ("sequence", 0)
    versions = [stub.ModelInfer(nobody, timeout=10).model_version for _ in range(100)]
    shares = [versions.count(str(arm.version)) for arm in ruled.arms]
    assert shares == pytest.approx([50, 30, 20], abs=2)


def test_what_cannot_be_explained_is_refused_by_its_value(gateway: GatewayClient, ruled: Route) -> None:
    with pytest.raises(VersionNotFound, match="ruled version 9"):
        gateway.explain(ruled.model, request=request(ruled.model, version="9"))
    with pytest.raises(InvalidInput, match="a request of model 'other', to be explained for 'ruled'"):
        gateway.explain(ruled.model, request=oip.ModelInferRequest(model_name="other"))


def test_blue_and_green_change_places_and_back_while_both_are_warm(
    stub: Any, registry: RegistryClient, gateway: GatewayClient
) -> None:
    name = serve(registry, gateway, "bluegreen", models.scaled(1.0), models.scaled(2.0))
    for change, version in (
        (lambda: registry.switch_route(name, 2, "test"), 2),
        (lambda: registry.revert_route(name, "test"), 1),
        (lambda: registry.revert_route(name, "test"), 2),
    ):
        epoch = change().revision
        until(lambda: gateway.explain(name, "x").epoch == epoch)  # noqa: B023 - of this turn
        reply = stub.ModelInfer(request(name, key="k"), timeout=10)
        assert (int(reply.model_version), reply.parameters["epoch"].int64_param) == (version, epoch)
        assert registry.get_route(name).loaded == (1, 2)


def test_routes_by_command(
    pair: Embedded, registry: RegistryClient, gateway: GatewayClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = serve(registry, gateway, "commanded", models.scaled(1.0), models.scaled(2.0))
    for variable, value in (("REGISTRY", pair.registry), ("GATEWAY", pair.gateway)):
        monkeypatch.setenv(f"GNOMON_{variable}", value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(command: str, *arguments: str) -> str:
        done = CliRunner().invoke(app, ["route", command, name, *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def arms(route: Any) -> list[tuple[int, int]]:
        return [(arm["version"], arm["weight_bp"]) for arm in route["arms"]]

    rules = ("--rule", "gold: tenant in acme -> 2", "--rule", "large: x[1] > 10 -> 2", "--key-column", "x[0]")
    route = json.loads(run("set", "--stable", "1", "--canary", "2:2500", *rules, "--json"))
    assert arms(route) == [(1, 7_500), (2, 2_500)]
    assert "large: x[1] > 10 -> 2" in run("show")
    until(lambda: gateway.explain(name, "x").epoch == route["revision"])
    file = tmp_path / "request.json"
    file.write_text(json_format.MessageToJson(request(name)))
    ruled = run("explain", "--header", "X-Tenant=acme", "--request", str(file))
    assert ruled == f"{name}: version 2, canary: rule:gold takes it, epoch {route['revision']}\n"
    assert "the key's bucket is" in run("explain", "--request", str(file))
    assert "any of stable 1 75 % · canary 2 25 %: without a key calls take turns" in run("explain")
    assert arms(json.loads(run("switch", "2", "--json"))) == [(2, 10_000)]
    assert arms(json.loads(run("revert", "--json"))) == arms(route)
    for arguments, said in (
        (("switch", "9"), "version 9 of commanded is not warm"),
        (("set", "--stable", "1", "--canary", "two"), "canary 'two'"),
        (("explain", "--header", "x-tenant"), "header 'x-tenant': KEY=VALUE"),
        (("explain", "--request", str(Path(__file__))), "no ModelInferRequest as JSON"),
    ):
        with pytest.raises(GnomonError, match=said):
            run(*arguments)
