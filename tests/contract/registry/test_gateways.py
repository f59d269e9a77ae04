"""What a gateway does with the registry: watches, downloads, reports; and what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from gnomon.aio import AsyncRegistryClient
from gnomon.client import RegistryClient
from gnomon.domain import Arm, DesiredState, OnTimeout, Role, RolloutState, Route
from gnomon.errors import IllegalTransition, InvalidInput, Overloaded, Precondition, RolloutNotFound, Unavailable
from gnomon.evidence import (
    ArmStats,
    DriftTick,
    GatewayStatus,
    Histogram,
    LoadFailure,
    Outcome,
    PairStats,
    ShadowBooks,
    StatsReport,
)
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.rollout import Guard, Policy, Rollout, Step
from gnomon.stats import Profile, Sketch
from tests.predictions import prediction_id as an_id

POLICY = Policy(
    steps=(
        Step(role=Role.SHADOW, weight_bp=10_000, min_calls=200, timeout_s=30.0),
        Step(role=Role.CANARY, weight_bp=5_000, min_calls=200, timeout_s=30.0),
    ),
    p99_budget_us=100_000,
    max_error_share=0.01,
    disagreement_tolerance=0.1,
    max_disagreement_share=0.05,
)


@pytest.fixture
async def gateway(registry: Any) -> AsyncIterator[AsyncRegistryClient]:
    async with AsyncRegistryClient(registry.target) as client:
        yield client


def stable(version: int) -> Arm:
    return Arm(version=version, role=Role.STABLE)


def route_of(state: DesiredState, model: str) -> Route | None:
    return next((each.route for each in state.models if each.route.model == model), None)


async def soon(states: AsyncIterator[DesiredState]) -> DesiredState:
    return await asyncio.wait_for(anext(states), timeout=5)


# -- the watch


async def test_a_watcher_is_told_the_whole_state_and_every_change(
    gateway: AsyncRegistryClient, hand: Any, client: RegistryClient, model: str
) -> None:
    hand.version()
    hand.version()
    states = gateway.watch("g1")
    before = await soon(states)
    assert route_of(before, model) is None
    route = client.set_route(hand.route(stable(1), warm=(2,)))
    after = await soon(states)
    assert after.revision == route.revision > before.revision
    (mine,) = [each for each in after.models if each.route.model == model]
    assert mine.route == route
    assert [mine.version(number) for number in (1, 2)] == client.list_versions(model)
    assert [each for each in after.models if each is not mine] == list(before.models), "whole, never a delta"
    await states.aclose()  # type: ignore[attr-defined]


async def test_an_approval_reaches_the_watchers(gateway: AsyncRegistryClient, hand: Any, model: str) -> None:
    hand.version(approved=False)
    hand.client.set_route(hand.route(stable(1)))
    states = gateway.watch("g1")
    before = await soon(states)
    hand.client.approve_version(model, 1, "ann")
    after = await soon(states)
    assert after.revision > before.revision
    assert after.models[-1].versions[0].approval is not None
    await states.aclose()  # type: ignore[attr-defined]


async def test_a_change_that_was_answered_has_been_told(gateway: AsyncRegistryClient, hand: Any, model: str) -> None:
    hand.version()
    revision = hand.client.set_route(hand.route(stable(1))).revision
    assert (await soon(gateway.watch("late"))).revision >= revision


async def test_a_watcher_without_a_name_is_refused(gateway: AsyncRegistryClient) -> None:
    with pytest.raises(InvalidInput, match="gateway_id"):
        await soon(gateway.watch(""))


async def test_more_watchers_than_the_limit_are_told_to_come_back(own_registry: Any) -> None:
    registry = own_registry(watchers_limit=1)
    async with AsyncRegistryClient(registry.target) as one, AsyncRegistryClient(registry.target) as other:
        first = one.watch("g1")
        await soon(first)
        with pytest.raises(Overloaded, match="1 gateways watch already"):
            await soon(other.watch("g2"))
        await first.aclose()  # type: ignore[attr-defined]


async def test_a_registry_that_stops_ends_the_watch_and_the_next_one_has_the_same_state(own_registry: Any) -> None:
    registry = own_registry()
    with RegistryClient(registry.target) as client:
        client.register_version("m", artifact_sha256=client.put_artifact(b"m"))
        client.set_route(Route(model="m", arms=(stable(1),), actor="bob"))
    async with AsyncRegistryClient(registry.target) as gateway:
        states = gateway.watch("g1")
        before = await soon(states)
        stopping = asyncio.create_task(asyncio.to_thread(registry.stop))
        with pytest.raises(Unavailable):
            await soon(states)
        await stopping
        with pytest.raises(Unavailable):
            await gateway.get_version("m", 1)
    async with AsyncRegistryClient(own_registry().target) as gateway:
        assert await soon(gateway.watch("g1")) == before
        assert (await gateway.get_version("m", 1)).version == 1


# -- reports and rollouts


class Reporter:
    """A gateway that serves everything at once and reports what a test says it counted."""

    def __init__(self, gateway: AsyncRegistryClient, client: RegistryClient, model: str) -> None:
        self._gateway, self._client, self._model = gateway, client, model

    async def serve(self, failures: tuple[LoadFailure, ...] = ()) -> None:
        status = GatewayStatus(gateway_id="g1", applied_revision=2**40, workers=1, failures=failures)
        await self._gateway.report_status(status)

    async def report(self, calls: int, *, apart: int = 0, failed: int = 0) -> None:
        """Counts of the route in force: `calls` for every arm."""
        route = self._client.get_route(self._model)
        arms = tuple(self._arm(route, arm, calls, failed) for arm in route.arms)
        pairs = tuple(self._pairs(route, shadow.version, calls, apart) for shadow in route.shadows)
        await self._gateway.report_stats(StatsReport(gateway_id="g1", arms=arms, pairs=pairs))

    def _arm(self, route: Route, arm: Arm, calls: int, failed: int) -> ArmStats:
        return ArmStats(
            model=self._model,
            epoch=route.revision,
            version=arm.version,
            role=arm.role,
            answered=calls,
            failed=0 if arm.role is Role.STABLE else failed,
            over=(0, 0),
            latency=Histogram(bucket=(640,), count=(calls,)),
        )

    def _pairs(self, route: Route, shadow: int, calls: int, apart: int) -> PairStats:
        return PairStats(
            model=self._model,
            epoch=route.revision,
            version=shadow,
            live_version=route.stable.version,
            pairs=calls,
            disagreements=apart,
        )

    async def until(self, condition: Any) -> Rollout:
        """The rollout once `condition` holds for it; the registry's own loop is what is waited for."""
        for _ in range(500):
            rollout = self._client.get_rollout(self._model)
            if condition(rollout):
                return rollout
            await asyncio.sleep(0.01)
        raise AssertionError(rollout)


@pytest.fixture
async def reporter(gateway: AsyncRegistryClient, client: RegistryClient, hand: Any, model: str) -> Reporter:
    hand.version()
    hand.version()
    hand.production(1)
    made = Reporter(gateway, client, model)
    await made.serve()
    return made


async def test_a_good_version_is_promoted_on_what_gateways_report(
    reporter: Reporter, hand: Any, client: RegistryClient, model: str
) -> None:
    started = client.start_rollout(model, 2, POLICY, "ann")
    assert (started.id, started.state, started.policy) == (1, RolloutState.RUNNING, POLICY)
    await reporter.report(400)
    await reporter.until(lambda rollout: rollout.step == 1)
    await reporter.report(1_000)
    ended = await reporter.until(lambda rollout: rollout.state is not RolloutState.RUNNING)
    assert (ended.state, ended.gate) == (RolloutState.PROMOTED, "")
    assert [decision.action for decision in ended.decisions] == ["started", "advanced", "promoted"]
    assert {verdict.gate for verdict in ended.latest} == {"p99_budget", "errors"}
    assert hand.stages() == ["ARCHIVED", "PRODUCTION"]
    assert client.get_route(model).warm == (1,)
    assert client.list_rollouts(model) == [ended]


async def test_a_version_that_disagrees_is_stopped_and_traffic_goes_back(
    reporter: Reporter, hand: Any, client: RegistryClient, model: str
) -> None:
    client.start_rollout(model, 2, POLICY, "ann")
    await reporter.report(100, apart=80)
    ended = await reporter.until(lambda rollout: rollout.state is not RolloutState.RUNNING)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "disagreement")
    assert "80 of 100 pairs" in ended.reason
    assert client.get_route(model).arms == (stable(1),)
    assert hand.stages() == ["PRODUCTION", "NONE"]


async def test_a_version_that_does_not_load_is_stopped(reporter: Reporter, client: RegistryClient, model: str) -> None:
    client.start_rollout(model, 2, POLICY, "ann")
    await reporter.until(lambda rollout: rollout.latest)
    await reporter.serve((LoadFailure(model=model, version=2, reason="bad opset"),))
    ended = await reporter.until(lambda rollout: rollout.state is not RolloutState.RUNNING)
    assert (ended.gate, "bad opset" in ended.reason) == ("load", True)


async def test_an_operator_may_abort(reporter: Reporter, client: RegistryClient, model: str) -> None:
    client.start_rollout(model, 2, POLICY, "ann")
    aborted = client.abort_rollout(model, "not today", "bob")
    assert (aborted.state, aborted.gate, aborted.reason) == (
        RolloutState.STOPPED,
        "abort",
        "aborted by bob: not today",
    )
    with pytest.raises(IllegalTransition, match="nothing to abort"):
        client.abort_rollout(model, "again", "bob")


async def test_an_operator_pauses_resumes_approves_and_promotes(
    reporter: Reporter, client: RegistryClient, model: str
) -> None:
    step = Step(role=Role.CANARY, weight_bp=100, min_calls=10, needs_approval=True, on_timeout=OnTimeout.HOLD)
    policy = Policy(steps=(step,), max_error_share=0.01, guard=Guard(min_s=1.0, min_calls=10))
    assert client.start_rollout(model, 2, policy, "ann").policy == policy
    assert client.pause_rollout(model, "lunch", "ann").state is RolloutState.PAUSED
    assert client.resume_rollout(model, "", "bob").state is RolloutState.RUNNING
    assert client.approve_step(model, "fine", "bob").state is RolloutState.RUNNING
    ended = client.promote_rollout(model, "no time", "bob")
    assert ended.state is RolloutState.PROMOTED
    assert [(each.action, each.reason) for each in ended.decisions] == [
        ("started", "by ann"),
        ("paused", "paused by ann: lunch"),
        ("resumed", "resumed by bob"),
        ("approved", "approved by bob: fine"),
        ("promoted", "promoted by bob: no time"),
    ]
    assert (client.get_route(model).stable.version, client.get_route(model).warm) == (2, (1,))


async def test_what_became_of_predictions_decides(
    reporter: Reporter, client: RegistryClient, stub: Any, model: str
) -> None:
    step = Step(role=Role.CANARY, weight_bp=5_000, min_calls=10)
    client.start_rollout(model, 2, Policy(steps=(step,), max_wrong_ratio=2.0, min_outcomes=50), "ann")
    await reporter.report(0)
    epoch = client.get_route(model).revision
    wrong = [
        Outcome(prediction_id=an_id(n, version), version=version, epoch=epoch, score=score, label=1.0)
        for version, score in ((1, 0.9), (2, 0.1))
        for n in range(60)
    ]
    assert client.record_outcomes(model, wrong) == 120
    assert client.record_outcomes(model, wrong[:7]) == 0
    ended = await reporter.until(lambda rollout: rollout.state.is_over)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "quality")
    assert "60 of 60 predictions further than 0.5 from their outcomes came from the candidate" in ended.reason
    with pytest.raises(grpc.RpcError, match="prediction_id ''"):
        stub.RecordOutcomes(pb.RecordOutcomesRequest(model=model, outcomes=[pb.Outcome()]))


async def test_a_policy_that_can_never_finish_is_refused(
    reporter: Reporter, client: RegistryClient, model: str
) -> None:
    step = Step(role=Role.CANARY, weight_bp=100, min_calls=10, min_s=9.0, timeout_s=3.0)
    with pytest.raises(InvalidInput, match="step 1: min_s 9 is more than timeout_s 3"):
        client.start_rollout(model, 2, Policy(steps=(step,)), "ann")


async def test_a_running_rollout_keeps_others_off_the_route(
    reporter: Reporter, hand: Any, client: RegistryClient, model: str
) -> None:
    client.start_rollout(model, 2, POLICY, "ann")
    with pytest.raises(Precondition, match="owns the route"):
        client.set_route(hand.route(stable(1)))
    with pytest.raises(IllegalTransition, match="while rollout 1 runs"):
        hand.production(1)
    with pytest.raises(Precondition, match="rollout 1"):
        client.start_rollout(model, 2, POLICY, "ann")
    client.abort_rollout(model, "", "bob")


async def test_a_rollout_over_no_route_is_refused(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    with pytest.raises(Precondition, match="has no route"):
        client.start_rollout(model, 1, POLICY, "ann")
    with pytest.raises(RolloutNotFound, match="no rollout yet"):
        client.get_rollout(model)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (GatewayStatus, "applied_revision -1"),
        (StatsReport, "bucket 5000"),
    ],
)
async def test_a_report_that_means_nothing_is_refused(stub: Any, report: type, message: str) -> None:
    from gnomon.registry.v1 import registry_pb2 as pb

    arm = pb.ArmStats(model="m", epoch=1, version=1, role=pb.ROLE_STABLE, run=pb.Histogram(bucket=[5000], count=[1]))
    calls = {
        GatewayStatus: lambda: stub.ReportStatus(pb.GatewayStatus(gateway_id="g", applied_revision=-1)),
        StatsReport: lambda: stub.ReportStats(pb.StatsReport(gateway_id="g", arms=[arm])),
    }
    with pytest.raises(grpc.RpcError) as caught:
        calls[report]()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]
    assert message in caught.value.details()  # type: ignore[attr-defined]


# -- drift


async def test_drift_is_judged_against_the_profile_of_the_stable_version(
    gateway: AsyncRegistryClient, client: RegistryClient, hand: Any, model: str
) -> None:
    rng = np.random.default_rng(3)
    profile = Profile.fit(rng.normal(size=(4_000, 2)).astype(np.float32), names=["temperature", "wind"])
    digests = {"profile_sha256": client.put_artifact(profile.to_bytes())}
    client.register_version(model, artifact_sha256=client.put_artifact(b"onnx"), **digests)
    client.set_route(hand.route(stable(1)))
    sketch = Sketch(profile)
    sketch.update((rng.normal(size=(500, 2)) + np.array([3, 0])).astype(np.float32))
    counts = np.asarray(sketch.counts, "<i8").tobytes()
    tick = DriftTick(model=model, version=1, tick=200, tick_s=5.0, rows=500, counts=counts)
    await gateway.report_stats(StatsReport(gateway_id="g1", ticks=(tick,)))
    drift = client.get_drift(model)
    assert (drift.version, drift.rows, drift.alarmed) == (1, 500, ("temperature",))
    assert (drift.from_unix_ms, drift.tolerance) == (1_000_000, 0.02)
    assert client.get_drift(model, 1, from_unix_ms=1_000_001).rows == 0


def test_drift_of_a_version_without_a_profile_is_refused(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    with pytest.raises(Precondition, match="without a profile"):
        client.get_drift(model, 1)


async def test_a_version_is_downloaded_by_its_digest(
    gateway: AsyncRegistryClient, hand: Any, client: RegistryClient, tmp_path: Path
) -> None:
    version = hand.version(b"the model itself")
    await gateway.download(version.artifact_sha256, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"the model itself"


# -- shadows


async def test_shadows_are_told_of_since_the_epoch_in_force(
    gateway: AsyncRegistryClient, hand: Any, client: RegistryClient, model: str
) -> None:
    for _ in range(3):
        hand.version()
    arms = (stable(1), *(Arm(version=number, role=Role.SHADOW) for number in (2, 3)))
    before = client.set_route(hand.route(*arms)).revision
    epoch = client.set_route(hand.route(*arms, slices=("x[0]",))).revision
    pairs = [
        PairStats(model=model, epoch=at, version=number, live_version=1, pairs=1_000, disagreements=bad, **of)
        for number, bad in ((2, 0), (3, 500))
        for at, of in ((before, {}), (epoch, {}), (epoch, {"slice": "x[0]", "value": "7"}))
    ]  # fmt: skip
    books = ShadowBooks(model=model, epoch=epoch, version=2, run=1_000, shed=5)
    await gateway.report_stats(StatsReport(gateway_id="g1", pairs=tuple(pairs), books=(books,)))
    report = client.get_shadow(model)
    assert (report.from_epoch, report.max_disagreement_share, report.alpha) == (epoch, 0.01, 0.05)
    assert [(item.version, item.value, item.pairs, item.verdict) for item in report.comparisons] == [
        (2, "", 1_000, "pass"), (2, "7", 1_000, "pass"), (3, "", 1_000, "fail"), (3, "7", 1_000, "fail"),
    ]  # fmt: skip
    assert [(each.version, each.offered, each.shed) for each in report.books] == [(2, 1_005, 5)]
    longer = client.get_shadow(model, before, max_disagreement_share=0.9)
    assert [(item.pairs, item.verdict) for item in longer.comparisons if not item.slice] == [(2_000, "pass")] * 2
    with pytest.raises(InvalidInput, match=r"max_disagreement_share 1\.5: more than 0"):
        client.get_shadow(model, max_disagreement_share=1.5)
