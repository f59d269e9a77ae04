"""Evidence of drift that may be looked at after every row: a Pólya urn against a finite reference.

If reference and traffic are exchangeable and continuous, the next row falls between two neighbours of the m + 1 + t
gaps that m reference rows and t rows of traffic leave, each as likely as the other. So bins of g gaps and N rows so far
take it with probability (g + N)/(m + 1 + t): known exactly, however small the reference. The score is what a
better-informed bet would have won: bets on Dirichlet shares about the reference's, with a few strengths of belief.
While nothing drifts it ever reaches 1/alpha with probability alpha at most, however often one looks.

Taking the reference's shares for the truth instead is the trap here: it alarms for certain once the traffic is longer
than the reference.

It depends on sums of counts alone: shards are added, in any order, and evidence is computed from the sum. It never
forgets, so it is for a span with a beginning and an end, as a rollout; a watch that lasts uses windows.

Source: same family as Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567), with an urn for the unknown shares.

Known weakness: edges are to be values of the reference, as a profile's are; elsewhere an edge splits a gap, an error of
the order 1/m. Values that repeat (atoms) are not continuous: there the guarantee is an average over what the true
shares may be. Rows of one call are taken as independent.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gnomon.stats.bins import coarsen

_BELIEFS = (1.0, 10.0, 100.0, 1_000.0)  # rows a group that the bet's shares are worth


def polya_log_e(counts: NDArray[np.int64], reference: NDArray[np.int64], *, groups: int = 20) -> float:
    """ln E that `counts` (bins,) of traffic are not drawn as the `reference` (bins,) was; NaN slots left out.

    Decide when it reaches ln(1/alpha). Bins are joined into about `groups` of the reference's mass.

    Raises:
        ValueError: not the same bins, a negative count, or a reference without rows.
    """
    if counts.shape != reference.shape or counts.ndim != 1:
        raise ValueError(f"counts must be of the same bins, got {reference.shape} and {counts.shape}")
    if (counts < 0).any() or (reference < 0).any():
        raise ValueError(f"counts cannot be negative, got {min(counts.min(), reference.min())}")
    if not reference.sum():
        raise ValueError("a reference needs at least 1 row, got 0")
    labels = coarsen(reference, groups)
    gaps = np.bincount(labels, reference).astype(np.float64)
    gaps[0] += 1  # below the lowest reference row
    seen = np.bincount(labels, counts).astype(np.float64)
    urn = _log_marginal(seen, gaps)
    shares = gaps / gaps.sum()
    bets = [_log_marginal(seen, belief * len(gaps) * shares) for belief in _BELIEFS]
    return float(special.logsumexp(bets)) - math.log(len(bets)) - urn


def _log_marginal(seen: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """ln of the chance of a sequence with these counts, its shares drawn from Dirichlet(weights)."""
    total = special.gammaln(weights.sum()) - special.gammaln(weights.sum() + seen.sum())
    return float(total + (special.gammaln(weights + seen) - special.gammaln(weights)).sum())
