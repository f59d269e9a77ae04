import hashlib
from typing import Any

import numpy as np
import pytest

from gnomon import oip
from gnomon.domain import Lineage, Score, Version
from gnomon.stats.profile import Profile
from trainer import runtime
from trainer.data import split
from trainer.flights import FEATURES, Flights
from trainer.publish import evenly, publish
from trainer.spec import V1
from trainer.train import Trained, train

NOW_UNIX_MS = 1_380_000_000_000


class FakeRegistry:
    def __init__(self) -> None:
        self.artifacts: dict[str, bytes] = {}
        self.versions: list[Version] = []

    def put_artifact(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.artifacts[digest] = data
        return digest

    def register_version(self, model: str, **fields: Any) -> Version:
        missing = {fields[name] for name in fields if name.endswith("_sha256")} - self.artifacts.keys()
        assert not missing, "registered before its artifacts were put"
        self.versions.append(Version(model=model, version=len(self.versions) + 1, **fields))
        return self.versions[-1]


@pytest.fixture(scope="module")
def trained(flights: Flights) -> Trained:
    return train(flights, V1, NOW_UNIX_MS)


@pytest.fixture(scope="module")
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture(scope="module")
def version(trained: Trained, registry: FakeRegistry) -> Version:
    return publish(registry, V1.model, trained.package, trained.lineage)


def test_the_version_names_its_artifact_profile_warmup_and_score(registry: FakeRegistry, version: Version) -> None:
    assert (version.model, version.version) == ("flight-delay", 1)
    assert len(registry.artifacts) == 3
    assert version.score == Score(output="probabilities", column=1)


def test_the_lineage_tells_how_to_make_it_again(flights: Flights, trained: Trained, version: Version) -> None:
    lineage: Lineage = version.lineage
    assert lineage.data_sha256 == split(flights, V1).train.sha256
    assert "2013-01+2013-02" in lineage.data_description
    assert lineage.framework.startswith("scikit-learn ")
    assert lineage.git_commit
    assert lineage.trained_unix_ms == NOW_UNIX_MS
    assert lineage.parameters["seed"] == "2013"
    assert lineage.parameters["evaluated_on"] == "2013-03"
    assert set(lineage.metrics) == {"auc", "log_loss", "brier", "rows"}
    assert trained.agreement.max_abs_difference <= 1e-5


def test_the_profile_is_of_rows_the_artifact_was_not_trained_on_and_of_its_own_scores(
    flights: Flights, registry: FakeRegistry, version: Version
) -> None:
    profile = Profile.from_bytes(registry.artifacts[version.profile_sha256])
    reference = split(flights, V1).reference
    assert profile.rows == len(reference.rows)
    assert profile.data_sha256 == reference.sha256
    assert [monitor.name for monitor in profile.monitors] == [*FEATURES, "score", "confidence"]
    assert {monitor.tensor for monitor in profile.monitors[:-2]} == {"features"}
    origins = reference.features[:, FEATURES.index("origin")]
    assert {each.name: each.rows for each in profile.slices} == {
        f"origin={number}": np.count_nonzero(origins == number) for number in range(3)
    }
    score, sure = profile.monitors[-2:]
    assert (sure.tensor, sure.is_score, sure.derived) == ("probabilities", True, "confidence")
    assert sure.edges[0] >= 0.5
    assert (score.tensor, score.column, score.is_score) == ("probabilities", 1, True)
    _, scores = runtime.predict(runtime.load(registry.artifacts[version.artifact_sha256]), reference.features)
    assert score.counts[: len(score.edges) // 2].sum() == (scores[:, 1] < score.edges[len(score.edges) // 2 - 1]).sum()


def test_the_warmup_is_a_call_with_real_rows_that_the_artifact_answers(
    flights: Flights, registry: FakeRegistry, version: Version
) -> None:
    call = oip.ModelInferRequest.FromString(registry.artifacts[version.warmup_sha256])
    (tensor,) = call.inputs
    assert (call.model_name, tensor.name, tensor.datatype) == ("flight-delay", "features", "FP32")
    rows = np.frombuffer(call.raw_input_contents[0], "<f4").reshape(tuple(tensor.shape))
    assert rows.shape == (32, len(FEATURES))
    np.testing.assert_array_equal(rows, evenly(split(flights, V1).reference.features, 32))
    label, probabilities = runtime.predict(runtime.load(registry.artifacts[version.artifact_sha256]), rows)
    assert label.shape == (32,)
    assert np.isfinite(probabilities).all()


def test_rows_are_thinned_evenly_and_few_are_left_alone() -> None:
    rows = np.arange(10, dtype=np.float32)[:, np.newaxis]
    np.testing.assert_array_equal(evenly(rows, 4)[:, 0], [0, 3, 6, 9])
    assert evenly(rows, 10) is rows
