"""A look at calibration: bounds that hold, on simulated outcomes and against the true calibration error."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gnomon.stats.alarms import Bar, Tolerance
from gnomon.stats.calibration import Reliability
from gnomon.stats.calibration_look import look_at, surely
from gnomon.stats.looks import Rule

RULE = Rule(level=1e-4)


def of(scores: NDArray[np.float64], truth: NDArray[np.float64], rng: np.random.Generator) -> Reliability:
    found = Reliability()
    found.update(scores, rng.random(len(scores)) < truth)
    return found


def test_too_few_outcomes_say_nothing() -> None:
    rng = np.random.default_rng(0)
    found = look_at(of(np.full(199, 0.9), np.zeros(199), rng), RULE)
    assert (found.bar, found.reason) == (Bar.UNKNOWN, "199 outcomes, 200 needed")


@pytest.mark.parametrize(
    ("scores", "truth", "why"),
    [
        (lambda u: 0.02 + 0.1 * u, lambda p: 1.8 * p, "more came true than they said"),
        (lambda u: 0.02 + 0.1 * u, lambda p: 0.4 * p, "fewer came true than they said"),
        (lambda u: u, lambda p: 0.5 + 0.5 * (p - 0.5), "too bold"),
        (lambda u: 0.3 + 0.4 * u, lambda p: 0.5 + 2.5 * (p - 0.5), "too shy"),
        (lambda u: 0.0004 + 0.0012 * u, lambda p: 6 * p, "more came true than they said"),
    ],
)
def test_what_is_wrong_is_found_and_said(scores, truth, why) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    p = scores(rng.random(20_000))
    found = look_at(of(p, truth(p), rng), RULE)
    assert found.bar is Bar.ABOVE
    assert why in found.reason


def test_what_is_tolerated_raises_nothing_and_what_is_true_is_calm() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0.1, 0.5, 20_000)
    assert look_at(of(p, p, rng), RULE).bar is Bar.BELOW
    within = of(p, 1.09 * p, rng)
    assert look_at(within, RULE).bar is Bar.BETWEEN
    assert look_at(within, Rule(level=1e-4, tolerance=Tolerance(calibration=0.02))).bar is Bar.ABOVE


@pytest.mark.parametrize("prevalence", [0.001, 0.02, 0.5])
def test_the_bound_is_above_the_true_error_no_more_often_than_the_level_says(prevalence: float) -> None:
    """At a level of 0.1, which Bernstein's inequality is far from spending; the true error is that of the p drawn."""
    rng, level, over = np.random.default_rng(3), 0.1, 0
    for _ in range(400):
        p = np.clip(rng.gamma(2, prevalence / 2, 2_000), 0, 1)
        truth = np.clip(p * rng.choice([0.7, 1.0, 1.3]), 0, 1)
        apart = abs(truth - p).sum() / min(p.sum(), (1 - p).sum())
        found = look_at(of(p, truth, rng), Rule(level=level, tolerance=Tolerance(calibration=apart)))
        over += found.bar is Bar.ABOVE
    assert over <= 400 * level


def test_rare_scores_too_bold_are_found_within_one_bin() -> None:
    rng = np.random.default_rng(4)
    p = rng.choice([0.005, 0.045], 20_000)
    found = look_at(of(p, np.full(20_000, 0.025), rng), RULE)
    assert (found.bar, "too bold" in found.reason) == (Bar.ABOVE, True)


@pytest.mark.parametrize("prevalence", [0.001, 0.01, 0.2])
@pytest.mark.parametrize("outcomes", [2_000, 20_000])
def test_scores_that_are_true_again_end_an_alarm(prevalence: float, outcomes: int) -> None:
    rng = np.random.default_rng(5)
    runs = [rng.uniform(0.5, 1.5, outcomes) * prevalence for _ in range(60)]
    assert np.mean([look_at(of(p, p, rng), RULE).bar is Bar.BELOW for p in runs]) > 0.9


@pytest.mark.parametrize("foretold", [0.5, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("level", [1e-3, 1e-6, 1e-9])
def test_no_count_of_rare_events_is_over_the_bound_that_chance_reaches_oftener(foretold: float, level: float) -> None:
    """By Poisson's exact tail, which a normal bound ignores."""
    count = next(count for count in range(1, 500) if surely(count - foretold, foretold, level) > 0)
    assert stats.poisson.sf(count - 1, foretold) <= level / 6
    normal = foretold + stats.norm.isf(level / 12) * foretold**0.5
    assert count > normal


def test_a_bound_is_never_below_nothing_and_grows_with_the_sum() -> None:
    bounds = [surely(away, 100.0, 1e-6) for away in (0.0, 50.0, 200.0, 400.0)]
    assert bounds[0] == bounds[1] == 0.0
    assert 0 < bounds[2] < bounds[3] < 400
