"""How many rows are worth one, where a call brings many: the design effect (Kish 1965; Rao & Scott 1984)."""

import numpy as np
from numpy.typing import NDArray


def kish(rows_of_calls: NDArray[np.int64]) -> float:
    """Design effect of calls (n_calls,) with so many rows each, if the rows of a call were copies of one.

    An upper bound: sum of squares over sum, so that calls of one row have 1, and calls of r rows have r.

    Raises:
        ValueError: no rows.
    """
    total = int(rows_of_calls.sum())
    if total < 1:
        raise ValueError("a design effect needs at least 1 row, got 0")
    return float((rows_of_calls.astype(np.float64) ** 2).sum() / total)


def design_effect(calls: NDArray[np.int64]) -> float:
    """Design effect estimated from the variance between calls: `calls` (n_calls, groups) counts each.

    The mean over groups of (variance of a share, calls drawn whole) / (the same, were rows drawn alone), weighted as
    the chi-square test weighs them. Never below 1, nor above `kish`. Takes some hundred calls to be of use.

    Raises:
        ValueError: fewer than 2 calls with rows.
    """
    calls = calls[calls.sum(1) > 0]
    if len(calls) < 2:
        raise ValueError(f"a design effect needs at least 2 calls with rows, got {len(calls)}")
    sizes, n = calls.sum(1), int(calls.sum())
    shares = calls.sum(0) / n
    used = (shares > 0) & (shares < 1)
    if not used.any():
        return 1.0
    residuals = calls[:, used] - sizes[:, np.newaxis] * shares[used]
    between = (residuals**2).sum(0) * len(calls) / (len(calls) - 1)
    effects = between / (n * shares[used] * (1 - shares[used]))
    mean = float((effects * (1 - shares[used])).sum() / (1 - shares[used]).sum())
    return min(max(1.0, mean), max(1.0, kish(sizes)))
