"""Log policies over the wire: whole values, told to every gateway with the next revision."""

from typing import Any

import pytest

from gnomon.client import RegistryClient
from gnomon.domain import Arm, ColumnRule, LogPolicy, Role, Treatment
from gnomon.errors import InvalidInput, ModelNotFound
from gnomon.registry.v1 import registry_pb2 as pb


def policy(model: str, **fields: Any) -> LogPolicy:
    rules = (
        ColumnRule(column="x[3]", treatment=Treatment.MASK),
        ColumnRule(column="request_id", treatment=Treatment.HASH),
    )
    given = {"sample_bp": 1_000, "rules": rules, "otherwise": Treatment.DROP, "retention_s": 86_400, "actor": "ann"}
    return LogPolicy(model=model, **(given | {"reason": "the auditor"} | fields))


def test_a_policy_is_kept_as_it_was_set_and_replaced_whole(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    assert client.get_log_policy(model) == LogPolicy(model=model)
    stored = client.set_log_policy(policy(model))
    assert stored.set_unix_ms > 0
    assert (stored.rules, stored.otherwise, stored.sample_bp) == (policy(model).rules, Treatment.DROP, 1_000)
    assert client.get_log_policy(model) == stored
    client.set_log_policy(LogPolicy(model=model, actor="ann"))
    assert client.get_log_policy(model).rules == ()


def test_gateways_that_watch_are_told(hand: Any, client: RegistryClient, model: str, stub: Any) -> None:
    hand.version()
    client.set_route(hand.route(Arm(version=1, role=Role.STABLE)), expected_revision=0)
    watch = stub.WatchConfig(pb.WatchConfigRequest(gateway_id="g"), timeout=20)
    before = next(watch)
    assert not any(one.HasField("log_policy") for one in before.models if one.route.model == model)
    client.set_log_policy(policy(model))
    after = next(watch)
    (told,) = [one for one in after.models if one.route.model == model]
    assert [rule.column for rule in told.log_policy.rules] == ["x[3]", "request_id"]
    assert after.revision > before.revision


def test_what_no_policy_can_be_is_refused(hand: Any, client: RegistryClient, model: str) -> None:
    with pytest.raises(ModelNotFound):
        client.set_log_policy(policy("nobody"))
    hand.version()
    with pytest.raises(InvalidInput, match="actor ''"):
        client.set_log_policy(policy(model, actor=""))
    for fields, said in (
        ({"sample_bp": 10_001}, "sample_bp 10001"),
        ({"retention_s": -1}, "retention_s -1"),
        ({"rules": (ColumnRule(column="a", treatment=Treatment.KEEP),) * 2}, "more than one rule for a"),
    ):
        with pytest.raises(InvalidInput, match=said):
            policy(model, **fields)
