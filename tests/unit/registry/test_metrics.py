"""What Prometheus sees of rollouts, gates and gateways."""

import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gnomon.evidence import GatewayStatus, LoadFailure
from registry.metrics import METRICS, scrape
from tests.unit.registry.inside import Inside
from tests.unit.registry.test_controller import in_canary, shadow_counts

ALARMS = {("m", 1, ""): 0, ("m", 1, "country=DE"): 2}


async def exposed(inside: Inside) -> dict[tuple[object, ...], float]:
    text = await scrape(inside.controller, inside.stats, inside.watch, ALARMS, openmetrics=True)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


CANDIDATE = (("model", "m"), ("version", "2"))


async def test_a_running_rollout_shows_its_step_and_what_each_gate_said_with_its_numbers(inside: Inside) -> None:
    await in_canary(inside)
    rollout = await inside.look()
    found = await exposed(inside)
    assert found["gnomon_rollout_step", *CANDIDATE] == 2
    assert found["gnomon_rollout_weight_ratio", *CANDIDATE] == 0.1
    assert found["gnomon_rollout_state", *CANDIDATE[:1], ("state", "running"), *CANDIDATE[1:]] == 1
    assert rollout.latest
    for verdict in rollout.latest:
        labels = (("gate", verdict.gate), *CANDIDATE)
        numbers = json.loads(verdict.evidence_json)
        assert found["gnomon_gate_verdict", *labels] == 0
        assert found["gnomon_gate_need", *labels] == verdict.need > 0
        assert found["gnomon_gate_fail_at", *labels] == pytest.approx(numbers["fail_at"])
        assert found["gnomon_gate_log_e", *labels] == pytest.approx(numbers["log_e"])


async def test_what_has_ended_shows_how_and_no_gates(inside: Inside) -> None:
    await inside.start()
    inside.serve()
    shadow_counts(inside)
    await inside.controller.abort("m", "enough", "ann")
    found = await exposed(inside)
    assert found["gnomon_rollout_state", *CANDIDATE[:1], ("state", "stopped"), *CANDIDATE[1:]] == 1
    assert not [key for key in found if str(key[0]).startswith(("gnomon_gate_", "gnomon_rollout_step"))]


async def test_a_gateway_that_has_gone_silent_grows_old(inside: Inside) -> None:
    failure = LoadFailure(model="m", version=2, reason="a test")
    inside.stats.report_status(GatewayStatus(gateway_id="g1", applied_revision=3, workers=2, failures=(failure,)))
    inside.now_s += 100
    found = await exposed(inside)
    told = {name: found[f"gnomon_registry_gateway_{name}", ("gateway", "g1")] for name in ("revision", "workers")}
    assert told == {"revision": 3, "workers": 2}
    assert found["gnomon_registry_gateway_age_seconds", ("gateway", "g1")] == 100
    assert found["gnomon_registry_gateway_load_failures", ("gateway", "g1")] == 1


def test_every_metric_is_a_gauge_whose_description_can_stand_as_it_is() -> None:
    assert {item.kind for item in METRICS.values()} == {"gauge"}
    assert not [name for name, item in METRICS.items() if set(item.text) & set('\\"\n')]


async def test_standing_drift_alarms_are_counted_by_version_and_slice(inside: Inside) -> None:
    found = await exposed(inside)
    for (model, version, of_slice), standing in ALARMS.items():
        labels = ("model", model), ("slice", of_slice), ("version", str(version))
        assert found["gnomon_registry_drift_alarms", *labels] == standing
