"""When calls are due."""

import numpy as np
import pytest

from bench import schedule
from bench.plan import Plan


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    found = schedule.constant(rate=250, seconds=2)
    assert found[0] == 0
    assert len(found) == 500
    assert set(np.diff(found)) == {4_000_000}


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    found = schedule.poisson(rate=1_000, seconds=30, seed=1)
    gaps = np.diff(found)
    assert len(found) == pytest.approx(30_000, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.03)
    assert gaps.min() >= 0
    assert found[-1] < 30 * 10**9


def test_a_seed_gives_the_same_schedule_again() -> None:
    assert np.array_equal(schedule.poisson(100, 5, seed=3), schedule.poisson(100, 5, seed=3))
    assert not np.array_equal(schedule.poisson(100, 5, seed=3)[:50], schedule.poisson(100, 5, seed=4)[:50])


def test_bursts_come_whole_and_keep_the_mean_rate() -> None:
    found = schedule.bursts(rate=1_000, seconds=60, burst=20, seed=1)
    _, sizes = np.unique(found, return_counts=True)
    assert (sizes % 20 == 0).all()
    assert len(found) == pytest.approx(60_000, rel=0.1)


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "bursts"])
def test_every_kind_of_arrivals_ascends(arrivals: str) -> None:
    found = schedule.arrivals(Plan(rate=500, seconds=2, arrivals=arrivals))
    assert len(found) > 100
    assert (np.diff(found) >= 0).all()
