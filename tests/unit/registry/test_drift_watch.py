"""The drift loop on a real database, the loop off and the clock told: alarms, gaps, restarts, listeners."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from gnomon.domain import Arm, Lineage, Role, Route, Score
from gnomon.drift import DriftEvent, DriftEventKind, DriftPolicy
from gnomon.errors import ModelNotFound, Overloaded, ShuttingDown
from gnomon.evidence import DriftCalls, DriftTick, StatsReport
from gnomon.stats import Binner, Profile
from gnomon.stats.design import call_sums
from registry.artifacts import Artifacts
from registry.catalog import Catalog
from registry.drift_answers import DriftAnswers, Question
from registry.drift_book import Book
from registry.drift_watch import DriftWatch
from registry.events import Events
from registry.outcomes import Outcomes
from registry.stats import Stats
from registry.store import drift_rings, tables
from registry.store.database import Database
from registry.store.drift_rings import RingKey
from registry.threads import Lane

TICK_S = 5.0
POLICY = DriftPolicy(model="m", window_s=60, raise_after_s=20, clear_after_s=20, actor="ann")
RNG = np.random.default_rng(4)
PROFILE = Profile.fit(RNG.normal(size=(5_000, 2)).astype(np.float32), names=["temperature", "wind"], tensor="x")
BINNER = Binner(PROFILE)


class Watching:
    """Version 1 of model m in the route; `minute` lets traffic come and looks every ten seconds."""

    def __init__(self, folder: Path, profile: Profile = PROFILE) -> None:
        self.now_s = 1_700_000_000.0
        self.sticky = False
        self.folder = folder
        self.artifacts = Artifacts(folder / "artifacts", 1 << 20)
        self.artifacts.open()
        self.wire()
        self.profile_sha256 = self.put(profile.to_bytes())
        for _ in range(2):
            self.catalog.register(
                "m", 0, artifact_sha256=self.profile_sha256, profile_sha256=self.profile_sha256, warmup_sha256="",
                score=Score(), lineage=Lineage(),
            )  # fmt: skip
        self.route(1)
        self.book.set_policy(POLICY)

    def wire(self) -> None:
        self.database = Database(self.folder / "registry.db")
        self.database.open()
        self.lanes = Lane("store"), Lane("files")
        clock = lambda: int(self.now_s * 1000)  # noqa: E731 - a value among values
        self.catalog = Catalog(self.database, self.artifacts.size, clock)
        self.stats = Stats(lambda: self.now_s, silent_s=10.0, ticks_kept=100)
        self.book = Book(self.database, clock, lambda model: DriftPolicy(model=model))
        self.events = Events(self.book, self.lanes[0], None, limit=2)
        self.outcomes = Outcomes(self.database, clock)
        self.watch = DriftWatch(
            self.book, self.artifacts, self.stats, self.outcomes, self.events, self.lanes, lambda: self.now_s, 10.0
        )
        self.answers = DriftAnswers(
            self.catalog, self.artifacts, self.stats, self.outcomes, self.book, self.watch, self.lanes, clock, 1e-3
        )

    def put(self, data: bytes) -> str:
        upload = self.artifacts.upload()
        upload.write(data)
        digest = upload.finish("")
        upload.abandon()
        return digest

    def close(self) -> None:
        for lane in self.lanes:
            lane.close()
        self.database.close()

    def route(self, *versions: int) -> None:
        arms = [Arm(version=number, role=Role.STABLE if at == 0 else Role.SHADOW) for at, number in enumerate(versions)]
        self.catalog.set_route(Route(model="m", arms=tuple(arms), actor="bob"), -1)

    async def minute(
        self, shift: float = 0.0, *, gateways: tuple[str, ...] = ("g1",), versions: tuple[int, ...] = (1,)
    ) -> None:
        for step in range(12):
            self.now_s += TICK_S
            for gateway in gateways:
                ticks = tuple(self.tick(version, shift) for version in versions)
                calls = tuple(self.calls(tick) for tick in ticks)
                told_ms = int(self.now_s * 1000)
                self.stats.report(
                    StatsReport(gateway_id=gateway, ticks=ticks, calls=calls, told_through_unix_ms=told_ms)
                )
            if step % 2:
                await self.watch.look()

    def tick(self, version: int, shift: float) -> DriftTick:
        """Of the sub-window that has just ended."""
        values = RNG.normal(size=(100, 2)).astype(np.float32)
        values[:, 0] += shift
        counts = np.zeros(PROFILE.slots, np.int64)
        BINNER.count(values, slice(None), counts)
        number = int(self.now_s // TICK_S) - 1
        return DriftTick(
            model="m", version=version, tick=number, tick_s=TICK_S, rows=100, counts=counts.astype("<i8").tobytes()
        )

    def calls(self, tick: DriftTick) -> DriftCalls:
        """Ten calls of ten rows each, independent, or each of ten copies."""
        above = RNG.binomial(1, 0.5, (10, 2)) * 10 if self.sticky else RNG.binomial(10, 0.5, (10, 2))
        sums = call_sums(above, np.full(10, 10)).astype("<i8").tobytes()
        return DriftCalls(model="m", version=tick.version, tick=tick.tick, tick_s=TICK_S, sums=sums)

    def told(self) -> list[tuple[str, str]]:
        return [(event.kind.name, event.monitor) for event in self.book.events_after("m", 0, 100)]


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    made = Watching(tmp_path)
    yield made
    made.close()


async def test_drift_is_raised_once_stays_and_clears_once(watching: Watching) -> None:
    await watching.minute()
    await watching.minute()
    assert watching.told() == []
    await watching.minute(shift=1.0)
    await watching.minute(shift=1.0)
    assert watching.told() == [("RAISED", "temperature")]
    (event,) = watching.book.events_after("m", 0, 9)
    assert (event.version, event.at_unix_ms - event.since_unix_ms) == (1, 20_000)
    assert event.psi_lower > POLICY.psi_tolerance
    assert event.p_value < event.level < 1e-4
    await watching.minute()
    await watching.minute()
    assert watching.told() == [("RAISED", "temperature"), ("CLEARED", "temperature")]


async def test_an_answer_knows_since_when_an_alarm_stands(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift)
    drift = await watching.answers.answer(Question(model="m", points=12, with_counts=True))
    temperature, wind = drift.monitors
    assert watching.now_s * 1000 - 120_000 < temperature.since_unix_ms < watching.now_s * 1000
    assert (wind.since_unix_ms, drift.silent) == (0, ())
    assert (temperature.listed, wind.listed) == (True, False)
    psi = [point.psi for point in temperature.history if point.rows]
    assert max(psi[:2]) < 0.1 < psi[-1]
    assert sum(temperature.window) == temperature.rows == sum(point.rows for point in temperature.history)
    assert temperature.reference == tuple(PROFILE.monitors[0].counts.tolist())
    assert len(temperature.edges) == len(temperature.window) - 2


async def test_silence_neither_clears_nor_is_taken_for_calm(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift, gateways=("g1", "g2"))
    assert watching.told() == [("RAISED", "temperature")]
    await watching.minute(gateways=("g1",))
    drift = await watching.answers.answer(Question(model="m"))
    assert drift.silent == ("g2",)
    assert watching.told() == [("RAISED", "temperature")], "half of the traffic is unheard"
    await watching.minute(gateways=())
    assert watching.told() == [("RAISED", "temperature")], "nobody says anything"


async def test_an_alarm_outlives_the_registry(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift)
    watching.close()
    watching.wire()
    await watching.minute(shift=1.0)
    assert watching.told() == [("RAISED", "temperature")], "it stands already"
    await watching.minute()
    await watching.minute()
    assert watching.told()[1:] == [("CLEARED", "temperature")]


async def test_an_answer_after_a_restart_is_of_the_window_that_alarms_go_by(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift)
    windows = watching.watch.windows("m", 1)
    assert windows is not None
    window = windows.latest()
    watching.close()
    watching.wire()
    tick = watching.tick(1, 0.0)
    watching.stats.report(StatsReport(gateway_id="g1", ticks=(tick,), told_through_unix_ms=int(watching.now_s * 1000)))
    await watching.watch.look()
    drift = await watching.answers.answer(Question(model="m"))
    assert window.rows >= 1_100
    assert abs(drift.rows - window.rows) <= 200, "not what little was told since"
    assert (drift.from_unix_ms, drift.monitors[0].alarmed) == (1000 * window.from_s, True)
    asked = await watching.answers.answer(Question(model="m", from_unix_ms=int(window.from_s * 1000)))
    assert asked.rows == 100, "of a span, what was told since the start"


@pytest.mark.parametrize("window_s", [60.0, 900.0], ids=["ticks", "ticks and minutes"])
async def test_a_window_outlives_the_registry_and_counts_nothing_twice(watching: Watching, window_s: float) -> None:
    watching.book.set_policy(dataclasses.replace(POLICY, window_s=window_s))
    for _ in range(4):
        await watching.minute()
    before, shards = watching.watch.windows("m", 1), watching.stats.shards("m", 1)
    assert before is not None
    window, effects = before.latest(), before.design_effects(before.latest())
    watching.close()
    watching.wire()
    again = tuple(sorted(shards.values(), key=lambda tick: tick.tick)[-3:])  # as gateways do
    told_ms = int(watching.now_s * 1000)
    watching.stats.report(StatsReport(gateway_id="g1", ticks=again, told_through_unix_ms=told_ms))
    await watching.watch.look()
    after = watching.watch.windows("m", 1)
    assert after is not None
    assert (after.latest().rows, after.latest().gaps) == (window.rows, window.gaps)
    assert window.rows >= 240
    np.testing.assert_array_equal(after.latest().counts, window.counts)
    np.testing.assert_array_equal(after.design_effects(after.latest()), effects)


async def test_of_another_policy_or_of_no_traffic_no_window_is_kept(watching: Watching) -> None:
    await watching.minute()
    watching.book.set_policy(dataclasses.replace(POLICY, window_s=120))
    await watching.minute()
    with watching.database.transaction() as connection:
        kept = drift_rings.find(connection, RingKey("m", 1, "", "rows"), f"{PROFILE.slots} slots, 5000 ms × 60")
        assert kept is not None
        assert {source for _, source in kept.shards} == {"g1"}
        assert len(connection.execute(select(tables.drift_rings)).all()) == 2
    watching.route(2)
    await watching.watch.look()
    with watching.database.transaction() as connection:
        for table in (tables.drift_rings, tables.drift_counts, tables.drift_sources):
            assert connection.execute(select(table)).all() == []


async def test_an_alarm_ends_with_the_traffic_of_its_version(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift)
    watching.route(2)
    await watching.watch.look()
    assert watching.told()[1:] == [("CLEARED", "temperature")]
    assert watching.book.alarms() == {}


@pytest.mark.parametrize(("sticky", "raised"), [(False, 1), (True, 0)])
async def test_rows_of_one_call_that_are_all_the_same_count_for_one(
    watching: Watching, sticky: bool, raised: int
) -> None:
    """A shift that many independent rows make certain, and a few callers do not."""
    watching.sticky = sticky
    for shift in (0.0, 0.5, 0.5):
        await watching.minute(shift)
    assert len(watching.told()) == raised


async def test_a_muted_model_is_not_judged(watching: Watching) -> None:
    watching.book.set_policy(dataclasses.replace(POLICY, muted=True))
    for _ in range(3):
        await watching.minute(shift=3.0)
    assert watching.told() == []


async def test_a_profile_that_cannot_be_read_stops_nobody_else(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    broken = watching.put(b"\xff\xff")
    watching.catalog.register(
        "m", 0, artifact_sha256=broken, profile_sha256=broken, warmup_sha256="", score=Score(), lineage=Lineage()
    )
    watching.route(1, 3)
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift, versions=(1, 3))
    assert watching.told() == [("RAISED", "temperature")]
    assert caplog.text.count("its drift is not watched") == 1


async def test_the_other_arm_stands_beside_the_stable_one(watching: Watching) -> None:
    watching.route(1, 2)
    await watching.minute(versions=(1, 2))
    drift = await watching.answers.answer(Question(model="m"))
    assert [(arm.name, arm.version, arm.against) for arm in drift.arms] == [("temperature", 2, 1), ("wind", 2, 1)]
    assert all(arm.psi < 0.1 and arm.ks_lo <= arm.ks_hi and arm.ks_p_value > 1e-4 for arm in drift.arms)
    assert (await watching.answers.answer(Question(model="m", version=2))).arms == ()


async def test_listeners_go_on_from_where_they_were_and_hear_what_comes(watching: Watching) -> None:
    for shift in (0.0, 1.0, 1.0):
        await watching.minute(shift)
    heard: list[DriftEvent] = []

    async def listen(after_id: int) -> None:
        async for event in watching.events.after("m", after_id):
            heard.append(event)

    everything, news = asyncio.create_task(listen(0)), asyncio.create_task(listen(-1))
    while len(heard) < 1 or watching.events.listeners < 2:
        await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 listen"):
        await anext(watching.events.after("", 0))
    await watching.minute()
    await watching.minute()
    watching.events.close()
    ended = await asyncio.gather(everything, news, return_exceptions=True)
    assert [type(end) for end in ended] == [ShuttingDown, ShuttingDown]
    assert [event.kind for event in heard] == [DriftEventKind.RAISED, DriftEventKind.CLEARED, DriftEventKind.CLEARED]
    with pytest.raises(ModelNotFound):
        watching.book.events_after("nobody", 0, 1)
