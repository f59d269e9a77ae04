"""How many rows are worth one, where a call brings many: the design effect (Kish 1965; Rao & Scott 1984)."""

import numpy as np
from numpy.typing import NDArray

HEAD, PER_MONITOR = 3, 3  # of the sums over calls


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


def call_sums(above: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `design_effects` needs of calls, as sums (3 + 3 n_monitors,) that may be added.

    Args:
        above: (n_calls, n_monitors) how many rows of a call are on the upper side of a cut near the median.
        rows: (n_calls,) of each.

    Returns:
        Calls, their rows, their rows squared; then of each monitor the sums of Y, of Y squared, and of Y times rows.
    """
    of_calls = np.array([len(rows), rows.sum(), (rows**2).sum()], np.int64)
    return np.concatenate([of_calls, above.sum(0), (above**2).sum(0), rows @ above])


def design_effects(sums: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Design effect (n_monitors,) of a window of `n` rows, of which some came in the calls of many that were summed.

    From the variance between calls, in each monitor's two halves: the variance of Y over what independent rows would
    have. Few calls estimate it badly, so it is taken three standard errors up; never below 1, nor above that of calls
    whose rows are all the same (`kish`).

    Known weakness: it sees likeness about the median, not a likeness of extremes alone.

    Raises:
        ValueError: not of that layout, or fewer rows than the calls have.
    """
    if sums.ndim != 1 or len(sums) < HEAD or (len(sums) - HEAD) % PER_MONITOR:
        raise ValueError(f"sums of calls have {HEAD} and then {PER_MONITOR} a monitor, got shape {sums.shape}")
    calls, rows, squared = (float(total) for total in sums[:HEAD])
    y, y_squared, y_rows = sums[HEAD:].reshape(PER_MONITOR, -1).astype(np.float64)
    if n < rows:
        raise ValueError(f"{rows:.0f} rows came in calls of many, more than the {n} of the window")
    if calls < 1:
        return np.ones(len(y))
    share = y / rows
    alone = share * (1 - share)
    between = y_squared - 2 * share * y_rows + share**2 * squared
    together = np.where(alone > 0, between / np.where(alone > 0, alone, 1), rows)
    measured = (n - rows + together * (1 + 3 * np.sqrt(2 / calls))) / n
    largest = (n - rows + squared) / n
    effects: NDArray[np.float64] = np.clip(measured, 1.0, largest)
    return effects
