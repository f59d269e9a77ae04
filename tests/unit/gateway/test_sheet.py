"""Drift on a sheet: what the judge says of the window, bounded in features, versions and time."""

import dataclasses

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.drift import OPEN_TICKS, Drift
from gateway.observe.sheet import OF_MONITORS, OF_VERSIONS, SHARE, Sheet, lines_of
from gateway.observe.ticks import Tick, TickKey
from gnomon.stats.drift import judge
from gnomon.stats.profile import Profile

TICK_S = 5.0
NOW_S = 1_000_000.0
NOW = int(NOW_S // TICK_S)
DATA = np.random.default_rng(3).normal(size=(4_000, 4)).astype(np.float32)
PROFILE = Profile.fit(DATA, tensor="x")


class House:
    """Drift counts of a few versions, and a sheet over them whose clock a test turns."""

    def __init__(self, folder, **bounds):
        self.drift = Drift(lambda model, version: PROFILE, TICK_S)
        self.path = folder / "drift.prom"
        self.sheet = Sheet(self.drift, self.path, **({"versions": 9, "features": 9} | bounds))
        self.clock_s = 0.0

    def add(self, version, rows, tick=NOW):
        counts = np.concatenate(
            [
                np.bincount(_bins(column, rows[:, i]), minlength=column.slots)
                for i, column in enumerate(PROFILE.monitors)
            ]
        )
        found = self.drift._tick(TickKey("m", version, tick), PROFILE.slots)
        found.rows += len(rows)
        found.counts += counts

    def look(self, now_s=NOW_S):
        """Until everything is judged that is due."""
        self.clock_s += TICK_S
        while self.sheet.look(now_s, self.clock_s):
            pass
        if not self.path.exists():
            return {}
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.path.read_text())
            for sample in family.samples
        }


def _bins(monitor, values):
    bins = np.searchsorted(monitor.edges, values, side="right")
    return np.where(np.isnan(values), monitor.slots - 1, bins)


def versions(found):
    return {dict(key[1:])["version"] for key in found}


def test_the_sheet_says_what_the_judge_says_of_the_windows_sub_windows_together(tmp_path):
    house = House(tmp_path)
    rows = DATA[:1_000].copy()
    rows[:, 1] += 2
    rows[:100, 2] = np.nan
    house.add(1, rows[:600], NOW - 1)
    house.add(1, rows[600:])
    house.add(1, DATA + 9, NOW - OPEN_TICKS)  # before the window
    found = house.look()
    counts = house.drift.window(("m", 1), NOW - OPEN_TICKS)[1]
    for verdict in judge(PROFILE, counts):
        labels = (("feature", verdict.name), ("model", "m"), ("version", "1"))
        for name, field in OF_MONITORS.items():
            assert found[name, *labels] == pytest.approx(getattr(verdict, field), rel=1e-5)
    of_version = (("model", "m"), ("version", "1"))
    assert [found[name, *of_version] for name in OF_VERSIONS] == [1_000, 2, NOW_S]
    assert house.sheet.dropped == 0


def test_the_most_drifted_features_are_shown_and_the_others_counted():
    verdicts = judge(PROFILE, PROFILE.counts())
    verdicts[2] = dataclasses.replace(verdicts[2], alarmed=True)
    verdicts[1] = dataclasses.replace(verdicts[1], psi_lower=0.05)
    shown = lines_of(("m", 1), (0, 0), 10, verdicts, 2, NOW_S)
    assert {line.split('feature="')[1].split('"')[0] for line in shown.lines["gnomon_drift_psi"]} == {"x[1]", "x[2]"}
    assert shown.lines["gnomon_drift_alarmed_features"] == ['gnomon_drift_alarmed_features{model="m",version="1"} 1']
    assert shown.dropped == 2 * len(OF_MONITORS)


def test_what_too_few_values_speak_for_is_left_out(tmp_path):
    house = House(tmp_path)
    house.add(1, DATA[:20])
    found = house.look()
    assert found["gnomon_drift_rows", ("model", "m"), ("version", "1")] == 20
    assert not [key for key in found if key[0] == "gnomon_drift_psi"]


def test_versions_with_most_rows_are_shown_and_one_without_rows_goes(tmp_path):
    house = House(tmp_path, versions=2)
    for version, rows in ((1, 300), (2, 200), (3, 100)):
        house.add(version, DATA[:rows], NOW - version)
    assert versions(house.look()) == {"1", "2"}
    assert house.sheet.dropped == len(OF_VERSIONS)
    later = NOW_S + (OPEN_TICKS - 2) * TICK_S
    assert versions(house.look(later)) == {"1"}
    assert versions(house.look(later + 10 * TICK_S)) == set()


def test_only_what_has_changed_is_judged_again_and_no_more_than_a_share_of_the_time(tmp_path):
    house = House(tmp_path)
    house.add(1, DATA[:100])
    house.look()
    written = house.path.stat().st_mtime_ns
    assert not house.sheet.look(NOW_S, house.clock_s + TICK_S)
    assert house.path.stat().st_mtime_ns == written
    house.add(1, DATA[:100])
    house.sheet.done(house.clock_s, house.clock_s + 2 * TICK_S)
    waited_s = (2 + 2 * SHARE) * TICK_S
    assert not house.sheet.look(NOW_S, house.clock_s + waited_s - 1)
    assert house.sheet.look(NOW_S, house.clock_s + waited_s)


def test_a_profile_that_has_changed_its_bins_costs_the_version_its_lines_only(tmp_path):
    house = House(tmp_path)
    house.add(1, DATA[:100])
    house.add(2, DATA[:100])
    house.drift.ticks[TickKey("m", 2, NOW)] = Tick(100, np.zeros(3, np.int64), 99)
    assert versions(house.look()) == {"1"}
