"""Exports a fitted classifier to ONNX and checks the artifact against it, row by row.

The artifact takes `features` float32 (n, d) and gives `label` int64 (n,) and `probabilities` float32 (n, 2). The same
model gives the same bytes in every fresh process.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from trainer import kriging_onnx, runtime
from trainer.errors import ExportDisagrees

INPUT = "features"
SCORE_OUTPUT = "probabilities"
SCORE_COLUMN = 1
OPSETS = {"": 18, "ai.onnx.ml": 3}
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the check saw: how many rows, and the largest difference of a probability."""

    rows: int
    max_abs_difference: float


def export(model: Any, n_features: int, name: str) -> bytes:
    """The model as a serialised ONNX graph called `name`, for rows of `n_features`."""
    kriging_onnx.register_converter()
    with warnings.catch_warnings():
        # skl2onnx writes a tree's flags as booleans, which protobuf takes and complains about.
        warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints: Expected an int, got a boolean")
        graph = to_onnx(
            model,
            name=name,
            initial_types=[(INPUT, FloatTensorType([None, n_features]))],
            options={"zipmap": False},
            target_opset=OPSETS,
        )
    return bytes(graph.SerializeToString(deterministic=True))


def check(model: Any, artifact: bytes, features: NDArray[np.float32], tolerance: float = TOLERANCE) -> Agreement:
    """Compares artifact and model on every row (n, d); labels too, where the probability is not on the fence.

    Raises:
        ExportDisagrees: names the first row that differs by more than `tolerance`, or in its label.
    """
    expected = model.predict_proba(features)
    label, probabilities = runtime.predict(runtime.load(artifact), features)
    difference = np.abs(probabilities - expected).max(axis=1)
    apart = ~(difference <= tolerance)  # NaN is apart
    if apart.any():
        row = int(np.argmax(apart))
        raise ExportDisagrees(
            f"row {row}: the artifact gives probability {probabilities[row, 1]!s}, scikit-learn {expected[row, 1]!s}; "
            f"{int(apart.sum())} of {len(features)} rows differ by more than {tolerance}"
        )
    clear = np.abs(expected[:, 1] - 0.5) > tolerance
    wrong = clear & (label != (expected[:, 1] > 0.5))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ExportDisagrees(f"row {row}: the artifact gives label {label[row]}, probability {expected[row, 1]!s}")
    return Agreement(rows=len(features), max_abs_difference=float(difference.max()))
