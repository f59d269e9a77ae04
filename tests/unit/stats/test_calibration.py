"""Scores that come true as often as they say, and scores that do not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.stats.calibration import BINS, Reliability


def of(scores, labels):
    made = Reliability()
    made.update(scores, labels)
    return made


def test_perfect_calibration_is_rejected_as_often_as_it_should_be():
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(2_000):
        scores = rng.beta(2, 5, 400)
        p_values.append(of(scores, rng.random(400) < scores).calibration().p_value)
    assert np.mean(np.array(p_values) < 0.05) < 0.06
    assert np.mean(np.array(p_values) < 0.01) < 0.015


@pytest.mark.parametrize(
    ("truth", "error"),
    [(lambda p: p + 0.08, 0.08), (lambda p: 0.5 + 0.6 * (p - 0.5), 0.1), (lambda p: 0.5 + 1.5 * (p - 0.5), 0.1)],
    ids=["too low", "too bold", "too shy"],
)
def test_scores_that_are_off_are_found(truth, error):
    rng = np.random.default_rng(2)
    scores = rng.uniform(0.2, 0.8, 4_000) if error == 0.1 else rng.uniform(0, 0.9, 4_000)
    found = of(scores, rng.random(4_000) < truth(scores)).calibration()
    assert found.p_value < 1e-6
    assert error / 2 < found.error < 1.5 * error


def test_what_is_told_is_what_numpy_says():
    rng = np.random.default_rng(3)
    scores, labels = rng.random(1_000), rng.integers(0, 2, 1_000)
    found = of(scores, labels).calibration()
    assert (found.outcomes, sum(each.outcomes for each in found.bins)) == (1_000, 1_000)
    assert found.mean_score == pytest.approx(scores.mean())
    assert found.share == pytest.approx(labels.mean())
    assert found.brier == pytest.approx(((labels - scores) ** 2).mean())
    third = (scores >= 0.1) & (scores < 0.15)
    assert (found.bins[2].low, found.bins[2].high, found.bins[2].outcomes) == (0.1, 0.15, third.sum())
    assert found.bins[2].mean_score == pytest.approx(scores[third].mean())
    assert found.bins[2].share == pytest.approx(labels[third].mean())
    weights = [each.outcomes / 1_000 for each in found.bins]
    gaps = [abs(each.mean_score - each.share) for each in found.bins]
    assert found.error == pytest.approx(np.dot(weights, gaps))


@settings(max_examples=50)
@given(outcomes=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), cut=st.integers(0, 60))
def test_parts_add_up_to_the_whole(outcomes, cut):
    scores, labels = (np.array(each) for each in zip(*outcomes, strict=True))
    whole, part = of(scores, labels), of(scores[:cut], labels[:cut])
    part.merge(of(scores[cut:], labels[cut:]))
    np.testing.assert_allclose(part.sums, whole.sums, atol=1e-9)
    assert whole.sums.shape[1] == BINS


def test_few_outcomes_and_none_have_no_p_value():
    assert math.isnan(of(np.full(49, 0.5), np.ones(49)).calibration().p_value)
    nothing = Reliability().calibration()
    assert (nothing.outcomes, nothing.bins) == (0, ())
    assert math.isnan(nothing.error)


def test_certain_scores_that_are_wrong_once_are_wrong():
    assert of(np.ones(60), np.ones(60)).calibration().p_value == 1.0
    assert of(np.ones(60), [0] + [1] * 59).calibration().p_value == 0.0


@pytest.mark.parametrize(("scores", "labels"), [([0.5], [2]), ([1.5], [1]), ([0.5, 0.5], [1]), ([float("nan")], [1])])
def test_what_is_no_probability_or_no_label_is_refused(scores, labels):
    with pytest.raises(ValueError, match="expected"):
        of(scores, labels)
