"""Drift of a slice of the traffic: raised for the slice alone, within the one budget, and shown."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gnomon.errors import InvalidInput
from gnomon.evidence import DriftTick, StatsReport
from gnomon.stats import Binner, Profile
from registry.drift_answers import Question
from tests.unit.registry.test_drift_watch import POLICY, TICK_S, Watching

RNG = np.random.default_rng(8)
REGIONS = RNG.choice([1.0, 2.0, 3.0], 6_000, p=[0.85, 0.13, 0.02])
TABLE = np.stack([RNG.normal(size=6_000) + REGIONS, REGIONS], axis=1).astype(np.float32)
PROFILE = Profile.fit(TABLE, names=["temperature", "region"], tensor="x", by_slice={"region": REGIONS})
WHOLE, COARSE = Binner(PROFILE), Binner(PROFILE.coarse())
LONG_S = 12 * TICK_S


class Sliced(Watching):
    """`minute` lets a minute's traffic come: of all in short sub-windows, of each slice in a long one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, PROFILE)
        self.book.set_policy(dataclasses.replace(POLICY, window_s=180, raise_after_s=60, clear_after_s=60))

    async def traffic(self, shift: float = 0.0, minutes: int = 1) -> None:
        """Region 2 is warmer by `shift`."""
        for _ in range(minutes):
            values = TABLE[RNG.integers(0, len(TABLE), 3_000)]
            values[values[:, 1] == 2, 0] += shift
            first = int(self.now_s // TICK_S)
            self.now_s += 60.0
            ticks = [counted(WHOLE, part, first + at, TICK_S, "") for at, part in enumerate(np.array_split(values, 12))]
            for region in (1, 2):
                of_region = values[values[:, 1] == region]
                ticks.append(counted(COARSE, of_region, int(self.now_s // LONG_S) - 1, LONG_S, f"region={region}"))
            told_ms = int(self.now_s * 1000)
            self.stats.report(StatsReport(gateway_id="g1", ticks=tuple(ticks), told_through_unix_ms=told_ms))
            await self.watch.look()


def counted(binner: Binner, values: np.ndarray, tick: int, tick_s: float, of_slice: str) -> DriftTick:
    counts = np.zeros(binner.profile.slots, np.int64)
    binner.count(np.ascontiguousarray(values), slice(None), counts)
    return DriftTick(
        model="m", version=1, tick=tick, tick_s=tick_s, rows=len(values), counts=counts.astype("<i8").tobytes(),
        slice=of_slice,
    )  # fmt: skip


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Sliced]:
    made = Sliced(tmp_path)
    yield made
    made.close()


def alarms(watching: Sliced) -> list[tuple[str, str, str]]:
    return [(event.kind.name, event.slice, event.monitor) for event in watching.book.events_after("m", 0, 100)]


async def test_drift_in_one_slice_is_raised_there_and_nowhere_else(watching: Sliced) -> None:
    await watching.traffic(minutes=5)
    assert alarms(watching) == []
    await watching.traffic(shift=0.7, minutes=5)
    assert alarms(watching) == [("RAISED", "region=2", "temperature")]
    assert watching.watch.standing == {("m", 1, ""): 0, ("m", 1, "region=1"): 0, ("m", 1, "region=2"): 1}
    await watching.traffic(minutes=8)
    assert alarms(watching) == [("RAISED", "region=2", "temperature"), ("CLEARED", "region=2", "temperature")]


async def test_a_slice_is_shown_beside_the_others_and_by_itself(watching: Sliced) -> None:
    await watching.traffic(shift=0.7, minutes=8)
    whole = await watching.answers.answer(Question(model="m"))
    assert [(each.name, each.alarmed) for each in whole.slices] == [
        ("region=1", ()), ("region=2", ("temperature",))
    ]  # fmt: skip
    assert whole.slice == ""
    assert [each.since_unix_ms for each in whole.monitors] == [0, 0]
    assert [each.reference_rows for each in whole.slices] == np.bincount(REGIONS.astype(int))[1:3].tolist()
    warm = await watching.answers.answer(Question(model="m", slice="region=2", points=4, with_counts=True))
    assert (warm.slice, warm.rows) == ("region=2", sum(warm.monitors[0].window))
    assert 2 * whole.slices[1].rows < warm.rows  # all that is kept, against the policy's three minutes
    assert warm.monitors[0].alarmed
    assert warm.monitors[0].since_unix_ms > 0
    assert max(point.psi for point in warm.monitors[0].history if point.rows) > 0.2
    calm = await watching.answers.answer(Question(model="m", slice="region=1"))
    assert not any(each.alarmed for each in calm.monitors)


async def test_a_slice_that_is_none_is_named_with_those_that_are(watching: Sliced) -> None:
    await watching.traffic()
    with pytest.raises(InvalidInput, match=r"slice 'region=3' of version 1: it has region=1, region=2"):
        await watching.answers.answer(Question(model="m", slice="region=3"))


async def test_the_budget_is_shared_with_the_slices(watching: Sliced) -> None:
    await watching.traffic(shift=0.7, minutes=5)
    (event,) = watching.book.events_after("m", 0, 10)
    monitors = 2 * 3 + 1  # of all traffic and two slices, and what became of predictions
    assert event.level == pytest.approx(10.0 / POLICY.per_s * POLICY.false_alarms / (3 * monitors))
