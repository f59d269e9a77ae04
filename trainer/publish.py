"""Publishes a trained version to a registry: artifact, profile and warm-up first, then the version that names them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gnomon import oip
from gnomon.domain import Lineage, Score, Version
from gnomon.stats.profile import Profile
from trainer import runtime
from trainer.data import Table
from trainer.export import INPUT, SCORE_COLUMN, SCORE_OUTPUT
from trainer.flights import FEATURES
from trainer.spec import TrainSpec

WARMUP_ROWS = 32
SCORE_NAME = "score"


class Registry(Protocol):
    """What publishing needs of a registry's client."""

    def put_artifact(self, data: bytes) -> str:
        """Stores bytes and returns their sha256."""

    def register_version(
        self,
        model: str,
        *,
        artifact_sha256: str,
        profile_sha256: str = "",
        warmup_sha256: str = "",
        score: Score = ...,
        lineage: Lineage = ...,
    ) -> Version:
        """Makes the next version of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Everything of a version that is bytes: the ONNX artifact, its serialised Profile, its serialised warm-up call."""

    artifact: bytes
    profile: bytes
    warmup: bytes

    @classmethod
    def of(cls, spec: TrainSpec, artifact: bytes, reference: Table) -> "Package":
        """The package of an artifact that was not trained on `reference`.

        Scores of rows that a model was fitted to are more extreme than others: all of serving would look like drift.
        """
        return cls(
            artifact=artifact,
            profile=profile(spec, artifact, reference).to_bytes(),
            warmup=warmup(spec.model, evenly(reference.features, WARMUP_ROWS)),
        )


def profile(spec: TrainSpec, artifact: bytes, reference: Table) -> Profile:
    """Reference counts of the features, of the artifact's own scores on them and of how sure it is: of
    `spec.profile_rows` rows at most, evenly spaced. Raises: ValueError: of the values of a slice each has too few."""
    features, times = (evenly(each, spec.profile_rows) for each in (reference.features, reference.scheduled))
    _, probabilities = runtime.predict(runtime.load(artifact), features)
    parts: dict[str, Any] = {
        "data_sha256": reference.sha256,
        "by_hour_of_week": times if spec.by_hour else None,
        "by_slice": {name: features[:, FEATURES.index(name)] for name in spec.slices},
    }
    inputs = Profile.fit(features, names=FEATURES, tensor=INPUT, **parts)
    names = [f"{SCORE_NAME}[{column}]" for column in range(SCORE_COLUMN)] + [SCORE_NAME]
    scores = Profile.fit(probabilities[:, : SCORE_COLUMN + 1], names=names, tensor=SCORE_OUTPUT, score=True, **parts)
    sure = Profile.fit_confidence(probabilities, tensor=SCORE_OUTPUT, **parts)
    return inputs.extended(scores.only(slice(SCORE_COLUMN, None))).extended(sure)


def warmup(model: str, features: NDArray[np.float32]) -> bytes:
    """A serialised ModelInferRequest of the Open Inference Protocol with the rows (n, d)."""
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name=INPUT, datatype="FP32", shape=features.shape)
    request.raw_input_contents.append(np.ascontiguousarray(features, "<f4").tobytes())
    return bytes(request.SerializeToString(deterministic=True))


def evenly(features: NDArray[Any], most: int) -> NDArray[Any]:
    """At most `most` rows of (n, …), evenly spaced from the first to the last."""
    if len(features) <= most:
        return features
    return features[np.linspace(0, len(features) - 1, most).astype(np.int64)]


def publish(client: Registry, model: str, package: Package, lineage: Lineage) -> Version:
    """Stores the package's bytes and registers the version; what is stored already stays as it is."""
    return client.register_version(
        model,
        artifact_sha256=client.put_artifact(package.artifact),
        profile_sha256=client.put_artifact(package.profile),
        warmup_sha256=client.put_artifact(package.warmup),
        score=Score(output=SCORE_OUTPUT, column=SCORE_COLUMN),
        lineage=lineage,
    )
