"""The service of the simulations: 1 000 calls a second for an hour, a tenth of them the canary's, lognormal latencies.

Latencies enter as counts over a bound. A bound is named by the share of a healthy arm's calls that exceed it; an arm
whose latencies are all multiplied, or a whole service that slows down, moves that share as a lognormal does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.simulate_rules import Counts

CALLS_A_SECOND = 1_000
SIGMA = 0.5  # of the logarithm of a latency
_SWING = 0.1  # standard deviation of the service's own slowness, over minutes
_MEMORY_S = 100


def share_over(healthy: float, times: float, sigma: float = SIGMA) -> float:
    """Share of calls over the bound that `healthy` of them exceed, when latencies are `times` as long."""
    return float(special.ndtr(special.ndtri(healthy) + np.log(times) / sigma))


def share_over_at(healthy: float, slowness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same for a slowness that changes, as a logarithm, (...)."""
    return np.asarray(special.ndtr(special.ndtri(healthy) + slowness / SIGMA), np.float64)


def weather(rng: np.random.Generator, runs: int, looks: int) -> NDArray[np.float64]:
    """Slowness common to both arms, as a logarithm, (runs, looks): an AR(1) of a second's steps."""
    keep = np.exp(-1 / _MEMORY_S)
    found = np.empty((runs, looks))
    now = rng.normal(0, _SWING, runs)
    for look in range(looks):
        found[:, look] = now
        now = keep * now + rng.normal(0, _SWING * np.sqrt(1 - keep**2), runs)
    return found


@dataclass(frozen=True, slots=True)
class Arms:
    """Calls of each second, and how many of them were bad, all (runs, looks)."""

    canary: Counts
    stable: Counts

    def bad(
        self, rng: np.random.Generator, canary: float | NDArray[np.float64], stable: float | NDArray[np.float64]
    ) -> tuple[Counts, Counts]:
        """Bad calls of either arm at these rates."""
        return rng.binomial(self.canary, canary), rng.binomial(self.stable, stable)


def arms(rng: np.random.Generator, runs: int, looks: int, share: float) -> Arms:
    """Every call is routed at random."""
    canary = rng.binomial(CALLS_A_SECOND, share, (runs, looks))
    return Arms(canary, CALLS_A_SECOND - canary)
