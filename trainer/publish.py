"""Publishes a trained version to a registry: artifact, profile and warm-up first, then the version that names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnomon import oip
from gnomon.domain import Lineage, Score, Version
from gnomon.stats.profile import Profile
from trainer import runtime
from trainer.data import Table
from trainer.export import INPUT, SCORE_COLUMN, SCORE_OUTPUT
from trainer.flights import FEATURES

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
    def of(
        cls, model: str, artifact: bytes, reference: Table, profile_rows: int, slices: Sequence[str] = ()
    ) -> "Package":
        """The package of an artifact that was not trained on `reference`; the profile is of at most `profile_rows` of
        its rows, evenly spaced, and of each frequent value of the features `slices` by itself.

        Scores of rows that a model was fitted to are more extreme than others: all of serving would look like drift.
        """
        rows = evenly(reference.features, profile_rows)
        return cls(
            artifact=artifact,
            profile=profile(artifact, rows, reference.sha256, slices).to_bytes(),
            warmup=warmup(model, evenly(reference.features, WARMUP_ROWS)),
        )


def profile(artifact: bytes, features: NDArray[np.float32], data_sha256: str, slices: Sequence[str] = ()) -> Profile:
    """Reference counts of the features (n, d), and of the artifact's own scores on them. Raises: ValueError: of the
    values of a slice each has too few rows."""
    _, probabilities = runtime.predict(runtime.load(artifact), features)
    scores = probabilities[:, SCORE_COLUMN]
    values = {name: features[:, FEATURES.index(name)] for name in slices}
    inputs = Profile.fit(features, names=FEATURES, tensor=INPUT, data_sha256=data_sha256, by_slice=values)
    return inputs.extended(score_profile(scores, data_sha256, values))


def score_profile(
    scores: NDArray[np.float32], data_sha256: str, by_slice: Mapping[str, NDArray[np.float32]] | None = None
) -> Profile:
    """Reference counts of the score column (n,), which is SCORE_COLUMN of the output's last axis."""
    columns = np.repeat(scores[:, np.newaxis], SCORE_COLUMN + 1, axis=1)
    names = [f"{SCORE_NAME}[{column}]" for column in range(SCORE_COLUMN)] + [SCORE_NAME]
    fitted = Profile.fit(
        columns, names=names, tensor=SCORE_OUTPUT, score=True, data_sha256=data_sha256, by_slice=by_slice
    )
    return fitted.only(slice(SCORE_COLUMN, None))


def warmup(model: str, features: NDArray[np.float32]) -> bytes:
    """A serialised ModelInferRequest of the Open Inference Protocol with the rows (n, d)."""
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name=INPUT, datatype="FP32", shape=features.shape)
    request.raw_input_contents.append(np.ascontiguousarray(features, "<f4").tobytes())
    return bytes(request.SerializeToString(deterministic=True))


def evenly(features: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most `most` rows of (n, d), evenly spaced from the first to the last."""
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
