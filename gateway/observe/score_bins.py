"""Bins of scores: by which a live and a shadow version's scores are told apart, each alone and both together.

The bins are those of the live version's profile where it has one for its score; else fixed ones, finer where
probabilities are. Both come from before the traffic, so counts of several gateways are added.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.profile import Profile

GROUPS = 20  # of either axis of the joint counts
FIXED = "fixed-1"  # the name of the fixed bins; another number for other edges

_OUTSIDE = np.exp2(np.arange(80) / 4)  # 1, 1.19, 1.41 … 2^20
_INSIDE = np.arange(1, 64) / 64
_CUTS = np.array([-1e3, -10, -1, 0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1, 10, 100, 1e3])


@dataclass(frozen=True, slots=True, eq=False)
class ScoreBins:
    """Ascending `edges` (n,) float32; bin(x) is the number of edges <= x; `groups` (n + 1,): each bin's group."""

    name: str
    edges: NDArray[np.float32]
    groups: NDArray[np.int64]

    def bins_of(self, scores: NDArray[np.float32]) -> NDArray[np.intp]:
        """(n,) of finite scores."""
        return np.searchsorted(self.edges, scores, side="right")


def fixed_bins() -> ScoreBins:
    """64 a unit from -1 to 1, and four an octave outside."""
    edges = np.concatenate([-_OUTSIDE[::-1], -_INSIDE[::-1], [0.0], _INSIDE, _OUTSIDE]).astype(np.float32)
    lowest = np.concatenate([[-np.inf], edges])
    return ScoreBins(FIXED, edges, np.searchsorted(_CUTS.astype(np.float32), lowest, side="right"))


def profile_bins(profile: Profile, name: str, tensor: str, column: int) -> ScoreBins | None:
    """Those of a profile's score, in groups of equal reference mass; None where it watches another score, or none."""
    monitors = profile.monitors[profile.scores]
    monitor = next((each for each in monitors if (each.tensor, each.column) == (tensor, column)), None)
    if monitor is None:
        return None
    mass = monitor.counts[:-1]
    middles = (np.cumsum(mass) - mass / 2) / max(1, int(mass.sum()))
    return ScoreBins(name, monitor.edges, np.minimum((GROUPS * middles).astype(np.int64), GROUPS - 1))
