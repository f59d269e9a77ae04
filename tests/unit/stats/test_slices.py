"""References of slices: fewer bins, the right rows, and no reference that nobody can rely on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats import Profile, Sketch, look
from gnomon.stats.alarms import Bar, Tolerance
from gnomon.stats.looks import Rule
from gnomon.stats.monitor import Monitor
from gnomon.stats.slices import BINS, ROWS, VALUES, coarse

RANDOM = np.random.default_rng(5)
ROWS_ALL = 4_000
COUNTRIES = np.array(["de", "fr", "it"])[RANDOM.choice(3, ROWS_ALL, p=[0.6, 0.3, 0.1])]
TENANTS = RANDOM.choice([7.0, 8.0, 9.5], ROWS_ALL, p=[0.5, 0.4, 0.1])
AMOUNT = (RANDOM.normal(size=ROWS_ALL) + 3 * (COUNTRIES == "fr")).astype(np.float32)


def fitted() -> Profile:
    table = {"amount": AMOUNT, "country": COUNTRIES}
    return Profile.fit(table, tensor="x", by_slice={"country": COUNTRIES, "tenant": TENANTS})


@given(
    values=st.lists(st.floats(width=32) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=600),
    others=st.lists(st.floats(width=32), max_size=50),
)
def test_fewer_bins_count_what_the_bins_they_are_made_of_count(values: list[float], others: list[float]) -> None:
    monitor = Monitor.fit(np.array(values, np.float32), name="x", tensor="x", column=0, is_score=False)
    fewer = coarse(monitor)
    assert fewer.slots <= max(BINS, 2 * BINS) + 3
    assert set(fewer.edges.tolist()) <= set(monitor.edges.tolist())
    assert fewer.counts.sum() == monitor.counts.sum()
    assert (fewer.below, fewer.above.stop - fewer.above.start) == (
        monitor.below, monitor.above.stop - monitor.above.start
    )  # fmt: skip
    window = np.array([*values, *others], np.float32)
    both = [Profile(monitors=(each,), rows=len(values)) for each in (monitor, fewer)]
    counted = []
    for profile in both:
        sketch = Sketch(profile)
        sketch.update(window.reshape(-1, 1))
        counted.append(sketch.snapshot())
    place = np.searchsorted(fewer.edges, monitor.edges, side="right")
    merged = np.bincount(np.concatenate([[0], place]), counted[0][:-1], minlength=fewer.slots - 1).astype(np.int64)
    np.testing.assert_array_equal(merged, counted[1][:-1])
    assert counted[0][-1] == counted[1][-1]


def test_each_frequent_value_has_a_reference_of_its_own_rows() -> None:
    profile = fitted()
    rows = {each.name: each.rows for each in profile.slices}
    assert list(rows) == ["country=de", "country=fr", "tenant=7", "tenant=8"]  # of the others there are too few
    assert rows["country=fr"] == np.count_nonzero(COUNTRIES == "fr") >= ROWS
    french = profile.of_slice("country=fr")
    sketch = Sketch(profile.coarse())
    sketch.update({"amount": AMOUNT[COUNTRIES == "fr"], "country": COUNTRIES[COUNTRIES == "fr"]})
    np.testing.assert_array_equal(french.counts(), sketch.snapshot())
    assert french.same_bins(profile.coarse())
    with pytest.raises(KeyError):
        profile.of_slice("country=it")


def test_a_slice_is_like_itself_and_unlike_the_whole() -> None:
    profile = fitted()
    sketch = Sketch(profile.coarse())
    french = COUNTRIES == "fr"
    sketch.update({"amount": RANDOM.permutation(AMOUNT[french]), "country": COUNTRIES[french]})
    rule = Rule(level=1e-6, tolerance=Tolerance())
    bars = {
        name: [finding.bar for finding in look(reference, sketch.snapshot(), rule)]
        for name, reference in (("own", profile.of_slice("country=fr")), ("whole", profile.coarse()))
    }
    assert bars["own"] == [Bar.BELOW, Bar.BELOW]
    assert bars["whole"] == [Bar.ABOVE, Bar.ABOVE]


def test_what_was_written_is_read_again() -> None:
    profile = fitted()
    again = Profile.from_bytes(profile.to_bytes())
    assert [each.name for each in again.slices] == [each.name for each in profile.slices]
    assert again.to_bytes() == profile.to_bytes()


def test_slices_of_inputs_and_scores_are_joined() -> None:
    scores = Profile.fit(AMOUNT, names=["score"], tensor="y", score=True, by_slice={"country": COUNTRIES})
    inputs = Profile.fit(AMOUNT, names=["amount"], tensor="x", by_slice={"country": COUNTRIES})
    both = inputs.extended(scores)
    assert [each.name for each in both.slices] == ["country=de", "country=fr"]
    assert both.of_slice("country=fr").monitors[1].counts.sum() == np.count_nonzero(COUNTRIES == "fr")
    with pytest.raises(ValueError, match="same slices"):
        inputs.extended(Profile.fit(AMOUNT, names=["score"], tensor="y", score=True))


def test_some_monitors_keep_their_slices_and_hours() -> None:
    times = 3_600 * RANDOM.integers(0, 3, ROWS_ALL)
    table = np.stack([AMOUNT, -AMOUNT], axis=1)
    whole = Profile.fit(table, names=["a", "b"], by_hour_of_week=times, by_slice={"country": COUNTRIES})
    alone = Profile.fit(table[:, 1], names=["b"], by_hour_of_week=times, by_slice={"country": COUNTRIES})
    kept = whole.only(slice(1, None))
    for mine, theirs in ((kept.slices, alone.slices), (kept.hours, alone.hours)):
        assert [each.counts.tolist() for each in mine] == [each.counts.tolist() for each in theirs]


def test_only_the_most_frequent_values_are_slices() -> None:
    many = np.repeat(np.arange(40), ROWS + 1)
    profile = Profile.fit(np.ones(len(many), np.float32), names=["x"], by_slice={"x": many})
    assert len(profile.slices) == VALUES


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.arange(ROWS_ALL), "no value of 'country' has 500 rows or more"), ([1.0, 2.0], "4000 rows need as many")],
)
def test_what_makes_no_slice_is_refused(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Profile.fit(AMOUNT, names=["amount"], by_slice={"country": values})  # type: ignore[dict-item]


def test_a_stored_slice_that_does_not_add_up_is_refused() -> None:
    profile = fitted()
    damaged = profile.to_bytes().replace(b"country\x12\x02fr", b"country\x12\x02de")
    with pytest.raises(ValueError, match="slices must differ, got 'country=de' twice"):
        Profile.from_bytes(damaged)
