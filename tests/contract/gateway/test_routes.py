"""A route's rules and keys on a real gateway: what Explain says is what the reply, the journal and the lane do."""

from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from gnomon import oip
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.errors import InvalidInput, VersionNotFound
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


def request(route: Route, first: float = 0, second: float = 0, key: str = "", version: str = "") -> Any:
    message = oip.ModelInferRequest(model_name=route.model, model_version=version)
    message.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    message.raw_input_contents.append(np.array([first, second, 1], "<f4").tobytes())
    if key:
        message.parameters["routing_key"].string_param = key
    return message


def calls(route: Route) -> list[tuple[Any, dict[str, str]]]:
    found: list[tuple[Any, dict[str, str]]] = [
        (request(route, 1, 5_000), {"x-tenant": "acme", "x-routing-key": "k"}),
        (request(route, 1, 5_000, key="k"), {"x-tenant": "other"}),
        (request(route, 1, 999), {"x-tenant": "other"}),
        (request(route, 1, 5_000, version="1"), {"x-tenant": "acme"}),
    ]
    found += [(request(route, customer), {}) for customer in range(20)]
    found += [(request(route, key=f"key-{number}"), {}) for number in range(20)]
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
        by_column = gateway.explain(ruled.model, request=request(ruled, customer))
        assert by_column == gateway.explain(ruled.model, str(customer))


def test_a_rule_is_certain_and_says_so_in_its_propensity(gateway: GatewayClient, ruled: Route) -> None:
    said = gateway.explain(ruled.model, "k", headers={"x-tenant": "globex"})
    assert (said.rule, said.version, said.weight_bp) == ("rule:gold", 2, ALL_BP)


def test_calls_that_nothing_decides_go_by_turn(
    client: triton.InferenceServerClient, stub: Any, gateway: GatewayClient, ruled: Route
) -> None:
    nobody = request(ruled, float("nan"))
    said = gateway.explain(ruled.model, request=nobody)
    assert (said.rule, said.version) == ("sequence", 0)
    versions = [stub.ModelInfer(nobody, timeout=10).model_version for _ in range(100)]
    shares = [versions.count(str(arm.version)) for arm in ruled.arms]
    assert shares == pytest.approx([50, 30, 20], abs=2)


def test_what_cannot_be_explained_is_refused_by_its_value(gateway: GatewayClient, ruled: Route) -> None:
    with pytest.raises(VersionNotFound, match="ruled version 9"):
        gateway.explain(ruled.model, request=request(ruled, version="9"))
    with pytest.raises(InvalidInput, match="a request of model 'other', to be explained for 'ruled'"):
        gateway.explain(ruled.model, request=oip.ModelInferRequest(model_name="other"))
