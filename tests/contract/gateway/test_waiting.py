"""A model whose route lets calls wait: over real sockets, who runs with whom, and whose deadline is kept."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from gnomon.cli.embedded import Embedded
from gnomon.client import GatewayClient, RegistryClient
from gnomon.oip import GRPCInferenceServiceStub, ModelStatisticsRequest
from tests import models
from tests.calling import request
from tests.contract.gateway.conftest import serve
from tests.waiting import until

MODEL = "patient"
WAIT_US = 100_000
OWN = [("grpc.use_local_subchannel_pool", 1)]  # a connection for each channel


@pytest.fixture(scope="module")
def patient(registry: RegistryClient, gateway: GatewayClient) -> str:
    """Waits for four rows at most 100 ms."""
    serve(registry, gateway, MODEL, models.scaled(2.0))
    route = replace(registry.get_route(MODEL), batch_wait_us=WAIT_US, batch_wait_rows=4)
    revision = registry.set_route(route).revision
    until(lambda: gateway.status().applied_revision >= revision)
    return MODEL


@pytest.fixture(scope="module")
def stubs(pair: Embedded) -> Iterator[list[Any]]:
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(grpc.insecure_channel(pair.gateway, options=OWN)) for _ in range(4)]
        yield [GRPCInferenceServiceStub(channel) for channel in channels]


def runs(stub: Any) -> int:
    found = stub.ModelStatistics(ModelStatisticsRequest(name=MODEL, version="1"), timeout=10)
    return int(found.model_stats[0].execution_count)


def test_calls_of_four_connections_wait_for_each_other_and_run_as_one(patient: str, stubs: list[Any]) -> None:
    def together() -> bool:
        """A machine that is busy may take longer than the wait between two of them: then once more."""
        before = runs(stubs[0])
        calls = [stub.ModelInfer.future(request(patient), timeout=10) for stub in stubs]
        assert all(call.result().outputs[0].shape == [1, 3] for call in calls)
        return runs(stubs[0]) - before == 1

    until(together)


def test_a_deadline_before_the_end_of_the_wait_is_kept(patient: str, stubs: list[Any]) -> None:
    def answered() -> bool:
        with contextlib.suppress(grpc.RpcError):
            return bool(stubs[0].ModelInfer(request(patient), timeout=0.75 * WAIT_US / 1e6).model_version == "1")
        return False

    until(answered)


def test_who_is_alone_is_answered_when_the_wait_is_over(patient: str, stubs: list[Any]) -> None:
    before = runs(stubs[0])
    assert stubs[0].ModelInfer(request(patient), timeout=10).model_version == "1"
    assert runs(stubs[0]) - before == 1
