"""A real gateway's observer tells a real registry of slices, and an alarm names the slice that moved and no other."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.drift import DriftPolicy
from gnomon.stats.profile import Profile
from tests import models
from tests.waiting import serves, until

RNG = np.random.default_rng(6)


def rows(count: int, shift: float = 0.0) -> np.ndarray:
    """(count, 3): the first column is the tenant, whose number 2 is off by `shift`."""
    tenants = RNG.choice([1.0, 2.0], count, p=[0.9, 0.1])
    values = RNG.normal(size=(count, 2)) + shift * (tenants == 2)[:, np.newaxis]
    return np.column_stack([tenants, values]).astype(np.float32)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Embedded]:
    """Sub-windows of a quarter of a second, and of three for slices."""
    with Embedded(tmp_path, gateway_flags=("--drift-tick-s", "0.25")) as running:
        yield running


def test_an_alarm_names_the_slice_that_moved(pair: Embedded) -> None:
    with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway) as gateway:
        the_slice_is_found(registry, gateway, triton.InferenceServerClient(pair.gateway))


def the_slice_is_found(registry: RegistryClient, gateway: GatewayClient, client: triton.InferenceServerClient) -> None:
    name, reference = "tenants", rows(20_000)
    profile = Profile.fit(reference, names=["tenant", "a", "b"], tensor="x", by_slice={"tenant": reference[:, 0]})
    digests = [registry.put_artifact(data) for data in (models.scaled(1.0), profile.to_bytes())]
    registry.register_version(name, artifact_sha256=digests[0], profile_sha256=digests[1])
    registry.set_route(Route(model=name, arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
    registry.set_drift_policy(DriftPolicy(model=name, window_s=20, raise_after_s=2, actor="test"))
    until(lambda: serves(gateway, name, 1))
    deadline, raised = time.monotonic() + 90, set[tuple[str, str]]()
    while not raised and time.monotonic() < deadline:
        values = rows(200, shift=0.8)
        tensor = triton.InferInput("x", list(values.shape), "FP32")
        tensor.set_data_from_numpy(values)
        client.infer(name, [tensor])
        raised = {(event.slice, event.monitor) for event in registry.list_drift_events(name)}
        time.sleep(0.02)
    assert {of_slice for of_slice, _ in raised} == {"tenant=2"}
    drift = registry.get_drift(name)
    assert {each.name: bool(each.alarmed) for each in drift.slices} == {"tenant=1": False, "tenant=2": True}
    assert drift.rows > registry.get_drift(name, of_slice="tenant=2").rows > 0
