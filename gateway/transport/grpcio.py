"""The data plane on grpcio's asyncio server. It takes handlers as grpcio generates them."""

from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from gateway.transport.limits import Limits
from gateway.transport.pem import Pem
from gnomon import oip
from gnomon.gateway.v1 import gateway_pb2
from gnomon.registry.v1 import registry_pb2

ADMIN_SERVICE = "gnomon.gateway.v1.Gateway"
NEVER = 2**31 - 1  # as grpcio writes it, in milliseconds


class Health(health.aio.HealthServicer):  # type: ignore[misc]  # grpcio-health-checking has no types
    """grpc.health.v1, for the server as a whole and for each of its services."""

    async def set_serving(self, serving: bool) -> None:
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", oip.SERVICE, ADMIN_SERVICE):
            await self.set(service, state)


def server(limits: Limits) -> grpc.aio.Server:
    """A server without handlers or a port. What grpcio has no option for is as grpcio has it."""
    options = [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.max_send_message_length", limits.max_message_bytes),
        ("grpc.max_concurrent_streams", limits.max_streams),
        ("grpc.max_connection_age_ms", _milliseconds(limits.max_age_s)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(limits.age_grace_s)),
        ("grpc.keepalive_time_ms", _milliseconds(limits.keepalive_s)),
        ("grpc.keepalive_timeout_ms", _milliseconds(limits.keepalive_timeout_s)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _milliseconds(limits.ping_interval_s)),
        ("grpc.http2.max_ping_strikes", limits.ping_strikes),
    ]
    return grpc.aio.server(options=options)


def _milliseconds(seconds: float) -> int:
    """0 seconds: never."""
    return min(max(int(seconds * 1e3), 1), NEVER) if seconds else NEVER


def credentials(pem: Pem) -> grpc.ServerCredentials:
    """TLS from files that are looked at again when a client comes."""

    def fetch() -> Any:
        """Called by grpcio, one thread at a time; None: what it has stays in force."""
        return None if pem.changed() is None else _configuration(pem)

    mutual = pem.client_ca is not None
    return grpc.dynamic_ssl_server_credentials(_configuration(pem), fetch, require_client_authentication=mutual)


def _configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
    pair = (pem.key.read_bytes(), pem.certificate.read_bytes())
    roots = None if pem.client_ca is None else pem.client_ca.read_bytes()
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)


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
