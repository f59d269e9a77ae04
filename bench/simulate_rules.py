"""Rules that stop a canary, over many simulated rollouts at once: ours, and what the usual tools do.

Each takes counts of shape (runs, looks), made in each look, and returns for every run the look at which the rule first
spoke, (runs,) float, counted from 1; infinity where it never did.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gnomon.stats.sequential_bets import MORE, Bets, log_mean, scores
from gnomon.stats.sequential_difference import harm_bets, payoffs
from gnomon.stats.sequential_labels import label_share

Counts = NDArray[np.int64]
Firsts = NDArray[np.float64]
_AT_ONCE = 100  # runs whose evidence is in memory together
_Z_5_PERCENT = 1.6449
_FEW = 5  # bad events under which nobody would call a normal approximation a test


def first(spoke: NDArray[np.bool_]) -> Firsts:
    """From whether a rule speaks at each look, (runs, looks)."""
    return np.where(spoke.any(axis=1), spoke.argmax(axis=1) + 1.0, np.inf)


def _in_parts(rule: Callable[..., Firsts], *counts: Counts) -> Firsts:
    parts = range(0, len(counts[0]), _AT_ONCE)
    return np.concatenate([rule(*(each[start : start + _AT_ONCE] for each in counts)) for start in parts])


def exceedance(bad: Counts, n: Counts, p0: float, bar: float, bets: Bets = MORE) -> Firsts:
    """Log E of a share over (or with other bets under) its limit reaches the bar."""

    def rule(bad: Counts, n: Counts) -> Firsts:
        made = scores(bad.cumsum(axis=1), n.cumsum(axis=1), p0, bets)
        return first(log_mean(made, bets) >= bar)

    return _in_parts(rule, bad, n)


def label(canary: Counts, stable: Counts, share: float, ratio: float, bar: float, bets: Bets = MORE) -> Firsts:
    """Log E of where bad events come from reaches the bar; counts of bad events of either arm."""
    return exceedance(canary, canary + stable, label_share(share, ratio), bar, bets)


def label_realised(
    canary: Counts, stable: Counts, canary_calls: Counts, stable_calls: Counts, ratio: float, bar: float
) -> Firsts:
    """The same with the canary's share of the calls so far, at each look, in place of the route's."""

    def rule(canary: Counts, stable: Counts, canary_calls: Counts, stable_calls: Counts) -> Firsts:
        bad, every = canary.cumsum(axis=1), (canary + stable).cumsum(axis=1)
        n, m = canary_calls.cumsum(axis=1), stable_calls.cumsum(axis=1)
        due = (n * ratio / (n * ratio + m))[..., None]
        made = bad[..., None] * np.log(MORE.odds) - every[..., None] * np.log1p((MORE.odds - 1) * due)
        return first(log_mean(made, MORE) >= bar)

    return _in_parts(rule, canary, stable, canary_calls, stable_calls)


def difference(
    bad: Counts, n: Counts, stable_bad: Counts, stable_n: Counts, share: float, margin: float, center: float, bar: float
) -> Firsts:
    """Log E of a difference of rates reaches the bar."""
    bets = harm_bets(center)
    table = payoffs(share, margin, center, bets)

    def rule(bad: Counts, n: Counts, stable_bad: Counts, stable_n: Counts) -> Firsts:
        counts = np.stack([bad, n - bad, stable_bad, stable_n - stable_bad], axis=-1).cumsum(axis=1)
        return first(log_mean(counts @ table, bets) >= bar)

    return _in_parts(rule, bad, n, stable_bad, stable_n)


def windows(counts: Counts, looks: int) -> Counts:
    """Sums over stretches of so many looks, (runs, stretches)."""
    whole = counts.shape[1] // looks * looks
    found: Counts = counts[:, :whole].reshape(len(counts), -1, looks).sum(axis=2)
    return found


def strikes(failed: NDArray[np.bool_], looks: int, enough: int) -> Firsts:
    """So many failed checks altogether, a check every so many looks, as Argo Rollouts and Flagger count them."""
    return first(failed.cumsum(axis=1) >= enough) * looks


def p99_over(bad: Counts, n: Counts, looks: int, share: float = 0.01) -> NDArray[np.bool_]:
    """Whether the quantile over each stretch of looks is above the limit, bad being above it, (runs, stretches)."""
    slow, calls = windows(bad, looks), windows(n, looks)
    found: NDArray[np.bool_] = slow > calls - np.ceil((1 - share) * calls)
    return found


def peeking(bad: Counts, n: Counts, p0: float) -> Firsts:
    """A fixed-size test at 5 %, repeated at every look: the normal approximation, from five bad events on."""
    events, calls = bad.cumsum(axis=1), n.cumsum(axis=1)
    z = (events - calls * p0) / np.sqrt(calls * p0 * (1 - p0))
    return first((z > _Z_5_PERCENT) & (events >= _FEW))


def peeking_two(bad: Counts, n: Counts, stable_bad: Counts, stable_n: Counts) -> Firsts:
    """The two-proportion test at 5 %, repeated at every look."""
    a, b = bad.cumsum(axis=1), stable_bad.cumsum(axis=1)
    m, k = n.cumsum(axis=1), stable_n.cumsum(axis=1)
    pooled = (a + b) / (m + k)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (a / m - b / k) / np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / k))
    return first((z > _Z_5_PERCENT) & (a + b >= 2 * _FEW))


def sampled_p99(rng: np.random.Generator, n: Counts, sigma: float) -> NDArray[np.float64]:
    """The p99 of n lognormal latencies, exactly as a sample of n would have it: an order statistic of uniforms is beta.

    In units of the median.
    """
    rank = np.ceil(0.99 * n)
    below = rng.beta(rank, n + 1 - rank)
    return np.asarray(np.exp(sigma * special.ndtri(below)), np.float64)
