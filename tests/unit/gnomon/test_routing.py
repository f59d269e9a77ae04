"""Routing: exact weights, stickiness, monotone moves, and what decides before what."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon import oip
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.errors import InvalidInput, VersionNotFound
from gnomon.routing import STRIDE, Table, bucket_of_sequence, key_hash, rule_text
from gnomon.rules import Compare, RouteRule

weights = st.integers(0, ALL_BP)
keys = st.binary(min_size=1, max_size=40)


def table(canary_bp: int, revision: int = 1) -> Table:
    stable = Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP - canary_bp)
    return Table.build(
        Route(model="m", revision=revision, arms=(stable, Arm(version=2, role=Role.CANARY, weight_bp=canary_bp)))
    )


def test_the_sequence_visits_every_bucket_once_in_a_round() -> None:
    assert {bucket_of_sequence(number) for number in range(ALL_BP)} == set(range(ALL_BP))


@given(weights, st.integers(0, 10**12))
def test_any_10_000_calls_without_a_key_split_exactly(canary_bp: int, start: int) -> None:
    routes = table(canary_bp)
    bound = canary_bp
    first = start * STRIDE % ALL_BP
    canary = sum((first + number * STRIDE) % ALL_BP < bound for number in range(ALL_BP))
    assert canary == canary_bp
    assert routes.by_sequence(start).version == (2 if first < canary_bp else 1)


def test_one_percent_is_spread_not_bunched() -> None:
    routes = table(100)
    versions = [routes.by_sequence(number).version for number in range(3 * ALL_BP)]
    gaps = [b - a for a, b in zip(*([i for i, v in enumerate(versions) if v == 2][k:] for k in (0, 1)), strict=False)]
    assert max(gaps) < 1_000


@given(keys, weights, weights)
def test_raising_a_weight_never_moves_a_key_back(key: bytes, one: int, other: int) -> None:
    low, high = sorted((one, other))
    if table(low).by_key(key).version == 2:
        assert table(high, revision=2).by_key(key).version == 2


@given(keys)
def test_a_key_keeps_its_bucket_across_epochs(key: bytes) -> None:
    assert table(100).by_key(key).bucket == table(9_000, revision=7).by_key(key).bucket


def test_weights_0_and_all() -> None:
    for number in range(500):
        assert table(0).by_sequence(number).version == 1
        assert table(ALL_BP).by_sequence(number).version == 2
        assert table(0).by_key(str(number).encode()).version == 1
        assert table(ALL_BP).by_key(str(number).encode()).version == 2


def test_keys_split_as_the_weights_say() -> None:
    routes = table(2_500)
    share = Counter(routes.by_key(f"N{number}".encode()).version for number in range(40_000))[2] / 40_000
    assert abs(share - 0.25) < 0.012  # five standard deviations


def test_a_pinned_version_has_the_role_the_route_gives_it() -> None:
    assert table(100).pinned(2).role is Role.CANARY
    assert table(100).pinned(1).rule == "pinned"
    with pytest.raises(VersionNotFound, match=r"version 9 is not served; served are \[1, 2\]"):
        table(100).pinned(9)


# -- A/B/n


def several(*canaries_bp: int, **changes: Any) -> Table:
    """Version 1 stable, versions from 2 canaries."""
    arms = [Arm(version=number, role=Role.CANARY, weight_bp=bp) for number, bp in enumerate(canaries_bp, 2)]
    stable = Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP - sum(canaries_bp))
    return Table.build(Route(**{"model": "m", "arms": (stable, *arms)} | changes))


@st.composite
def splits(draw: st.DrawFn, most: int = 5) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, ALL_BP), min_size=1, max_size=most)))
    return [high - low for low, high in pairwise([0, *cuts])]


def versions_of_buckets(table: Table) -> np.ndarray[Any, Any]:
    """(10 000,): the version that answers each bucket."""
    return np.array([next(arm.version for end, arm in table.bounds if bucket < end) for bucket in range(ALL_BP)])


@settings(max_examples=30, deadline=None)
@given(splits(), st.integers(0, 10**12))
def test_of_10_000_calls_in_a_row_every_arm_has_its_weight(canaries_bp: list[int], start: int) -> None:
    """All windows that begin within 10 000 calls of `start`: exactly, so 1 % is 100 of 10 000, none more or less."""
    routes = several(*canaries_bp)
    versions = np.array([routes.by_sequence(start + number).version for number in range(2 * ALL_BP)])
    for arm in routes.route.arms:
        sums = np.concatenate([[0], np.cumsum(versions == arm.version)])
        assert set(sums[ALL_BP:] - sums[:-ALL_BP]) == {arm.weight_bp}


@settings(max_examples=30, deadline=None)
@given(splits(), st.data())
def test_raising_one_of_many_takes_from_the_stable_arm_and_gives_nobody_back(
    canaries_bp: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(canaries_bp) - 1))
    raised = list(canaries_bp)
    raised[place] += data.draw(st.integers(0, ALL_BP - sum(canaries_bp)))
    before, after = versions_of_buckets(several(*canaries_bp)), versions_of_buckets(several(*raised))
    assert not ((before != 1) & (after == 1)).any()
    assert not ((before == place + 2) & (after != place + 2)).any()
    if len(canaries_bp) <= 2:
        assert set(before[before != after]) <= {1}
        assert set(after[before != after]) <= {place + 2}


@given(splits(), keys)
def test_the_propensity_is_the_weight_of_the_arm(canaries_bp: list[int], key: bytes) -> None:
    routes = several(*canaries_bp)
    weights = {arm.version: arm.weight_bp for arm in routes.route.arms}
    for choice in (routes.by_key(key), routes.by_sequence(int.from_bytes(key, "little"))):
        assert choice.weight_bp == weights[choice.version] > 0
    assert routes.by_key(key).key_hash == key_hash("m", key)


# -- what decides, in its order

COLUMN = "x[1]"


def call(tenant: str = "", key: str = "", value: float = 0.0, version: str = "") -> dict[str, Any]:
    """As `Table.explain` takes it."""
    request = oip.ModelInferRequest(model_name="m", model_version=version)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    request.raw_input_contents.append(np.array([0, value], "<f4").tobytes())
    if key:
        request.parameters["routing_key"].string_param = key
    return {"headers": {"x-tenant": tenant} if tenant else {}, "request": request}


def test_named_before_ruled_before_keyed_before_by_turn() -> None:
    rules = (
        RouteRule(name="gold", version=2, header="x-tenant", values=("acme",)),
        RouteRule(name="big", version=3, feature=COLUMN, compare=Compare.GT, values=("10",)),
    )
    routes = several(0, warm=(3,), rules=rules, routing_key_column=COLUMN)
    found = {
        name: routes.explain(**given)
        for name, given in {
            "named": call("acme", "k", 11, version="3"),
            "first rule": call("acme", "k", 11),
            "second rule": call("other", "k", 11),
            "key": call("other", "k", 5),
            "column": call(value=5),
            "by turn": call(value=float("nan")),
        }.items()
    }
    assert found == {
        "named": (3, Role.STABLE, 0, 0, "pinned", 0),
        "first rule": (2, Role.CANARY, ALL_BP, 0, "rule", 0),
        "second rule": (3, Role.STABLE, ALL_BP, 1, "rule", 0),
        "key": routes.by_key(b"k"),
        "column": routes.by_key(b"5"),
        "by turn": None,
    }
    assert rule_text("rule", 1, rules) == "rule:big"
    assert rule_text("key", 1, rules) == "key"
    with pytest.raises(VersionNotFound, match="version 9"):
        routes.explain(**call(version="9"))
    with pytest.raises(InvalidInput, match="model_version 'x'"):
        routes.explain(**call(version="x"))


def test_of_several_keys_the_one_that_is_said_first_counts() -> None:
    routes = several(5_000)
    said = call(key="parameter")
    assert routes.explain(**said) == routes.by_key(b"parameter")
    said["headers"]["x-routing-key"] = "header"
    assert routes.explain(**said) == routes.by_key(b"header")
    assert routes.explain(key="given", **said) == routes.by_key(b"given")
    assert routes.explain(headers={"x-routing-key": ""}) is None


tenants = st.sampled_from(["a", "b", "c"])
many_rules = st.lists(
    st.tuples(st.sets(tenants, min_size=1), st.sampled_from([Compare.IN, Compare.NE]), st.integers(1, 3)), max_size=6
)


@given(many_rules, st.none() | tenants, st.text(min_size=1, max_size=9))
def test_the_first_rule_that_matches_takes_the_call(given_rules: Any, tenant: str | None, key: str) -> None:
    rules = tuple(
        RouteRule(
            name=f"r{place}", version=version, header="x-tenant", compare=compare,
            values=tuple(sorted(values)) if compare is Compare.IN else (min(values),),
        )
        for place, (values, compare, version) in enumerate(given_rules)
    )  # fmt: skip
    routes = several(4_000, 1_000, rules=rules)
    headers = {"x-routing-key": key} | ({} if tenant is None else {"x-tenant": tenant})
    matching = [
        rule for rule in rules if tenant is not None and (tenant in rule.values) is (rule.compare is Compare.IN)
    ]
    found = routes.explain(headers=headers)
    if matching:
        assert found is not None
        assert (found.version, found.weight_bp, found.bucket) == (matching[0].version, ALL_BP, rules.index(matching[0]))
    else:
        assert found == routes.by_key(key.encode())


def test_calls_a_rule_takes_have_no_turn() -> None:
    """So the weights stay exact among those that do go by turn."""
    rule = RouteRule(name="gold", version=2, header="x-tenant", values=("acme",))
    assert several(100, rules=(rule,)).explain(headers={"x-tenant": "acme"}) is not None
    assert several(100, rules=(rule,)).explain(headers={}) is None
