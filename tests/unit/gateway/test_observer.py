"""Counts are those of the journal, once, however often the observer is killed; the registry hears them whole."""

import asyncio
import dataclasses
import time
from collections import deque
from typing import Any

import numpy as np
import pytest

from gateway import observer as observing
from gateway.disagreements import disagreements
from gateway.journal.format import ANSWERED, FAILED, LIVE_OUTPUT, OUTPUT, PREDICTION_DTYPE, REJECTED, RULE_CODES
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.observe.arms import ArmKey, Arms
from gateway.observe.kept import Disagreement
from gateway.observe.pairs import PairKey
from gateway.observe.ticks import TickKey
from gateway.observer import Observer
from gateway.pages import read_page
from gnomon.domain import Role
from gnomon.errors import InvalidInput, Unavailable
from gnomon.evidence import StatsReport
from gnomon.stats.design import call_sums
from gnomon.stats.latency import bucket_of
from gnomon.stats.profile import Profile
from tests.journals import config_in, know, put_snapshot, put_version, record, route, schema, writer_of

ARM = ArmKey("flights", 1, 1, Role.STABLE)
REFERENCE = np.random.default_rng(1).normal(size=(2_000, 3)).astype(np.float32)


class House:
    """A gateway's folder with one served version that has a profile of its inputs and its score."""

    def __init__(self, folder: Any, **settings: Any) -> None:
        self.config = config_in(folder, **settings)
        self.config.layout.identity.write_text("0123456789abcdef")
        self.profile = Profile.fit(REFERENCE, tensor="x").extended(
            Profile.fit(REFERENCE[:, 2], names=["score"], tensor="score", score=True)
        )
        profile = dataclasses.replace(
            self.profile,
            monitors=(
                *self.profile.monitors[:3],
                dataclasses.replace(self.profile.monitors[3], column=-1),
            ),
        )
        self.version = put_version(self.config.layout, 1, b"artifact", profile=profile.to_bytes())
        put_snapshot(self.config.layout, route(), self.version)
        self.writer = writer_of(self.config)
        self.number = self.writer.schema(schema())
        know(self.writer, route())

    def call(self, **fields: Any) -> None:
        x = np.ones((1, 3), np.float32)
        assert self.writer.append(record(self.writer, self.number, **({"x": x, "score": x} | fields)))

    def observer(self) -> Observer:
        return Observer(self.config)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.writer.close()


def read_all(observer: Observer) -> Observer:
    while observer.read():
        pass
    observer.save()
    observer.publish()
    return observer


def test_calls_are_counted_by_arm_with_their_latencies(house):
    for total_us in (100, 999, 1_001, 7_000):
        house.call(total_ns=total_us * 1_000, run_ns=50_000)
    house.call(status=FAILED, x=None, score=None, total_ns=10**9)
    house.call(status=REJECTED, x=None, score=None)
    arm = read_all(house.observer()).arms.arms[ARM]
    assert (arm.answered, arm.failed, arm.over) == (4, 1, [2, 1])
    assert arm.latency.counts[bucket_of([100, 999, 1_001, 7_000])].tolist() == [1, 1, 1, 1]
    assert arm.run.counts[bucket_of([50])[0]] == 4


def test_arms_are_judged_by_calls_that_chance_gave_them(house):
    for rule in ("key", "sequence", "pinned", "rule"):
        house.call(rule=RULE_CODES[rule], total_ns=7_000_000)
    observer = read_all(house.observer())
    assert (observer.arms.arms[ARM].answered, observer.arms.arms[ARM].over) == (2, [2, 2])
    assert [total.calls for total in observer.arms.totals.values()] == [{"answered": 4}]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_a_number_counts_as_failed_for_the_arm(house, bad):
    house.call(score=np.array([[0.0, 0.0, bad]]))
    house.call(score=np.array([[bad, 0.0, 0.5]]))  # not the score's column
    arm = read_all(house.observer()).arms.arms[ARM]
    assert (arm.answered, arm.failed) == (1, 1)


def test_a_call_that_reached_no_model_is_counted_without_one(house):
    writer = house.writer
    assert writer.append(Record(writer.next_id(1), REJECTED, 1))
    observer = read_all(house.observer())
    assert not observer.arms.arms
    values = page_of(house)
    assert values["gnomon_calls_total", ("arm", ""), ("model", ""), ("status", "rejected"), ("version", "0")] == 1


def page_of(house):
    path = house.config.layout.page("observer")
    return {(item.name, *sorted(item.labels.items())): item.value for item in read_page(path)}


def test_the_page_has_calls_and_a_cumulative_histogram(house):
    for total_us in (100, 600, 2_000_000, 60_000_000):
        house.call(total_ns=total_us * 1_000)
    read_all(house.observer())
    values, labels = page_of(house), (("arm", "stable"), ("model", "flights"), ("version", "1"))
    buckets = {
        dict(key[1:])["le"]: value for key, value in values.items() if key[0] == "gnomon_call_latency_seconds_bucket"
    }
    assert [buckets[edge] for edge in ("0.0001", "0.0008", "1.6384", "3.2768", "+Inf")] == [1, 2, 2, 3, 4]
    assert [buckets[budget] for budget in ("0.001", "0.005")] == [2, 2], "an edge at each threshold of the route"
    assert values["gnomon_call_latency_seconds_sum", *labels] == 62_000_700_000
    assert values["gnomon_consumer_read_total", ("consumer", "observer"), ("journal", "w00")] == 4


def test_drift_counts_are_those_of_the_profile_and_fall_in_the_sub_window_of_their_arrival(house):
    values = np.random.default_rng(2).normal(size=(40, 2, 3)).astype(np.float32)
    values[3, 0, 1] = np.nan
    for number, x in enumerate(values):
        house.call(x=x, score=x, arrived_unix_ns=(100 + 5 * (number // 20)) * 10**9)
    house.call(x=values[0], score=None, status=FAILED)
    drift = read_all(house.observer()).drift
    assert set(drift.ticks) == {TickKey("flights", 1, 20), TickKey("flights", 1, 21)}
    for tick, part in ((20, values[:20]), (21, values[20:])):
        found = drift.ticks[TickKey("flights", 1, tick)]
        assert found.rows == 40
        rows = part.reshape(-1, 3)
        for column, counts in zip((0, 1, 2, 2), house.profile.split(found.counts), strict=True):
            edges = house.profile.monitors[column].edges
            present = rows[~np.isnan(rows[:, column]), column]
            expected = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 2)
            expected[-1] = np.isnan(rows[:, column]).sum()
            np.testing.assert_array_equal(counts, expected)


def shadow_frame(writer: Writer, live, shadow, *, number: int, rows: int, run_ns: int = 8_000) -> None:
    tensors = [
        TensorRecord(direction, 0, "FP32", (rows, 3), np.repeat(np.array(scores, np.float32)[:, None], 3, axis=1))
        for direction, scores in ((OUTPUT, shadow), (LIVE_OUTPUT, live))
    ]
    frame = Record(
        writer.next_id(1), ANSWERED, 1, number, epoch=1, version=2, role=3, rule=4, rows=rows, run_ns=run_ns,
        tensors=tensors,
    )  # fmt: skip
    assert writer.append(frame)


def test_pairs_are_compared_row_by_row(house):
    writer = Writer(house.config.layout.shadow_journal, host=0, slot=4095, segment_bytes=1 << 20, segment_max_age_s=100)
    know(writer, route(shadow=2))
    described = schema(version=2) | {"live_version": 1, "live_outputs": schema()["outputs"]}
    number = writer.schema(described | {"live_score": {"output": 0, "column": -1}})
    shadow_frame(writer, [0.40, 0.60], [0.55, 0.45], number=number, rows=2)
    shadow_frame(writer, [0.10], [0.15], number=number, rows=1)
    shadow_frame(writer, [0.10], [np.nan], number=number, rows=1, run_ns=0)
    writer.close()
    observer = read_all(house.observer())
    pair = observer.pairs.pairs[PairKey("flights", 1, 2, 1)]
    assert pair.counts == {
        "pairs": 4, "disagreements": 3, "flips_up": 1, "flips_down": 1, "equal": 0, "not_finite": 1
    }  # fmt: skip
    assert pair.delta.count == 3
    assert pair.delta.counts[bucket_of([0.05e6])[0]] == 1
    assert pair.run.counts[bucket_of([8.0])[0]] == pair.run.count == 2  # calls that ran alone
    live, shadow = np.float32([0.4, 0.6, 0.1]).astype(float), np.float32([0.55, 0.45, 0.15]).astype(float)
    expected = [live.sum(), shadow.sum(), (live**2).sum(), (shadow**2).sum(), (live * shadow).sum()]
    assert pair.sums == pytest.approx([*expected, (shadow - live).sum(), ((shadow - live) ** 2).sum()])
    assert observer.pairs.totals["flights", 2, 1] == [4, 3]
    arm = observer.arms.arms[ArmKey("flights", 1, 2, Role.SHADOW)]
    assert (arm.answered, arm.failed) == (2, 1)


def test_scores_of_a_shadow_are_counted_against_its_own_profile(house):
    layout = house.config.layout
    profile = Profile.fit(REFERENCE[:, 0], names=["score"], tensor="score", score=True)
    shadowed, versions = route(shadow=2), [house.version, put_version(layout, 2, b"other", profile=profile.to_bytes())]
    put_snapshot(layout, shadowed, *versions)
    writer = Writer(layout.shadow_journal, host=0, slot=4095, segment_bytes=1 << 20, segment_max_age_s=100)
    know(writer, shadowed)
    number = writer.schema(schema(version=2) | {"live_version": 1, "live_outputs": schema()["outputs"]})
    shadow_frame(writer, [0.40, 0.60], [-9.0, 9.0], number=number, rows=2)
    writer.close()
    tick = read_all(house.observer()).drift.ticks[TickKey("flights", 2, 0)]
    assert tick.rows == tick.counts.sum() == 2
    assert tick.counts[[0, -2]].tolist() == [1, 1]


def test_how_alike_the_rows_of_a_call_are_is_told_with_its_sub_window(house):
    low, high = np.full((4, 3), -9, np.float32), np.full((4, 3), 9, np.float32)
    for x in (low, high, high, np.concatenate([low[:2], high[:2]])):
        house.call(x=x, score=x, arrived_unix_ns=10**9)
    house.call(x=high[:1], score=high[:1], arrived_unix_ns=10**9)
    observer = read_all(house.observer())
    (told,) = observer.report()[0].calls
    assert (told.model, told.version, told.tick) == ("flights", 1, 0)
    y = np.array([[0], [4], [4], [2]]).repeat(4, axis=1)
    expected = call_sums(y, np.full(4, 4)).tolist()
    assert np.frombuffer(told.sums, "<i8").tolist() == expected
    again = house.observer()
    assert again.report()[0].calls == (told,)
    again.drift.acknowledged(again.report()[1])
    house.call(arrived_unix_ns=1_000 * 5 * 10**9)
    read_all(again).settle(finished=True)
    assert again.drift.together.sums == {}


def test_a_report_says_how_far_it_tells(house):
    before_ms = time.time_ns() // 1_000_000
    for number in range(3):
        house.call(arrived_unix_ns=number * 5 * 10**9)
    observer = house.observer()
    assert observer.report()[0].told_through_unix_ms == 0  # nothing is read yet
    read_all(observer)
    report, changes = observer.report()
    assert before_ms <= report.told_through_unix_ms <= time.time_ns() // 1_000_000
    untold = {key: change for key, change in changes.items() if key.tick != 1}
    assert list(observer.drift.untold_unix_ms(untold)) == [5_000]


def test_an_observer_killed_at_any_point_counts_everything_once(tmp_path):
    house = House(tmp_path)
    for number in range(60):
        house.call(arrived_unix_ns=number * 10**9, total_ns=number * 10**6)
    whole = read_all(house.observer())
    house.config.layout.checkpoint("observer").unlink()
    for stop in range(1, 6):
        dying = house.observer()
        (follower,) = dying.readers
        for _ in range(stop):
            if follower.peek(limit=7) is not None:
                dying._read_one(follower)
        if stop % 2:
            dying.save()  # and killed after it, or before
    last = read_all(house.observer())
    assert last.arms.state() == whole.arms.state()
    assert {key: tick.counts.tolist() for key, tick in last.drift.ticks.items()} == {
        key: tick.counts.tolist() for key, tick in whole.drift.ticks.items()
    }
    assert last.readers.counts() == whole.readers.counts()
    house.writer.close()


class Registry:
    """Takes reports, or does not."""

    def __init__(self) -> None:
        self.reports: list[StatsReport] = []
        self.up = True

    async def report_stats(self, report: StatsReport) -> None:
        if not self.up:
            raise Unavailable("down")
        self.reports.append(report)


async def send(observer: Observer, registry: Any) -> bool:
    return await observing.send(observer, registry, *observer.report())


async def test_reports_are_whole_and_closed_sub_windows_are_sent_until_acknowledged(house):
    registry = Registry()
    for number in range(10):
        house.call(arrived_unix_ns=number * 5 * 10**9)
    observer = read_all(house.observer())
    registry.up = False
    assert not await send(observer, registry)
    registry.up = True
    assert await send(observer, registry)
    assert [tick.tick for tick in registry.reports[-1].ticks] == list(range(10))
    assert await send(observer, registry)
    assert [tick.tick for tick in registry.reports[-1].ticks] == [7, 8, 9]
    house.call(arrived_unix_ns=2 * 5 * 10**9)
    read_all(observer)
    assert await send(observer, registry)
    assert [tick.tick for tick in registry.reports[-1].ticks] == [2, 7, 8, 9]
    assert {tick.tick: tick.rows for tick in registry.reports[-1].ticks}[2] == 2
    assert registry.reports[-1].arms[0].answered == 11
    assert read_all(house.observer()).report()[0].arms == observer.report()[0].arms


async def test_a_report_that_does_not_fit_is_sent_in_parts(house):
    for number in range(10):
        house.call(arrived_unix_ns=number * 5 * 10**9)
    observer = read_all(house.observer())
    size = house.profile.slots * 8
    seen: list[int] = []
    for _ in range(4):
        ticks, changes = observer.drift.report(3 * size)
        assert len(ticks) <= 3
        seen += [tick.tick for tick in ticks]
        observer.drift.acknowledged(changes)
    assert set(seen) == set(range(10))


def test_reported_sub_windows_left_behind_are_closed_and_later_rows_for_them_counted_as_late(house):
    house.call(arrived_unix_ns=0)
    house.call(arrived_unix_ns=1_000 * 5 * 10**9)
    observer = read_all(house.observer())
    observer.settle(finished=True)
    assert len(observer.drift.ticks) == 2  # not reported yet
    observer.drift.acknowledged(observer.report()[1])
    observer.settle(finished=True)
    assert [key.tick for key in observer.drift.ticks] == [1_000]
    house.call(arrived_unix_ns=10**9)
    read_all(observer)
    assert observer.drift.late == 1
    assert [key.tick for key in read_all(house.observer()).drift.ticks] == [1_000]


def test_old_epochs_lose_their_detail_and_keep_their_calls():
    arms = Arms()
    headers = np.zeros(1, PREDICTION_DTYPE)
    for epoch in range(1, 101):
        headers["status"], headers["epoch"], headers["version"], headers["role"] = ANSWERED, epoch, 1, 1
        arms.update("m", headers, np.ones(1, bool), {})
    arms.forget(kept=64)
    assert [key.epoch for key in arms.arms] == list(range(37, 101))
    assert [total.calls for total in arms.totals.values()] == [{"answered": 100}]


def test_calls_wait_for_the_snapshot_that_names_their_version_but_not_for_ever(house, monkeypatch):
    unknown = house.writer.schema(schema(version=5))
    assert house.writer.append(record(house.writer, unknown, version=5))
    observer = house.observer()
    assert not observer.read()
    monkeypatch.setattr(observing, "SNAPSHOT_WAIT_S", 0.0)
    read_all(observer)
    assert ArmKey("flights", 1, 5, Role.STABLE) in observer.arms.arms


async def test_told_to_stop_the_observer_reads_what_is_left(house, monkeypatch):
    registry = Registry()

    class Client(Registry):
        def __init__(self, target: str, timeout_s: float) -> None: ...

        async def __aenter__(self) -> Registry:
            return registry

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(observing, "AsyncRegistryClient", Client)
    stop = asyncio.Event()
    running = asyncio.create_task(observing.observe(house.observer(), house.config, stop))
    house.call()
    async with asyncio.timeout(20):
        while not registry.reports or not registry.reports[-1].arms:
            await asyncio.sleep(0.01)
    house.call()
    stop.set()
    await running
    assert registry.reports[-1].arms[0].answered == 2
    assert house.observer().arms.arms[ARM].answered == 2


def test_disagreements_are_listed_from_the_checkpoint_the_newest_first(house):
    observer = house.observer()
    assert list(disagreements(house.config.layout, "flights", 0)) == []
    for version, at, shadow in ((2, 5, 0.9), (3, 7, None), (2, 9, 0.7)):
        kept = observer.pairs.kept.found.setdefault(("flights", version), deque())
        kept.append(Disagreement(f"live {at}", f"shadow {at}", at, 1, 4, 0.25, shadow))
    observer.save()
    found = list(disagreements(house.config.layout, "flights", 0))
    assert [(each.prediction_id, each.version) for each in found] == [("live 9", 2), ("live 7", 3), ("live 5", 2)]
    assert (found[0].live, found[0].shadow, found[0].row, found[0].epoch) == (0.25, 0.7, 1, 4)
    assert np.isnan(found[1].shadow)
    assert [each.arrived_unix_ms for each in disagreements(house.config.layout, "flights", 2)] == [9, 5]
    assert list(disagreements(house.config.layout, "other", 0)) == []
    with pytest.raises(InvalidInput, match="model name"):
        list(disagreements(house.config.layout, "", 0))
