"""Outright harm: how many calls until the evidence suffices, and how long that is at a thousand calls a second.

Every call is looked at. A gate of a policy of four has to reach ln(4 / 0.05). Seconds leave out the time to report and
to act (a gateway reports once a second), and the breaker in the worker, which needs no evidence across workers.
"""

import math
from collections.abc import Iterator

import numpy as np

from bench import simulate_rules as rules
from bench.simulate_rules import Firsts
from bench.simulate_table import Table
from bench.simulate_traffic import CALLS_A_SECOND, share_over
from gnomon.stats.sequential_labels import label_share

BAR = math.log(4 / 0.05)
SLOW, FAILED, FAILED_AT_MOST = 0.01, 0.001, 0.01
SHARES = (0.1, 0.01)
_FLAGGER_S = 5 * 60


def run(runs: int) -> Iterator[Table]:
    harms = (
        ("p99 twice as long", "p99 against its budget", SLOW, share_over(SLOW, 2.0)),
        ("errors 5 %", "at most 1 % errors", FAILED_AT_MOST, 0.05),
        ("errors 5 %", "at most 0.1 % errors", FAILED, 0.05),
        ("NaN in 5 % of the answers", "at most 0.1 % errors", FAILED, 0.05),
        ("NaN in every answer", "at most 0.1 % errors", FAILED, 1.0),
    )
    rows = [
        _row(harm, gate, _alone(runs, limit, rate, seed), None) for seed, (harm, gate, limit, rate) in enumerate(harms)
    ]
    for share in SHARES:
        for harm, gate, healthy, rate in (
            ("p99 twice as long", "against stable's, ratio 1.3", SLOW, share_over(SLOW, 2.0)),
            ("errors 5 %", "against stable's 0.1 %, ratio 2", FAILED, 0.05),
        ):
            ratio = 1.3 if healthy == SLOW else 2.0
            rows.append(_row(harm, gate, _beside(runs, healthy, rate, share, ratio), share))
    header = (
        "harm", "gate", "canary calls: median", "95 % of rollouts", "seconds at a 10 % canary", "at a 1 % canary",
    )  # fmt: skip
    note = (
        f"Seconds are of 95 % of the rollouts. Flagger's five failed checks of a minute each take {_FLAGGER_S} s,"
        " whatever the harm. A gate against stable depends on the canary's share, so its rows give the seconds"
        " at that share alone."
    )
    yield Table(title=f"Harm ({runs} rollouts each)", header=header, rows=tuple(rows), note=note)


def _row(harm: str, gate: str, calls: Firsts, share: float | None) -> tuple[str | int | None, ...]:
    median, most = (float(np.quantile(calls, p, method="inverted_cdf")) for p in (0.5, 0.95))
    seconds = [f"{most / (CALLS_A_SECOND * each):.2f}" if share in (None, each) else None for each in SHARES]
    return (harm, gate, round(median), round(most), *seconds)


def _alone(runs: int, limit: float, rate: float, seed: int) -> Firsts:
    """Canary calls until a share is evidently over its limit."""
    calls = 4_000 if rate < 0.5 else 50
    bad = (np.random.default_rng([4, seed]).random((runs, calls)) < rate).astype(np.int64)
    return rules.exceedance(bad, np.ones_like(bad), limit, BAR)


def _beside(runs: int, healthy: float, rate: float, share: float, ratio: float) -> Firsts:
    """Canary calls until bad events evidently come from the canary too often."""
    rng, events = np.random.default_rng([5, round(1e4 * rate), round(1e4 * share)]), 400
    a_call = share * rate + (1 - share) * healthy
    calls = rng.geometric(a_call, (runs, events)).cumsum(axis=1)
    canary = (rng.random((runs, events)) < label_share(share, rate / healthy)).astype(np.int64)
    firsts = rules.label(canary, 1 - canary, share, ratio, BAR)
    told = np.isfinite(firsts)
    found = np.full(runs, np.inf)
    found[told] = share * calls[told, firsts[told].astype(np.int64) - 1]
    return found
