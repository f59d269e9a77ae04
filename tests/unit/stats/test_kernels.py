"""The compiled kernel counts exactly as numpy does, whatever the values and whichever table the edges led to."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gnomon.stats import bins, kernels, tables
from gnomon.stats.binner import Binner
from gnomon.stats.profile import Monitor, Profile

TINY = np.float32(1e-45)
AWKWARD = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, TINY, -TINY, 1e-40, -1e-40, 3.4028235e38, -3.4028235e38]
LIMITS = np.iinfo(np.int64)
AWKWARD_WHOLE = np.array([LIMITS.min, LIMITS.min + 1, -1, 0, 1, 1 << 24, (1 << 53) + 1, LIMITS.max - 1, LIMITS.max])
FLOATS = st.floats(width=32, allow_nan=False, allow_subnormal=True)


def profile_of(*columns, kind="float32"):
    monitors = [
        Monitor(
            name=str(index),
            tensor="",
            column=index,
            is_score=False,
            edges=edges,
            counts=np.zeros(len(edges) + 2, np.int64),
            singleton=bins.singletons(np.asarray(edges, kind)),
            kind=kind,
        )
        for index, edges in enumerate(columns)
    ]
    return Profile(monitors=tuple(monitors), rows=0)


def around(edges):
    """Values at the edges, the next one to each side, and everything awkward."""
    if edges.dtype.kind == "i":
        return np.concatenate([edges, edges + (edges < LIMITS.max), edges - (edges > LIMITS.min), AWKWARD_WHOLE])
    up, down = (edges.dtype.type(sign * np.inf) for sign in (1, -1))
    with np.errstate(over="ignore"):
        awkward = np.array(AWKWARD, edges.dtype)
        return np.concatenate([edges, np.nextafter(edges, up), np.nextafter(edges, down), awkward])


def assert_counts_as_numpy(edges, values):
    profile = profile_of(edges, kind=edges.dtype.name)
    binner = Binner(profile)
    expected = bins.count(values, profile.monitors[0].edges).tolist()
    for block in (values[:, np.newaxis], np.asfortranarray(np.stack([values, values], axis=1))[:, :1]):
        counts = np.zeros(profile.slots, np.int64)
        binner.count(block, slice(None), counts)
        assert counts.tolist() == expected


@settings(max_examples=150, deadline=None)
@given(
    edges=hnp.arrays(np.float32, st.integers(0, 60), elements=FLOATS | st.sampled_from([0.0, TINY, -TINY, 1.0])),
    values=hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32) | st.sampled_from(AWKWARD)),
)
def test_counts_equal_numpy_for_any_edges_and_values(edges, values):
    edges = np.unique(edges + np.float32(0))
    assert_counts_as_numpy(edges, np.concatenate([values, around(edges)]))


DOUBLES = st.floats(allow_nan=False) | st.sampled_from([0.0, 5e-324, -5e-324, 1.0, 1 + 2**-52])


@settings(max_examples=100, deadline=None)
@given(
    edges=hnp.arrays(np.float64, st.integers(0, 60), elements=DOUBLES),
    values=hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats() | st.sampled_from(AWKWARD)),
)
def test_float64_counts_equal_numpy_for_any_edges_and_values(edges, values):
    edges = np.unique(edges + 0.0)
    assert_counts_as_numpy(edges, np.concatenate([values, around(edges)]))


INTEGERS = st.integers(LIMITS.min, LIMITS.max) | st.integers(-100, 100) | st.sampled_from(AWKWARD_WHOLE.tolist())


@settings(max_examples=100, deadline=None)
@given(
    edges=hnp.arrays(np.int64, st.integers(0, 60), elements=INTEGERS),
    values=hnp.arrays(np.int64, st.integers(0, 40), elements=INTEGERS),
)
def test_int64_counts_equal_numpy_for_any_edges_and_values(edges, values):
    edges = np.unique(edges)
    assert_counts_as_numpy(edges, np.concatenate([values, around(edges)]))


@settings(max_examples=60, deadline=None)
@given(
    edges=hnp.arrays(np.int64, st.integers(0, 30), elements=INTEGERS),
    values=hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats() | st.floats(-100, 100)),
)
def test_floats_reach_the_edges_of_whole_numbers_that_they_are_at_or_above(edges, values):
    edges = np.unique(edges[edges != LIMITS.min])
    profile = profile_of(edges, kind="int64")
    counts = np.zeros(profile.slots, np.int64)
    Binner(profile).count(values[:, np.newaxis], slice(None), counts)
    exact = [sum(int(edge) <= value for edge in edges) for value in values.tolist() if value == value]
    expected = np.bincount(np.array(exact, np.int64), minlength=profile.slots)
    expected[-1] = np.isnan(values).sum()
    assert counts.tolist() == expected.tolist()


UP = np.float32(np.inf)
SINGLE = np.nextafter(np.float32(2), UP)
STEP = np.nextafter(np.float32(7), UP)
TENTHS = np.arange(1, 10, dtype=np.float32) / np.float32(10)
SHAPES = {
    "evenly spread": (np.linspace(-3, 3, 239), kernels.AFFINE),
    "skewed": (np.geomspace(1e-9, 1e9, 239), kernels.BITS),
    "skewed on both sides of zero": (
        np.r_[-np.geomspace(1e9, 1e-9, 100), 0, np.geomspace(1e-9, 1e9, 100)],
        kernels.BITS,
    ),
    "atoms at integers": (np.r_[2, SINGLE, 7, STEP], kernels.BITS),
    "atoms at tenths": (np.sort(np.r_[TENTHS, np.nextafter(TENTHS, UP)]), kernels.AFFINE_PAIR),
    "atoms far apart": (
        np.sort(np.r_[10.0 ** np.arange(-9, 9), np.nextafter(np.float32(10.0 ** np.arange(-9, 9)), UP)]),
        kernels.BITS_PAIR,
    ),
    "neighbours in float32 beside an outlier": (np.r_[np.arange(1, 9) * float(TINY), 1e30], kernels.SEARCH),
    "infinite edges": ([-1, 0, np.inf], kernels.BITS),
    "the whole range": ([-3.4028235e38, 0, 3.4028235e38], kernels.BITS),
    "one edge": ([4], kernels.AFFINE),
    "zero octaves from the rest": (np.r_[0, TINY, np.geomspace(1, 1e6, 200)], kernels.BITS),
    "none": ([], kernels.SEARCH),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_table_counts_as_numpy(shape):
    edges, mode = SHAPES[shape]
    edges = np.asarray(edges, np.float32)
    assert tables.build(edges).mode == mode
    assert_counts_as_numpy(edges, np.tile(around(edges), 3))


INTEGER_SHAPES = {
    "evenly spread": (np.arange(-1_000, 1_000, 10), kernels.AFFINE),
    "skewed, with a zero": (np.r_[0, np.geomspace(1, 1e15, 200).astype(np.int64)], kernels.LOG),
    "neighbours that float64 cannot tell apart": (2**62 + np.arange(40), kernels.BITS),
    "the ends": (np.r_[LIMITS.min + 1, 0, LIMITS.max], kernels.AFFINE),
    "neighbours at both ends": (np.r_[LIMITS.min + np.arange(1, 9), LIMITS.max - np.arange(9)[::-1]], kernels.SEARCH),
}


@pytest.mark.parametrize("shape", INTEGER_SHAPES)
def test_each_table_of_whole_numbers_counts_as_numpy(shape):
    edges, mode = INTEGER_SHAPES[shape]
    edges = np.unique(edges)
    assert tables.build(edges).mode == mode
    assert_counts_as_numpy(edges, np.tile(around(edges), 3))


def test_a_block_of_many_columns_and_rows_counts_as_numpy():
    rng = np.random.default_rng(4)
    columns = [rng.normal(size=1_000), rng.lognormal(0, 1.5, 1_000), rng.integers(0, 12, 1_000), np.full(1_000, np.nan)]
    data = np.column_stack(columns).astype(np.float32)
    data[::7] = np.nan
    profile = Profile.fit(data)
    counts = np.zeros(profile.slots, np.int64)
    Binner(profile).count(data, slice(None), counts)
    assert np.array_equal(counts, profile.counts())


@pytest.mark.parametrize("prepare", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2], lambda x: x.copy()])
def test_any_memory_layout_and_read_only_data_are_counted(prepare):
    data = np.random.default_rng(5).normal(size=(300, 3)).astype(np.float32)
    profile = Profile.fit(data)
    batch = prepare(data)
    batch.flags.writeable = False
    counts = np.zeros(profile.slots, np.int64)
    Binner(profile).count(batch, slice(None), counts)
    assert np.array_equal(counts, profile.counts())


@pytest.mark.parametrize(
    ("batch", "monitors", "message"),
    [
        (np.zeros((1, 3)), slice(None), "float32, got float64"),
        (np.zeros((1, 2), np.float32), slice(None), r"\(rows, 3\), got \(1, 2\)"),
        (np.zeros(3, np.float32), slice(None), r"got \(3,\)"),
        (np.zeros((1, 2), np.float32), slice(0, 3, 2), "neighbours"),
        (np.zeros((1, 3), np.float32), slice(1, 3), r"\(rows, 2\)"),
    ],
)
def test_a_batch_of_the_wrong_kind_is_refused(batch, monitors, message):
    profile = Profile.fit(np.random.default_rng(6).normal(size=(100, 3)))
    with pytest.raises(ValueError, match=message):
        Binner(profile).count(batch, monitors, np.zeros(profile.slots, np.int64))


def test_counts_of_another_length_are_refused():
    profile = Profile.fit(np.arange(100))
    with pytest.raises(ValueError, match=r"slots.*got \(3,\)"):
        Binner(profile).count(np.zeros((1, 1), np.float32), slice(None), np.zeros(3, np.int64))


def test_more_edges_than_16_bits_count_are_refused():
    with pytest.raises(ValueError, match="65535"):
        tables.build(np.arange(65_535, dtype=np.float32))


def test_counting_works_where_no_cache_can_be_written(tmp_path):
    nowhere = tmp_path / "a file, not a folder"
    nowhere.touch()
    program = """
        import numpy as np
        from gnomon.stats import Profile, Sketch
        data = np.arange(1000, dtype=np.float32).reshape(-1, 2)
        profile = Profile.fit(data)
        sketch = Sketch(profile)
        sketch.update(data)
        assert np.array_equal(sketch.counts, profile.counts())
    """
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(nowhere / "cache"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], env=environment, check=True, timeout=60
    )


def test_blocks_of_either_layout_and_every_kind_count_as_numpy():
    rng = np.random.default_rng(8)
    for kind in ("float32", "float64", "int64"):
        data = (rng.normal(size=(1_500, 4)) * 1000).astype(kind)
        profile = Profile.fit(data, dtype=kind)
        assert {monitor.kind for monitor in profile.monitors} == {kind}
        binner = Binner(profile)
        for block in (data, np.asfortranarray(data), np.repeat(data, 2, axis=1)[:, ::2]):
            counts = np.zeros(profile.slots, np.int64)
            binner.count(block, slice(None), counts)
            assert np.array_equal(counts, profile.counts())


def test_a_float32_block_is_cast_for_monitors_of_other_kinds():
    data = np.arange(40, dtype=np.float32).reshape(-1, 4)
    mixed = {"a": data[:, 0], "b": data[:, 1].astype(np.float64), "c": data[:, 2].astype(np.int64), "d": data[:, 3]}
    profile = Profile.fit(mixed, categorical=["d"])
    assert [monitor.kind for monitor in profile.monitors] == ["float32", "float64", "int64", "categorical"]
    counts = np.zeros(profile.slots, np.int64)
    Binner(profile).count(data, slice(None), counts)
    assert np.array_equal(counts, profile.counts())
