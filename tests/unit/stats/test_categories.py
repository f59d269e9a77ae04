"""Categories: each common value counts by itself, and what is rare, new or missing is told apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.stats import Profile, Sketch
from gnomon.stats.categories import MOST, Categories
from gnomon.stats.columns import column
from gnomon.stats.encoder import Encoder
from gnomon.stats.monitor import Monitor

LABELS = st.text(max_size=2) | st.none()
WHOLE = st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)


def fitted(values, categorical=("x",)):
    return Profile.fit({"x": values}, categorical=categorical).monitors[0]


def counted(monitor, values):
    """Counts by name, what is zero left out."""
    counts = Encoder(monitor.categories).count(column(values, "x")).tolist()
    names = [*monitor.categories.values, "<other>", "<unseen>", "<missing>"]
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def test_values_have_slots_of_their_own_and_the_rest_is_told_apart():
    monitor = fitted(["a"] * 5 + ["b"] * 3 + [None] * 2, ())
    assert monitor.kind == "categorical"
    assert monitor.categories.values == ("a", "b")
    assert monitor.counts.tolist() == [5, 3, 0, 0, 2]
    assert counted(monitor, ["b", "c", None, "a", "a"]) == {"a": 2, "b": 1, "<unseen>": 1, "<missing>": 1}


def test_beyond_the_commonest_values_others_are_known_and_strangers_are_unseen():
    values = [*np.repeat(np.arange(MOST), 3), *range(1_000, 1_050)]
    monitor = fitted(values)
    assert (len(monitor.categories.values), len(monitor.categories.others)) == (MOST, 50)
    assert monitor.categories.once == 50
    assert monitor.counts.tolist() == [3] * MOST + [50, 0, 0]
    assert counted(monitor, [1_001, 0, -7]) == {0: 1, "<other>": 1, "<unseen>": 1}


def test_a_column_of_ids_has_nothing_unseen():
    monitor = fitted(np.arange(10_000))
    assert monitor.categories.open
    assert monitor.categories.others == ()
    assert counted(monitor, [5_000, 10**9]) == {"<other>": 2}


def test_truth_values_numbers_and_floats_meet():
    flags = fitted([True, True, False])
    assert counted(flags, np.array([True, False])) == {True: 1, False: 1}
    assert counted(flags, np.array([1, 0, 2])) == {True: 1, False: 1, "<unseen>": 1}
    numbers = fitted(np.array([3, 3, 2**53 + 1]))
    assert counted(numbers, np.array([3.0, 3.5, np.nan, np.inf, -1e300])) == {3: 1, "<unseen>": 3, "<missing>": 1}
    assert counted(numbers, np.array([2**53 + 1, 2**53])) == {2**53 + 1: 1, "<unseen>": 1}


@settings(max_examples=80, deadline=None)
@given(reference=st.lists(LABELS, min_size=1, max_size=60), window=st.lists(LABELS, max_size=60))
def test_labels_count_as_a_dictionary_counts_them(reference, window):
    monitor = fitted(reference, ())
    assert monitor.counts.sum() == len(reference)
    known = [value for value in window if value in monitor.categories.values]
    expected = {value: known.count(value) for value in known}
    new = sum(value is not None and value not in reference for value in window)
    expected |= {"<unseen>": new} if new else {}
    expected |= {"<missing>": window.count(None)} if None in window else {}
    assert counted(monitor, np.array(window, object)) == expected


@settings(max_examples=80, deadline=None)
@given(reference=st.lists(WHOLE, min_size=1, max_size=400), window=st.lists(WHOLE, max_size=60))
def test_whole_numbers_count_as_a_set_knows_them(reference, window):
    monitor = fitted(np.array(reference, np.int64))
    counts = counted(monitor, np.array(window, np.int64))
    assert counts.get("<unseen>", 0) == sum(value not in set(reference) for value in window)
    assert sum(counts.values()) == len(window)
    assert counts == counted(monitor, np.array(window, object))
    assert counted(monitor, np.array(reference, np.int64)) == counted(monitor, np.array(reference, object))


def test_order_of_rows_does_not_change_the_profile():
    values = ["b", "a", "c", "a", "b"]
    assert Profile.fit({"x": values}).to_bytes() == Profile.fit({"x": values[::-1]}).to_bytes()


def test_bad_categories_are_refused():
    with pytest.raises(ValueError, match="'a' is there twice"):
        Categories(values=("a",), others=("a",))
    with pytest.raises(ValueError, match="'y' to be categorical"):
        Profile.fit({"x": [1]}, categorical=["y"])
    good = fitted(["a", "b"], ())
    fields = {"name": "x", "tensor": "", "column": 0, "is_score": False, "edges": [], "counts": [0] * 5}
    with pytest.raises(ValueError, match="kind 'float32' with categories"):
        Monitor(**fields, singleton=[True] * 4, categories=good.categories)
    with pytest.raises(ValueError, match="kind 'text'"):
        Monitor(**fields, singleton=[True] * 4, kind="text")


def test_labels_for_a_monitor_of_numbers_are_refused():
    sketch = Sketch(Profile.fit({"x": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="'x' is of numbers, got labels"):
        sketch.update({"x": ["a"]})
    with pytest.raises(ValueError, match="no monitor 'y'"):
        sketch.update_columns({"y": column([1.0], "y")})
