"""Routes over the wire: whole values, replaced by compare-and-set."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gnomon.client import RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.errors import InvalidInput, ModelNotFound, NotFound, RouteInvalid, StaleRevision, VersionNotFound
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.rules import Compare, RouteRule
from gnomon.switch import switched


def stable(version: int, weight_bp: int = 10_000) -> Arm:
    return Arm(version=version, role=Role.STABLE, weight_bp=weight_bp)


def test_a_route_is_kept_as_it_was_set(hand: Any, client: RegistryClient, model: str) -> None:
    for _ in range(5):
        hand.version(approved=False)
    arms = (
        stable(1, 9_900),
        Arm(version=2, role=Role.CANARY, weight_bp=100),
        Arm(version=3, role=Role.SHADOW, weight_bp=5),
        Arm(version=4, role=Role.SHADOW, weight_bp=5_000, cpu_share=0.25),
    )
    rules = (
        RouteRule(name="gold", version=2, header="x-tenant", values=("acme", "globex")),
        RouteRule(name="big", version=5, feature="x[1]", compare=Compare.GT, values=("1e3",)),
    )
    given = hand.route(
        *arms, warm=(5,), latency_thresholds_us=(5000,), disagreement_tolerance=0.25, batch_wait_us=250,
        batch_wait_rows=16, slices=("x[1]", "origin"), decision_threshold=0.0, keep_quantile=0.99,
        rules=rules, routing_key_column="input.x[0]",
    )  # fmt: skip
    route = client.set_route(given, expected_revision=0)
    assert (route.arms, route.warm, route.latency_thresholds_us) == (arms, (5,), (5000,))
    assert (route.disagreement_tolerance, route.actor, route.reason) == (0.25, "bob", "a test")
    assert (route.batch_wait_us, route.batch_wait_rows) == (250, 16)
    assert (route.rules, route.routing_key_column) == (rules, "input.x[0]")
    assert (route.slices, route.decision_threshold, route.keep_quantile) == (("x[1]", "origin"), 0.0, 0.99)
    assert route.created_unix_ms > 0
    assert client.get_route(model) == route


def test_every_route_that_was_in_force_is_found_by_its_revision(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    routes = [client.set_route(hand.route(stable(1), reason=str(number))) for number in range(3)]
    assert [client.get_route(model, route.revision) for route in routes] == routes
    assert client.get_route(model) == routes[-1]


def test_the_route_before_is_found_and_gone_back_to(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    hand.version()
    with pytest.raises(NotFound, match="no route yet"):
        client.revert_route(model, "bob")
    blue = client.set_route(hand.route(stable(1), warm=(2,), disagreement_tolerance=0.5))
    with pytest.raises(NotFound, match="no route before the one in force"):
        client.revert_route(model, "bob")
    green = client.switch_route(model, 2, "bob")
    assert client.get_route(model, -1) == blue
    assert (green.arms, green.warm, green.reason) == ((stable(2),), (1,), "switched to version 2")
    again = client.revert_route(model, "eve", "it was wrong")
    assert (again.arms, again.warm, again.disagreement_tolerance) == (blue.arms, (2,), 0.5)
    assert (again.actor, again.reason) == ("eve", "it was wrong")
    assert client.revert_route(model, "bob").arms == green.arms
    client.set_route(hand.route(stable(1)))
    with pytest.raises(RouteInvalid, match=r"versions \[2\] that are not warm"):
        client.revert_route(model, "bob")
    with pytest.raises(InvalidInput, match="revision -2: -1 or more"):
        client.get_route(model, -2)


def test_a_switch_loses_against_who_was_faster(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    hand.version()
    read = client.set_route(hand.route(stable(1), warm=(2,)))
    client.set_route(hand.route(stable(1), warm=(2,), reason="meanwhile"))
    with pytest.raises(StaleRevision):
        client._replace(read, switched(read, 2), "bob", "too late")


def test_no_two_routes_share_a_revision_whatever_their_models(client: RegistryClient) -> None:
    digest = client.put_artifact(b"shared")
    revisions = []
    for name in ("left", "right", "left"):
        client.register_version(name, artifact_sha256=digest, version=1)
        route = Route(model=name, arms=(stable(1),), actor="bob")
        revisions.append(client.set_route(route).revision)
    assert revisions == sorted(set(revisions))


def test_a_route_that_changed_meanwhile_is_not_overwritten(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    first = client.set_route(hand.route(stable(1)), expected_revision=0)
    second = client.set_route(hand.route(stable(1)), expected_revision=first.revision)
    for expected in (0, first.revision, second.revision + 1):
        with pytest.raises(StaleRevision, match=f"at revision {second.revision}, not {expected}"):
            client.set_route(hand.route(stable(1)), expected_revision=expected)
    assert client.get_route(model) == second


def test_of_many_who_replace_the_same_route_one_wins(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    before = client.set_route(hand.route(stable(1)))

    def attempt(number: int) -> str:
        try:
            client.set_route(hand.route(stable(1), reason=str(number)), expected_revision=before.revision)
        except StaleRevision:
            return "lost"
        return "won"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(16))) == ["lost"] * 15 + ["won"]


def test_a_route_over_a_version_nobody_registered_is_refused(hand: Any, client: RegistryClient, model: str) -> None:
    with pytest.raises(ModelNotFound):
        client.set_route(hand.route(stable(1)))
    hand.version()
    for route in (hand.route(stable(9)), hand.route(stable(1), warm=(9,))):
        with pytest.raises(VersionNotFound, match="version 9"):
            client.set_route(route)
    with pytest.raises(NotFound, match="no route yet"):
        client.get_route(model)


def test_a_revision_of_another_model_is_not_found(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    route = client.set_route(hand.route(stable(1)))
    with pytest.raises(NotFound, match="no route of revision"):
        client.get_route(model, route.revision + 1)


def test_a_route_that_nobody_answers_for_is_refused(hand: Any, client: RegistryClient) -> None:
    hand.version()
    with pytest.raises(InvalidInput, match="actor"):
        client.set_route(hand.route(stable(1), actor=""))
    with pytest.raises(InvalidInput, match="expected_revision -2"):
        client.set_route(hand.route(stable(1)), expected_revision=-2)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ([pb.Arm(version=1, role=pb.ROLE_STABLE, weight_bp=9_999)], "sum to 9999"),
        ([pb.Arm(version=1, role=pb.ROLE_CANARY, weight_bp=10_000)], "0 stable arms"),
        ([pb.Arm(version=1, role=pb.ROLE_STABLE, weight_bp=-1)], "weight -1"),
        (
            [pb.Arm(version=1, role=pb.ROLE_STABLE, weight_bp=10_000), pb.Arm(version=1, role=pb.ROLE_SHADOW)],
            "stands twice",
        ),
        ([pb.Arm(version=0, role=pb.ROLE_STABLE, weight_bp=10_000)], "version 0"),
    ],
)
def test_a_route_that_cannot_be_served_is_refused(hand: Any, stub: Any, model: str, arms: Any, message: str) -> None:
    from gnomon.channel import typed_errors

    hand.version()
    with pytest.raises(RouteInvalid, match=message), typed_errors():
        stub.SetRoute(pb.SetRouteRequest(route=pb.Route(model=model, arms=arms, actor="bob"), expected_revision=-1))


def test_a_rule_that_cannot_be_followed_is_refused_by_its_name(hand: Any, stub: Any, model: str) -> None:
    from gnomon.channel import typed_errors

    hand.version()
    arms = [pb.Arm(version=1, role=pb.ROLE_STABLE, weight_bp=10_000)]
    wrong: list[tuple[Any, Any, str]] = [
        (
            RouteInvalid,
            pb.RouteRule(name="r", version=2, header="x", compare=pb.COMPARE_IN, values=["a"]),
            "rule r names",
        ),
        (InvalidInput, pb.RouteRule(name="r", version=1, header="x", values=["a"]), "Compare 0"),
        (InvalidInput, pb.RouteRule(name="r", version=1, compare=pb.COMPARE_IN, values=["a"]), "rule r: a header or"),
    ]
    for kind, rule, message in wrong:
        with pytest.raises(kind, match=message), typed_errors():
            route = pb.Route(model=model, arms=arms, actor="bob", rules=[rule])
            stub.SetRoute(pb.SetRouteRequest(route=route, expected_revision=-1))


def test_a_version_put_in_production_keeps_warm_what_rules_name(hand: Any, client: RegistryClient, model: str) -> None:
    for _ in range(3):
        hand.version()
    rule = RouteRule(name="gold", version=3, header="x-tenant", values=("acme",))
    client.set_route(hand.route(stable(1), warm=(3,), rules=(rule,)))
    hand.production(2)
    route = client.get_route(model)
    assert (route.stable.version, route.warm, route.rules) == (2, (1, 3), (rule,))


def test_a_wait_that_makes_no_sense_is_refused_by_its_value(hand: Any, stub: Any, model: str) -> None:
    from gnomon.channel import typed_errors

    hand.version()
    arms = [pb.Arm(version=1, role=pb.ROLE_STABLE, weight_bp=10_000)]
    with pytest.raises(InvalidInput, match="batch_wait_us 100001"), typed_errors():
        route = pb.Route(model=model, arms=arms, actor="bob", batch_wait_us=100_001)
        stub.SetRoute(pb.SetRouteRequest(route=route, expected_revision=-1))
