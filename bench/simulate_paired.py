"""A shadow's pairs against a canary's calls: the same change of the answers, found in how many calls by either?

In a shadow every call has both answers, so what differs is the candidate. In a canary one call has one answer, and what
differs is mostly the calls.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench import simulate_rules as rules
from bench.simulate_rules import Firsts
from bench.simulate_table import Table
from gnomon.stats.sequential_bets import MORE, log_mean, scores
from gnomon.stats.sequential_difference import harm_bets, payoffs, promotion_bets
from gnomon.stats.sequential_mean import mean_log_e

ALPHA, POWER = 0.05, 0.9
BAR = math.log(1 / ALPHA)
APPROVED = 0.2  # of stable's decisions
SHARES = (0.5, 0.1)
LOOKS = 200  # of a run
_MOST_CALLS = 1_000_000  # of a look
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """What the candidate does to a decision: approvals it adds and takes away, as shares of all calls."""

    up: float
    down: float

    @property
    def name(self) -> str:
        return f"{self.up + self.down:.1%} of the decisions flip, {self.up:.1%} to yes and {self.down:.1%} to no"


CHANGES = (Change(0.012, 0.003), Change(0.03, 0.01), Change(0.06, 0.04))


def run(runs: int) -> Iterator[Table]:
    rows = []
    for change in CHANGES:
        rows.append(_row(change.name, partial(_flips, runs, change), partial(_decisions, runs, change)))
    for shift, spread in ((0.005, 0.03), (0.01, 0.1)):
        name = f"scores {shift:.3f} higher; of a pair {spread:.2f} apart (sd)"
        paired, beside = (partial(which, runs, shift, spread) for which in (_shift_paired, _shift_beside))
        rows.append(_row(name, paired, beside))
    header = (
        "change", "pairs of a shadow", "calls beside a 50 % canary", "a 10 % canary", "times as many: 50 %", "10 %",
    )  # fmt: skip
    note = (
        "Calls until 90 % of the rollouts have found that the answers changed, at alpha 5 %: pairs by `flip_log_e` and"
        " `mean_log_e`, calls of both arms by the same bets on the difference of the arms (decisions two-sided, scores"
        f" one-sided, in either). Stable approves {APPROVED:.0%}; its scores have a mean of 0.5 and a standard"
        " deviation of 0.2. The less a pair has in common, the less is gained."
    )
    yield Table(title=f"Paired and unpaired ({runs} rollouts each)", header=header, rows=tuple(rows), note=note)


def _row(name: str, paired: Callable[[int], Firsts], beside: Callable[[float, int], Firsts]) -> tuple[str | int, ...]:
    """Calls for power of either: `paired` takes the calls of a look, `beside` the canary's share before."""
    pairs = _calls_for_power(paired)
    calls = [_calls_for_power(partial(beside, share)) for share in SHARES]
    return (name, round(pairs), *map(round, calls), *(f"{each / pairs:.0f} ×" for each in calls))


def _calls_for_power(simulate: Callable[[int], Firsts]) -> float:
    """The calls by which POWER of the runs are decided; looks are made as long as it takes."""
    calls = 100  # of a look
    while calls < _MOST_CALLS:
        at_power = float(np.quantile(simulate(calls), POWER, method="inverted_cdf"))
        if math.isfinite(at_power):
            return at_power * calls
        calls *= 4
    raise ValueError(f"no power in {LOOKS * _MOST_CALLS} calls")


def _flips(runs: int, change: Change, calls: int) -> Firsts:
    """`flip_log_e`: two-sided, half of the stake on either side."""
    rng = np.random.default_rng([6, runs, calls])
    counts = rng.multinomial(calls, [change.up, change.down, 1 - change.up - change.down], (runs, LOOKS))
    up, both = counts[..., 0].cumsum(axis=1), counts[..., :2].sum(axis=2).cumsum(axis=1)
    ways = [log_mean(scores(side, both, 0.5, MORE), MORE) for side in (up, both - up)]
    return rules.first(np.logaddexp(*ways) - math.log(2) >= BAR)


def _decisions(runs: int, change: Change, share: float, calls: int) -> Firsts:
    """The difference of the arms' approval rates, centered: two-sided in the same way."""
    rng = np.random.default_rng([7, runs, calls, round(100 * share)])
    canary = APPROVED + change.up - change.down
    chances = [share * canary, share * (1 - canary), (1 - share) * APPROVED, (1 - share) * (1 - APPROVED)]
    counts = rng.multinomial(calls, chances, (runs, LOOKS)).cumsum(axis=1)
    both = (harm_bets(APPROVED), promotion_bets(APPROVED))
    ways = [log_mean(counts @ payoffs(share, 0.0, APPROVED, bets), bets) for bets in both]
    return rules.first(np.logaddexp(*ways) - math.log(2) >= BAR)


def _score_grid() -> tuple[Floats, Floats]:
    """Stable's scores and their chances: a beta distribution of mean 0.5 and standard deviation 0.2, in 20 steps."""
    score = (np.arange(20) + 0.5) / 20
    weight = (score * (1 - score)) ** (((0.25 / 0.04) - 1) / 2 - 1)
    return score, weight / weight.sum()


def _steps(shift: float, spread: float) -> tuple[Floats, Floats]:
    """A difference of three values with this mean and standard deviation."""
    return np.array([shift - spread, shift, shift + spread]), np.array([0.5, 0.0, 0.5])


def _mean_first(counts: NDArray[np.int64], values: Floats, low: float, high: float) -> Firsts:
    """The look at which the mean of the values is evidently above 0, (runs,), from counts of each in each look."""
    so_far = counts.cumsum(axis=1)
    n, total, squares = so_far.sum(axis=2), so_far @ values, so_far @ values**2
    found = np.full(len(counts), np.inf)
    for run, (calls, sums, twos) in enumerate(zip(n, total, squares, strict=True)):
        looks = zip(calls, sums, twos, strict=True)
        told = (i for i, look in enumerate(looks, 1) if mean_log_e(*look, limit=0.0, low=low, high=high) >= BAR)
        found[run] = next(told, np.inf)
    return found


def _shift_paired(runs: int, shift: float, spread: float, calls: int) -> Firsts:
    steps, chances = _steps(shift, spread)
    counts = np.random.default_rng([8, runs, calls]).multinomial(calls, chances, (runs, LOOKS))
    return _mean_first(counts, steps, -1.0, 1.0)


def _shift_beside(runs: int, shift: float, spread: float, share: float, calls: int) -> Firsts:
    """Scores, less 0.5, count 1/share for the canary and -1/(1-share) for stable."""
    (score, chance), (steps, weights) = _score_grid(), _steps(shift, spread)
    theirs = (score[:, None] + steps - 0.5).ravel() / share
    values = np.concatenate([theirs, (0.5 - score) / (1 - share)])
    chances = np.concatenate([share * np.outer(chance, weights).ravel(), (1 - share) * chance])
    counts = np.random.default_rng([9, runs, calls, round(100 * share)]).multinomial(calls, chances, (runs, LOOKS))
    return _mean_first(counts, values, -0.65 / share, 0.65 / share)
