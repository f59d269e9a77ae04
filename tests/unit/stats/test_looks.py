"""A look at a window: on which side of the bar a monitor is, and why."""

import dataclasses

import numpy as np
import pytest

from gnomon.stats import Bar, Profile, Rule, Sketch, Tolerance, look

rng = np.random.default_rng(9)
PROFILE = Profile.fit(rng.normal(size=(20_000, 3)).astype(np.float32), names=["temperature", "wind", "pressure"])
RULE = Rule(level=1e-7)


def found(rows=5_000, shift=0.0, scale=1.0, absent=0.0, rule=RULE):
    values = rng.normal(size=(rows, 3)).astype(np.float32)
    values[:, 0] = values[:, 0] * scale + shift
    values[: round(absent * rows), 0] = np.nan
    sketch = Sketch(PROFILE)
    sketch.update(values)
    return look(PROFILE, sketch.counts, rule)


def test_clean_windows_are_below_the_bar_and_say_so_with_numbers():
    for finding in found():
        assert finding.bar is Bar.BELOW
        assert finding.psi < 0.02
        assert finding.psi_lower == 0
        assert "PSI 0.0" in finding.reason


def test_what_moved_is_above_and_its_neighbours_are_not():
    moved, wind, _ = found(shift=0.4)
    assert moved.bar is Bar.ABOVE
    assert moved.psi_lower > 0.02
    assert moved.ks_lower > 0.05
    assert moved.p_value < 1e-20
    assert "PSI" in moved.reason
    assert "KS" in moved.reason
    assert wind.bar is Bar.BELOW


def test_a_spread_is_found_by_psi_alone():
    assert found(scale=1.3, rows=3_000)[0].reason.startswith("PSI")


def test_certain_and_harmless_is_not_above():
    """A tenth of a standard deviation in a hundred thousand rows: no doubt about it, and nobody's business."""
    finding = found(shift=0.1, rows=100_000)[0]
    assert finding.p_value < 1e-20
    assert finding.bar is Bar.BETWEEN
    strict = Rule(level=1e-7, tolerance=Tolerance(psi=0.005, ks=0.01))
    assert found(shift=0.1, rows=100_000, rule=strict)[0].bar is Bar.ABOVE


def test_large_and_uncertain_is_not_above():
    assert found(shift=0.3, rows=300)[0].bar is not Bar.ABOVE


def test_values_that_go_missing_are_above():
    finding = found(absent=0.2)[0]
    assert finding.bar is Bar.ABOVE
    assert finding.missing_share == pytest.approx(0.2)
    assert "20.0% missing against 0.0%" in finding.reason


def test_a_column_that_is_missing_altogether_is_above_without_distances():
    finding = found(absent=1.0)[0]
    assert finding.bar is Bar.ABOVE
    assert np.isnan(finding.psi)


def test_too_few_rows_are_unknown():
    finding = found(rows=199, shift=5.0)[0]
    assert (finding.bar, finding.rows, finding.reason) == (Bar.UNKNOWN, 199, "199 rows, 200 needed")
    assert np.isnan(finding.p_value)


def test_dependent_rows_count_for_less():
    alone = found(shift=0.25, rows=5_000)[0]
    assert alone.bar is Bar.ABOVE
    assert found(shift=0.25, rows=5_000, rule=dataclasses.replace(RULE, design_effect=10))[0].bar is Bar.BETWEEN


@pytest.mark.parametrize(("field", "value"), [("level", 0), ("clear", 2), ("design_effect", 0.5)])
def test_a_rule_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be .* got {value}"):
        Rule(**{"level": 0.1, field: value})


def test_names_have_no_order_and_no_ks():
    carriers = rng.choice(["AA", "B6", "UA"], 20_000, p=[0.5, 0.3, 0.2])
    profile = Profile.fit({"carrier": carriers})
    window = Sketch(profile)
    window.update({"carrier": rng.choice(["AA", "B6", "UA"], 5_000, p=[0.2, 0.3, 0.5])})
    (moved,) = look(profile, window.counts, RULE)
    assert moved.bar is Bar.ABOVE
    assert np.isnan([moved.ks, moved.ks_corrected, moved.ks_lower]).all()
    assert "KS" not in moved.reason
    (calm,) = look(profile, profile.counts(), RULE)
    assert calm.bar is Bar.BELOW
    assert "KS" not in calm.reason


def names(rng, rows, new):
    """Of a hundred common names and of three thousand, most of which the reference has once or not at all."""
    common = rng.zipf(1.6, rows).clip(1, 100)
    rare = rng.integers(1_000, 4_000, rows)
    column = np.where(rng.random(rows) < 0.04, rare, common).astype("U6")
    column[: round(new * rows)] = "stranger"
    return column


@pytest.mark.parametrize(("new", "bar"), [(0.0, Bar.BELOW), (0.015, Bar.BETWEEN), (0.06, Bar.ABOVE)])
def test_names_that_the_reference_does_not_have(new, bar):
    rng = np.random.default_rng(10)
    profile = Profile.fit({"city": names(rng, 20_000, 0)})
    assert profile.monitors[0].categories.once > 100
    window = Sketch(profile)
    window.update({"city": names(rng, 20_000, new)})
    (found,) = look(profile, window.counts, RULE)
    assert found.new_share - found.new_reference == pytest.approx(new, abs=0.008)
    assert found.bar is bar
    assert (f"{found.new_share:.1%} new values against" in found.reason) == (bar is Bar.ABOVE)


def test_a_part_of_the_reference_may_have_fewer_rows_than_names_that_are_there_once():
    rng = np.random.default_rng(11)
    ids, hours = rng.permutation(4_000), np.repeat([0, 3_600], 2_000)
    part = Profile.fit({"id": ids}, categorical=["id"], by_hour_of_week=hours).at(0)
    assert part.monitors[0].categories.once > part.rows
    window = Sketch(part)
    window.update({"id": rng.permutation(600)})
    assert window.new_categories()["id"].reference == 1.0
    assert look(part, window.counts, RULE)


@pytest.mark.parametrize(
    ("names", "rows"), [(100, 5_000), (500, 5_000), (2_000, 5_000), (3_000, 20_000), (500, 50_000)]
)
def test_clean_names_raise_nothing_however_many_and_alike_they_are(names, rows):
    """Of those with a slot the reference has too many, because it has: they were chosen by it."""
    rng = np.random.default_rng(12)
    profile = Profile.fit({"id": rng.integers(0, names, rows)}, categorical=["id"])
    window = Sketch(profile)
    window.update({"id": rng.integers(0, names, 20_000)})
    (found,) = look(profile, window.counts, RULE)
    assert found.bar is not Bar.ABOVE
    assert found.p_value > 1e-3


def test_names_whose_shares_moved_are_above():
    rng = np.random.default_rng(13)
    profile = Profile.fit({"id": rng.integers(0, 50, 20_000)}, categorical=["id"])
    window = Sketch(profile)
    window.update({"id": np.minimum(rng.integers(0, 70, 20_000), 49)})
    (found,) = look(profile, window.counts, RULE)
    assert (found.bar, found.psi_lower > 0.02) == (Bar.ABOVE, True)


def test_new_names_that_a_recount_has_seen_are_not_new():
    rng = np.random.default_rng(14)
    column = lambda rows: {"city": rng.zipf(1.4, rows).astype("U9")}  # noqa: E731 - a value among values
    sample = Profile.fit(column(3_000))
    whole = Sketch(sample)
    whole.update(column(200_000))
    profile, window = sample.recounted(whole.counts), Sketch(sample)
    window.update(column(20_000))
    (found,) = look(profile, window.counts, RULE)
    assert found.new_reference > 0.02
    assert found.new_share == pytest.approx(found.new_reference, abs=0.01)
    assert found.bar is not Bar.ABOVE
