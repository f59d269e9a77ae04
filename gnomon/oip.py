"""Messages and service of the Open Inference Protocol v2, built in a private descriptor pool.

Another client of the same protocol registers the same names in the default pool; two definitions there would clash. The
bytes on the wire are the protocol's.
"""

from dataclasses import dataclass
from importlib import resources
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

SERVICE = "inference.GRPCInferenceService"
BYTES_METHODS = ("ModelInfer", "ModelStreamInfer")  # their servicers read and write bytes themselves
CONTENTS_OF = {  # the field of InferTensorContents that a datatype's elements stand in; others are sent raw only
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
FILE = descriptor_pb2.FileDescriptorSet.FromString(resources.files("gnomon").joinpath("oip.binpb").read_bytes()).file[0]

pool = descriptor_pool.DescriptorPool()
_file = pool.AddSerializedFile(FILE.SerializeToString())
_service = pool.FindServiceByName(SERVICE)


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))


ServerLiveRequest = _message("ServerLiveRequest")
ServerLiveResponse = _message("ServerLiveResponse")
ServerReadyRequest = _message("ServerReadyRequest")
ServerReadyResponse = _message("ServerReadyResponse")
ModelReadyRequest = _message("ModelReadyRequest")
ModelReadyResponse = _message("ModelReadyResponse")
ServerMetadataRequest = _message("ServerMetadataRequest")
ServerMetadataResponse = _message("ServerMetadataResponse")
ModelMetadataRequest = _message("ModelMetadataRequest")
ModelMetadataResponse = _message("ModelMetadataResponse")
ModelInferRequest = _message("ModelInferRequest")
ModelInferResponse = _message("ModelInferResponse")
InferTensorContents = _message("InferTensorContents")
ModelStreamInferResponse = _message("ModelStreamInferResponse")
ModelConfigRequest = _message("ModelConfigRequest")
ModelConfigResponse = _message("ModelConfigResponse")
ModelConfig = _message("ModelConfig")
ModelStatisticsRequest = _message("ModelStatisticsRequest")
ModelStatisticsResponse = _message("ModelStatisticsResponse")
RepositoryIndexRequest = _message("RepositoryIndexRequest")
RepositoryIndexResponse = _message("RepositoryIndexResponse")
RepositoryModelLoadRequest = _message("RepositoryModelLoadRequest")
RepositoryModelLoadResponse = _message("RepositoryModelLoadResponse")
RepositoryModelUnloadRequest = _message("RepositoryModelUnloadRequest")
RepositoryModelUnloadResponse = _message("RepositoryModelUnloadResponse")
DataType = pool.FindEnumTypeByName("inference.DataType")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What a handler gets in place of a message that could not be parsed: it answers with a status of its own."""

    kind: str
    size_bytes: int


def _reader(kind: Any) -> Any:
    def read(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError:
            return Unreadable(kind.DESCRIPTOR.name, len(data))

    return read


def _handler(servicer: Any, method: Any) -> Any:
    """The handler of one method, which has messages on both sides or, in BYTES_METHODS, bytes."""
    streams = method.client_streaming and method.server_streaming
    make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
    if method.name in BYTES_METHODS:
        return make(getattr(servicer, method.name))
    return make(
        getattr(servicer, method.name),
        request_deserializer=_reader(message_factory.GetMessageClass(method.input_type)),
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )


def add_GRPCInferenceServiceServicer_to_server(servicer: Any, server: Any) -> None:
    """What grpcio would have generated: one handler a method of the service.

    Three differences: BYTES_METHODS take and give bytes, for a codec of its own; other methods get an `Unreadable` for
    garbage; a method that the servicer lacks is left out, so that the server answers UNIMPLEMENTED.
    """
    handlers = {
        method.name: _handler(servicer, method) for method in _service.methods if hasattr(servicer, method.name)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


class GRPCInferenceServiceStub:
    """One callable a method of the service, as grpcio would have generated it."""

    def __init__(self, channel: Any) -> None:
        for method in _service.methods:
            make = channel.stream_stream if method.client_streaming else channel.unary_unary
            call = make(
                f"/{SERVICE}/{method.name}",
                request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, call)
