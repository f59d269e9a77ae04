"""Rollouts over real traffic: good versions get in, bad ones go back by themselves, and each says why."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, RolloutState, Route, Stage
from gnomon.errors import GateNotPassed, IllegalTransition, ModelNotFound
from gnomon.rollout import Guard, Policy, Rollout, Step
from tests import models
from tests.calling import Caller
from tests.waiting import serves, until


class House:
    """A running pair and its clients."""

    def __init__(self, pair: Embedded) -> None:
        self.pair = pair
        self.registry = RegistryClient(pair.registry)
        self.gateway = GatewayClient(pair.gateway)

    def model(self, name: str, *artifacts: bytes) -> None:
        """Version 1 in production, the others approved."""
        for number, artifact in enumerate(artifacts, 1):
            self.registry.register_version(name, artifact_sha256=self.registry.put_artifact(artifact))
            self.registry.approve_version(name, number, approver="reviewer")
        self.registry.set_stage(name, 1, Stage.PRODUCTION, actor="test")
        until(lambda: serves(self.gateway, name, 1))

    def roll_out(self, name: str, policy: Policy) -> tuple[Rollout, Caller]:
        """Version 2 under traffic, until the registry has decided."""
        until(lambda: self.started(name, policy))
        with Caller(self.pair.gateway, name) as caller:
            ended = until(lambda: self.ended(name), timeout_s=90.0)
        return ended, caller

    def started(self, name: str, policy: Policy) -> Rollout | None:
        """None while the registry knows too little of stable to compare with."""
        try:
            return self.registry.start_rollout(name, 2, policy, actor="test")
        except GateNotPassed:
            return None

    def paused(self, name: str) -> Rollout | None:
        rollout = self.registry.get_rollout(name)
        return rollout if rollout.state is RolloutState.PAUSED else None

    def ended(self, name: str) -> Rollout | None:
        rollout = self.registry.get_rollout(name)
        return rollout if rollout.state.is_over else None

    def answered(self, name: str) -> list[dict[str, Any]]:
        """What the candidate of the last rollout answered, by the command that lists it."""
        command = [sys.executable, "-m", "gnomon.cli.main", "rollout", "predictions", name, "--json"]
        command += ["--dir", str(self.pair.folder), "--registry", self.pair.registry]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def arms(self, name: str) -> list[tuple[int, Role, int]]:
        return [(arm.version, arm.role, arm.weight_bp) for arm in self.registry.get_route(name).arms]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("rollouts")
    with Embedded(folder) as pair:
        made = House(pair)
        yield made
        made.registry.close()
        made.gateway.close()


SHADOW = Step(role=Role.SHADOW, weight_bp=10_000, min_calls=100, timeout_s=60.0)


def canary(weight_bp: int, min_calls: int) -> Step:
    return Step(role=Role.CANARY, weight_bp=weight_bp, min_calls=min_calls, timeout_s=60.0)


def test_a_version_like_the_old_one_gets_in_and_the_old_one_stays_warm(house: House) -> None:
    house.model("good", models.scaled(0.5), models.scaled(0.501))
    policy = Policy(
        steps=(SHADOW, canary(1_000, 20), canary(5_000, 100)),
        p99_budget_us=500_000, max_latency_ratio=5.0, max_error_share=0.05,
        disagreement_tolerance=0.1, max_disagreement_share=0.1, max_run_ratio=50.0,
        guard=Guard(min_s=0.5, min_calls=100, holdback_bp=2_000, timeout_s=60.0),
    )  # fmt: skip
    ended, caller = house.roll_out("good", policy)
    assert ended.state is RolloutState.PROMOTED, ended.reason
    assert [decision.action for decision in ended.decisions] == [
        "started",
        "advanced",
        "advanced",
        "guarded",
        "promoted",
    ]
    assert not caller.errors
    assert house.arms("good") == [(2, Role.STABLE, 10_000)]
    assert house.registry.get_route("good").warm == (1,)
    assert [version.stage for version in house.registry.list_versions("good")] == [Stage.ARCHIVED, Stage.PRODUCTION]
    assert 2 in caller.versions
    the_trace_of_a_canary_says_why_it_was_let_in(house, caller.answered[caller.versions.index(2)])


def the_trace_of_a_canary_says_why_it_was_let_in(house: House, prediction: str) -> None:
    traced = house.gateway.trace(prediction)
    assert traced.why.version == 2
    assert traced.version.approval.approver == "reviewer"
    weights = {arm.version: arm.weight_bp for arm in traced.route.arms}
    assert (traced.route.revision, weights[2]) == (traced.why.epoch, traced.why.weight_bp)
    led_to, *ended = traced.decisions
    assert (led_to.action, led_to.epoch) == ("advanced", traced.why.epoch)
    assert {verdict.verdict for verdict in led_to.verdicts} == {"pass"}
    assert [decision.action for decision in ended] in (["advanced"], ["guarded"])


def test_a_version_that_disagrees_never_answers_a_call(house: House) -> None:
    house.model("disagreeing", models.scaled(0.5), models.scaled(0.9))
    policy = Policy(steps=(SHADOW, canary(1_000, 20)), disagreement_tolerance=0.1, max_disagreement_share=0.1)
    ended, caller = house.roll_out("disagreeing", policy)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "disagreement")
    assert "pairs" in ended.reason
    assert set(caller.versions) == {1}
    assert house.arms("disagreeing") == [(1, Role.STABLE, 10_000)]


def test_a_slow_canary_goes_back_by_its_p99(house: House) -> None:
    house.model("slow", models.scaled(1.0), models.slow(turns=120_000))
    policy = Policy(
        steps=(canary(1_000, 50), canary(10_000, 50)), alpha=0.01, p99_budget_us=3_000_000, max_latency_ratio=2.0
    )
    with pytest.raises(GateNotPassed, match="0 calls"):
        house.registry.start_rollout("slow", 2, policy, actor="test")
    with Caller(house.pair.gateway, "slow") as before:
        until(lambda: len(before.answered) > 300)
    ended, caller = house.roll_out("slow", policy)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "p99_vs_stable")
    assert not caller.errors
    assert house.arms("slow") == [(1, Role.STABLE, 10_000)]
    until(lambda: serves(house.gateway, "slow", 1))


def test_a_canary_over_its_budget_goes_back(house: House) -> None:
    house.model("over", models.scaled(1.0), models.slow(turns=60_000))
    policy = Policy(steps=(canary(2_000, 50), canary(10_000, 50)), p99_budget_us=20_000)
    ended, caller = house.roll_out("over", policy)
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "p99_budget")
    assert "20000 us" in ended.reason
    the_list_of_what_it_answered_is_exact(house, ended, caller)


def the_list_of_what_it_answered_is_exact(house: House, ended: Rollout, caller: Caller) -> None:
    """Every reply of version 2 that a caller has, and no other, though none of it has been exported yet."""
    told = house.answered("over")
    theirs = {told for told, by in zip(caller.answered, caller.versions, strict=True) if by == 2}
    assert {each["prediction_id"] for each in told} == theirs
    assert len(told) == len(theirs) > 0
    last_ms = told[-1]["arrived_unix_us"] / 1000 - ended.decisions[-1].decided_unix_ms
    print(f"the last of {len(told)} calls that version 2 answered came {last_ms:.0f} ms after it was stopped")


BAD = pytest.mark.parametrize(
    ("bad", "reason", "errors"),
    [(models.failing(), "failed", 4), (models.scaled(float("nan")), "non_finite", 0)],
    ids=["failing", "nan"],
)


@BAD
def test_a_bad_canary_is_tripped_at_once_and_the_rollout_pauses(
    house: House, bad: bytes, reason: str, errors: int
) -> None:
    """By its breaker alone: no gate of the policy counts errors."""
    name = f"tripped-{reason}"
    house.model(name, models.scaled(1.0), bad)
    policy = Policy(steps=(canary(2_000, 1_000_000), canary(10_000, 50)), p99_budget_us=1_000_000)
    until(lambda: house.started(name, policy))
    with Caller(house.pair.gateway, name) as caller:
        paused = until(lambda: house.paused(name))
        with pytest.raises(IllegalTransition, match="cannot be resumed yet: worker"):
            house.registry.resume_rollout(name, reason="", actor="test")
    assert paused.gate == "breaker"
    assert "tripped version 2: 4 of" in paused.reason
    assert paused.reason.endswith(f"mostly {reason}")
    assert "breaker" in {verdict.gate for verdict in paused.decisions[-1].verdicts}
    assert caller.errors == [grpc.StatusCode.INTERNAL] * errors
    house.registry.abort_rollout(name, reason="it is bad", actor="test")
    assert house.arms(name) == [(1, Role.STABLE, 10_000)]
    until(lambda: not house.gateway.status().trips)


@BAD
def test_a_bad_canary_goes_back_by_the_gate_that_counts_errors(
    house: House, bad: bytes, reason: str, errors: int
) -> None:
    name = f"erring-{reason}"
    house.model(name, models.scaled(1.0), bad)
    ended, caller = house.roll_out(name, Policy(steps=(canary(2_000, 1_000_000),), max_error_share=0.01))
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "errors")
    assert caller.errors == [grpc.StatusCode.INTERNAL] * errors
    assert len(house.answered(name)) == 4 - errors


def test_a_tripped_arm_is_told_of_and_so_are_the_calls_that_stable_answers_for_it(house: House) -> None:
    house.model("tripped", models.scaled(1.0), models.failing())
    arms = (Arm(version=1, role=Role.STABLE, weight_bp=5_000), Arm(version=2, role=Role.CANARY, weight_bp=5_000))
    revision = house.registry.set_route(Route(model="tripped", arms=arms, actor="test")).revision
    with Caller(house.pair.gateway, "tripped") as caller:
        (trip,) = until(lambda: house.gateway.status().trips)
        explained = [house.gateway.explain("tripped", f"key-{number}") for number in range(20)]
        since = len(caller.answered)
        until(lambda: len(caller.answered) > since + 50)
    assert (trip.model, trip.version, trip.state, trip.reason, trip.bad) == ("tripped", 2, "open", "failed", 4)
    assert len(caller.errors) == 4
    assert {(why.version, why.rule) for why in explained} == {(1, "key"), (1, "breaker")}
    traced = [house.gateway.trace(prediction).why for prediction in caller.answered[-20:]]
    moved = {(why.epoch, why.version, why.weight_bp, why.bucket < 5_000) for why in traced if why.rule == "breaker"}
    assert moved == {(revision, 1, 0, True)}


def test_disagreements_of_a_model_that_nobody_knows_are_not_an_empty_table(house: House) -> None:
    with pytest.raises(ModelNotFound, match="'nobody' is not served here"):
        house.gateway.disagreements("nobody")


def test_a_version_that_cannot_be_loaded_stops_the_rollout(house: House) -> None:
    house.model("broken", models.scaled(1.0), b"not a model")
    ended, caller = house.roll_out("broken", Policy(steps=(canary(1_000, 10),), max_error_share=0.01))
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "load")
    assert not caller.errors


def test_silence_is_never_a_pass(house: House) -> None:
    house.model("silent", models.scaled(1.0), models.scaled(1.0))
    step = Step(role=Role.CANARY, weight_bp=1_000, min_calls=10, timeout_s=1.5)
    house.registry.start_rollout("silent", 2, Policy(steps=(step,), max_error_share=0.01), actor="test")
    ended = until(lambda: house.ended("silent"))
    assert (ended.state, ended.gate) == (RolloutState.STOPPED, "timeout")


def test_an_operator_can_stop_one_at_any_time(house: House) -> None:
    house.model("aborted", models.scaled(1.0), models.scaled(1.0))
    policy = Policy(steps=(canary(5_000, 1_000_000),), max_error_share=0.01)
    house.registry.start_rollout("aborted", 2, policy, actor="test")
    house.registry.abort_rollout("aborted", reason="changed our mind", actor="somebody")
    assert house.ended("aborted") is not None
    assert house.arms("aborted") == [(1, Role.STABLE, 10_000)]
    route = Route(model="aborted", arms=(Arm(version=2, role=Role.STABLE),), actor="test")
    assert house.registry.set_route(route).stable.version == 2
