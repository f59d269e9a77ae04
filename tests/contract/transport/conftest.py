"""Servers for the suite: the same handlers on both transports, and ours alone with limits of a test's choice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.transport.limits import Limits
from gateway.transport.server import Server
from tests.contract.transport.servicer import SERVICE, Everything, add_to_server
from tests.contract.transport.wire import Wire

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass
class Running:
    server: Any
    servicer: Everything
    port: int

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


def build(server: Any) -> Everything:
    servicer = Everything()
    add_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return servicer


@pytest.fixture(params=["grpcio", "ngh2"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    server: Any = Server() if request.param == "ngh2" else grpc.aio.server()
    servicer = build(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Running(server, servicer, port)
    await server.stop(None)


@pytest.fixture
async def channel(running: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.target, options=OPTIONS) as opened:
        yield opened


Ours = Callable[..., Awaitable[Running]]


@pytest.fixture
async def ours() -> AsyncIterator[Ours]:
    """Starts our server with these limits; `direct` are functions of the fast path by method."""
    servers: list[Server] = []

    async def start(direct: dict[str, Any] | None = None, **limits: Any) -> Running:
        server = Server(Limits(**limits))
        servicer = build(server)
        for path, handler in (direct or {}).items():
            server.add_direct(path, handler)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
        return Running(server, servicer, port)

    yield start
    for server in servers:
        await server.stop(None)


@pytest.fixture
async def wire() -> AsyncIterator[Callable[[Running], Awaitable[Wire]]]:
    """Opens raw HTTP/2 connections to a server."""
    opened: list[Wire] = []

    async def connect(running: Running, **settings: Any) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        made = Wire(reader, writer, **settings)
        opened.append(made)
        return made

    yield connect
    for each in opened:
        await each.close()
