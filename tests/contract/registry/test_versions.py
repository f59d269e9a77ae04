"""Versions and stages over the wire."""

from typing import Any

import pytest

from gnomon.client import RegistryClient
from gnomon.domain import Arm, Lineage, Role, Score, Stage
from gnomon.errors import (
    AlreadyExists,
    ApprovalMissing,
    ArtifactNotFound,
    IllegalTransition,
    InvalidInput,
    ModelNotFound,
    VersionNotFound,
)


def test_versions_are_numbered_from_1_and_keep_what_they_were_given(client: RegistryClient, model: str) -> None:
    digest, profile = client.put_artifact(b"onnx"), client.put_artifact(b"profile")
    lineage = Lineage(data_sha256="0" * 64, parameters={"depth": "3"}, metrics={"auc": 0.75})
    score = Score(output="p", column=1)
    first = client.register_version(model, artifact_sha256=digest, profile_sha256=profile, score=score, lineage=lineage)
    second = client.register_version(model, artifact_sha256=digest)
    assert (first.version, second.version) == (1, 2)
    assert (first.artifact_bytes, first.score, first.lineage, first.blobs) == (4, score, lineage, (digest, profile))
    assert first.stage is Stage.NONE
    assert first.approval is None
    assert client.get_version(model, 1) == first
    assert client.list_versions(model) == [first, second]
    assert second.score == Score()


def test_registering_a_number_again_with_its_artifact_gives_what_is_there(client: RegistryClient, model: str) -> None:
    digest = client.put_artifact(b"one")
    first = client.register_version(model, artifact_sha256=digest, version=7)
    assert client.register_version(model, artifact_sha256=digest, version=7) == first
    assert client.register_version(model, artifact_sha256=digest).version == 8


def test_registering_a_number_again_with_another_artifact_is_refused(client: RegistryClient, model: str) -> None:
    one, other = client.put_artifact(b"one"), client.put_artifact(b"other")
    client.register_version(model, artifact_sha256=one, version=1)
    with pytest.raises(AlreadyExists, match=one):
        client.register_version(model, artifact_sha256=other, version=1)


@pytest.mark.parametrize("field", ["artifact_sha256", "profile_sha256", "warmup_sha256"])
def test_a_version_of_an_artifact_nobody_put_is_refused(client: RegistryClient, model: str, field: str) -> None:
    digests = {"artifact_sha256": client.put_artifact(b"one"), field: "e" * 64}
    with pytest.raises(ArtifactNotFound, match="e" * 64):
        client.register_version(model, **digests)  # type: ignore[arg-type]
    with pytest.raises(ModelNotFound):
        client.list_versions(model)


def test_an_approval_names_the_approver(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version(approved=False)
    approval = client.approve_version(model, 1, "ann", "looks good").approval
    assert approval is not None
    assert (approval.approver, approval.note) == ("ann", "looks good")
    assert approval.approved_unix_ms > 0


def test_models_are_listed_with_what_they_have(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    hand.version()
    hand.production(2)
    listed = {each.name: each for each in client.list_models()}[model]
    assert (listed.versions, listed.production_version) == (2, 2)


def test_production_without_an_approval_is_refused(hand: Any) -> None:
    hand.version(approved=False)
    with pytest.raises(ApprovalMissing, match="version 1"):
        hand.production(1)
    assert hand.stages() == ["NONE"]


def test_the_first_version_in_production_takes_all_traffic(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    assert hand.production(1).stage is Stage.PRODUCTION
    route = client.get_route(model)
    assert route.arms == (Arm(version=1, role=Role.STABLE),)
    assert (route.warm, route.actor) == ((), "bob")


def test_the_next_version_in_production_archives_the_one_before_and_keeps_it_warm(
    hand: Any, client: RegistryClient, model: str
) -> None:
    hand.version()
    hand.version()
    hand.production(1)
    before = client.get_route(model)
    hand.production(2)
    route = client.get_route(model)
    assert hand.stages() == ["ARCHIVED", "PRODUCTION"]
    assert (route.stable.version, route.warm) == (2, (1,))
    assert route.revision > before.revision


def test_an_archived_version_can_come_back(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    hand.version()
    for version in (1, 2, 1):
        hand.production(version)
    assert hand.stages() == ["PRODUCTION", "ARCHIVED"]
    assert client.get_route(model).warm == (2,)


def test_putting_into_production_what_is_there_changes_nothing(hand: Any, client: RegistryClient, model: str) -> None:
    hand.version()
    hand.production(1)
    before = client.get_route(model)
    hand.production(1)
    assert client.get_route(model) == before


@pytest.mark.parametrize("stage", [Stage.NONE, Stage.STAGING, Stage.ARCHIVED])
def test_a_version_that_takes_the_traffic_stays_in_production(hand: Any, model: str, stage: Stage) -> None:
    hand.version()
    hand.production(1)
    with pytest.raises(IllegalTransition, match="takes the traffic"):
        hand.client.set_stage(model, 1, stage, "bob")


def test_a_version_in_production_without_traffic_may_be_archived(hand: Any, model: str) -> None:
    hand.version()
    hand.version()
    hand.production(1)
    hand.client.set_route(hand.route(Arm(version=2, role=Role.STABLE)))
    assert hand.stages() == ["PRODUCTION", "NONE"], "an operator's route leaves stages alone"
    assert hand.client.set_stage(model, 1, Stage.ARCHIVED, "bob").stage is Stage.ARCHIVED


@pytest.mark.parametrize("stage", [Stage.STAGING, Stage.ARCHIVED, Stage.NONE])
def test_other_stages_need_no_approval(hand: Any, model: str, stage: Stage) -> None:
    hand.version(approved=False)
    assert hand.client.set_stage(model, 1, stage, "bob").stage is stage


BAD_CALLS: dict[str, tuple[Any, str]] = {
    "register, no name": (lambda c, m: c.register_version("", artifact_sha256="0" * 64), "model name ''"),
    "register, a path": (lambda c, m: c.register_version("../x", artifact_sha256="0" * 64), "model name '../x'"),
    "register, number below 0": (
        lambda c, m: c.register_version(m, artifact_sha256="0" * 64, version=-1),
        "version -1",
    ),
    "register, no digest": (lambda c, m: c.register_version(m, artifact_sha256=""), "digest ''"),
    "get, number 0": (lambda c, m: c.get_version(m, 0), "version 0"),
    "list, no name": (lambda c, m: c.list_versions(""), "model name"),
    "approve, no approver": (lambda c, m: c.approve_version(m, 1, " "), "approver ' '"),
    "stage, no actor": (lambda c, m: c.set_stage(m, 1, Stage.STAGING, ""), "actor ''"),
    "stage, none of ours": (lambda c, m: c.set_stage(m, 1, 9, "bob"), "Stage 9: one of NONE, STAGING"),
    "stage, unspecified": (lambda c, m: c.set_stage(m, 1, 0, "bob"), "Stage 0"),
    "route, revision below 0": (lambda c, m: c.get_route(m, -3), "revision -3"),
    "rollout, id below 0": (lambda c, m: c.get_rollout(m, -3), "id -3"),
    "pause, no actor": (lambda c, m: c.pause_rollout(m, "", ""), "actor ''"),
    "resume, no actor": (lambda c, m: c.resume_rollout(m, "", ""), "actor ''"),
    "promote, no actor": (lambda c, m: c.promote_rollout(m, "", ""), "actor ''"),
    "approve a step, nobody": (lambda c, m: c.approve_step(m, "", " "), "actor ' '"),
    "drift, time below 0": (lambda c, m: c.get_drift(m, from_unix_ms=-1), "from_unix_ms -1"),
}


@pytest.mark.parametrize(("call", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_call_that_means_nothing_is_refused_by_name(
    client: RegistryClient, model: str, call: Any, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        call(client, model)
    assert message in str(caught.value)


UNKNOWN = {
    "get": lambda c, m: c.get_version(m, 9),
    "approve": lambda c, m: c.approve_version(m, 9, "ann"),
    "stage": lambda c, m: c.set_stage(m, 9, Stage.STAGING, "bob"),
    "drift": lambda c, m: c.get_drift(m, 9),
}


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_registered_is_not_found(hand: Any, client: RegistryClient, model: str, call: Any) -> None:
    with pytest.raises(ModelNotFound, match=model):
        call(client, model)
    hand.version()
    with pytest.raises(VersionNotFound, match="version 9"):
        call(client, model)
