"""Confidence: how sure a classifier is of its own answer, whichever it is. Inputs unlike training make it fall."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DERIVED = "confidence"  # of a monitor that watches it


def confidence(probabilities: ArrayLike) -> NDArray[Any]:
    """(…): the largest of the probabilities (…, classes) of each row; of one class alone, the larger of p and 1 - p."""
    table: NDArray[Any] = np.asarray(probabilities)
    sure: NDArray[Any] = table.max(axis=-1) if table.shape[-1] > 1 else np.maximum(table[..., 0], 1 - table[..., 0])
    return sure
