"""Every row of the status table that a registry can produce, as another program's client would see it."""

import sqlite3
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from gnomon.client import RegistryClient
from gnomon.errors import DeadlineExceeded, MessageTooLarge, QuotaExceeded, Unavailable
from gnomon.registry.v1 import registry_pb2 as pb
from gnomon.registry.v1.registry_pb2_grpc import RegistryStub

Arrange = Callable[[Any, str], Any]


def route(model: str, version: int = 1) -> pb.Route:
    return pb.Route(model=model, arms=[pb.Arm(version=version, role=pb.ROLE_STABLE, weight_bp=10_000)], actor="bob")


def invalid_input(stub: Any, hand: Any) -> Any:
    return stub.GetVersion(pb.GetVersionRequest(model="no good", version=1))


def model_not_found(stub: Any, hand: Any) -> Any:
    return stub.ListVersions(pb.ListVersionsRequest(model=hand.model))


def version_not_found(stub: Any, hand: Any) -> Any:
    hand.version()
    return stub.GetVersion(pb.GetVersionRequest(model=hand.model, version=2))


def rollout_not_found(stub: Any, hand: Any) -> Any:
    hand.version()
    return stub.GetRollout(pb.GetRolloutRequest(model=hand.model, id=5))


def artifact_not_found(stub: Any, hand: Any) -> Any:
    return list(stub.GetArtifact(pb.GetArtifactRequest(sha256="0" * 64)))


def already_exists(stub: Any, hand: Any) -> Any:
    hand.version()
    digest = hand.client.put_artifact(b"another")
    return stub.RegisterVersion(pb.RegisterVersionRequest(model=hand.model, version=1, artifact_sha256=digest))


def illegal_transition(stub: Any, hand: Any) -> Any:
    hand.version()
    hand.production(1)
    return stub.SetStage(pb.SetStageRequest(model=hand.model, version=1, stage=pb.STAGE_NONE, actor="bob"))


def route_invalid(stub: Any, hand: Any) -> Any:
    return stub.SetRoute(pb.SetRouteRequest(route=pb.Route(model=hand.model, actor="bob")))


def approval_missing(stub: Any, hand: Any) -> Any:
    hand.version(approved=False)
    return stub.SetStage(pb.SetStageRequest(model=hand.model, version=1, stage=pb.STAGE_PRODUCTION, actor="bob"))


def precondition(stub: Any, hand: Any) -> Any:
    hand.version()
    return stub.GetDrift(pb.GetDriftRequest(model=hand.model, version=1))


def stale_revision(stub: Any, hand: Any) -> Any:
    hand.version()
    return stub.SetRoute(pb.SetRouteRequest(route=route(hand.model), expected_revision=7))


def artifact_corrupt(stub: Any, hand: Any) -> Any:
    return stub.PutArtifact(iter([pb.ArtifactChunk(sha256="0" * 64, data=b"other bytes")]))


ROWS: dict[str, tuple[Callable[[Any, Any], Any], str, str]] = {
    "InvalidInput": (invalid_input, "INVALID_ARGUMENT", "'no good'"),
    "ModelNotFound": (model_not_found, "NOT_FOUND", "does not exist"),
    "VersionNotFound": (version_not_found, "NOT_FOUND", "no version 2"),
    "RolloutNotFound": (rollout_not_found, "NOT_FOUND", "no rollout 5"),
    "ArtifactNotFound": (artifact_not_found, "NOT_FOUND", "put it first"),
    "AlreadyExists": (already_exists, "ALREADY_EXISTS", "take another number"),
    "IllegalTransition": (illegal_transition, "FAILED_PRECONDITION", "takes the traffic"),
    "RouteInvalid": (route_invalid, "FAILED_PRECONDITION", "0 stable arms"),
    "ApprovalMissing": (approval_missing, "FAILED_PRECONDITION", "approve it first"),
    "Precondition": (precondition, "FAILED_PRECONDITION", "without a profile"),
    "StaleRevision": (stale_revision, "ABORTED", "at revision 0, not 7"),
    "ArtifactCorrupt": (artifact_corrupt, "DATA_LOSS", "arrived as"),
}


@pytest.mark.parametrize(("name", "row"), ROWS.items(), ids=ROWS)
def test_an_error_ends_the_call_with_its_row(stub: Any, hand: Any, name: str, row: Any) -> None:
    call, code, words = row
    with pytest.raises(grpc.RpcError) as caught:
        call(stub, hand)
    failure: Any = caught.value
    assert (failure.code().name, dict(failure.trailing_metadata())["gnomon-error"]) == (code, name)
    assert words in failure.details()
    assert hand.client.list_models() is not None, "the registry goes on"


def test_what_nobody_foresaw_is_an_internal_error_without_a_traceback(own_registry: Any) -> None:
    registry = own_registry()
    with sqlite3.connect(registry.config.dir / "registry.db") as damage:
        damage.execute("DROP TABLE decisions")
        damage.execute("DROP TABLE rollouts")
    damage.close()
    with grpc.insecure_channel(registry.target) as channel:
        stub: Any = RegistryStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.SetRoute(pb.SetRouteRequest(route=route("m"), expected_revision=-1))
        failure: Any = caught.value
        assert (failure.code(), failure.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert "gnomon-error" not in dict(failure.trailing_metadata())
        assert stub.ListModels(pb.ListModelsRequest()) == pb.ListModelsResponse()


def test_a_message_above_the_limit_is_refused_and_the_registry_goes_on(client: RegistryClient, stub: Any) -> None:
    note = "x" * (65 * 1024 * 1024)
    with pytest.raises((QuotaExceeded, MessageTooLarge)):
        client.approve_version("m", 1, "ann", note)
    assert client.list_models() is not None


def test_a_huge_name_is_refused_in_few_words(client: RegistryClient, stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ListVersions(pb.ListVersionsRequest(model="ü" * 1_000_000))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]


def test_a_deadline_that_has_passed_is_told_as_such(registry: Any) -> None:
    """A client's timer is not instant: over loopback the answer may be there before it goes off."""
    with RegistryClient(registry.target, timeout_s=0.0) as client, pytest.raises(DeadlineExceeded):
        for _ in range(100):
            client.list_models()


def test_a_registry_that_is_not_there_is_unavailable(own_registry: Any) -> None:
    registry = own_registry()
    registry.stop()
    with RegistryClient(registry.target) as client, pytest.raises(Unavailable):
        client.list_models()


def test_garbage_bytes_end_the_call_and_not_the_registry(registry: Any, client: RegistryClient) -> None:
    with grpc.insecure_channel(registry.target) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/gnomon.registry.v1.Registry/GetVersion")(b"\xff\xff\xff")
    assert client.list_models() is not None
