"""Tables of features as they are met: normal, skewed, even, whole numbers, mostly small. For peers: numpy alone."""

import numpy as np
from numpy.typing import NDArray

FEATURES = 30


def table(rows: int, features: int = FEATURES, seed: int = 0) -> NDArray[np.float32]:
    """(rows, features) float32, row-major; the kinds of columns take turns."""
    generator = np.random.default_rng(seed)
    kinds = (
        lambda: generator.normal(size=rows),
        lambda: generator.lognormal(0, 1.5, rows),
        lambda: generator.uniform(-1, 1, rows),
        lambda: generator.integers(0, 12, rows),
        lambda: generator.gamma(0.4, size=rows),
    )
    found = np.empty((rows, features), np.float32)
    for column in range(features):
        found[:, column] = kinds[column % len(kinds)]()
    return found
