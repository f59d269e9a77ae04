"""How PSI of few values falls when nothing drifted: drawn, where the chi-square is not to be trusted."""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import special

DRAWS = 20_000
FEW = 25  # values a group, below which the null is drawn

_TAIL = 20  # draws beyond, from where on the tail is a chi-square's, stretched to meet them: p of 0.001
_STEP = 10


def psi_tail(scaled: float, groups: int, n: int) -> float:
    """P(PSI / (1/n + 1/m) >= scaled) of `n` values in `groups` equal groups, without drift, both smoothed by a half.

    Down to 1/1000 it is counted among 20 000 draws, kept for each (groups, n) with n rounded down to tens. Rarer, it is
    the tail of a chi-square stretched to the draws.

    Known weakness: against 1.6 million draws of 50 to 500 values, 1e-5 came out as 1.7e-6 to 1.1e-5, for an empty group
    weighs more than a chi-square knows. Groups of unequal mass (few heavy values) are taken for equal ones.
    """
    drawn = _drawn(groups, n - n % _STEP)
    beyond = DRAWS - int(np.searchsorted(drawn, np.float32(scaled)))
    if beyond >= _TAIL:
        return (beyond + 1) / (DRAWS + 1)
    edge = special.chdtri(groups - 1, _TAIL / DRAWS)
    return float(min((_TAIL + 1) / (DRAWS + 1), special.chdtrc(groups - 1, scaled * edge / float(drawn[-_TAIL]))))


@functools.lru_cache(maxsize=128)  # 80 KB each
def _drawn(groups: int, n: int) -> NDArray[np.float32]:
    """n * PSI (DRAWS,) of draws against shares known exactly, ascending. The same in every process."""
    generator = np.random.default_rng((groups, n))
    counts = generator.multinomial(n, np.full(groups, 1 / groups), size=DRAWS)
    p, q = 1 / groups, (counts + 0.5) / (n + groups / 2)
    return np.sort(n * ((q - p) * np.log(q / p)).sum(axis=1)).astype(np.float32)
