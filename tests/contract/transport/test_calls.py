"""Calls of every kind, with grpcio's clients, on both transports: what a caller sees does not depend on which."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.contract.transport.conftest import Running
from tests.contract.transport.servicer import SERVICE, WORDS, call


async def failure(pending: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await pending
    return caught.value


async def test_a_message_comes_back(channel: grpc.aio.Channel) -> None:
    assert await call(channel, "Echo")(b"hello") == b"hello"
    assert await call(channel, "Echo")(b"") == b""


@pytest.mark.parametrize("size", [4091, 16384, 16379, 65536, 1 << 20, 4 << 20])
async def test_big_messages_cross_many_frames(channel: grpc.aio.Channel, size: int) -> None:
    message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await call(channel, "Echo")(message) == message


async def test_many_calls_at_once_do_not_mix(channel: grpc.aio.Channel) -> None:
    messages = [str(number).encode() * (number % 50) for number in range(300)]
    assert await asyncio.gather(*(call(channel, "Slow")(message) for message in messages)) == messages


async def test_a_blocking_client_is_served(running: Running) -> None:
    def blocking() -> tuple[bytes, list[bytes], bytes]:
        with grpc.insecure_channel(running.target) as channel:
            joined = call(channel, "Join")(iter([b"a", b"b"]))
            return call(channel, "Echo")(b"x"), list(call(channel, "Count")(b"3")), joined

    assert await asyncio.to_thread(blocking) == (b"x", [b"0", b"1", b"2"], b"a,b")


async def test_an_abort_carries_code_words_and_trailers(channel: grpc.aio.Channel) -> None:
    error = await failure(call(channel, "Fail")(b""))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == WORDS
    trailing = dict(error.trailing_metadata())
    assert (trailing["why"], trailing["raw-bin"]) == ("a-test", b"\x00\xff")


async def test_a_code_that_was_set_is_the_status(channel: grpc.aio.Channel) -> None:
    error = await failure(call(channel, "SetCode")(b""))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "set, not raised")


async def test_an_exception_is_not_told(channel: grpc.aio.Channel) -> None:
    error = await failure(call(channel, "Break")(b""))
    assert error.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
    assert "Traceback" not in (error.details() or "")


async def test_an_unknown_method_is_unimplemented(channel: grpc.aio.Channel) -> None:
    error = await failure(channel.unary_unary("/test.Everything/Nothing")(b""))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_metadata_goes_both_ways(channel: grpc.aio.Channel) -> None:
    sent = (("x-text", "plain"), ("x-many", "1"), ("x-many", "2"), ("x-raw-bin", bytes(range(256))), ("x-e-bin", b""))
    pending = call(channel, "Metadata")(b"", metadata=sent)
    assert await pending == b"".join(value if isinstance(value, bytes) else value.encode() for _, value in sent)
    for metadata, own in ((await pending.initial_metadata(), "first"), (await pending.trailing_metadata(), "last")):
        assert [pair for pair in metadata if pair[0].startswith("x-")] == list(sent)
        assert own in dict(metadata)


async def test_the_deadline_reaches_the_handler(channel: grpc.aio.Channel) -> None:
    assert 8 < float(await call(channel, "Remaining")(b"", timeout=10)) < 10.2  # clients round up


async def test_a_deadline_that_passes_ends_the_call_and_its_handler(
    running: Running, channel: grpc.aio.Channel
) -> None:
    error = await failure(call(channel, "Wait")(b"", timeout=0.2))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(running.servicer.cancelled.wait(), 5)


async def test_a_caller_that_cancels_stops_its_handler(running: Running, channel: grpc.aio.Channel) -> None:
    pending = call(channel, "Wait")(b"")
    reply = asyncio.ensure_future(pending)
    await asyncio.wait_for(running.servicer.started.wait(), 5)
    pending.cancel()
    await asyncio.wait_for(running.servicer.cancelled.wait(), 5)
    with pytest.raises(asyncio.CancelledError):
        await reply
    async with asyncio.timeout(5):
        while not running.servicer.done_callbacks:
            await asyncio.sleep(0.01)


async def test_a_caller_that_disconnects_stops_its_handler(running: Running) -> None:
    async with grpc.aio.insecure_channel(running.target) as channel:
        reply = asyncio.ensure_future(call(channel, "Wait")(b""))
        await asyncio.wait_for(running.servicer.started.wait(), 5)
    await asyncio.wait_for(running.servicer.cancelled.wait(), 5)
    await asyncio.gather(reply, return_exceptions=True)


async def test_the_peer_is_named_as_grpc_names_it(channel: grpc.aio.Channel) -> None:
    assert (await call(channel, "Peer")(b"")).startswith(b"ipv4:127.0.0.1:")


@pytest.mark.parametrize("name", ["Count", "CountWriting"])
async def test_many_answers(channel: grpc.aio.Channel, name: str) -> None:
    answers = [answer async for answer in call(channel, name)(b"500")]
    assert answers == [str(number).encode() for number in range(500)]
    assert [answer async for answer in call(channel, name)(b"0")] == []


async def test_answers_before_a_failure_arrive(channel: grpc.aio.Channel) -> None:
    answers = call(channel, "CountThenFail")(b"")
    assert await answers.read() == b"0"
    error = await failure(answers.read())
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "after one")


@pytest.mark.parametrize("name", ["Join", "JoinReading"])
async def test_many_requests(channel: grpc.aio.Channel, name: str) -> None:
    parts = [str(number).encode() * 100 for number in range(300)]
    assert await call(channel, name)(iter(parts)) == b",".join(parts)
    assert await call(channel, name)(iter([])) == b""


async def test_more_requests_than_a_window_holds(channel: grpc.aio.Channel) -> None:
    parts = [bytes([number]) * (1 << 20) for number in range(12)]
    assert len(await call(channel, "Join")(iter(parts[:3]))) == 3 * (1 << 20) + 2
    assert [len(answer) async for answer in call(channel, "Chat")(iter(parts))] == [(1 << 20) + 4] * 12


async def test_a_conversation_takes_turns(channel: grpc.aio.Channel) -> None:
    talk = call(channel, "Chat")()
    for word in (b"a", b"b", b"c"):
        await talk.write(word)
        assert await talk.read() == b"re: " + word
    await talk.done_writing()
    assert await talk.read() is grpc.aio.EOF
    assert await talk.code() is grpc.StatusCode.OK


async def test_plain_functions_run_too(channel: grpc.aio.Channel) -> None:
    assert await call(channel, "Plain")(b"abc") == b"cba"
    error = await failure(call(channel, "Plain")(b"abort"))
    assert (error.code(), error.details()) == (grpc.StatusCode.OUT_OF_RANGE, "a plain function")
    assert [answer async for answer in call(channel, "PlainChat")(iter([b"a", b"b"]))] == [b"A", b"B"]


@pytest.mark.parametrize("name", ["Echo", "Compressed"])
async def test_gzip_both_ways(running: Running, name: str) -> None:
    async with grpc.aio.insecure_channel(running.target, compression=grpc.Compression.Gzip) as channel:
        assert await call(channel, name)(b"z" * 100_000) == b"z" * 100_000


async def test_health_is_checked_and_watched(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == serving
    assert (await failure(stub.Check(health_pb2.HealthCheckRequest(service="no")))).code() is grpc.StatusCode.NOT_FOUND
    watching = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await watching.read()).status == serving
    watching.cancel()


async def test_reflection_lists_services(channel: grpc.aio.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    answers = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
    assert SERVICE in [service.name for service in answers[0].list_services_response.service]


async def test_stopping_lets_calls_finish(running: Running, channel: grpc.aio.Channel) -> None:
    replies = [asyncio.ensure_future(call(channel, "Slow")(b"x")) for _ in range(20)]
    async with asyncio.timeout(5):
        while running.servicer.slow < 20:
            await asyncio.sleep(0.001)
    await running.server.stop(5)
    assert await asyncio.gather(*replies) == [b"x"] * 20
