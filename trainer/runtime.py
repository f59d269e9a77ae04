"""ONNX Runtime, with its telemetry off before it is imported."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
from numpy.typing import NDArray


def load(artifact: bytes) -> onnxruntime.InferenceSession:
    """A session of one thread on the artifact's bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])


def predict(
    session: onnxruntime.InferenceSession, features: NDArray[np.float32], batch_rows: int = 500
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (n,) and probabilities (n, 2) of the rows (n, d) with n at least 1, run `batch_rows` at a time."""
    batches = [features[start : start + batch_rows] for start in range(0, len(features), batch_rows)]
    answers = [session.run(["label", "probabilities"], {"features": batch}) for batch in batches]
    return np.concatenate([label for label, _ in answers]), np.concatenate([both for _, both in answers])
