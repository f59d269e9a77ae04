"""Rollouts from start to end, the loop off and the clock told."""

import pytest

from gnomon.domain import Arm, Role, RolloutState, Stage
from gnomon.errors import ApprovalMissing, IllegalTransition, Precondition, RolloutNotFound, StaleRevision
from gnomon.evidence import GatewayStatus, LoadFailure
from gnomon.rollout import Policy, Rollout
from registry.rollout.ledger import Ledger
from registry.rollout.routes import NEVER_US
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import CANARY, MODEL, POLICY, arm, pairs, route


def weights(inside: Inside) -> list[tuple[int, str, int]]:
    return [(each.version, each.role.name, each.weight_bp) for each in inside.route.arms]


def actions(rollout: Rollout) -> list[str]:
    return [decision.action for decision in rollout.decisions]


def shadow_counts(inside: Inside, number: int = 400) -> None:
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, number), arm(Role.SHADOW, epoch, number), pairs(epoch, number))


def canary_counts(inside: Inside, number: int = 400) -> None:
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, number * 9), arm(Role.CANARY, epoch, number))


async def in_canary(inside: Inside) -> None:
    """A rollout in its first canary step, served everywhere."""
    await inside.start()
    inside.serve()
    shadow_counts(inside)
    await inside.look()
    inside.serve()


async def test_a_good_candidate_goes_all_the_way(inside: Inside) -> None:
    started = await inside.start()
    assert weights(inside) == [(1, "STABLE", 10_000), (2, "SHADOW", 10_000)]
    assert inside.stages == {1: "PRODUCTION", 2: "STAGING"}
    assert (inside.route.latency_thresholds_us, inside.route.disagreement_tolerance) == ((50_000,), 0.2)
    inside.serve()
    shadow_counts(inside)
    await inside.look()
    assert weights(inside) == [(1, "STABLE", 9_000), (2, "CANARY", 1_000)]
    thresholds = inside.route.latency_thresholds_us
    assert thresholds == (50_000, pytest.approx(1_000, rel=0.02), pytest.approx(1_000, rel=0.02))
    inside.serve()
    canary_counts(inside)
    await inside.look()
    assert weights(inside) == [(1, "STABLE", 0), (2, "CANARY", 10_000)]
    assert inside.route.latency_thresholds_us == thresholds, "stable's p99 and median stay frozen"
    inside.serve()
    canary_counts(inside, 600)
    ended = await inside.look()
    assert ended.state is RolloutState.PROMOTED
    assert actions(ended) == ["started", "advanced", "advanced", "promoted"]
    assert [decision.step for decision in ended.decisions] == [0, 1, 2, 2]
    assert weights(inside) == [(2, "STABLE", 10_000)]
    assert inside.route.warm == (1,)
    assert inside.stages == {1: "ARCHIVED", 2: "PRODUCTION"}
    assert ended.ended_unix_ms > started.started_unix_ms
    assert all(decision.verdicts for decision in ended.decisions[1:])
    assert ended.decisions[-1].epoch == inside.route.revision


async def test_each_step_waits_until_its_route_is_served(inside: Inside) -> None:
    await inside.start()
    shadow_counts(inside)
    waiting = await inside.look()
    assert waiting.latest[0].gate == "gateways"
    inside.serve()
    assert (await inside.look()).step == 1
    canary_counts(inside)
    assert (await inside.look()).step == 1, "the gateway still serves the shadow step's route"
    inside.serve()
    assert (await inside.look()).step == 2


async def test_a_gateway_that_went_silent_is_not_waited_for(inside: Inside) -> None:
    inside.stats.report_status(GatewayStatus(gateway_id="gone", applied_revision=0))
    await inside.start()
    shadow_counts(inside)
    for _ in range(4):
        inside.serve()
        assert (await inside.look(later_s=7.4)).step == 0
    inside.serve()
    assert (await inside.look(later_s=0.5)).step == 1


async def test_a_failed_gate_takes_the_candidate_out(inside: Inside) -> None:
    await inside.start()
    inside.serve()
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, 100), pairs(epoch, 100, disagreements=70))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "disagreement")
    assert "70 of 100 pairs" in ended.reason
    assert weights(inside) == [(1, "STABLE", 10_000)]
    assert inside.route.warm == ()
    assert inside.stages == {1: "PRODUCTION", 2: "NONE"}
    assert actions(ended) == ["started", "stopped"]
    assert ended.latest == ended.decisions[-1].verdicts


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"failed": 60}, "errors"),
        ({"over": (60, 60)}, "p99_budget"),
        ({"over": (0, 60)}, "p99_vs_stable"),
    ],
)
async def test_a_canary_gate_that_fails_stops(inside: Inside, changes: dict[str, object], gate: str) -> None:
    await in_canary(inside)
    epoch = inside.route.revision
    inside.count(arm(Role.STABLE, epoch, 900, over=(0, 9)), arm(Role.CANARY, epoch, 100, **changes))
    ended = await inside.look()
    assert (ended.state, ended.gate, ended.step) == (RolloutState.STOPPED, gate, 1)
    assert weights(inside) == [(1, "STABLE", 10_000)]


async def test_a_candidate_that_does_not_load_is_stopped_at_once(inside: Inside) -> None:
    await inside.start()
    await inside.look()
    inside.serve(LoadFailure(model=MODEL, version=2, reason="not ONNX"))
    ended = await inside.look()
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "load")
    assert "not ONNX" in ended.reason


async def test_silence_is_not_a_pass(inside: Inside) -> None:
    await inside.start()
    for _ in range(8):
        inside.serve()
        assert (await inside.look(later_s=7.4)).state is RolloutState.RUNNING
    inside.serve()
    ended = await inside.look(later_s=9.9)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "timeout")


async def test_each_step_has_its_own_time(inside: Inside) -> None:
    await inside.start()
    await inside.look(later_s=59.0)
    inside.serve()
    shadow_counts(inside)
    assert (await inside.look()).step == 1
    assert (await inside.look(later_s=59.0)).state is RolloutState.RUNNING


async def test_an_abort_takes_the_candidate_out(inside: Inside) -> None:
    await in_canary(inside)
    ended = await inside.controller.abort(MODEL, "wrong week", "bob")
    assert (ended.state, ended.gate, ended.reason) == (RolloutState.STOPPED, "abort", "aborted by bob: wrong week")
    assert weights(inside) == [(1, "STABLE", 10_000)]
    assert inside.route.actor == "bob"
    with pytest.raises(IllegalTransition, match="nothing to abort"):
        await inside.controller.abort(MODEL, "again", "bob")


async def test_an_abort_of_nothing_is_not_found(inside: Inside) -> None:
    with pytest.raises(RolloutNotFound):
        await inside.controller.abort(MODEL, "", "bob")


async def test_a_rollout_goes_on_after_a_restart(inside: Inside) -> None:
    await in_canary(inside)
    tau = inside.route.latency_thresholds_us
    inside.restart()
    resumed = await inside.look()
    assert (resumed.state, resumed.step) == (RolloutState.RUNNING, 1)
    inside.serve()
    canary_counts(inside)
    assert (await inside.look()).step == 2
    assert inside.route.latency_thresholds_us == tau, "stable's p99 was written down"


async def test_the_time_of_a_step_starts_anew_after_a_restart(inside: Inside) -> None:
    await inside.start()
    await inside.look(later_s=50.0)
    inside.restart()
    assert (await inside.look(later_s=50.0)).state is RolloutState.RUNNING


async def test_a_rollout_without_a_shadow_takes_stables_p99_from_before(inside: Inside) -> None:
    inside.count(arm(Role.STABLE, inside.route.revision, 500, us=7_000))
    await inside.start(Policy(steps=(CANARY,), max_latency_ratio=2.0))
    assert inside.route.latency_thresholds_us == (NEVER_US, *[pytest.approx(7_000, rel=0.02)] * 2)


async def test_a_second_rollout_waits_for_the_first(inside: Inside) -> None:
    await inside.start()
    inside.register(3)
    inside.catalog.approve(MODEL, 3, "ann", "")
    with pytest.raises(Precondition, match="rollout 1 of 'm' runs with version 2"):
        await inside.controller.start(MODEL, 3, POLICY, "ann")


async def test_a_rollout_needs_an_approval(inside: Inside) -> None:
    inside.register(3)
    with pytest.raises(ApprovalMissing):
        await inside.controller.start(MODEL, 3, POLICY, "ann")


async def test_a_version_that_is_stable_is_not_rolled_out(inside: Inside) -> None:
    with pytest.raises(IllegalTransition, match="stable arm already"):
        await inside.controller.start(MODEL, 1, POLICY, "ann")


async def test_while_a_rollout_runs_it_owns_the_route_and_the_stages(inside: Inside) -> None:
    await inside.start()
    with pytest.raises(Precondition, match="owns the route"):
        inside.catalog.set_route(route(), -1)
    for version, stage in ((1, Stage.PRODUCTION), (2, Stage.PRODUCTION), (2, Stage.ARCHIVED)):
        with pytest.raises(IllegalTransition, match="while rollout 1 runs"):
            inside.catalog.set_stage(MODEL, version, stage, "bob")


async def test_rollouts_of_a_model_are_numbered_and_kept(inside: Inside) -> None:
    for _ in range(2):
        await inside.start()
        await inside.controller.abort(MODEL, "", "bob")
    assert [rollout.id for rollout in await inside.controller.list_of(MODEL)] == [1, 2]
    assert (await inside.controller.get(MODEL, 1)).id == 1


async def test_a_decision_on_what_has_moved_meanwhile_is_not_applied(inside: Inside) -> None:
    seen = await inside.start()
    await inside.controller.abort(MODEL, "", "bob")
    ledger = Ledger(inside.database, lambda: 0)
    for change in (
        lambda: ledger.advance(seen, 1, None, "", ()),
        lambda: ledger.promote(seen, "", ()),
        lambda: ledger.stop(seen, "errors", "", ()),
    ):
        with pytest.raises(StaleRevision, match="has moved"):
            change()
    assert weights(inside) == [(1, "STABLE", 10_000)]


async def test_a_rollout_started_on_a_route_that_changed_meanwhile_is_refused(inside: Inside) -> None:
    ledger = Ledger(inside.database, lambda: 0)
    with pytest.raises(StaleRevision):
        ledger.start(MODEL, 2, POLICY, "ann", None, epoch=inside.route.revision - 1)
    assert inside.stages[2] == "NONE", "a change that is refused leaves nothing of itself"


async def test_what_was_warm_stays_warm_and_the_candidate_leaves_it(inside: Inside) -> None:
    inside.register(3)
    one = Arm(version=1, role=Role.STABLE)
    inside.catalog.set_route(route(arms=(one,), warm=(2, 3)), -1)
    await inside.start()
    assert inside.route.warm == (3,)
    await inside.controller.abort(MODEL, "", "bob")
    assert (inside.route.arms, inside.route.warm) == ((one,), (3,))
