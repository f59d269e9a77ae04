"""Gates on distributions, from the drift counts of a running step to a verdict."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from gnomon.domain import Role, RolloutState
from gnomon.errors import Precondition
from gnomon.evidence import DriftTick
from gnomon.rollout import Policy
from gnomon.stats import Profile, Sketch
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import BASELINE, CANARY, CANDIDATE, LAST, MODEL, arm

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(0, 1, 4_000).astype(np.float32)
TICK_S = 5.0


def profile(scores: np.ndarray) -> Profile:
    of_inputs = Profile.fit(INPUTS, names=["amount"], tensor="x")
    return of_inputs.extended(Profile.fit(scores.astype(np.float32), names=["score"], tensor="y", score=True))


PROFILES = {BASELINE: profile(RNG.beta(2, 5, 4_000)), CANDIDATE: profile(RNG.beta(2.05, 5, 4_000))}
STEP = dataclasses.replace(CANARY, min_calls=500)


def policy(*steps: Any, **gates: float) -> Policy:
    return Policy(steps=steps or (STEP,), **gates)


def tick(inside: Inside, version: int, inputs: np.ndarray, scores: np.ndarray, later_s: float = 5.0) -> DriftTick:
    """The first sub-window that begins so much later than now, or after that."""
    sketch = Sketch(PROFILES[version])
    sketch.update(np.stack([inputs, scores], axis=1).astype(np.float32))
    number = math.ceil((inside.now_s + later_s) / TICK_S)
    counts = sketch.counts.astype("<i8").tobytes()
    return DriftTick(model=MODEL, version=version, tick=number, tick_s=TICK_S, rows=len(inputs), counts=counts)


def calls(ours: float = 2.0, shift: float = 0.0, rows: int = 2_000) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Inputs and scores of both: stable's are Beta(2, 5), the candidate's Beta(ours, 5) on inputs `shift` further."""
    return {
        BASELINE: (RNG.normal(0, 1, 4 * rows), RNG.beta(2, 5, 4 * rows)),
        CANDIDATE: (RNG.normal(shift, 1, rows), RNG.beta(ours, 5, rows)),
    }


async def begun(inside: Inside, of: Policy) -> None:
    inside.profiles = dict(PROFILES)
    await inside.start(of)
    inside.serve()


def answered(inside: Inside, seen: dict[int, tuple[np.ndarray, np.ndarray]], **when: float) -> None:
    inside.count(*(tick(inside, version, *columns, **when) for version, columns in seen.items()))


GATES = [("score_psi", {"max_score_psi": 0.2}), ("score_ks", {"max_score_ks": 0.1})]


@pytest.mark.parametrize(("gate", "limit"), GATES)
async def test_scores_like_those_of_stable_pass(inside: Inside, gate: str, limit: dict[str, float]) -> None:
    await begun(inside, policy(**limit))
    answered(inside, calls())
    ended = await inside.look()
    assert ended.state is RolloutState.PROMOTED
    assert [verdict.gate for verdict in ended.latest] == [gate]


@pytest.mark.parametrize(("gate", "limit"), GATES)
async def test_scores_far_from_those_of_stable_stop_it(inside: Inside, gate: str, limit: dict[str, float]) -> None:
    await begun(inside, policy(**limit))
    answered(inside, calls(ours=5.0))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, gate)
    assert "(score)" in ended.reason


async def test_inputs_far_from_the_training_data_stop_it(inside: Inside) -> None:
    await begun(inside, policy(max_input_psi=0.2))
    answered(inside, calls(shift=1.0))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "input_drift")
    assert "(amount)" in ended.reason
    assert json.loads(ended.decisions[-1].verdicts[0].evidence_json)["log_e_of_any"] > 100


async def test_inputs_as_in_training_leave_no_evidence_of_drift(inside: Inside) -> None:
    await begun(inside, policy(max_input_psi=0.2))
    answered(inside, calls())
    ended = await inside.look()
    assert ended.state is RolloutState.PROMOTED
    assert json.loads(ended.latest[0].evidence_json)["log_e_of_any"] < math.log(1 / 0.001)
    assert "against no drift at all" in ended.latest[0].reason


async def test_inputs_that_are_names_stop_no_rollout(inside: Inside) -> None:
    """Of thousands of names, many are new in clean traffic, too."""

    def cities(rows: int) -> dict[str, np.ndarray]:
        return {"city": RNG.zipf(1.2, rows).clip(1, 10_000).astype("U6")}

    named = Profile.fit(cities(20_000), tensor="x")
    inside.profiles = {BASELINE: named, CANDIDATE: named}
    await inside.start(policy(max_input_psi=0.2))
    inside.serve()
    sketch = Sketch(named)
    sketch.update(cities(20_000))
    number = math.ceil((inside.now_s + 5.0) / TICK_S)
    counts = sketch.counts.astype("<i8").tobytes()
    inside.count(DriftTick(model=MODEL, version=CANDIDATE, tick=number, tick_s=TICK_S, rows=2_000, counts=counts))
    seen = await inside.look()
    assert seen.state is RolloutState.RUNNING, "nothing that the gate looks at was seen"
    assert "log_e_of_any" not in seen.latest[0].evidence_json


async def test_inputs_like_the_training_data_pass(inside: Inside) -> None:
    await begun(inside, policy(max_input_psi=0.2))
    answered(inside, calls())
    assert (await inside.look()).state is RolloutState.PROMOTED


async def test_silence_of_scores_is_no_pass(inside: Inside) -> None:
    await begun(inside, policy(max_score_ks=0.1, max_input_psi=0.2))
    waiting = await inside.look()
    assert {(verdict.gate, verdict.verdict, verdict.need) for verdict in waiting.latest} == {
        ("score_ks", "need_more", 500),
        ("input_drift", "need_more", 500),
    }


async def test_scores_that_nothing_stood_beside_do_not_pass(inside: Inside) -> None:
    await begun(inside, policy(max_score_ks=0.1))
    answered(inside, {CANDIDATE: calls()[CANDIDATE]})
    waiting = await inside.look()
    assert (waiting.state, waiting.latest[0].verdict) == (RolloutState.RUNNING, "need_more")


async def test_what_was_answered_before_the_step_is_of_another_time(inside: Inside) -> None:
    await begun(inside, policy(max_score_ks=0.1))
    answered(inside, calls(ours=5.0), later_s=-10.0)
    assert (await inside.look()).state is RolloutState.RUNNING


async def test_at_all_traffic_there_is_nothing_beside_it_and_calls_are_enough(inside: Inside) -> None:
    await begun(inside, policy(STEP, dataclasses.replace(LAST, min_calls=500), max_score_ks=0.1))
    answered(inside, calls(), later_s=1.0)
    assert (await inside.look(later_s=6.0)).step == 1
    inside.serve()
    assert (await inside.look(later_s=5.0)).state is RolloutState.RUNNING
    answered(inside, {CANDIDATE: calls()[CANDIDATE]})
    assert (await inside.look()).state is RolloutState.PROMOTED


@pytest.mark.parametrize("gates", [{"max_score_ks": 0.1}, {"max_score_psi": 0.1}, {"max_input_psi": 0.1}])
async def test_a_gate_on_what_no_profile_describes_is_refused(inside: Inside, gates: dict[str, float]) -> None:
    with pytest.raises(Precondition, match="version"):
        await inside.start(policy(**gates))
    assert inside.stages[CANDIDATE] == "NONE"


# -- p50


async def canary_over_stables_median(inside: Inside, canary: int) -> Any:
    inside.count(arm(Role.STABLE, inside.route.revision, 500))
    await inside.start(policy(dataclasses.replace(CANARY, min_calls=300), max_median_ratio=1.3))
    inside.serve()
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, 3_600, over=(0, 36, 1_800)), arm(Role.CANARY, epoch, 400, over=(0, 4, canary)))
    return await inside.look()


async def test_a_median_like_stables_passes(inside: Inside) -> None:
    ended = await canary_over_stables_median(inside, 210)
    assert (ended.state, ended.latest[0].gate) == (RolloutState.PROMOTED, "p50_vs_stable")


async def test_a_slower_median_stops_it(inside: Inside) -> None:
    ended = await canary_over_stables_median(inside, 380)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "p50_vs_stable")
    assert "380 of 2180 calls slower than stable's median" in ended.reason
