"""Where the bins of a column end, so that none of several values is too heavy: see `bins.fit_edges`."""

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.compiled import njit


@njit(nogil=True)
def cuts(weights: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Where bins end (2, n_values), before a value and behind it: one of several values has at most `most` rows."""
    found = np.zeros((2, len(weights)), np.bool_)
    inside = 0
    for i in range(len(weights)):
        atom = weights[i] > most
        found[0, i] = i > 0 and (atom or inside + weights[i] > most)
        found[1, i] = atom
        inside = 0 if atom else weights[i] if found[0, i] else inside + weights[i]
    return found
