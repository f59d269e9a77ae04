"""A reference by hour of the week: the loop holds a night against nights, and an answer does."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gnomon.evidence import StatsReport
from gnomon.stats import Binner, Profile
from registry.drift_answers import Question
from tests.unit.registry.test_drift_slices import counted
from tests.unit.registry.test_drift_watch import TICK_S, Watching

RNG = np.random.default_rng(9)
NIGHT_S = 1_700_006_400.0  # 00:00 UTC
TIMES = NIGHT_S + RNG.integers(0, 7 * 86_400, 200_000)


def load(times: np.ndarray) -> np.ndarray:
    """(n, 1): a cold hour from midnight on, every day."""
    return (RNG.normal(size=len(times)) - 2 * (times % 86_400 < 3_600)).astype(np.float32)[:, np.newaxis]


@pytest.mark.parametrize(("by_hour", "told"), [(TIMES, []), (None, [("RAISED", "load")])], ids=["hours", "whole"])
async def test_a_night_is_held_against_nights(
    tmp_path: Path, by_hour: np.ndarray | None, told: list[tuple[str, str]]
) -> None:
    profile = Profile.fit(load(TIMES), names=["load"], tensor="x", by_hour_of_week=by_hour)
    watching, binner = Watching(tmp_path, profile), Binner(profile)
    watching.now_s = NIGHT_S + 600
    for _ in range(36):
        watching.now_s += TICK_S
        values = load(np.full(100, watching.now_s))
        tick = counted(binner, values, int(watching.now_s // TICK_S) - 1, TICK_S, "")
        told_ms = int(watching.now_s * 1000)
        watching.stats.report(StatsReport(gateway_id="g1", ticks=(tick,), told_through_unix_ms=told_ms))
        await watching.watch.look()
    assert watching.told() == told
    drift = await watching.answers.answer(Question(model="m"))
    assert drift.monitors[0].alarmed == bool(told)
    watching.close()


async def test_the_line_of_psi_holds_each_stretch_against_its_own_hours(tmp_path: Path) -> None:
    """The cold hour and the one after, as usual: without hours the first would look far away, the second not."""
    whole = Profile.fit(load(TIMES), names=["load"], tensor="x", by_hour_of_week=TIMES)
    binner, lines = Binner(whole), {}
    for name, profile in (("hours", whole), ("whole", dataclasses.replace(whole, hours=()))):
        watching = Watching(tmp_path / name, profile)
        watching.now_s = NIGHT_S + 7_200
        ticks = tuple(
            counted(binner, load(np.full(2_000, at)), int(at // TICK_S), TICK_S, "")
            for at in (NIGHT_S + 1_800, NIGHT_S + 5_400)
        )
        told_ms = int(watching.now_s * 1000)
        watching.stats.report(StatsReport(gateway_id="g1", ticks=ticks, told_through_unix_ms=told_ms))
        from_ms = int(NIGHT_S * 1000)
        drift = await watching.answers.answer(Question(model="m", points=2, from_unix_ms=from_ms))
        lines[name] = [point.psi for point in drift.monitors[0].history]
        watching.close()
    assert max(lines["hours"]) < 0.1
    assert lines["whole"][0] > 1
