"""What became of predictions, and the gate that judges it."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from gnomon.domain import Role, RolloutState
from gnomon.errors import InvalidInput, ModelNotFound, VersionNotFound
from gnomon.evidence import Outcome
from gnomon.rollout import Policy, Rollout
from gnomon.stats.calibration import Reliability
from registry.outcomes import Outcomes
from tests.predictions import prediction_id as an_id
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import BASELINE, CANARY, CANDIDATE, MODEL, arm

POLICY = Policy(
    steps=(dataclasses.replace(CANARY, weight_bp=5_000, min_calls=10),), max_wrong_ratio=1.5, min_outcomes=200
)


def told(epoch: int, version: int, number: int, wrong: int) -> tuple[Outcome, ...]:
    """So many outcomes of label 1, the first `wrong` of them with a score of 0.4."""
    return tuple(
        Outcome(
            prediction_id=an_id(n, epoch, version),
            version=version,
            epoch=epoch,
            score=0.4 if n < wrong else 0.6,
            label=1.0,
        )
        for n in range(number)
    )


async def begun(inside: Inside) -> Rollout:
    rollout = await inside.start(POLICY)
    inside.serve()
    return rollout


async def outcomes(inside: Inside, ours: tuple[int, int], theirs: tuple[int, int]) -> int:
    """(known, wrong) of the candidate, and of stable, in the running step."""
    epoch = inside.route.revision
    both = (*told(epoch, CANDIDATE, *ours), *told(epoch, BASELINE, *theirs))
    return await inside.controller.record(MODEL, both)


@pytest.mark.parametrize(
    ("ours", "theirs", "state", "verdict"),
    [
        ((0, 0), (0, 0), RolloutState.RUNNING, "need_more"),
        ((300, 0), (0, 0), RolloutState.RUNNING, "need_more"),
        ((199, 20), (300, 30), RolloutState.RUNNING, "need_more"),
        ((300, 30), (300, 30), RolloutState.PROMOTED, "pass"),
        ((300, 5), (300, 30), RolloutState.PROMOTED, "pass"),
        ((100, 60), (100, 10), RolloutState.STOPPED, "fail"),
    ],
)
async def test_a_candidate_is_judged_by_what_became_of_its_predictions(
    inside: Inside, ours: tuple[int, int], theirs: tuple[int, int], state: RolloutState, verdict: str
) -> None:
    await begun(inside)
    await outcomes(inside, ours, theirs)
    seen = await inside.look()
    assert (seen.state, [(each.gate, each.verdict) for each in seen.latest]) == (state, [("quality", verdict)])


async def test_an_outcome_told_twice_counts_once_and_the_first_stands(inside: Inside) -> None:
    await begun(inside)
    epoch = inside.route.revision
    first, *_ = told(epoch, CANDIDATE, 1, 1)
    other = dataclasses.replace(first, score=0.9)
    assert await inside.controller.record(MODEL, (first, other, first)) == 1
    assert await inside.controller.record(MODEL, (other,)) == 0
    await inside.controller.record(MODEL, told(epoch, BASELINE, 1, 0))
    assert '"segments": [[1, 1, 0.5]]' in (await inside.look()).latest[0].evidence_json


async def test_outcomes_are_kept_whether_a_rollout_runs_or_not(inside: Inside) -> None:
    before = inside.route.revision
    assert await inside.controller.record(MODEL, told(before, BASELINE, 5, 0)) == 5
    await begun(inside)
    assert await inside.controller.record(MODEL, told(before, BASELINE, 5, 0)) == 0
    assert await outcomes(inside, (5, 0), (5, 0)) == 10
    epoch = inside.route.revision
    await inside.controller.abort(MODEL, "", "ann")
    assert await inside.controller.record(MODEL, told(epoch, BASELINE, 5, 0)) == 0
    assert {version: of.calibration().outcomes for version, of in known(inside).items()} == {BASELINE: 10, CANDIDATE: 5}


async def test_the_oldest_predictions_make_room_and_are_not_taken_again(inside: Inside) -> None:
    kept = Outcomes(inside.database, lambda: 0, kept=4, recent=3)

    def tell(*numbers: int, epoch: int = 1) -> int:
        return kept.record(MODEL, [of(number, epoch) for number in numbers])

    def of(number: int, epoch: int) -> Outcome:
        return Outcome(prediction_id=an_id(number), version=1, epoch=epoch, score=0.5, label=1.0)

    assert tell(5, 3, 1) == 3
    assert tell(4, 2) == 2
    assert tell(1, 2, 3) == 0, "1 has gone: taken again it would count twice"
    assert tell(9) == 1
    assert tell(2) == 0
    assert kept.reliability(MODEL)[1].calibration().outcomes == 3, "of a version, the newest"
    rollout = await begun(inside)
    assert tell(0, 1, epoch=rollout.epochs[-1]) == 2, "those of the rollout that runs are all kept"
    assert tell(10) == 1
    assert [(each.outcomes, each.epoch) for each in kept.realised(rollout)] == [(2, rollout.epochs[-1])]


async def test_outcomes_survive_a_restart(inside: Inside) -> None:
    await begun(inside)
    await outcomes(inside, (300, 30), (300, 30))
    inside.restart()
    inside.serve()
    inside.count(arm(Role.STABLE, inside.route.revision, 1))
    assert (await inside.look()).state is RolloutState.PROMOTED


async def test_more_ids_than_one_statement_takes(inside: Inside) -> None:
    await begun(inside)
    assert await outcomes(inside, (2_500, 0), (2_500, 0)) == 5_000
    assert await outcomes(inside, (2_500, 0), (2_500, 0)) == 0


async def test_outcomes_of_a_model_that_is_none_are_refused(inside: Inside) -> None:
    with pytest.raises(ModelNotFound):
        await inside.controller.record("nobody", ())


async def test_outcomes_of_a_version_that_is_none_are_refused_and_none_is_taken(inside: Inside) -> None:
    with pytest.raises(VersionNotFound, match=f"model '{MODEL}' has no version 99"):
        await inside.controller.record(MODEL, (*told(1, BASELINE, 3, 0), *told(1, 99, 1, 0)))
    assert known(inside) == {}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"prediction_id": ""}, "prediction_id ''"),
        ({"prediction_id": "order-17"}, "prediction_id 'order-17'"),
        ({"prediction_id": an_id(0xABC).upper()}, "0ABC' of Outcome: an id as a gateway gives it"),
        ({"score": float("nan")}, "score nan"),
        ({"label": float("inf")}, "label inf"),
        ({"version": -1}, "version -1"),
    ],
)
def test_an_outcome_is_of_numbers(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Outcome(**{"prediction_id": an_id(1), "version": 1, "epoch": 1, "score": 0.5, "label": 1.0} | wrong)


def test_a_gate_on_outcomes_asks_for_some() -> None:
    with pytest.raises(InvalidInput, match="min_outcomes 0: 1 or more"):
        dataclasses.replace(POLICY, min_outcomes=0)
    with pytest.raises(InvalidInput, match="wrong_above -1"):
        dataclasses.replace(POLICY, wrong_above=-1.0)


def known(inside: Inside) -> dict[int, Reliability]:
    return Outcomes(inside.database, lambda: 0).reliability(MODEL)


async def test_reliability_is_of_each_version_as_the_library_has_it(inside: Inside) -> None:
    """In sums that the database makes: scores that are no probabilities and labels that are neither are left out."""
    assert known(inside) == {}
    rng = np.random.default_rng(4)
    scores = {version: np.append(rng.random(500), [0.0, 1.0]) for version in (CANDIDATE, BASELINE)}
    odd = [(7.0, 1.0), (0.5, 0.25)]
    for version, each in scores.items():
        labels = (rng.random(502) < each).astype(float)
        told = [
            Outcome(prediction_id=an_id(n, version), version=version, epoch=1, score=float(score), label=label)
            for n, (score, label) in enumerate([*zip(each, labels.tolist(), strict=True), *odd])
        ]
        assert await inside.controller.record(MODEL, tuple(told)) == len(told)
        wanted = Reliability()
        wanted.update(each, labels)
        np.testing.assert_allclose(known(inside)[version].sums, wanted.sums, atol=1e-9)
    assert sorted(known(inside)) == sorted(scores)


def test_reliability_of_a_model_that_is_none_is_refused(inside: Inside) -> None:
    with pytest.raises(ModelNotFound):
        Outcomes(inside.database, lambda: 0).reliability("nobody")
