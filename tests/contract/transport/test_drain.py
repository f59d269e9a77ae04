"""Going away without losing a call: on stop, with age, and what becomes of those that do not end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway.transport.limits import Limits
from gateway.transport.server import Server
from tests.contract.transport.conftest import Ours, build
from tests.contract.transport.servicer import call
from tests.contract.transport.wire import Wire, framed, headers

HEADERS, PING, GOAWAY, ACK, END_STREAM = 1, 6, 7, 1, 1
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]


class Load:
    """Calls one after another on a few channels, until told to stop. Any failure is raised by `stop`."""

    def __init__(self, target: str, channels: int = 3, each: int = 4) -> None:
        self._stopping = asyncio.Event()
        self.answered = 0
        self._tasks = [asyncio.create_task(self._run(target, each)) for _ in range(channels)]

    async def _run(self, target: str, each: int) -> None:
        async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
            await asyncio.gather(*(self._call(channel) for _ in range(each)))

    async def _call(self, channel: grpc.aio.Channel) -> None:
        while not self._stopping.is_set():
            assert await call(channel, "Slow")(b"x", timeout=5) == b"x"
            self.answered += 1

    async def stop(self) -> int:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        return self.answered


async def start(address: str, **limits: Any) -> tuple[Server, int]:
    server = Server(Limits(**limits))
    build(server)
    port = server.add_insecure_port(address)
    await server.start()
    return server, port


async def test_a_server_that_stops_under_load_fails_no_call() -> None:
    """Two share a port, as workers do; they leave and come back in turn."""
    servers = []
    first, port = await start("127.0.0.1:0")
    servers.append(first)
    load = Load(f"127.0.0.1:{port}")
    for _ in range(4):
        servers.append((await start(f"127.0.0.1:{port}"))[0])
        await asyncio.sleep(0.2)
        await servers.pop(0).stop(5)
        await asyncio.sleep(0.1)
    assert await load.stop() > 100
    await servers[0].stop(1)


async def test_connections_that_grow_old_are_replaced_and_no_call_fails() -> None:
    server, port = await start("127.0.0.1:0", max_age_s=0.5)
    seen: set[object] = set()
    load = Load(f"127.0.0.1:{port}")
    for _ in range(50):
        seen.update(server.connections)
        await asyncio.sleep(0.05)
    assert await load.stop() > 100
    assert len(seen) > 4
    await server.stop(1)


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, int, bytes]]:
    """Kind, flags and payload of what arrives, to the end of the connection."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(9)
            yield head[3], head[4], await reader.readexactly(int.from_bytes(head[:3], "big"))


@pytest.mark.parametrize("answers_pings", [True, False])
async def test_the_two_steps_of_a_drain(ours: Ours, wire: Any, answers_pings: bool) -> None:
    """GOAWAY with the highest id, a PING; after its answer, or without one in time, GOAWAY with the last call's id."""
    running = await ours()
    client: Wire = await wire(running)
    first = client.request(headers("Slow"), framed(b"x"))
    stopping = asyncio.create_task(running.server.stop(5))
    said, ended = [], False
    async for kind, flags, payload in frames(client.reader):
        if kind == GOAWAY:
            said.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")))
        elif kind == PING and not flags & ACK and answers_pings:
            client.raw(b"\0\0\x08\x06\x01\0\0\0\0" + payload)
        elif kind == HEADERS and flags & END_STREAM:
            ended = True
    assert said == [(2**31 - 1, 0), (first, 0)]
    assert ended
    await client.close()
    await asyncio.wait_for(stopping, 5)


async def test_calls_that_outlast_the_grace_are_ended_with_unavailable(ours: Ours) -> None:
    running = await ours()
    async with grpc.aio.insecure_channel(running.target) as channel:
        reply = asyncio.ensure_future(call(channel, "Wait")(b""))
        await asyncio.wait_for(running.servicer.started.wait(), 5)
        await running.server.stop(0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reply
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert running.servicer.cancelled.is_set()


async def test_waiting_for_the_end(ours: Ours) -> None:
    running = await ours()
    assert await running.server.wait_for_termination(0.01)
    await running.server.stop(None)
    assert not await running.server.wait_for_termination(1)


async def test_a_server_that_never_started_stops() -> None:
    server = Server()
    server.add_insecure_port("127.0.0.1:0")
    await server.stop(1)
