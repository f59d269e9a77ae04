"""The data plane on grpcio's asyncio server. It takes handlers as grpcio generates them."""

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from gnomon import oip
from gnomon.gateway.v1 import gateway_pb2
from gnomon.registry.v1 import registry_pb2

ADMIN_SERVICE = "gnomon.gateway.v1.Gateway"


class Health(health.aio.HealthServicer):  # type: ignore[misc]  # grpcio-health-checking has no types
    """grpc.health.v1, for the server as a whole and for each of its services."""

    async def set_serving(self, serving: bool) -> None:
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", oip.SERVICE, ADMIN_SERVICE):
            await self.set(service, state)


def server(max_message_bytes: int, max_streams: int) -> grpc.aio.Server:
    """A server without handlers or a port."""
    options = [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_concurrent_streams", max_streams),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 4),
    ]
    return grpc.aio.server(options=options)


def add_health(to: grpc.aio.Server) -> Health:
    servicer = Health()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, to)
    return servicer


def add_reflection(to: grpc.aio.Server) -> None:
    """Reflection over one pool that knows the inference protocol beside the services of the default pool."""
    pool = descriptor_pool.DescriptorPool()
    for module in (reflection_pb2, health_pb2, registry_pb2, gateway_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(oip.FILE.SerializeToString())
    names = (oip.SERVICE, ADMIN_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, to, pool=pool)
