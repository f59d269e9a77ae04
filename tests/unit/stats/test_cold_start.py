"""A model without a reference: a bounded uniform sample of its first traffic becomes one."""

import numpy as np
import pytest

from gnomon.stats import ColdStart, NotEnoughSamples, Profile, Sketch


def test_collect_fit_and_switch():
    rng = np.random.default_rng(0)
    start = ColdStart(rows=6_000, seed=1)
    for _ in range(40):
        start.update(rng.normal(size=(500, 2)))
    assert (start.seen, start.kept) == (20_000, 6_000)
    profile = start.fit(tensor="x")
    assert (profile.rows, [monitor.tensor for monitor in profile.monitors]) == (6_000, ["x", "x"])
    window = Sketch(profile)
    window.update(rng.normal([0, 1], size=(2_000, 2)))
    assert [verdict.alarmed for verdict in window.judge()] == [False, True]


def test_less_than_what_is_kept_is_kept_whole():
    data = np.random.default_rng(2).normal(size=(5_000, 2)).astype(np.float32)
    start = ColdStart()
    for part in np.split(data, 10):
        start.update(part)
    assert start.fit().to_bytes() == Profile.fit(data).to_bytes()


def test_too_few_rows_are_no_reference():
    start = ColdStart()
    start.update(np.zeros(4_999))
    with pytest.raises(NotEnoughSamples, match="4999 rows, at least 5000 needed"):
        start.fit()
    assert start.fit(least=100).rows == 4_999


def test_every_row_has_the_same_chance_in_one_stream_and_in_merged_ones():
    times_kept = np.zeros(100)
    for seed in range(400):
        one, other = ColdStart(rows=20, seed=seed), ColdStart(rows=20, seed=10_000 + seed)
        for first in range(0, 60, 12):
            one.update(np.arange(first, first + 12))
        other.update(np.arange(60, 100))
        one.merge(other)
        assert (one.seen, one.kept) == (100, 20)
        times_kept[one._columns["column[0]"].values.astype(int)] += 1
    assert times_kept.sum() == 8_000
    assert abs(times_kept - 80).max() < 4 * np.sqrt(80)  # 4 standard deviations of 100 rows
    halves = times_kept[:60].sum() / 60, times_kept[60:].sum() / 40
    assert halves[0] == pytest.approx(halves[1], rel=0.06)


def test_tables_with_labels_and_missing_numbers_are_kept_row_by_row():
    start = ColdStart(rows=50, seed=3)
    for first in range(0, 400, 40):
        numbers = range(first, first + 40)
        start.update({"name": [f"n{n}" if n % 3 else None for n in numbers], "number": list(numbers),
                      "gappy": [None if n % 2 else float(n) for n in numbers]})  # fmt: skip
    name, number, gappy = (start._columns[column] for column in ("name", "number", "gappy"))
    labels = [None if code < 0 else name.labels[code] for code in name.codes.tolist()]
    assert labels == [f"n{n}" if n % 3 else None for n in number.values.tolist()]
    assert len(name.labels) <= 50
    assert np.array_equal(np.isnan(gappy.values), number.values % 2 == 1)
    assert [monitor.kind for monitor in start.fit(least=1).monitors] == ["categorical", "int64", "float64"]


def test_other_columns_and_nothing_to_keep_are_refused():
    start = ColdStart(names=["a", "b"])
    start.update(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="2 columns wanted, got 3"):
        start.update(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="no column 'b'"):
        start.update({"a": [1.0]})
    other = ColdStart()
    other.update({"c": ["x"]})
    with pytest.raises(ValueError, match="were collected, got"):
        start.merge(other)
    with pytest.raises(ValueError, match="got 0"):
        ColdStart(rows=0)
    with pytest.raises(ValueError, match="labels in one batch"):
        start.update({"a": ["x"], "b": ["y"]})
