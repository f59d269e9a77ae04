"""Alarms on what became of predictions: raised on outcomes that contradict scores, standing until new ones agree."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gnomon.errors import ModelNotFound
from gnomon.evidence import Outcome
from gnomon.stats.alarms import CALIBRATION
from registry.drift_answers import Question
from tests.predictions import prediction_id as an_id
from tests.unit.registry.test_drift_watch import Watching

RNG = np.random.default_rng(8)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    made = Watching(tmp_path)
    yield made
    made.close()


def tell(watching: Watching, number: int, *, come_true: float, version: int = 1) -> None:
    """Predictions of this minute, of which `come_true` times as many as their scores say come true."""
    scores = RNG.uniform(0.05, 0.25, number)
    labels = RNG.random(number) < scores * come_true
    told = [
        Outcome(
            prediction_id=an_id(at, int(watching.now_s), version), version=version, epoch=1, score=p, label=float(y)
        )
        for at, (p, y) in enumerate(zip(scores.tolist(), labels, strict=True))
    ]
    assert watching.outcomes.record("m", told) == number


async def minutes(watching: Watching, number: int) -> None:
    for _ in range(number):
        await watching.minute()


async def test_scores_that_do_not_come_true_raise_an_alarm_and_new_ones_that_do_end_it(watching: Watching) -> None:
    tell(watching, 8_000, come_true=1.0)
    await minutes(watching, 2)
    assert watching.told() == []
    tell(watching, 20_000, come_true=1.6)
    await minutes(watching, 2)
    assert watching.told() == [("RAISED", CALIBRATION)]
    (event,) = watching.book.events_after("m", 0, 9)
    assert (event.version, event.rows) == (1, 20_000)
    assert "more came true than they said, by at least" in event.reason
    assert event.p_value < event.level < 1e-4
    assert watching.watch.standing["m", 1, ""] == 1
    drift = await watching.answers.answer(Question(model="m"))
    assert drift.calibration[0].reason == event.reason
    assert drift.calibration[0].since_unix_ms == event.since_unix_ms
    await minutes(watching, 2)
    assert len(watching.told()) == 1, "no outcomes are no news"
    tell(watching, 20_000, come_true=1.0)
    await minutes(watching, 2)
    assert watching.told() == [("RAISED", CALIBRATION), ("CLEARED", CALIBRATION)]
    report = await watching.answers.calibration("m")
    assert (report.tolerance, [(each.version, each.since_unix_ms) for each in report.versions]) == (0.1, [(1, 0)])


async def test_an_alarm_on_outcomes_outlives_the_registry(watching: Watching) -> None:
    tell(watching, 20_000, come_true=0.5)
    await minutes(watching, 2)
    watching.close()
    watching.wire()
    await minutes(watching, 2)
    assert watching.told() == [("RAISED", CALIBRATION)]
    (found,) = (await watching.answers.calibration("m")).versions
    assert found.since_unix_ms > 0
    assert "fewer came true" in found.reason


async def test_a_version_without_a_profile_is_watched_by_its_outcomes(watching: Watching) -> None:
    without = watching.catalog.register(
        "m", 0, artifact_sha256=watching.profile_sha256, profile_sha256="", warmup_sha256="",
        score=watching.catalog.get_version("m", 1).score, lineage=watching.catalog.get_version("m", 1).lineage,
    )  # fmt: skip
    watching.route(1, without.version)
    tell(watching, 20_000, come_true=0.3, version=without.version)
    await minutes(watching, 2)
    assert [(event.version, event.monitor) for event in watching.book.events_after("m", 0, 9)] == [(3, CALIBRATION)]
    assert watching.watch.standing["m", 3, ""] == 1
    tell(watching, 20_000, come_true=1.0, version=without.version)
    await minutes(watching, 2)
    assert watching.watch.standing["m", 3, ""] == 0
    tell(watching, 20_000, come_true=0.3, version=without.version)
    await minutes(watching, 2)
    watching.route(1)
    await minutes(watching, 1)
    assert watching.told() == 2 * [("RAISED", CALIBRATION), ("CLEARED", CALIBRATION)]


async def test_versions_in_no_route_are_shown_and_not_judged(watching: Watching) -> None:
    tell(watching, 5_000, come_true=0.3, version=2)
    await minutes(watching, 2)
    assert watching.told() == []
    (found,) = (await watching.answers.calibration("m")).versions
    assert (found.version, found.outcomes, found.reason) == (2, 5_000, "")
    with pytest.raises(ModelNotFound):
        await watching.answers.calibration("nobody")
