"""Clients that mean harm, or are broken: the connection ends with a reason, memory stays bounded, others are served."""

import asyncio
import contextlib
import gc
from typing import Any

import grpc
import h2.connection
import h2.events
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.transport.direct import DirectCall
from gateway.transport.limits import Limits
from gateway.transport.server import Server
from tests.contract.transport.conftest import Ours, Running, build
from tests.contract.transport.servicer import SERVICE, path
from tests.contract.transport.wire import Wire, framed, headers

CALM = 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


async def served(running: Running, wire: Any) -> bool:
    client = await wire(running)
    return bool(await client.status(client.request(headers("Echo"), framed(b"x"))) == 0)


async def test_pings_without_calls_are_too_many(ours: Ours, wire: Any) -> None:
    running = await ours(ping_strikes=3)
    client: Wire = await wire(running)
    for _ in range(6):
        client.h2.ping(b"12345678")
    client.flush()
    assert await client.goaway() == (CALM, b"too_many_pings")
    await client.eof()
    assert await served(running, wire)


async def test_pings_between_answers_are_welcome(ours: Ours, wire: Any) -> None:
    client: Wire = await wire(await ours(ping_strikes=1))
    for _ in range(20):
        client.h2.ping(b"12345678")
        assert await client.status(client.request(headers("Echo"), framed(b"x"))) == 0


@pytest.mark.parametrize("direct", [True, False])
async def test_rapid_resets_end_the_connection(ours: Ours, wire: Any, direct: bool) -> None:
    fast = {path("Wait"): lambda message, call: None} if direct else None
    running = await ours(fast, reset_burst=100, reset_rate=1)
    client: Wire = await wire(running)
    for _ in range(300):
        stream = client.request(headers("Wait"), framed(b"x"))
        client.h2.reset_stream(stream)
    client.flush()
    assert (await client.goaway())[0] == CALM
    await client.eof()
    assert await served(running, wire)
    assert not any(connection.streams for connection in running.server.connections)


def settings_frame() -> bytes:
    return b"\0\0\0\4\0\0\0\0\0"


def empty_data(stream: int) -> bytes:
    return b"\0\0\0\0\0" + stream.to_bytes(4, "big")


@pytest.mark.parametrize("frame", [settings_frame(), empty_data(1)], ids=["settings", "empty data"])
async def test_frames_that_say_nothing_end_the_connection(ours: Ours, wire: Any, frame: bytes) -> None:
    client: Wire = await wire(await ours(idle_frame_burst=100, idle_frame_rate=1))
    client.request(headers("Join"), framed(b"x"), end=False)
    client.raw(frame * 1000)
    assert (await client.goaway())[0] == CALM
    await client.eof()


async def test_continuations_without_end_end_the_connection(ours: Ours, wire: Any) -> None:
    running = await ours()
    client: Wire = await wire(running)
    client.raw(b"\0\0\1\1\0\0\0\0\1\x82" + b"\0\0\1\x09\0\0\0\0\1\x84" * 200)
    assert (await client.goaway())[0] == CALM
    await client.eof()
    assert await served(running, wire)


async def test_a_header_list_far_over_the_limit_ends_the_connection(ours: Ours, wire: Any) -> None:
    running = await ours(header_list_bytes=2000)
    client: Wire = await wire(running)
    client.request(headers("Echo", *((f"x-{number}", "a" * 1000) for number in range(12))), framed(b"x"))
    assert (await client.goaway())[0] == CALM
    assert await served(running, wire)


async def test_a_reader_that_stops_holds_little(ours: Ours, wire: Any) -> None:
    """A gigabyte is asked for and never read: the handler waits, and other calls of the connection are answered."""
    running = await ours(send_stream_bytes=128 << 10)
    client: Wire = await wire(running, reading=False)
    client.request(headers("Flood"), framed(b"65536"))
    written = -1
    while written != running.servicer.written:
        written = running.servicer.written
        await asyncio.sleep(0.05)
    assert written * (16 << 10) <= (128 << 10) + (64 << 10) + (32 << 10)
    connection = next(iter(running.server.connections))
    assert connection.queued() <= (128 << 10) + (32 << 10)


async def test_a_socket_that_is_not_read_holds_little(ours: Ours, wire: Any) -> None:
    running = await ours()
    client: Wire = await wire(running, window=(1 << 31) - 1)
    client.h2.increment_flow_control_window((1 << 31) - 1 - 65535)
    client.request(headers("Flood"), framed(b"65536"))
    written = -1
    while written != running.servicer.written:
        written = running.servicer.written
        await asyncio.sleep(0.1)
    assert written * (16 << 10) < 24 << 20  # the kernel's buffers of both sockets, and a little of ours


async def test_answers_a_client_does_not_read_stop_its_next_calls(ours: Ours, wire: Any) -> None:
    def much(message: Any, call: DirectCall) -> None:
        call.reply(bytes(60_000))

    running = await ours({path("Much"): much}, send_connection_bytes=200_000)
    client: Wire = await wire(running, reading=False)
    client.request(headers("Echo"), framed(b"x"))
    await client.until(h2.events.ResponseReceived)
    connection = next(iter(running.server.connections))
    async with asyncio.timeout(5):
        while connection.queued() < 200_000:
            client.request(headers("Much"), framed(b"x"))
            await asyncio.sleep(0.01)
    assert await client.status(client.request(headers("Echo"), framed(b"x"))) == 8


async def test_a_handler_that_does_not_read_stops_its_sender(ours: Ours, wire: Any) -> None:
    async def idle(requests: Any, context: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    running = await ours(stream_window_bytes=65_535)
    handler = grpc.stream_unary_rpc_method_handler(idle)
    running.server.add_registered_method_handlers(SERVICE, {"Idle": handler})
    client: Wire = await wire(running)
    stream = client.request(headers("Idle"), framed(bytes(10_000)), end=False)
    sent = 0
    for _ in range(100):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.read(), 0.002)
        if client.h2.local_flow_control_window(stream) >= 10_005:
            client.h2.send_data(stream, framed(bytes(10_000)))
            client.flush()
            sent += 10_005
    assert 65_535 - 10_005 <= sent <= 3 * 65_535


async def test_unfinished_messages_of_a_connection_are_bounded(ours: Ours, wire: Any) -> None:
    running = await ours(received_bytes=50_000)
    client: Wire = await wire(running)
    started = framed(bytes(30_000))[:16_000]
    streams = [client.request(headers("Echo"), started, end=False) for _ in range(4)]
    assert await client.status(streams[3]) == 8
    assert next(iter(running.server.connections)).received <= 50_000


async def test_a_client_that_hangs_up_half_way_is_forgotten(ours: Ours, wire: Any) -> None:
    running = await ours()
    client: Wire = await wire(running)
    client.request(headers("Wait"), framed(b"x"))
    await asyncio.wait_for(running.servicer.started.wait(), 5)
    client.hang_up()
    await asyncio.wait_for(running.servicer.cancelled.wait(), 5)
    await client.eof()
    assert await served(running, wire)


async def test_more_connections_than_allowed_are_closed(ours: Ours, wire: Any) -> None:
    running = await ours(max_connections=2)
    clients = [await wire(running) for _ in range(3)]
    await clients[2].eof()
    assert await clients[0].status(clients[0].request(headers("Echo"), framed(b"x"))) == 0


async def test_a_client_that_never_speaks_is_closed(ours: Ours, wire: Any) -> None:
    running = await ours(handshake_timeout_s=0.1)
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    async with asyncio.timeout(5):
        while not running.server.connections:
            await asyncio.sleep(0.01)
        while running.server.connections:
            await asyncio.sleep(0.05)
    writer.close()


async def test_a_silent_client_is_pinged_and_dropped(ours: Ours, wire: Any) -> None:
    running = await ours(keepalive_s=0.1, keepalive_timeout_s=0.1)
    client: Wire = await wire(running)
    await client.until(h2.events.RemoteSettingsChanged)
    async with asyncio.timeout(6):
        while running.server.connections:
            await asyncio.sleep(0.05)


frames = st.builds(
    lambda kind, flags, stream, body: len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    + body,
    st.integers(0, 12), st.integers(0, 255), st.sampled_from([0, 1, 2, 3, 5]), st.binary(max_size=60),
)  # fmt: skip


def valid(name: str, body: bytes) -> bytes:
    """What a right client would send for one call."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(1, headers(name))
    client.send_data(1, body, end_stream=True)
    return client.data_to_send()


GOOD = valid("Echo", framed(b"abc"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.booleans(),
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.lists(frames, max_size=20).map(lambda many: PREFACE + b"".join(many)),
            st.lists(frames, max_size=8).map(lambda many: GOOD + b"".join(many)),
            st.integers(0, len(GOOD)).map(lambda cut: GOOD[:cut]),
            st.tuples(st.integers(24, len(GOOD) - 1), st.integers(0, 255)).map(
                lambda change: GOOD[: change[0]] + bytes([change[1]]) + GOOD[change[0] + 1 :]
            ),
        ),
        min_size=10,
        max_size=10,
    ),
)
def test_no_bytes_hurt_the_server(direct: bool, sent: list[bytes]) -> None:
    """Whatever arrives, nothing is raised in the loop, nothing is left behind, and the next client is served."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        faults: list[Any] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        server = Server(Limits(keepalive_s=0))
        running = Running(server, build(server), server.add_insecure_port("127.0.0.1:0"))
        if direct:
            server.add_direct(path("Echo"), lambda message, call: call.reply(bytes(message)))
        await server.start()
        for data in sent:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(data)
            writer.write_eof()
            await asyncio.wait_for(reader.read(-1), 5)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        client = Wire(reader, writer)
        assert await client.status(client.request(headers("Echo"), framed(b"x"))) == 0
        await client.close()
        await server.stop(None)
        assert not server.connections
        assert not faults

    asyncio.run(run())
    gc.collect()
