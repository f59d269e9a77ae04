"""Whatever bytes come, in whatever pieces: the lane is not hurt, its books balance, and the next client is served."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import grpc
import h2.connection
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon import oip
from tests import models
from tests.contract.lanes.house import PATH, House, route

FIELDS = [
    (":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "test"), ("te", "trailers"),
    ("content-type", "application/grpc"),
]  # fmt: skip
MORE = [
    [], [("grpc-timeout", "5S")], [("grpc-timeout", "0n")], [("grpc-timeout", "99999999H")], [("grpc-timeout", "x")],
    [("x-routing-key", "abc")], [("x-routing-key", "")], [("grpc-encoding", "gzip")], [("traceparent", "00-zz")],
    [("x-large", "v" * 3000)],
]  # fmt: skip


def message(rows: int) -> bytes:
    request = oip.ModelInferRequest(model_name="m", id="an id")
    request.inputs.add(name="x", datatype="FP32", shape=[rows, 3])
    request.raw_input_contents.append(np.ones((rows, 3), "<f4").tobytes())
    raw: bytes = request.SerializeToString()
    return bytes(1) + len(raw).to_bytes(4, "big") + raw


def conversation(calls: list[tuple[int, int, int, bool]]) -> bytes:
    """What a client sends for some calls: (rows, which header fields, pieces of its body, whether it takes it back)."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    for rows, more, pieces, reset in calls:
        stream, body = client.get_next_available_stream_id(), message(rows)
        client.send_headers(stream, [*FIELDS, *MORE[more]])
        size = max(1, len(body) // pieces)
        cuts = [body[at : at + size] for at in range(0, len(body), size)]
        for piece in cuts[:-1]:
            client.send_data(stream, piece)
        if reset:
            client.reset_stream(stream)
        else:
            client.send_data(stream, cuts[-1], end_stream=True)
    return client.data_to_send()


conversations = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, len(MORE) - 1), st.integers(1, 4), st.booleans()), max_size=6
).map(conversation)
damaged = st.tuples(conversations, st.integers(24, 2_000), st.integers(0, 255)).map(
    lambda drawn: drawn[0][: drawn[1]] + bytes([drawn[2]]) + drawn[0][drawn[1] + 1 :]
)
shortened = st.tuples(conversations, st.integers(0, 2_000)).map(lambda drawn: drawn[0][: drawn[1]])


async def spoken(port: int, data: bytes, step: int) -> None:
    """Sends it in pieces, hangs up, and waits for the server to do so."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        for at in range(0, len(data), step):
            writer.write(data[at : at + step])
            await asyncio.sleep(0)
        writer.write_eof()
        await asyncio.wait_for(reader.read(-1), 10)
    writer.close()


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(
    sent=st.lists(st.one_of(conversations, damaged, shortened, st.binary(max_size=300)), min_size=6, max_size=6),
    step=st.sampled_from([1 << 20, 100, 17]),
)
def test_no_bytes_hurt_the_lane(tmp_path_factory: Any, sent: list[bytes], step: int) -> None:
    folder: Path = tmp_path_factory.mktemp("fuzz")

    async def run() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        house = House(folder)
        house.load("m", 1, models.scaled(2.0))
        house.serve(route("m"))
        await house.server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{house.port}") as channel:
            for rows in (1, 2, 3):
                await channel.unary_unary(PATH)(message(rows)[5:])
            await asyncio.gather(*(spoken(house.port, data, step) for data in sent))
            before = house.by_python
            reply = oip.ModelInferResponse.FromString(await channel.unary_unary(PATH)(message(3)[5:]))
        assert np.frombuffer(reply.raw_output_contents[0], "<f4").tolist() == [2.0] * 9
        assert house.by_python == before
        await house.server.stop(1)
        ended = sum(house.count(status) for status in (1, 2, 3, 4, 5))  # type: ignore[arg-type]
        assert (house.count("in_flight"), house.count("received")) == (0, ended)
        assert len(house.records()) == ended
        assert not faults
        house.service.batcher.stop()
        house.journal.close()

    asyncio.run(run())
