"""A model that came without a profile is watched all the same: its first rows become the reference, for good."""

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
from gnomon.errors import Precondition
from tests import models
from tests.waiting import serves, until

RNG = np.random.default_rng(8)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Embedded]:
    flags = ("--drift-tick-s", "0.25", "--cold-start-rows", "3000")
    with Embedded(tmp_path, gateway_flags=flags) as running:
        yield running


def call(client: triton.InferenceServerClient, shift: float = 0.0) -> None:
    values = RNG.normal(size=(100, 3)).astype(np.float32)
    values[:, 1] += shift
    tensor = triton.InferInput("x", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    client.infer("foreign", [tensor])


def test_the_first_rows_become_the_reference_and_what_moves_then_is_drift(pair: Embedded) -> None:
    client = triton.InferenceServerClient(pair.gateway)
    with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway) as gateway:
        registry.register_version("foreign", artifact_sha256=registry.put_artifact(models.scaled(2.0)))
        registry.set_route(Route(model="foreign", arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
        registry.set_drift_policy(DriftPolicy(model="foreign", window_s=10, raise_after_s=1, actor="test"))
        until(lambda: serves(gateway, "foreign", 1))
        with pytest.raises(Precondition, match="before gateways have made one of its first rows"):
            registry.get_drift("foreign")
        for _ in range(31):
            call(client)
        adopted = until(lambda: registry.get_version("foreign", 1).profile_sha256)
        deadline, raised = time.monotonic() + 60, set[str]()
        while not raised and time.monotonic() < deadline:
            call(client, shift=1.0)
            raised = {event.monitor for event in registry.list_drift_events("foreign")}
            time.sleep(0.02)
        assert raised
        assert raised <= {"x[1]", "score[1]"}
        drift = registry.get_drift("foreign")
        assert [(each.name, each.is_score) for each in drift.monitors] == [
            (f"{tensor}[{column}]", tensor == "score") for tensor in ("x", "score") for column in range(3)
        ]
        assert "the first 3" in drift.reference
        assert registry.get_version("foreign", 1).profile_sha256 == adopted
