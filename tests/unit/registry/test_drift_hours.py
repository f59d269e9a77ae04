"""A reference by hour of the week: the loop holds a night against nights, and an answer does."""

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
