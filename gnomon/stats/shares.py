"""Are two shares the same? An upper bound of Fisher's exact p-value, for one pair of samples or an array of them.

What is marked in both samples together is dealt to them by chance: the number that falls to one is hypergeometric. Its
tail is summed as if every term shrank as the first one does: too much by a few parts in a hundred at three standard
deviations, and by less further out, where alarms live. The chi-square of the likelihood ratio is too small there when
some ten are marked.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Numbers = NDArray[np.float64]


def share_p_value(marked: ArrayLike, rows: ArrayLike, other_marked: ArrayLike, other_rows: ArrayLike) -> Numbers:
    """Two-sided p-value (...) that the same share of both samples is marked, each argument (...) whole numbers."""
    x, n, y, m = (np.asarray(part, np.float64) for part in (marked, rows, other_marked, other_rows))
    more = x * m >= y * n  # else what is not marked is more than it should be
    x, y = np.where(more, x, n - x), np.where(more, y, m - y)
    log_chance = _log_choose(n, x) + _log_choose(m, y) - _log_choose(n + m, x + y)
    ratio = y * (n - x) / ((x + 1) * (m - y + 1))
    tail = np.exp(np.minimum(log_chance, 0)) / np.where(ratio < 1, 1 - ratio, 1)
    return np.where(ratio < 1, np.minimum(1, 2 * tail), 1.0)


def _log_choose(n: Numbers, k: Numbers) -> Numbers:
    chosen: Numbers = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return chosen
