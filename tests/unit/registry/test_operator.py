"""What an operator does to a rollout, and what a step does when its time is up."""

import dataclasses
from typing import Any

import pytest

from gnomon.domain import OnTimeout, Role, RolloutState
from gnomon.errors import IllegalTransition, Precondition, StaleRevision
from gnomon.evidence import GatewayStatus, Trip
from gnomon.rollout import Policy, Rollout
from registry.rollout.ledger import Ledger
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import CANARY, LAST, MODEL, POLICY, arm


def policy(**of_first_step: Any) -> Policy:
    first = dataclasses.replace(CANARY, **of_first_step)
    return Policy(steps=(first, LAST), max_error_share=0.05)


async def running(inside: Inside, of: Policy, calls: int = 400) -> Rollout:
    """A rollout in its first canary step that has seen `calls` good ones; not looked at since."""
    rollout = await inside.start(of)
    inside.serve()
    inside.count(arm(Role.CANARY, inside.route.revision, calls))
    return rollout


async def test_a_paused_rollout_goes_nowhere(inside: Inside) -> None:
    await running(inside, policy())
    paused = await inside.controller.pause(MODEL, "lunch", "ann")
    assert (paused.state, paused.gate, paused.reason) == (RolloutState.PAUSED, "pause", "paused by ann: lunch")
    for _ in range(3):
        inside.serve()
        inside.count(arm(Role.CANARY, inside.route.revision, 400))
        paused = await inside.look(later_s=100.0)
    assert (paused.state, paused.step) == (RolloutState.PAUSED, 0)


async def test_a_paused_rollout_still_goes_back(inside: Inside) -> None:
    await running(inside, policy())
    await inside.controller.pause(MODEL, "", "ann")
    inside.count(arm(Role.CANARY, inside.route.revision, 100, failed=60))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "errors")


def tell(inside: Inside, *trips: Trip) -> None:
    applied = inside.route.revision
    inside.stats.report_status(GatewayStatus(gateway_id="g1", applied_revision=applied, trips=trips))


async def test_a_rollout_paused_by_a_breaker_is_resumed_once_that_has_closed(inside: Inside) -> None:
    await running(inside, policy(), calls=10)
    tell(inside, Trip(model=MODEL, version=2, slot=1, reason="timed_out", calls=10, bad=1))
    paused = await inside.look()
    words = "worker 1 of gateway g1 tripped version 2: 1 of 10 calls were bad, mostly timed_out"
    assert (paused.state, paused.gate, paused.reason) == (RolloutState.PAUSED, "breaker", words)
    assert "breaker" in {verdict.gate for verdict in paused.decisions[-1].verdicts}
    with pytest.raises(IllegalTransition, match="cannot be resumed yet: worker 1 of gateway g1 tripped"):
        await inside.controller.resume(MODEL, "", "bob")
    tell(inside)
    assert (await inside.look(later_s=1_000.0)).state is RolloutState.PAUSED, "nobody has said that it goes on"
    assert (await inside.controller.resume(MODEL, "", "bob")).state is RolloutState.RUNNING


async def test_a_rollout_paused_by_a_breaker_may_be_promoted_or_aborted(inside: Inside) -> None:
    for act, state in (("abort", RolloutState.STOPPED), ("promote", RolloutState.PROMOTED)):
        await running(inside, policy(), calls=10)
        tell(inside, Trip(model=MODEL, version=2, reason="failed", calls=10, bad=1))
        assert (await inside.look()).state is RolloutState.PAUSED
        assert (await getattr(inside.controller, act)(MODEL, "", "ann")).state is state


async def test_a_resumed_rollout_goes_on_where_it_was_and_its_clock_anew(inside: Inside) -> None:
    await running(inside, policy(), calls=10)
    await inside.look(later_s=50.0)
    await inside.controller.pause(MODEL, "", "ann")
    resumed = await inside.controller.resume(MODEL, "", "bob")
    assert (resumed.state, resumed.gate, resumed.reason) == (RolloutState.RUNNING, "", "")
    assert [each.action for each in resumed.decisions] == ["started", "paused", "resumed"]
    assert len({each.epoch for each in resumed.decisions}) == 1, "the route stays as it is"
    inside.serve()
    assert (await inside.look(later_s=50.0)).state is RolloutState.RUNNING
    inside.serve()
    inside.count(arm(Role.CANARY, inside.route.revision, 400))
    assert (await inside.look()).step == 1


async def test_every_order_is_refused_where_it_makes_no_sense(inside: Inside) -> None:
    await running(inside, policy())
    with pytest.raises(IllegalTransition, match="is not paused"):
        await inside.controller.resume(MODEL, "", "ann")
    with pytest.raises(IllegalTransition, match="asks for no approval"):
        await inside.controller.approve(MODEL, "", "ann")
    await inside.controller.pause(MODEL, "", "ann")
    with pytest.raises(IllegalTransition, match="paused already: paused by ann"):
        await inside.controller.pause(MODEL, "", "ann")
    with pytest.raises(Precondition, match="rollout 1 of 'm' runs"):
        await inside.start()
    await inside.controller.abort(MODEL, "", "ann")
    for order in ("pause", "resume", "promote", "approve"):
        with pytest.raises(IllegalTransition, match=f"ended as STOPPED: nothing to {order}"):
            await getattr(inside.controller, order)(MODEL, "", "ann")


async def test_promoted_by_hand_means_now(inside: Inside) -> None:
    await running(inside, policy(), calls=1)
    await inside.look()
    ended = await inside.controller.promote(MODEL, "the old one is on fire", "ann")
    assert ended.state is RolloutState.PROMOTED
    assert ended.decisions[-1].reason == "promoted by ann: the old one is on fire"
    assert {verdict.verdict for verdict in ended.decisions[-1].verdicts} == {"need_more"}, "what it was done against"
    assert (inside.route.stable.version, inside.route.warm, inside.route.actor) == (2, (1,), "ann")


async def test_a_decision_on_what_was_paused_meanwhile_is_not_applied(inside: Inside) -> None:
    seen = await running(inside, policy())
    await inside.controller.pause(MODEL, "", "ann")
    with pytest.raises(StaleRevision, match="has moved"):
        Ledger(inside.database, lambda: 0).advance(seen, 1, None, "", ())


async def test_a_step_that_wants_a_yes_waits_for_it(inside: Inside) -> None:
    await running(inside, policy(needs_approval=True))
    waiting = await inside.look()
    assert [verdict.gate for verdict in waiting.latest if verdict.verdict != "pass"] == ["approval"]
    await inside.controller.approve(MODEL, "looks fine", "bob")
    inside.serve()
    gone_on = await inside.look()
    assert gone_on.step == 1
    assert "approval: approved by bob: looks fine" in gone_on.decisions[-1].reason


async def test_a_step_lasts_its_shortest_time(inside: Inside) -> None:
    await running(inside, policy(min_s=30.0))
    assert (await inside.look()).latest[0].reason == "0 of at least 30 s"
    inside.serve()
    assert (await inside.look(later_s=7.5)).latest[0].eta_s == 22.5
    inside.serve()
    for _ in range(3):
        inside.serve()
        ended = await inside.look(later_s=7.5)
    assert ended.step == 1


@pytest.mark.parametrize(
    ("on_timeout", "calls", "state", "step"),
    [
        (OnTimeout.STOP, 320, RolloutState.STOPPED, 0),
        (OnTimeout.HOLD, 320, RolloutState.PAUSED, 0),
        (OnTimeout.PROMOTE_IF_NO_EVIDENCE, 320, RolloutState.PROMOTED, 0),
        (OnTimeout.PROMOTE_IF_NO_EVIDENCE, 299, RolloutState.STOPPED, 0),
        (OnTimeout.PROMOTE_IF_NO_EVIDENCE, 0, RolloutState.STOPPED, 0),
    ],
)
async def test_when_a_steps_time_is_up(
    inside: Inside, on_timeout: OnTimeout, calls: int, state: RolloutState, step: int
) -> None:
    """320 calls are those asked for, but too few to show that the budget is kept: no harm, and no proof."""
    last = dataclasses.replace(LAST, min_calls=300, on_timeout=on_timeout)
    await running(inside, Policy(steps=(last,), p99_budget_us=50_000), calls)
    assert (await inside.look()).state is RolloutState.RUNNING
    for _ in range(8):
        inside.serve()
        ended = await inside.look(later_s=7.5)
    assert (ended.state, ended.step) == (state, step)


async def test_a_gateway_that_falls_silent_holds_up_what_would_pass(inside: Inside) -> None:
    await running(inside, policy())
    waiting = await inside.look(later_s=8.1)
    assert waiting.step == 0
    assert waiting.latest[0].reason == "nothing was heard lately from g1"
    inside.serve()
    assert (await inside.look()).step == 1


async def test_a_gateway_whose_counts_stop_holds_it_up_though_it_says_it_is_well(inside: Inside) -> None:
    await running(inside, policy())
    inside.now_s += 8.1
    inside.serve_without_counts()
    assert (await inside.look(later_s=0.0)).latest[0].reason == "nothing was heard lately from g1"


async def test_a_silent_gateway_keeps_no_bad_version_in(inside: Inside) -> None:
    await running(inside, policy())
    inside.count(arm(Role.CANARY, inside.route.revision, 100, failed=60))
    assert (await inside.look(later_s=8.1)).gate == "errors"


async def test_a_gate_that_needs_more_says_when_it_will_have_it(inside: Inside) -> None:
    await running(inside, policy(), calls=0)
    for calls in (0, 50, 100):
        inside.serve()
        inside.count(arm(Role.CANARY, inside.route.revision, calls))
        seen = await inside.look(later_s=5.0)
    (verdict,) = seen.latest
    assert (verdict.need, verdict.seen, verdict.eta_s) == (200, 100, 20.0)


async def test_nothing_is_estimated_from_silence(inside: Inside) -> None:
    await running(inside, POLICY, calls=0)
    for _ in range(3):
        inside.serve()
        seen = await inside.look(later_s=5.0)
    assert {verdict.eta_s for verdict in seen.latest} == {None}
