"""Raw HTTP/2 against our server: what a gRPC client would never send, and what it must be answered."""

import gzip
from typing import Any

import h2.events
import pytest

from gateway.transport.direct import DirectCall
from tests.contract.transport.conftest import Ours, Running
from tests.contract.transport.servicer import path
from tests.contract.transport.wire import Wire, framed, headers

OK, INVALID, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 3, 8, 12, 13


def echo(message: Any, call: DirectCall) -> None:
    call.reply(bytes(message))


@pytest.fixture(params=["async", "direct"])
async def running(request: pytest.FixtureRequest, ours: Ours) -> Running:
    direct = {path("Echo"): echo} if request.param == "direct" else None
    return await ours(direct, max_message_bytes=100_000)


@pytest.fixture
async def client(running: Running, wire: Any) -> Wire:
    return await wire(running)  # type: ignore[no-any-return]


async def test_a_call_has_headers_data_and_trailers(client: Wire) -> None:
    first, data, last = await client.answer(client.request(headers("Echo"), framed(b"hi")))
    assert (first[":status"], first["content-type"]) == ("200", "application/grpc")
    assert data == framed(b"hi")
    assert last == {"grpc-status": "0"}


@pytest.mark.parametrize("cut", [1, 4, 5, 7, 300])
async def test_a_message_cut_anywhere_is_whole_again(client: Wire, cut: int) -> None:
    message = framed(bytes(range(256)) * 2)
    stream = client.request(headers("Echo"), message[:cut], end=False)
    for part in (message[cut : cut + 1], b"", message[cut + 1 :]):
        client.h2.send_data(stream, part)
        client.flush()
    client.h2.end_stream(stream)
    client.flush()
    assert (await client.answer(stream))[1] == message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", INTERNAL),
        (b"\0\0", INTERNAL),
        (framed(b"abc")[:-1], INTERNAL),
        (framed(b"abc") + b"x", INTERNAL),
        (framed(b"a") * 2, INTERNAL),
        (framed(b"a", flag=1), INTERNAL),
        (framed(b"a", flag=7), INTERNAL),
        (b"\0\xff\xff\xff\xff", EXHAUSTED),
        (framed(bytes(100_001)), EXHAUSTED),
        (framed(bytes(1000)), OK),
    ],
    ids=[
        "nothing",
        "no length",
        "torn",
        "trailing",
        "two",
        "flag without encoding",
        "unknown flag",
        "4 GiB",
        "big",
        "ok",
    ],
)
async def test_bodies_are_judged(client: Wire, body: bytes, status: int) -> None:
    stream = client.request(headers("Echo"), None, end=False)
    for at in range(0, max(1, len(body)), 16384):
        client.h2.send_data(stream, body[at : at + 16384])
        client.flush()
        if len(body) > 65000:
            break
    if len(body) < 65000:
        client.h2.end_stream(stream)
        client.flush()
    assert await client.status(stream) == status


async def test_a_call_without_any_data_is_internal(client: Wire) -> None:
    assert await client.status(client.request(headers("Echo"))) == INTERNAL


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/grpcx"])
async def test_what_is_not_grpc_is_415(client: Wire, kind: str) -> None:
    fields = [(key, kind if key == "content-type" else value) for key, value in headers("Echo")]
    assert (await client.answer(client.request(fields, b"x")))[0][":status"] == "415"


@pytest.mark.parametrize("kind", ["application/grpc+proto", "application/grpc;charset=utf-8"])
async def test_kinds_of_grpc_are_taken(client: Wire, kind: str) -> None:
    fields = [(key, kind if key == "content-type" else value) for key, value in headers("Echo")]
    assert await client.status(client.request(fields, framed(b"x"))) == OK


async def test_gzip_in(client: Wire) -> None:
    fields = headers("Echo", ("grpc-encoding", "gzip"))
    _, data, last = await client.answer(client.request(fields, framed(gzip.compress(b"a" * 1000), flag=1)))
    assert (data, last["grpc-status"]) == (framed(b"a" * 1000), "0")


async def test_gzip_out_where_it_is_taken(client: Wire) -> None:
    fields = headers("Compressed", ("grpc-accept-encoding", "identity, gzip"))
    first, data, _ = await client.answer(client.request(fields, framed(b"a" * 1000)))
    assert (first["grpc-encoding"], data[0], gzip.decompress(data[5:])) == ("gzip", 1, b"a" * 1000)
    first, data, _ = await client.answer(client.request(headers("Compressed"), framed(b"a" * 1000)))
    assert ("grpc-encoding" in first, data) == (False, framed(b"a" * 1000))


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"not gzip", INTERNAL), (gzip.compress(b"a")[:-3], INTERNAL), (gzip.compress(bytes(10_000_000)), EXHAUSTED)],
    ids=["garbage", "torn", "bomb"],
)
async def test_bad_gzip_is_refused(client: Wire, data: bytes, status: int) -> None:
    fields = headers("Echo", ("grpc-encoding", "gzip"))
    assert await client.status(client.request(fields, framed(data, flag=1))) == status


async def test_an_unknown_encoding_is_unimplemented_and_told_what_is_known(client: Wire) -> None:
    fields = headers("Echo", ("grpc-encoding", "snappy"))
    first, _, _ = await client.answer(client.request(fields, framed(b"x")))
    assert (first["grpc-status"], first["grpc-accept-encoding"]) == ("12", "identity,gzip")


@pytest.mark.parametrize("timeout", ["1H", "1M", "9S", "9000m", "9000000u", "99999999n", "00000009S"])
async def test_units_of_timeouts(client: Wire, timeout: str) -> None:
    fields = headers("Remaining", ("grpc-timeout", timeout))
    _, data, _ = await client.answer(client.request(fields, framed(b"")))
    assert 0 < float(data[5:]) <= 3600


@pytest.mark.parametrize("timeout", ["", "1", "S", "1s", "-1S", "123456789S", "1.5S", "1 S"])
async def test_a_malformed_timeout_is_internal(client: Wire, timeout: str) -> None:
    stream = client.request(headers("Echo", ("grpc-timeout", timeout)), framed(b""))
    assert await client.status(stream) == INTERNAL


@pytest.mark.parametrize("value", ["AAECAw==", "AAECAw", "AAECAw,AAECAw=="])
async def test_binary_metadata_is_taken_padded_or_not(client: Wire, value: str) -> None:
    first, data, _ = await client.answer(client.request(headers("Metadata", ("x-raw-bin", value)), framed(b"")))
    assert data[5:] == b"\0\1\2\3" * (value.count(",") + 1)
    assert first["x-raw-bin"] == "AAECAw"


async def test_metadata_over_the_limit_refuses_the_call_alone(client: Wire) -> None:
    assert await client.status(client.request(headers("Echo", ("x-big", "a" * 17_000)), framed(b"x"))) == EXHAUSTED
    many = [(f"x-{number}", "a" * 60) for number in range(200)]
    assert await client.status(client.request(headers("Echo", *many), framed(b"x"))) == EXHAUSTED
    assert await client.status(client.request(headers("Echo"), framed(b"x"))) == OK


async def test_an_early_end_leaves_the_connection_whole(client: Wire) -> None:
    """Refused uploads give their bytes back to the window of the connection."""
    for _ in range(300):
        stream = client.request(headers("Echo"), b"\0\x7f\xff\xff\xff" + bytes(16_000), end=False)
        assert await client.status(stream) == EXHAUSTED
        client.h2.reset_stream(stream)
        client.flush()
    assert await client.status(client.request(headers("Echo"), framed(b"x"))) == OK


async def test_trailers_of_the_client_end_its_call(client: Wire) -> None:
    stream = client.request(headers("Echo"), framed(b"x"), end=False)
    client.h2.send_headers(stream, [("x-last", "1")], end_stream=True)
    client.flush()
    assert await client.status(stream) == OK


async def test_more_streams_than_allowed_are_refused(ours: Ours, wire: Any) -> None:
    client = await wire(await ours(max_streams=5))
    for _ in range(8):  # before the client has heard of the limit
        client.request(headers("Wait"), framed(b"x"))
    refused = [await client.until(h2.events.StreamReset) for _ in range(3)]
    assert {event.error_code for event in refused} == {7}
