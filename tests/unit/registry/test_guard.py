"""Past the last step: the candidate is stable, the old version held back beside it, and the gates judge on."""

import dataclasses

from gnomon.domain import Role, RolloutState
from gnomon.rollout import Guard, Policy, Rollout
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import BASELINE, CANARY, CANDIDATE, SHADOW, arm, pairs

GUARDED = Policy(
    steps=(dataclasses.replace(CANARY, min_calls=100),),
    max_error_share=0.01,
    max_latency_ratio=1.5,
    guard=Guard(min_s=20.0, min_calls=300, holdback_bp=500, timeout_s=40.0),
)


def weights(inside: Inside) -> list[tuple[int, str, int]]:
    return [(each.version, each.role.name, each.weight_bp) for each in inside.route.arms]


async def in_guard(inside: Inside, policy: Policy = GUARDED) -> Rollout:
    """A rollout whose one canary step passed."""
    inside.count(arm(Role.STABLE, inside.route.revision, 500))
    await inside.start(policy)
    inside.serve()
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, 900, over=(0, 0, 0)), arm(Role.CANARY, epoch, 100, over=(0, 0, 0)))
    guarded = await inside.look()
    inside.serve()
    return guarded


def watched(inside: Inside, new: int, old: int, slow: tuple[int, int] = (0, 0), failed: int = 0) -> None:
    """What the gateway has counted under the guard: calls of both, and how many of each were slow."""
    epoch = inside.route.revision
    inside.count(
        arm(Role.STABLE, epoch, new, version=CANDIDATE, over=(0, slow[0], 0), failed=failed),
        arm(Role.CANARY, epoch, old, version=BASELINE, over=(0, slow[1], 0)),
    )


async def test_after_the_last_step_the_candidate_is_stable_and_the_old_version_held_back(inside: Inside) -> None:
    guarded = await in_guard(inside)
    assert (guarded.state, guarded.step) == (RolloutState.GUARD, 1)
    assert [decision.action for decision in guarded.decisions] == ["started", "guarded"]
    assert weights(inside) == [(1, "CANARY", 500), (2, "STABLE", 9_500)]
    assert len(inside.route.latency_thresholds_us) == 3, "the candidate is still held to stable's p99 of before"
    assert inside.stages == {1: "PRODUCTION", 2: "STAGING"}


async def test_a_candidate_that_keeps_well_to_the_end_is_promoted(inside: Inside) -> None:
    await in_guard(inside)
    watched(inside, 9_500, 500)
    early = await inside.look(later_s=7.0)
    (open_,) = [verdict for verdict in early.latest if verdict.verdict == "need_more"]
    assert (open_.gate, open_.eta_s) == ("time", 20.0), "the guard begins with its first look"
    for _ in range(3):
        inside.serve()
        ended = await inside.look(later_s=7.0)
    assert ended.state is RolloutState.PROMOTED
    assert weights(inside) == [(2, "STABLE", 10_000)]
    assert inside.route.warm == (1,)
    assert inside.stages == {1: "ARCHIVED", 2: "PRODUCTION"}


async def test_one_that_turns_slow_under_the_guard_goes_back_in_one_change(inside: Inside) -> None:
    await in_guard(inside)
    before = inside.route.revision
    watched(inside, 9_500, 500, slow=(400, 1))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "p99_vs_stable")
    assert "400 of 401 calls" in ended.reason
    assert weights(inside) == [(1, "STABLE", 10_000)]
    assert inside.route.revision == before + 1
    assert inside.stages == {1: "PRODUCTION", 2: "NONE"}


async def test_what_slows_both_is_nobodys_fault_there_either(inside: Inside) -> None:
    await in_guard(inside)
    watched(inside, 950, 50, slow=(190, 10))
    assert (await inside.look()).state is RolloutState.GUARD


async def test_good_calls_of_the_steps_do_not_hide_what_goes_wrong_later(inside: Inside) -> None:
    policy = dataclasses.replace(GUARDED, max_latency_ratio=None)
    await inside.start(policy)
    inside.serve()
    steps = arm(Role.CANARY, inside.route.revision, 1_000_000)
    inside.count(steps)
    await inside.look()
    inside.serve()
    watched(inside, 100, 5, failed=20)
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "errors")


async def test_silence_under_the_guard_pauses_it(inside: Inside) -> None:
    await in_guard(inside)
    await inside.look()
    for _ in range(5):
        inside.serve()
        held = await inside.look(later_s=7.9)
    assert held.state is RolloutState.GUARD
    inside.serve()
    held = await inside.look(later_s=7.9)
    assert (held.state, held.gate) == (RolloutState.PAUSED, "timeout")
    assert weights(inside) == [(1, "CANARY", 500), (2, "STABLE", 9_500)]
    resumed = await inside.controller.resume("m", "", "ann")
    assert resumed.state is RolloutState.GUARD


async def test_a_shadow_may_lead_straight_into_the_guard(inside: Inside) -> None:
    await inside.start(dataclasses.replace(GUARDED, steps=(SHADOW,)))
    inside.serve()
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, 400, us=7_000), arm(Role.SHADOW, epoch, 400), pairs(epoch, 400))
    assert (await inside.look()).state is RolloutState.GUARD
    assert weights(inside) == [(1, "CANARY", 500), (2, "STABLE", 9_500)]
    assert inside.route.latency_thresholds_us[1] > 6_900, "stable's p99 of the shadow step"


async def test_without_a_hold_back_the_old_version_is_kept_warm(inside: Inside) -> None:
    policy = dataclasses.replace(
        GUARDED, max_latency_ratio=None, guard=Guard(min_s=20.0, min_calls=300, holdback_bp=0, timeout_s=40.0)
    )
    await in_guard(inside, policy)
    assert (weights(inside), inside.route.warm) == ([(2, "STABLE", 10_000)], (1,))
