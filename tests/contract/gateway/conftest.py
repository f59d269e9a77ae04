"""One embedded pair a transport for the whole contract suite: a real registry and a real gateway over loopback."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import tritonclient.grpc as triton

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.oip import GRPCInferenceServiceStub
from tests import models
from tests.waiting import serves, until

FLAGS = ("--max-message-bytes", str(4 << 20), "--segment-bytes", str(16 << 20), "--segment-max-age-s", "1")


@pytest.fixture(scope="session", params=["ngh2", "grpcio"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder: Path = tmp_path_factory.mktemp(f"pair-{request.param}")
    with Embedded(folder, gateway_flags=(*FLAGS, "--transport", request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def registry(pair: Embedded) -> Iterator[RegistryClient]:
    with RegistryClient(pair.registry) as client:
        yield client


@pytest.fixture(scope="session")
def gateway(pair: Embedded) -> Iterator[GatewayClient]:
    with GatewayClient(pair.gateway) as client:
        yield client


@pytest.fixture(scope="session")
def channel(pair: Embedded) -> Iterator[grpc.Channel]:
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(pair.gateway, options=options) as opened:
        yield opened


@pytest.fixture(scope="session")
def stub(channel: grpc.Channel) -> GRPCInferenceServiceStub:
    return GRPCInferenceServiceStub(channel)


@pytest.fixture(scope="session")
def client(pair: Embedded) -> Iterator[triton.InferenceServerClient]:
    opened = triton.InferenceServerClient(pair.gateway)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def served(registry: RegistryClient, gateway: GatewayClient) -> str:
    """Model `several`, version 1."""
    return serve(registry, gateway, "several", models.several())


def serve(registry: RegistryClient, gateway: GatewayClient, name: str, *artifacts: bytes) -> str:
    """Registers the artifacts as versions and serves the first alone, the others warm."""
    for artifact in artifacts:
        registry.register_version(name, artifact_sha256=registry.put_artifact(artifact))
    warm = tuple(range(2, len(artifacts) + 1))
    registry.set_route(Route(model=name, arms=(Arm(version=1, role=Role.STABLE),), warm=warm, actor="test"))
    until(lambda: serves(gateway, name, 1))
    return name
