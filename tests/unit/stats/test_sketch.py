import numpy as np
import pytest

from gnomon.stats import Binner, NotEnoughSamples, Profile, Sketch


@pytest.fixture(scope="module")
def profile():
    rng = np.random.default_rng(0)
    return Profile.fit(rng.normal(size=(5_000, 3)), tensor="x").extended(
        Profile.fit(rng.uniform(size=5_000), ["score"], "y", score=True)
    )


@pytest.fixture(scope="module")
def binner(profile):
    return Binner(profile)


def rows(seed, n=400, columns=4):
    return np.random.default_rng(seed).normal(size=(n, columns)).astype(np.float32)


def sketch_of(profile, binner, *batches):
    sketch = Sketch(profile, binner)
    for batch in batches:
        sketch.update(batch)
    return sketch


def test_inputs_and_scores_fed_apart_count_as_fed_together(profile, binner):
    apart = Sketch(profile, binner)
    apart.update_inputs(rows(1)[:, :3])
    apart.update_scores(rows(1)[:, 3:])
    assert np.array_equal(apart.counts, sketch_of(profile, binner, rows(1)).counts)
    assert apart.rows == 400


def test_merging_equals_counting_everything_in_one(profile, binner):
    left, right = sketch_of(profile, binner, rows(1)), sketch_of(profile, binner, rows(2), rows(3))
    left.merge(right)
    assert np.array_equal(left.counts, sketch_of(profile, binner, rows(3), rows(1), rows(2)).counts)


def test_64_shards_in_any_order_are_one_pass_bit_for_bit():
    rng = np.random.default_rng(7)
    size = 6_400
    table = {
        "float32": rng.lognormal(size=size).astype(np.float32),
        "float64": rng.normal(size=size),
        "int64": rng.integers(0, 2**60, size),
        "name": rng.choice(["a", "b", "c"], size),
        "id": rng.zipf(1.5, size).clip(1, 9_999),
    }
    profile = Profile.fit(table, categorical=["id"])
    whole, merged, binner = Sketch(profile), Sketch(profile), Binner(profile)
    whole.update(table)
    shards = np.array_split(rng.permutation(size), 64)
    for shard in rng.permutation(64):
        part = Sketch(profile, binner)
        part.update({name: values[shards[shard]] for name, values in table.items()})
        merged.merge(part)
    assert merged.to_bytes() == whole.to_bytes()
    assert np.array_equal(whole.counts, profile.counts())


def test_arrays_of_other_numbers_are_cast_and_labels_are_not(profile, binner):
    doubles = np.random.default_rng(1).normal(size=(400, 4))
    assert np.array_equal(sketch_of(profile, binner, doubles).counts, sketch_of(profile, binner, rows(1)).counts)
    table = {f"x[{place}]": doubles[:, place] for place in range(3)} | {"score": doubles[:, 3], "more": ["x"] * 400}
    assert np.array_equal(sketch_of(profile, binner, table).counts, sketch_of(profile, binner, rows(1)).counts)
    with pytest.raises(ValueError, match="numeric"):
        Sketch(profile, binner).update(np.array([["a"] * 4]))
    with pytest.raises(ValueError, match=r"no column 'x\[1\]'"):
        Sketch(profile, binner).update({"x[0]": [1.0]})


def test_merging_refuses_other_bins(profile, binner):
    other = Profile.fit(rows(9))
    with pytest.raises(ValueError, match="cannot be merged"):
        Sketch(profile, binner).merge(Sketch(other))
    with pytest.raises(ValueError, match="other bins"):
        Sketch(other, binner)


def test_bytes_and_counts_give_back_the_sketch(profile, binner):
    sketch = sketch_of(profile, binner, rows(1))
    assert np.array_equal(Sketch.from_bytes(profile, sketch.to_bytes(), binner).counts, sketch.counts)
    assert np.array_equal(Sketch.from_counts(profile, sketch.snapshot(), binner).counts, sketch.counts)
    assert len(sketch.to_bytes()) == 8 * profile.slots


def test_bytes_of_another_length_and_negative_counts_are_refused(profile, binner):
    with pytest.raises(ValueError, match="got 3"):
        Sketch.from_bytes(profile, b"abc", binner)
    with pytest.raises(ValueError, match="got -1"):
        Sketch.from_counts(profile, np.full(profile.slots, -1), binner)


def test_counts_cannot_be_written_from_outside_and_a_snapshot_does_not_move(profile, binner):
    sketch = sketch_of(profile, binner, rows(1))
    before = sketch.snapshot()
    with pytest.raises(ValueError, match="read-only"):
        sketch.counts[0] = 1
    sketch.reset()
    assert sketch.rows == 0
    assert before.sum() == 1_600


def test_psi_and_ks_tell_the_drifted_monitor_from_the_others(profile, binner):
    shifted = rows(1, n=2_000) + np.array([0, 2, 0, 0], np.float32)
    shifted[:, 3] = np.random.default_rng(2).uniform(size=2_000)
    sketch = sketch_of(profile, binner, shifted)
    psi, ks = sketch.psi(), sketch.ks()
    assert [name for name, result in psi.items() if result.lower > 0.1] == ["x[1]"]
    assert [name for name, result in ks.items() if result.p_value < 1e-4] == ["x[1]"]


def test_psi_and_ks_of_too_few_rows_are_refused(profile, binner):
    sketch = sketch_of(profile, binner, rows(1, n=10))
    with pytest.raises(NotEnoughSamples) as caught:
        sketch.psi()
    assert str(caught.value) == "10 values of 'x[0]', at least 50 needed"
    with pytest.raises(NotEnoughSamples):
        sketch.ks()


def test_no_rows_are_counted_as_none(profile, binner):
    assert sketch_of(profile, binner, rows(1, n=0)).rows == 0
