"""Labels that come days later: what a gateway answered is looked up, and scores that did not come true are told."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from typer.testing import CliRunner

from gnomon.cli.embedded import Embedded
from gnomon.cli.main import app
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.drift import DriftPolicy
from gnomon.errors import InvalidInput, NotFound
from gnomon.exports import query
from gnomon.stats.alarms import CALIBRATION
from tests import models
from tests.waiting import serves, until

RNG = np.random.default_rng(9)
CALLS = 500


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(tmp_path, gateway_flags=("--segment-max-age-s", "1")) as running:
        yield running


def told(scores: np.ndarray, often: float, file: Path) -> Path:
    """A table of labels: `often` times as many came true as the scores said."""
    with file.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["request_id", "label"])
        table.writerows((f"order {at}", int(RNG.random() < often * p)) for at, p in enumerate(scores.tolist()))
    return file


def exported(folder: Path, sql: str) -> int:
    try:
        return int(query(folder, sql)[1][0][0])
    except (NotFound, InvalidInput):  # no file yet
        return 0


def run(pair: Embedded, *arguments: str) -> str:
    at = {"GNOMON_REGISTRY": pair.registry, "GNOMON_GATEWAY": pair.gateway, "COLUMNS": "200"}
    done = CliRunner().invoke(app, arguments, env=at, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_scores_that_do_not_come_true_raise_an_alarm_without_any_rollout(pair: Embedded, tmp_path: Path) -> None:
    client, scores = triton.InferenceServerClient(pair.gateway), RNG.uniform(0.05, 0.25, CALLS)
    with RegistryClient(pair.registry) as registry, GatewayClient(pair.gateway) as gateway:
        registry.register_version("pricing", artifact_sha256=registry.put_artifact(models.scaled(1.0)))
        registry.set_route(Route(model="pricing", arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
        registry.set_drift_policy(DriftPolicy(model="pricing", raise_after_s=1, actor="test"))
        until(lambda: serves(gateway, "pricing", 1))
        for at, score in enumerate(scores):
            tensor = triton.InferInput("x", [1, 3], "FP32")
            tensor.set_data_from_numpy(np.array([[0, 0, score]], np.float32))
            client.infer("pricing", [tensor], request_id=f"order {at}")
        assert "no outcomes of pricing are known" in run(pair, "outcomes", "show", "pricing")
        labels = told(scores, 2.2, tmp_path / "labels.csv")
        assert f"{CALLS} outcomes: {CALLS} new, 0 known" in run(pair, "outcomes", "record", "pricing", str(labels))
        count = "select count(*) from pricing where status = 'answered'"
        until(lambda: exported(tmp_path, count) == CALLS)
        again = run(pair, "outcomes", "record", "pricing", str(labels), "--from", str(tmp_path))
        assert f"{CALLS} outcomes: 0 new, {CALLS} known or too old, 0 left out" in again
        (event,) = until(lambda: registry.list_drift_events("pricing"))
        assert (event.version, event.monitor, event.rows) == (1, CALIBRATION, CALLS)
        assert "more came true than they said, by at least" in event.reason
        assert f"● {CALIBRATION}: scores: 0.1" in run(pair, "outcomes", "show", "pricing")
