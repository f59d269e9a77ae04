"""The Open Inference Protocol, as its clients see it."""

import uuid
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto

from gnomon import oip
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route
from tests import models
from tests.contract.gateway.conftest import serve
from tests.waiting import until

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def several_inputs() -> list[Any]:
    tensors = []
    values: list[tuple[str, str, Any]] = [
        ("x", "FP32", X),
        ("a", "INT64", np.array([[1], [2]], np.int64)),
        ("b", "INT64", np.array([[10], [20]], np.int64)),
        ("s", "BYTES", np.array([["plain"], ["übér"]], dtype=object)),
    ]
    for name, datatype, array in values:
        tensor = triton.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    return tensors


def typed_request(model: str) -> Any:
    request = oip.ModelInferRequest(model_name=model, id="typed")
    request.inputs.add(name="x", datatype="FP32", shape=[2, 3]).contents.fp32_contents.extend(X.ravel().tolist())
    request.inputs.add(name="a", datatype="INT64", shape=[2, 1]).contents.int64_contents.extend([1, 2])
    request.inputs.add(name="b", datatype="INT64", shape=[2, 1]).contents.int64_contents.extend([10, 20])
    request.inputs.add(name="s", datatype="BYTES", shape=[2, 1]).contents.bytes_contents.extend([b"p", b"q"])
    return request


def test_a_client_finds_the_server_live_ready_and_described(client: triton.InferenceServerClient, served: str) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(served)
    assert client.is_model_ready(served, "1")
    assert not client.is_model_ready(served, "9")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata().name == "gnomon"
    described = client.get_model_metadata(served)
    assert list(described.versions) == ["1"]
    assert [(item.name, item.datatype, list(item.shape)) for item in described.inputs] == [
        ("x", "FP32", [-1, 3]),
        ("a", "INT64", [-1, 1]),
        ("b", "INT64", [-1, 1]),
        ("s", "BYTES", [-1, 1]),
    ]


def test_raw_inputs_are_answered_raw_with_who_answered(client: triton.InferenceServerClient, served: str) -> None:
    result = client.infer(served, several_inputs(), request_id="raw-1")
    np.testing.assert_allclose(result.as_numpy("y"), 1 / (1 + np.exp(-X)), rtol=1e-6)
    np.testing.assert_array_equal(result.as_numpy("total"), [[11], [22]])
    assert result.as_numpy("echo").tolist() == [[b"plain"], ["übér".encode()]]
    response = result.get_response()
    assert response.id == "raw-1"
    assert response.model_version == "1"
    assert response.parameters["arm"].string_param == "stable"
    assert response.parameters["epoch"].int64_param > 0
    assert uuid.UUID(response.parameters["prediction_id"].string_param).version == 7


def test_typed_inputs_are_answered_typed(stub: Any, served: str) -> None:
    reply = stub.ModelInfer(typed_request(served))
    by_name = {tensor.name: tensor.contents for tensor in reply.outputs}
    np.testing.assert_allclose(by_name["y"].fp32_contents, (1 / (1 + np.exp(-X))).ravel(), rtol=1e-6)
    assert list(by_name["total"].int64_contents) == [11, 22]
    assert list(by_name["echo"].bytes_contents) == [b"p", b"q"]
    assert not reply.raw_output_contents


def test_only_the_outputs_that_are_asked_for_come_back(client: triton.InferenceServerClient, served: str) -> None:
    result = client.infer(served, several_inputs(), outputs=[triton.InferRequestedOutput("total")])
    assert [tensor.name for tensor in result.get_response().outputs] == ["total"]


@pytest.mark.parametrize(
    ("kind", "datatype", "values"),
    [
        (TensorProto.BOOL, "BOOL", np.array([[True, False]])),
        (TensorProto.INT8, "INT8", np.array([[-128, 127]], np.int8)),
        (TensorProto.INT16, "INT16", np.array([[-1, 2]], np.int16)),
        (TensorProto.INT32, "INT32", np.array([[-1, 2]], np.int32)),
        (TensorProto.UINT8, "UINT8", np.array([[0, 255]], np.uint8)),
        (TensorProto.UINT16, "UINT16", np.array([[0, 65535]], np.uint16)),
        (TensorProto.UINT32, "UINT32", np.array([[0, 2**32 - 1]], np.uint32)),
        (TensorProto.UINT64, "UINT64", np.array([[0, 2**64 - 1]], np.uint64)),
        (TensorProto.FLOAT16, "FP16", np.array([[0.5, -2]], np.float16)),
        (TensorProto.DOUBLE, "FP64", np.array([[np.pi, np.nan]])),
    ],
)
def test_every_datatype_goes_through_unchanged(
    client: triton.InferenceServerClient,
    registry: RegistryClient,
    gateway: GatewayClient,
    kind: int,
    datatype: str,
    values: np.ndarray[Any, Any],
) -> None:
    name = serve(registry, gateway, f"identity-{datatype}", models.identity(kind))
    tensor = triton.InferInput("x", [1, 2], datatype)
    tensor.set_data_from_numpy(values)
    np.testing.assert_array_equal(client.infer(name, [tensor]).as_numpy("y"), values)


def scaled_call(client: triton.InferenceServerClient, name: str, **more: Any) -> Any:
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 3), np.float32))
    return client.infer(name, [tensor], **more)


def test_a_named_version_answers_and_without_one_the_route_decides(
    client: triton.InferenceServerClient, registry: RegistryClient, gateway: GatewayClient
) -> None:
    name = serve(registry, gateway, "pinned", models.scaled(1.0), models.scaled(2.0))
    assert scaled_call(client, name).as_numpy("score")[0, 0] == 1.0
    assert scaled_call(client, name, model_version="2").as_numpy("score")[0, 0] == 2.0


def test_a_routing_key_sticks_to_its_arm_whichever_way_it_is_sent(
    client: triton.InferenceServerClient, registry: RegistryClient, gateway: GatewayClient
) -> None:
    name = serve(registry, gateway, "sticky", models.scaled(1.0), models.scaled(2.0))
    arms = (
        Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP // 2),
        Arm(version=2, role=Role.CANARY, weight_bp=ALL_BP // 2),
    )
    epoch = registry.set_route(Route(model=name, arms=arms, actor="test")).revision
    until(lambda: gateway.explain(name, "x").epoch == epoch)
    for key in (f"key-{number}" for number in range(40)):
        expected = gateway.explain(name, key)
        by_parameter = scaled_call(client, name, parameters={"routing_key": key}).get_response()
        by_header = scaled_call(client, name, headers={"x-routing-key": key}).get_response()
        assert int(by_parameter.model_version) == int(by_header.model_version) == expected.version
        assert by_header.parameters["arm"].string_param == Role(expected.role).name.lower()
        assert by_header.parameters["epoch"].int64_param == epoch


def test_without_a_key_the_weights_are_exact(
    client: triton.InferenceServerClient, registry: RegistryClient, gateway: GatewayClient
) -> None:
    name = serve(registry, gateway, "weighted", models.scaled(1.0), models.scaled(2.0))
    arms = (Arm(version=1, role=Role.STABLE, weight_bp=7_500), Arm(version=2, role=Role.CANARY, weight_bp=2_500))
    epoch = registry.set_route(Route(model=name, arms=arms, actor="test")).revision
    until(lambda: gateway.explain(name, "x").epoch == epoch)
    versions = [scaled_call(client, name).get_response().model_version for _ in range(400)]
    assert versions.count("2") == pytest.approx(100, abs=2)


def test_health_and_reflection_answer(channel: grpc.Channel, served: str) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
    for service in ("", oip.SERVICE, "gnomon.gateway.v1.Gateway"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == 1
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {oip.SERVICE, "gnomon.gateway.v1.Gateway", "grpc.health.v1.Health"} <= set(database.get_services())
    found = database.FindFileContainingSymbol(oip.SERVICE)
    assert [method.name for method in found.service[0].method] == [
        "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer", "ModelStreamInfer",
        "ModelConfig", "ModelStatistics", "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("nonsense", ""),
    ],
)
def test_the_trace_of_a_caller_is_kept_with_its_prediction(
    stub: oip.GRPCInferenceServiceStub, gateway: GatewayClient, served: str, sent: str, kept: str
) -> None:
    reply = stub.ModelInfer(typed_request(served), metadata=[("traceparent", sent)], timeout=10)  # type: ignore[attr-defined]
    assert gateway.trace(reply.parameters["prediction_id"].string_param).trace_id == kept
