"""Power: a p99 that is 20 % longer, found in how many times the sample of a test that may look only once?

The rival is the best fixed-size test of the same alpha and power: exact binomial, smallest sample, one look at its end.
Ours looks a hundred times during that sample.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench import simulate_rules as rules
from bench.simulate_rules import Firsts
from bench.simulate_table import Table, percent
from bench.simulate_traffic import share_over
from gnomon.stats.sequential_labels import label_share

POWER = 0.9
SLOW = 0.01
LONGER = 1.2
SHARE = 0.1
ALPHAS = (0.05, 0.05 / 4)
SIGMAS = (0.3, 0.5, 0.7)
_LOOKS = 100  # in the fixed sample
_LONGEST = 3  # times the fixed sample that is simulated


@dataclass(frozen=True, slots=True)
class Found:
    """One test against its rival; sample sizes in the unit of the row."""

    fixed: int
    at_fixed: float  # power at the rival's sample
    at_one_and_a_half: float
    times_for_power: float  # sample at which POWER is reached, in samples of the rival
    mean_times: float  # of samples, when the test stops as soon as it has found, or at 1.5 times


def run(runs: int) -> Iterator[Table]:
    rows = []
    for alpha in ALPHAS:
        for sigma in SIGMAS:
            rows.append(_row("budget: canary calls", alpha, sigma, _budget(runs, alpha, sigma)))
        for sigma in SIGMAS:
            rows.append(_row("against stable: slow calls of both arms", alpha, sigma, _label(runs, alpha, sigma)))
        rows.append(_row("median 5 % longer, against stable: calls of both arms", alpha, 0.5, _median(runs, alpha)))
    header = (
        "test and what is counted", "alpha", "sigma of ln latency", "fixed-size sample", "power at 1 × it",
        "power at 1.5 × it", "90 % found by", "mean sample",
    )  # fmt: skip
    note = (
        "The fixed-size sample is that of the exact binomial test with this alpha and 90 % power (for the median,"
        " of the two-proportion z test). Alpha 1.25 % is what each of four gates has in a policy of 5 %. A wider"
        " spread of latencies makes of the same 20 % fewer additional slow calls."
    )
    yield Table(title=f"A p99 20 % longer ({runs} rollouts each)", header=header, rows=tuple(rows), note=note)


def fixed_sample(p0: float, p1: float, alpha: float, power: float = POWER) -> int:
    """The smallest sample with which an exact one-sided binomial test of p0 has the power at p1.

    Raises:
        ValueError: a million are not enough.
    """
    for start in range(1, 1_000_000, 1_000):
        n = np.arange(start, start + 1_000)
        critical = _critical(n, p0, alpha)
        with np.errstate(invalid="ignore"):
            found = np.where(critical <= n, special.bdtrc(critical - 1.0, n, p1), 0.0) >= power
        if found.any():
            return int(n[found.argmax()])
    raise ValueError(f"no sample of a million tells {p1} from {p0}")


def _critical(
    n: np.ndarray[tuple[int], np.dtype[np.int64]], p0: float, alpha: float
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The smallest count that as many or more of which have a probability of alpha at most under p0."""
    found = np.zeros(len(n), np.int64) + 1
    while True:
        over = special.bdtrc(np.minimum(found - 1, n), n, p0) > alpha
        if not over.any():
            return found
        found = found + over


def _judge(spoke_at: Firsts, fixed: int) -> Found:
    """From the sample at which each run was decided."""
    end = 1.5 * fixed
    at_power = float(np.quantile(spoke_at, POWER, method="inverted_cdf"))
    return Found(
        fixed=fixed,
        at_fixed=float((spoke_at <= fixed).mean()),
        at_one_and_a_half=float((spoke_at <= end).mean()),
        times_for_power=at_power / fixed,
        mean_times=float(np.minimum(spoke_at, end).mean()) / fixed,
    )


def _row(what: str, alpha: float, sigma: float, found: Found) -> tuple[str | float | int, ...]:
    times = f"{found.times_for_power:.2f} ×" if math.isfinite(found.times_for_power) else f"over {_LONGEST} ×"
    return (
        what, f"{alpha:.2%}", sigma, found.fixed, percent(found.at_fixed), percent(found.at_one_and_a_half),
        times, f"{found.mean_times:.2f} ×",
    )  # fmt: skip


def _budget(runs: int, alpha: float, sigma: float) -> Found:
    """Canary calls; a canary that was just at its budget before."""
    rate = share_over(SLOW, LONGER, sigma)
    fixed = fixed_sample(SLOW, rate, alpha)
    calls = math.ceil(fixed / _LOOKS)
    looks = _LONGEST * fixed // calls + 1
    rng = np.random.default_rng([1, int(alpha * 1e4), int(sigma * 10)])
    n = np.full((runs, looks), calls)
    firsts = rules.exceedance(rng.binomial(n, rate), n, SLOW, math.log(1 / alpha))
    return _judge(firsts * calls, fixed)


def _label(runs: int, alpha: float, sigma: float) -> Found:
    """Calls over stable's p99, of both arms."""
    ratio = share_over(SLOW, LONGER, sigma) / SLOW
    theta = label_share(SHARE, ratio)
    fixed = fixed_sample(SHARE, theta, alpha)
    rng = np.random.default_rng([2, int(alpha * 1e4), int(sigma * 10)])
    events = math.ceil(fixed / _LOOKS)
    canary = rng.binomial(events, theta, (runs, _LONGEST * fixed // events + 1))
    firsts = rules.label(canary, events - canary, SHARE, 1.0, math.log(1 / alpha))
    return _judge(firsts * events, fixed)


def _median(runs: int, alpha: float) -> Found:
    """Calls of both arms; stable's median frozen, the canary's 5 % longer."""
    rate = share_over(0.5, 1.05)
    z_alpha, z_power = -special.ndtri(alpha), special.ndtri(POWER)
    noise = rate * (1 - rate) / SHARE + 0.25 / (1 - SHARE)
    pooled = SHARE * rate + (1 - SHARE) * 0.5
    noise_if_equal = pooled * (1 - pooled) / (SHARE * (1 - SHARE))
    fixed = math.ceil(((z_alpha * noise_if_equal**0.5 + z_power * noise**0.5) / (rate - 0.5)) ** 2)
    rng = np.random.default_rng([3, int(alpha * 1e4)])
    calls = math.ceil(fixed / _LOOKS)
    n = rng.binomial(calls, SHARE, (runs, _LONGEST * fixed // calls + 1))
    stable_n = calls - n
    bar = math.log(1 / alpha)
    firsts = rules.difference(rng.binomial(n, rate), n, rng.binomial(stable_n, 0.5), stable_n, SHARE, 0.0, 0.5, bar)
    return _judge(firsts * calls, fixed)
