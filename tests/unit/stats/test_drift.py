"""What judge says of windows: silent on clean traffic, alarmed by material drift, patient with few rows."""

import math

import numpy as np
import pytest

from gnomon.stats import Profile, bins, judge

NAMES = ["normal", "lognormal", "hour", "constant", "gappy", "empty"]


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    gappy = np.where(rng.uniform(size=n) < 0.1, np.nan, rng.normal(size=n))
    columns = [rng.normal(size=n), rng.lognormal(0, 1.5, n), rng.integers(0, 24, n), np.full(n, 3), gappy]
    return np.column_stack([*columns, np.full(n, np.nan)]).astype(np.float32)


@pytest.fixture(scope="module")
def profile():
    return Profile.fit(rows(20_000, seed=99), NAMES)


def counts_of(profile, batch):
    return np.concatenate([bins.count(batch[:, i], monitor.edges) for i, monitor in enumerate(profile.monitors)])


def judged(profile, batch, **options):
    return {verdict.name: verdict for verdict in judge(profile, counts_of(profile, batch), **options)}


def alarmed(profile, batch, **options):
    return {name for name, verdict in judged(profile, batch, **options).items() if verdict.alarmed}


@pytest.mark.parametrize("n", [60, 100, 300, 1_000, 10_000])
def test_clean_windows_raise_no_alarm(profile, n):
    assert all(not alarmed(profile, rows(n, seed)) for seed in range(20))


def test_each_material_change_alarms_its_monitor_alone_and_the_reason_names_the_numbers(profile):
    batch = rows(2_000)
    batch[:, 0] += 1
    batch[:, 2] = 12
    batch[:, 3] = 3.5
    batch[:, 4] = np.where(np.arange(2_000) % 3 == 0, np.nan, batch[:, 4])
    batch[:, 5] = 1
    verdicts = judged(profile, batch)
    assert {name for name, verdict in verdicts.items() if verdict.alarmed} == set(NAMES) - {"lognormal"}
    assert "PSI" in verdicts["normal"].reason
    assert "KS 1.000 > 0.1" in verdicts["constant"].reason
    assert verdicts["gappy"].reason.startswith("missing values 40.0%, 9.9% in the reference")
    assert "missing values 0.0%, 100.0% in the reference" in verdicts["empty"].reason
    assert "tolerated 0.1" in verdicts["lognormal"].reason


def test_a_small_real_drift_is_significant_but_tolerated(profile):
    batch = rows(20_000)
    batch[:, 0] += 0.1
    verdict = judged(profile, batch)["normal"]
    assert not verdict.alarmed
    assert verdict.psi_p_value < 1e-6
    assert verdict.ks_p_value < 1e-6
    assert "normal" in alarmed(profile, batch, tolerance=0.0)
    assert "normal" in alarmed(profile, batch, ks_tolerance=0.01)


def test_too_few_rows_never_alarm_and_say_so(profile):
    for verdict in judged(profile, rows(49) + 100).values():
        assert not verdict.alarmed
        assert verdict.reason == "too few rows: 49, at least 50 needed"
        assert math.isnan(verdict.psi)
        assert math.isnan(verdict.ks_p_value)


def test_no_rows_at_all_have_no_shares(profile):
    verdict = judged(profile, rows(0))["normal"]
    assert verdict.rows == 0
    assert math.isnan(verdict.missing_share)


def test_a_monitor_that_went_missing_alarms_though_it_has_no_values(profile):
    batch = rows(200)
    batch[:, 0] = np.nan
    verdict = judged(profile, batch)["normal"]
    assert verdict.alarmed
    assert (verdict.missing_share, verdict.missing_reference) == (1.0, 0.0)
    assert math.isnan(verdict.psi)


def test_a_monitor_missing_as_in_the_reference_has_nothing_to_compare(profile):
    verdict = judged(profile, rows(200))["empty"]
    assert not verdict.alarmed
    assert verdict.reason == "too few values that are not missing among 200 rows, or in the reference"


def test_scores_are_marked():
    profile = Profile.fit(np.arange(500), ["p"], "y", score=True)
    (verdict,) = judge(profile, profile.counts())
    assert verdict.is_score
    assert verdict.psi == 0.0


def test_bad_arguments_are_named(profile):
    with pytest.raises(ValueError, match=r"alpha.*got 2"):
        judge(profile, profile.counts(), alpha=2)
    with pytest.raises(ValueError, match=r"got 0\.1 and -1"):
        judge(profile, profile.counts(), ks_tolerance=-1)
    with pytest.raises(ValueError, match="slots"):
        judge(profile, np.zeros(3, np.int64))
