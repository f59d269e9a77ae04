import numpy as np
import pandas
import pytest

from gnomon.profile.v1 import profile_pb2
from gnomon.stats.confidence import confidence
from gnomon.stats.profile import Monitor, Profile
from gnomon.stats.sketch import Sketch


def table(rows=1_000, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_fit_makes_a_monitor_a_column_and_counts_every_row():
    profile = Profile.fit(table(), names=["a", "b", "c"], tensor="features", data_sha256="ab")
    assert [monitor.name for monitor in profile.monitors] == ["a", "b", "c"]
    assert [monitor.column for monitor in profile.monitors] == [0, 1, 2]
    assert {monitor.tensor for monitor in profile.monitors} == {"features"}
    assert (profile.rows, profile.data_sha256) == (1_000, "ab")
    assert profile.counts().sum() == 3_000
    assert profile.slots == sum(len(monitor.edges) + 2 for monitor in profile.monitors)


def test_fit_takes_names_from_a_frame():
    profile = Profile.fit(pandas.DataFrame({"distance": [1.0, 2.0, None], "hour": [1, 2, 3]}))
    assert [monitor.name for monitor in profile.monitors] == ["distance", "hour"]
    assert profile.monitors[0].counts[-1] == 1


def test_fit_names_columns_without_names_by_tensor_and_position():
    assert [monitor.name for monitor in Profile.fit(table(columns=2), tensor="x").monitors] == ["x[0]", "x[1]"]


def test_a_vector_is_one_column():
    assert len(Profile.fit(np.arange(5), tensor="score", score=True).monitors) == 1


def test_a_column_without_any_value_has_one_empty_bin_and_the_rest_in_the_nan_slot():
    (monitor,) = Profile.fit(np.full((7, 1), np.nan)).monitors
    assert monitor.counts.tolist() == [0, 7]
    assert monitor.slots == 2


def test_bytes_give_back_an_equal_profile():
    values = np.column_stack([table(columns=1), np.full(1_000, np.nan), np.r_[np.full(999, 3), np.inf]])
    profile = Profile.fit(values, tensor="x", data_sha256="cd").extended(
        Profile.fit(table(columns=1), ["p"], "y", True)
    )
    again = Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    assert again.same_bins(profile)
    assert again.data_sha256 == "cd"
    for mine, theirs in zip(profile.monitors, again.monitors, strict=True):
        assert np.array_equal(mine.counts, theirs.counts)
        assert np.array_equal(mine.singleton, theirs.singleton)
        assert (mine.name, mine.tensor, mine.column, mine.is_score) == (
            theirs.name,
            theirs.tensor,
            theirs.column,
            theirs.is_score,
        )


def test_bytes_give_back_every_kind_of_monitor():
    columns = {
        "float32": np.array([0.1, 2, np.nan], np.float32),
        "float64": [0.1, 5e-324, 1e300],
        "int64": [2**62 + 1, -(2**63), 0],
        "text": ["é", None, "b"],
        "flag": [True, True, False],
        "number": [7, 7, -(2**60)],
        "binary": [b"\xff", b"", b""],
        "real": np.array([1.5, 2.0, 1e300]),
    }
    profile = Profile.fit(columns, categorical=["number", "real"])
    again = Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    assert again.same_bins(profile)
    for mine, theirs in zip(profile.monitors, again.monitors, strict=True):
        assert (mine.kind, mine.categories, mine.edges.dtype) == (theirs.kind, theirs.categories, theirs.edges.dtype)
        assert np.array_equal(mine.edges, theirs.edges)
    assert again.monitors[3].categories.values == ("b", "é")
    assert again.monitors[4].categories.values == (True, False)
    assert again.monitors[7].categories.values == (1.5, 1e300, 2)


def test_what_was_stored_before_there_were_kinds_is_read_as_float32():
    old = profile_pb2.Profile(rows=3)
    old.monitors.add(name="a", tensor="x", edges=[1, 2], counts=[1, 1, 0, 1], singleton=[False] * 3)
    (monitor,) = Profile.from_bytes(old.SerializeToString()).monitors
    assert (monitor.kind, monitor.edges.tolist(), monitor.slots) == ("float32", [1, 2], 4)
    assert (monitor.below, monitor.above) == (slice(0, 0), slice(2, 3))


def test_what_a_later_version_stores_is_refused_by_name():
    later = profile_pb2.Profile(rows=0)
    later.monitors.add(name="a", kind="decimal", counts=[0, 0], singleton=[False])
    with pytest.raises(ValueError, match="'a' is of kind 'decimal'"):
        Profile.from_bytes(later.SerializeToString())


def test_arrays_are_float32_unless_said_and_tables_keep_their_types():
    data = np.array([[2**40, 2**40 + 1]]).T
    assert Profile.fit(data).monitors[0].kind == "float32"
    assert Profile.fit(data, dtype="int64").monitors[0].counts.tolist() == [0, 1, 1, 0, 0]
    assert Profile.fit({"a": data[:, 0]}).monitors[0].kind == "int64"
    assert Profile.fit({"a": data[:, 0]}, dtype="float32").monitors[0].kind == "float32"
    with pytest.raises(ValueError, match="not as 'int8'"):
        Profile.fit(data, dtype="int8")


def test_columns_of_a_table_are_chosen_by_name():
    profile = Profile.fit({"a": [1.0], "b": [2.0], "c": ["x"]}, ["c", "a"])
    assert [(monitor.name, monitor.column) for monitor in profile.monitors] == [("c", 0), ("a", 1)]


def test_a_reference_too_large_to_fit_at_once_is_recounted():
    data = table(rows=20_000)
    sample, sketch = Profile.fit(data[::10]), Sketch(Profile.fit(data[::10]))
    sketch.update(data)
    whole = sample.recounted(sketch.counts)
    assert whole.rows == 20_000
    assert whole.same_bins(sample)
    assert np.array_equal(whole.counts(), sketch.counts)


def test_extended_puts_scores_after_inputs():
    inputs, scores = Profile.fit(table(), tensor="x"), Profile.fit(table(columns=1), tensor="y", score=True)
    both = inputs.extended(scores)
    assert (both.inputs, both.scores) == (slice(0, 3), slice(3, 4))
    with pytest.raises(ValueError, match="scores must follow inputs"):
        scores.extended(inputs)


def test_extended_refuses_other_rows_and_repeated_names():
    with pytest.raises(ValueError, match="got 1000 and 10"):
        Profile.fit(table()).extended(Profile.fit(table(rows=10)))
    with pytest.raises(ValueError, match="twice"):
        Profile.fit(table()).extended(Profile.fit(table()))


@pytest.mark.parametrize(
    ("data", "names", "message"),
    [
        (np.empty((0, 3)), None, "got 0"),
        (np.ones((3, 2)), ["only one"], "got 1"),
        (np.ones((3, 2, 2)), None, "shape"),
        (np.array([["a"], ["b"]]), None, "numeric"),
        (np.array([[object()]]), None, "numeric"),
    ],
)
def test_fit_refuses_what_it_cannot_bin(data, names, message):
    with pytest.raises(ValueError, match=message):
        Profile.fit(data, names)


def test_float64_beyond_float32_counts_as_infinite():
    (monitor,) = Profile.fit(np.array([[1e300], [0.0]])).monitors
    assert monitor.counts.sum() == 2


def test_a_monitor_refuses_arrays_that_do_not_fit():
    good = {"name": "a", "tensor": "", "column": 0, "is_score": False}
    with pytest.raises(ValueError, match="ascend"):
        Monitor(**good, edges=[2, 1], counts=[0] * 4, singleton=[False] * 3)
    with pytest.raises(ValueError, match="need 4 counts"):
        Monitor(**good, edges=[1, 2], counts=[0] * 3, singleton=[False] * 3)
    with pytest.raises(ValueError, match="negative count -1"):
        Monitor(**good, edges=[1], counts=[0, -1, 0], singleton=[False] * 2)


def test_arrays_of_a_monitor_are_read_only():
    (monitor,) = Profile.fit(np.arange(5)).monitors
    with pytest.raises(ValueError, match="read-only"):
        monitor.counts[0] = 1


def test_bytes_that_are_no_profile_are_refused():
    with pytest.raises(ValueError, match="not a gnomon"):
        Profile.from_bytes(b"\xff\xff\xff")


def test_split_refuses_counts_of_another_length():
    with pytest.raises(ValueError, match="slots"):
        Profile.fit(table()).split(np.zeros(3, np.int64))


def test_confidence_is_of_all_classes_and_of_one_alone():
    probabilities = np.random.default_rng(2).dirichlet([1, 1, 1], 3_000).astype(np.float32)
    profile = Profile.fit_confidence(probabilities, tensor="probabilities", data_sha256="d")
    (monitor,) = profile.monitors
    assert (monitor.name, monitor.tensor, monitor.is_score, monitor.derived) == (
        "confidence", "probabilities", True, "confidence"
    )  # fmt: skip
    largest = Monitor.fit(probabilities.max(axis=1), name="x", tensor="", column=0, is_score=True)
    assert monitor.edges.tolist() == largest.edges.tolist()
    assert Profile.from_bytes(profile.to_bytes()).to_bytes() == profile.to_bytes()
    assert Profile.from_bytes(profile.to_bytes()).monitors[0].derived == "confidence"
    one = confidence(np.array([[0.2], [0.9], [np.nan]]))
    assert one[:2].tolist() == [0.8, 0.9]
    assert np.isnan(one[2])


def test_what_is_made_in_a_way_that_is_not_known_is_refused():
    profile = Profile.fit_confidence(np.eye(3), tensor="y")
    with pytest.raises(ValueError, match="monitor 'confidence' is derived as 'confidencf', which this version"):
        Profile.from_bytes(profile.to_bytes()[:-1] + b"f")
