"""Pairs are counted as the whole batch would be, by slice, and what stands out is kept."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from gateway.journal.columns import groups
from gateway.journal.format import ANSWERED, LIVE_OUTPUT, OUTPUT, SLICE, id_text
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.observe.compared import MICRO, Compared, Rows
from gateway.observe.kept import LEAST_PAIRS, MOST
from gateway.observe.pairs import PairKey, Pairs
from gateway.observe.score_bins import GROUPS, fixed_bins, profile_bins
from gateway.observe.slice_values import OTHER, VALUES_KEPT
from gateway.tensors import bytes_raw
from gnomon.domain import Route
from gnomon.stats.latency import bucket_of
from gnomon.stats.profile import Profile
from tests.journals import know, route, schema

KEY = PairKey("flights", 1, 2, 1)
RANDOM = np.random.default_rng(3)


def no_profile(model: str, version: int) -> Profile | None:
    return None


def some_scores(count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    live = RANDOM.uniform(size=count).astype(np.float32)
    shadow = np.where(RANDOM.uniform(size=count) < 0.5, live, live + RANDOM.normal(0, 0.1, count)).astype(np.float32)
    shadow[: count // 20] = np.nan
    return live, shadow


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_counts_are_those_of_the_whole_batch_however_it_is_cut(threshold: float) -> None:
    live, shadow = some_scores(1_000)
    pair, bins = Compared(), fixed_bins()
    for part in np.array_split(np.arange(1_000), 7):
        pair.update(Rows(live[part], shadow[part], 0.05, threshold, bins))
    finite = np.isfinite(shadow)
    a, b = live[finite].astype(float), shadow[finite].astype(float)
    assert pair.counts == {
        "pairs": 1_000,
        "not_finite": 50,
        "equal": int((a == b).sum()),
        "disagreements": int((abs(a - b) > 0.05).sum()) + 50,
        "flips_up": int(((a < threshold) & (b >= threshold)).sum()),
        "flips_down": int(((a >= threshold) & (b < threshold)).sum()),
    }
    assert pair.counts["equal"] > 300
    assert pair.delta.counts.tolist() == np.bincount(bucket_of(abs(b - a) * MICRO), minlength=2048).tolist()
    expected = [a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum(), (b - a).sum(), ((b - a) ** 2).sum()]
    assert pair.sums == pytest.approx(expected)
    assert pair.joint.sum() == pair.live_scores.sum() == pair.shadow_scores.sum() == 950
    restored = Compared.of(json.loads(json.dumps(pair.state())))
    assert restored.stats(**KEY._asdict()) == pair.stats(**KEY._asdict())


def test_bins_are_those_of_the_live_versions_profile_with_groups_of_equal_mass() -> None:
    reference = RANDOM.exponential(20, (5_000, 1)).astype(np.float32)
    profile = Profile.fit(reference, names=["score"], tensor="score", score=True)
    bins = profile_bins(profile, "flights/1", "score", 0)
    assert bins is not None
    shares = np.bincount(bins.groups, profile.monitors[0].counts[:-1], minlength=GROUPS) / 5_000
    assert shares == pytest.approx(np.full(GROUPS, 1 / GROUPS), abs=0.006)
    assert profile_bins(profile, "flights/1", "score", 1) is None
    assert profile_bins(Profile.fit(reference), "flights/1", "score", 0) is None


def test_fixed_bins_tell_probabilities_apart_and_minutes_too() -> None:
    bins = fixed_bins()
    scores = np.array([-3e9, -50, -0.5, 0, 0.01, 0.013, 0.5, 0.51, 0.99, 1, 3, 45, 300, 3e9], np.float32)
    found = bins.bins_of(scores)
    assert (np.diff(found) >= 0).all()
    assert len(set(found.tolist())) == len(scores) - 3  # 0, 0.01 and 0.013, and 0.5 and 0.51, are of one bin each
    assert bins.groups[found].tolist() == [0, 1, 3, 4, 4, 4, 10, 10, 15, 16, 16, 17, 18, 19]
    assert set(bins.groups.tolist()) == set(range(GROUPS))


class Journal:
    """A shadow's journal, and the pairs an observer makes of it."""

    def __init__(self, folder: Any, served: Route, slices: tuple[str, ...] = (), profile: Any = no_profile) -> None:
        self.writer = Writer(folder / "shadow", host=0, slot=4095, segment_bytes=1 << 20, segment_max_age_s=100)
        self.served = served
        know(self.writer, served)
        described = schema(version=2) | {"live_version": 1, "live_outputs": schema()["outputs"]}
        self.number = self.writer.schema(
            described | {"live_score": {"output": 0, "column": 0}, "score": {"output": 0, "column": 0}}
            | {"slices": list(slices)}
        )  # fmt: skip
        self.pairs = Pairs(profile)

    def frame(self, live: Any, shadow: Any, *slices: Any) -> str:
        """The id of the live call."""
        tensors = [
            TensorRecord(direction, 0, "FP32", (len(scores), 1), np.array(scores, np.float32)[:, None])
            for direction, scores in ((OUTPUT, shadow), (LIVE_OUTPUT, live))
        ]
        for index, values in enumerate(slices):
            text = isinstance(values[0], str)
            data = bytes_raw(value.encode() for value in values) if text else np.array(values, np.float32)
            tensors.append(TensorRecord(SLICE, index, "BYTES" if text else "FP32", (len(values),), data))
        parent = self.writer.sequence.to_bytes(8, "big") * 2
        given = Record(
            self.writer.next_id(1), ANSWERED, 5_000_000, self.number, epoch=1, version=2, role=3, rule=4,
            rows=len(live), tensors=tensors, parent_id=parent,
        )  # fmt: skip
        assert self.writer.append(given)
        return id_text(parent)

    def read(self) -> Pairs:
        reader = JournalReader(self.writer.folder)
        while (batch := reader.read()) is not None:
            for group in groups(batch):
                self.pairs.update(group, batch.routes)
        self.writer.close()
        return self.pairs


def test_pairs_are_told_apart_by_the_values_of_a_routes_columns(tmp_path: Any) -> None:
    journal = Journal(tmp_path, route(shadow=2), slices=("x[0]", "origin"))
    journal.frame([0.1, 0.9], [0.1, 0.1], [1, 2], ["JFK", "LGA"])
    journal.frame([0.4], [0.9], [2], ["LGA"])
    journal.frame([0.4], [0.4], [np.nan], [""])
    pairs = journal.read()
    found = {(key.slice, key.value): pair.counts["pairs"] for key, pair in pairs.pairs.items()}
    assert found == {
        ("", ""): 4, ("x[0]", "1"): 1, ("x[0]", "2"): 2, ("x[0]", "missing"): 1, ("origin", "JFK"): 1,
        ("origin", "LGA"): 2, ("origin", "missing"): 1,
    }  # fmt: skip
    lga = pairs.pairs[KEY._replace(slice="origin", value="LGA")]
    assert (lga.counts["flips_up"], lga.counts["flips_down"], lga.counts["disagreements"]) == (1, 1, 2)
    assert {stats.slice for stats in pairs.stats()} == {"", "x[0]", "origin"}


def test_a_column_of_many_values_has_some_of_its_own_and_the_rest_together_also_after_a_restart(tmp_path: Any) -> None:
    journal = Journal(tmp_path, route(shadow=2), slices=("x[0]",))
    for value in range(VALUES_KEPT):
        journal.frame([0.5], [0.5], [value])
    journal.pairs = Pairs.of(json.loads(json.dumps(journal.read().state())), no_profile)
    again = Journal(tmp_path / "later", route(shadow=2), slices=("x[0]",))
    again.pairs = journal.pairs
    for value in (3, 99, 100):
        again.frame([0.5], [0.5], [value])
    found = {key.value: pair.counts["pairs"] for key, pair in again.read().pairs.items() if key.slice}
    assert len(found) == VALUES_KEPT + 1
    assert (found["3"], found[OTHER]) == (2, 2)


def test_slices_of_epochs_that_are_over_are_forgotten_before_the_whole_is() -> None:
    pairs = Pairs(no_profile)
    for epoch in range(1, 5):
        pairs.pairs[KEY._replace(epoch=epoch)] = Compared()
        pairs.pairs[KEY._replace(epoch=epoch, slice="x", value="1")] = Compared()
    pairs.forget()
    assert sorted((key.epoch, key.slice) for key in pairs.pairs) == [
        (1, ""), (2, ""), (3, ""), (3, "x"), (4, ""), (4, "x")
    ]  # fmt: skip


def test_what_is_further_apart_than_nearly_all_is_kept_with_both_scores(tmp_path: Any) -> None:
    journal = Journal(tmp_path, dataclasses.replace(route(shadow=2), keep_quantile=0.99))
    for _ in range(2 * LEAST_PAIRS):
        journal.frame([0.5], [0.51])
    journal.read()
    other = Journal(tmp_path / "later", journal.served)
    other.pairs = journal.pairs
    other.frame([0.5], [0.505])
    first = other.frame([0.5, 0.2], [0.51, 0.8])
    second = other.frame([0.5], [np.nan])
    kept = sorted(other.read().kept.found["flights", 2], key=lambda each: each.prediction_id)
    assert [(each.prediction_id, each.row, each.epoch, each.arrived_unix_ms) for each in kept] == [
        (first, 1, 1, 5), (second, 0, 1, 5)
    ]  # fmt: skip
    assert (kept[0].live, kept[0].shadow) == pytest.approx((0.2, 0.8))
    assert (kept[1].live, kept[1].shadow) == (0.5, None)
    restored = Pairs.of(json.loads(json.dumps(other.pairs.state())), no_profile)
    assert set(restored.kept.found["flights", 2]) == set(kept)


@pytest.mark.parametrize("quantile", [0.0, 0.5])
def test_only_the_newest_are_kept_and_none_where_the_route_keeps_none(tmp_path: Any, quantile: float) -> None:
    journal = Journal(tmp_path, dataclasses.replace(route(shadow=2), keep_quantile=quantile))
    journal.pairs.pairs[KEY] = Compared()
    journal.pairs.pairs[KEY].update(Rows(np.zeros(200, "f4"), np.zeros(200, "f4"), 0.1, 0.5, fixed_bins()))
    ids = [journal.frame([0.5], [0.9]) for _ in range(MOST + 10)]
    kept = journal.read().kept.found.get(("flights", 2), [])
    assert [each.prediction_id for each in kept] == (ids[10:] if quantile else [])
