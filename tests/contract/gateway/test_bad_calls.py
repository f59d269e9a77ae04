"""Calls that cannot be answered: each gets its row of the status table, and the server goes on."""

import threading
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon import oip
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from tests import models
from tests.contract.gateway.conftest import serve
from tests.waiting import until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def model(registry: RegistryClient, gateway: GatewayClient) -> str:
    return serve(registry, gateway, "scaled", models.scaled(2.0))


def good(model: str) -> Any:
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    request.raw_input_contents.append(np.ones(3, np.float32).tobytes())
    return request


def refused(stub: Any, request: Any, **more: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request, **more)
    failure: Any = caught.value
    assert "Traceback" not in failure.details()
    return failure.code(), failure.details()


def change(request: Any, **fields: Any) -> Any:
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def change_input(request: Any, **fields: Any) -> Any:
    for name, value in fields.items():
        if name == "shape":
            del request.inputs[0].shape[:]
            request.inputs[0].shape.extend(value)
        else:
            setattr(request.inputs[0], name, value)
    return request


BAD: dict[str, tuple[Any, grpc.StatusCode, str]] = {
    "an unknown model": (lambda r: change(r, model_name="nobody"), NOT_FOUND, "'nobody'"),
    "no model": (lambda r: change(r, model_name=""), NOT_FOUND, "''"),
    "an unknown version": (lambda r: change(r, model_version="7"), NOT_FOUND, "7"),
    "a version that is no number": (lambda r: change(r, model_version="latest"), INVALID, "'latest'"),
    "an unknown input": (lambda r: change_input(r, name="z"), INVALID, "'z'"),
    "another datatype": (lambda r: change_input(r, datatype="FP64"), INVALID, "FP64"),
    "no datatype": (lambda r: change_input(r, datatype=""), INVALID, "without a datatype"),
    "too few dimensions": (lambda r: change_input(r, shape=[3]), INVALID, "[3]"),
    "a wrong width": (lambda r: change_input(r, shape=[1, 4]), INVALID, "[1, 4]"),
    "no rows": (lambda r: change_input(r, shape=[0, 3]), INVALID, "[0, 3]"),
    "a negative size": (lambda r: change_input(r, shape=[-1, 3]), INVALID, "[-1, 3]"),
    "more rows than bytes": (lambda r: change_input(r, shape=[2, 3]), INVALID, "12 bytes"),
    "an impossible shape": (lambda r: change_input(r, shape=[2**62, 3]), INVALID, str(2**62)),
}


@pytest.mark.parametrize("situation", BAD)
def test_a_bad_call_names_what_is_wrong(stub: Any, model: str, situation: str) -> None:
    spoil, code, named = BAD[situation]
    got, details = refused(stub, spoil(good(model)))
    assert got is code
    assert named in details
    assert stub.ModelInfer(good(model)).model_name == model


def test_an_empty_request_and_one_without_inputs(stub: Any, model: str) -> None:
    assert refused(stub, oip.ModelInferRequest())[0] is NOT_FOUND
    assert refused(stub, oip.ModelInferRequest(model_name=model)) == (INVALID, "inputs ['x'] are missing")


def test_the_same_input_twice_and_contents_in_both_forms(stub: Any, model: str) -> None:
    twice = good(model)
    twice.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    twice.raw_input_contents.append(twice.raw_input_contents[0])
    assert refused(stub, twice) == (INVALID, "input 'x' stands twice")
    both = good(model)
    both.inputs[0].contents.fp32_contents.extend([1, 2, 3])
    assert "exclude each other" in refused(stub, both)[1]


def test_typed_contents_of_another_type_or_count(stub: Any, model: str) -> None:
    request = oip.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    assert "0 values" in refused(stub, request)[1]
    tensor.contents.int64_contents.extend([1, 2, 3])
    assert "int64_contents" in refused(stub, request)[1]


def test_an_unknown_output_is_refused(stub: Any, model: str) -> None:
    request = good(model)
    request.outputs.add(name="nothing")
    assert refused(stub, request) == (INVALID, "outputs ['nothing']: the model has ['score']")


def test_a_message_of_100_mb_is_refused_and_the_server_goes_on(stub: Any, model: str) -> None:
    request = good(model)
    request.raw_input_contents[0] = bytes(100 << 20)
    assert refused(stub, request)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.ModelInfer(good(model)).model_name == model


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=300))
def test_garbage_bytes_never_break_the_server(channel: grpc.Channel, garbage: bytes) -> None:
    codes = set()
    for method in ("ModelInfer", "ModelMetadata", "ModelReady"):
        call = channel.unary_unary(f"/{oip.SERVICE}/{method}")
        try:
            call(garbage, timeout=10)
        except grpc.RpcError as failure:
            codes.add(failure.code())  # type: ignore[attr-defined]
    assert codes <= {INVALID, NOT_FOUND}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_request_is_answered_or_refused_never_internal(channel: grpc.Channel, model: str, data: Any) -> None:
    raw = bytearray(good(model).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    call = channel.unary_unary(f"/{oip.SERVICE}/ModelInfer").future(bytes(raw), timeout=10)
    assert call.code() in (grpc.StatusCode.OK, INVALID, NOT_FOUND), call.details()


def test_a_model_that_fails_at_run_time_is_internal_without_its_traceback(
    stub: Any, registry: RegistryClient, gateway: GatewayClient
) -> None:
    name = "reshaping"
    artifact = registry.put_artifact(models.reshaping())
    rows = oip.ModelInferRequest()
    rows.inputs.add(name="x", datatype="FP32", shape=[6])
    rows.raw_input_contents.append(np.ones(6, np.float32).tobytes())
    registry.register_version(
        name, artifact_sha256=artifact, warmup_sha256=registry.put_artifact(rows.SerializeToString())
    )
    registry.set_route(Route(model=name, arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
    until(lambda: name in {route.model for route in gateway.status().routes})
    request = oip.ModelInferRequest(model_name=name)
    request.inputs.add(name="x", datatype="FP32", shape=[5])
    request.raw_input_contents.append(np.ones(5, np.float32).tobytes())
    assert refused(stub, request) == (grpc.StatusCode.INTERNAL, "internal error")


def test_a_deadline_already_passed(stub: Any, model: str) -> None:
    """The client's own timer is not instant: over loopback a call may be answered before it goes off."""
    calls = [stub.ModelInfer.future(good(model), timeout=-1.0) for _ in range(200)]
    codes = [call.code() for call in calls]
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    assert stub.ModelInfer(good(model)).model_name == model


def test_a_client_that_vanishes_is_counted_and_the_books_balance(stub: Any, gateway: GatewayClient, model: str) -> None:
    def leave() -> None:
        for _ in range(30):  # all together fewer than a connection may have: grpcio refuses more
            stub.ModelInfer.future(good(model)).cancel()

    threads = [threading.Thread(target=leave) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stub.ModelInfer(good(model)).model_name == model

    def balanced() -> bool:
        books = gateway.status().books
        ended = books.answered + books.rejected + books.shed + books.failed + books.cancelled
        return bool(books.in_flight == 0 and books.received == ended and books.answered == books.journaled)

    until(balanced)
