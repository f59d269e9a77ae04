"""Calls in the lane that do not simply end well: each ends once, in the books, in the journal and at its caller."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.journal.format import ANSWERED, CANCELLED, FAILED, OUTPUT, SHED
from gateway.servables import Servable
from gnomon import oip
from tests import models
from tests.contract.lanes.house import MAX_IN_FLIGHT, PATH, House, route

Started = Callable[..., Awaitable[House]]


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    """Starts houses with one model `m`, version 1, that the lane knows already."""
    houses: list[House] = []

    async def start(artifact: bytes, prepare: Callable[[Servable], None] = lambda servable: None, **more: Any) -> House:
        house = House(tmp_path / f"house-{len(houses)}", **more)
        houses.append(house)
        servable = house.load("m", 1, artifact)
        house.serve(route("m"))
        await house.server.start()
        async with channel_to(house) as channel:
            await call(channel)(data(0.5))
        prepare(servable)
        return house

    yield start
    for house in houses:
        await house.server.stop(0)
        house.service.batcher.stop()
        house.journal.close()


def channel_to(house: House) -> Any:
    """A connection of its own."""
    return grpc.aio.insecure_channel(f"127.0.0.1:{house.port}", options=[("grpc.use_local_subchannel_pool", 1)])


def call(channel: Any) -> Any:
    return channel.unary_unary(PATH)


def data(value: float = 1.0, rows: int = 1, model: str = "m") -> bytes:
    message = oip.ModelInferRequest(model_name=model)
    message.inputs.add(name="x", datatype="FP32", shape=[rows, 3])
    message.raw_input_contents.append(np.full((rows, 3), value, "<f4").tobytes())
    raw: bytes = message.SerializeToString()
    return raw


def statuses(house: House) -> Counter[int]:
    return Counter(int(header["status"]) for header, _, _ in house.records())


def balanced(house: House) -> bool:
    ended = sum(house.count(status) for status in (1, 2, 3, 4, 5))  # type: ignore[arg-type]
    return house.count("received") == ended and house.count("in_flight") == 0


async def settled(house: House) -> None:
    async with asyncio.timeout(20):
        while house.count("in_flight"):
            await asyncio.sleep(0.005)
    assert balanced(house)


def slow(servable: Servable) -> None:
    """As if its runs were long: they go to a thread."""
    servable.cost.update(1, 1e9)


async def test_answers_are_those_of_the_rows_sent_however_they_were_put_together(started: Started) -> None:
    house = await started(models.scaled(2.0))
    channels = [channel_to(house) for _ in range(8)]
    values = np.arange(1, 401)

    async def one(number: int) -> float:
        reply = await call(channels[number % 8])(data(float(number)))
        answer = oip.ModelInferResponse.FromString(reply)
        return float(np.frombuffer(answer.raw_output_contents[0], "<f4")[0])

    found = []
    for begin in range(0, 400, 40):
        found += await asyncio.gather(*(one(int(number)) for number in values[begin : begin + 40]))
    assert found == [2.0 * number for number in values]
    assert house.by_python == 1
    for header, _, tensors in house.records():
        both = {direction: np.frombuffer(raw, "<f4") for direction, _, _, raw in tensors}
        assert header["status"] == ANSWERED
        assert np.array_equal(both[OUTPUT], both[0] * 2)
    await asyncio.gather(*(channel.close() for channel in channels))
    await settled(house)


async def test_long_runs_leave_the_loop_and_their_calls_end_as_others(started: Started) -> None:
    house = await started(models.slow(20_000), slow)
    async with channel_to(house) as channel:
        answers = await asyncio.gather(*(call(channel)(data(float(number))) for number in range(6)))
    found = [
        float(np.frombuffer(oip.ModelInferResponse.FromString(one).raw_output_contents[0], "<f4")[0]) for one in answers
    ]
    assert found == [float(number) for number in range(6)]
    assert house.by_python == 1
    await settled(house)
    assert statuses(house) == {ANSWERED: 7}


async def test_callers_that_leave_during_a_long_run_are_journaled_as_cancelled(started: Started) -> None:
    house = await started(models.slow(60_000), slow)
    async with channel_to(house) as channel:
        calls = [call(channel)(data()) for _ in range(5)]
        async with asyncio.timeout(10):
            while house.count("in_flight") < 5:
                await asyncio.sleep(0.002)
        for one in calls[1:]:
            one.cancel()
        await calls[0]
        await settled(house)
    assert statuses(house) == {ANSWERED: 2, CANCELLED: 4}
    cancelled = [texts for header, texts, _ in house.records() if header["status"] == CANCELLED]
    assert {reason for _, reason in cancelled} == {"CancelledError: the caller has left"}


async def test_a_connection_that_goes_away_takes_its_calls_and_nothing_else(started: Started) -> None:
    house = await started(models.slow(60_000), slow)
    gone, stays = channel_to(house), channel_to(house)
    lost = [call(gone)(data()) for _ in range(3)]
    kept = call(stays)(data(7.0))
    async with asyncio.timeout(10):
        while house.count("in_flight") < 4:
            await asyncio.sleep(0.002)
    await gone.close()
    await kept
    await settled(house)
    assert statuses(house)[CANCELLED] + statuses(house)[ANSWERED] == 5
    assert statuses(house)[CANCELLED] >= 1
    assert len([one for one in lost if one.done()]) == 3
    await stays.close()


async def test_a_deadline_that_passes_while_a_call_waits_is_shed_and_never_run(started: Started) -> None:
    house = await started(models.slow(60_000), slow)
    runs = house.service.counters.of("m", 1).runs
    async with channel_to(house) as channel:
        busy = [call(channel)(data()) for _ in range(6)]
        async with asyncio.timeout(10):
            while house.count("in_flight") < 6:
                await asyncio.sleep(0.002)
        late = [call(channel)(data(), timeout=0.03) for _ in range(3)]
        failures = await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*busy)
    await settled(house)
    assert {failure.code() for failure in failures} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert statuses(house)[ANSWERED] == 7
    assert statuses(house)[SHED] + statuses(house)[CANCELLED] == 3
    assert house.service.counters.of("m", 1).runs == runs + 6


async def test_one_bad_row_fails_its_own_call_alone(started: Started) -> None:
    house = await started(models.looked_up())
    async with channel_to(house) as channel:
        found = await asyncio.gather(
            *(call(channel)(data(99.0 if number == 5 else 2.0)) for number in range(12)), return_exceptions=True
        )
    codes = [error.code() if isinstance(error, grpc.RpcError) else None for error in found]
    assert codes == [grpc.StatusCode.INTERNAL if number == 5 else None for number in range(12)]
    await settled(house)
    assert statuses(house) == {ANSWERED: 12, FAILED: 1}


async def test_more_than_a_worker_takes_is_shed_and_the_rest_answered(started: Started) -> None:
    house = await started(models.slow(20_000), slow)
    async with channel_to(house) as channel:
        found = await asyncio.gather(*(call(channel)(data()) for _ in range(2 * MAX_IN_FLIGHT)), return_exceptions=True)
    refused = [error for error in found if isinstance(error, grpc.RpcError)]
    assert {error.code() for error in refused} == {grpc.StatusCode.UNAVAILABLE}
    await settled(house)
    assert statuses(house) == {ANSWERED: 2 * MAX_IN_FLIGHT - len(refused) + 1, SHED: len(refused)}


async def test_calls_are_shed_while_more_work_waits_than_anybody_shall_wait_for(started: Started) -> None:
    """Runs of some 20 ms, one at a time, and no more than 100 ms of them: others are refused before those are done."""
    house = await started(models.slow(20_000), max_wait_ms=100, inline_run_us=1e9)
    async with channel_to(house) as channel:
        for _ in range(20):  # until compiled code has learned what a row takes
            await call(channel)(data())
        before = statuses(house)
        calls = [call(channel)(data()) for _ in range(60)]
        found = await asyncio.gather(*calls, return_exceptions=True)
    refused = [error for error in found if isinstance(error, grpc.RpcError)]
    assert 0 < len(refused) < 60
    assert {error.code() for error in refused} == {grpc.StatusCode.UNAVAILABLE}
    assert {error.details() for error in refused} == {"more work waits here than is done in 100 ms"}
    await settled(house)
    assert statuses(house) - before == Counter({ANSWERED: 60 - len(refused), SHED: len(refused)})
    assert house.count("shed by wait") == len(refused)
    assert house.by_python == 1
    reasons = {texts[1] for header, texts, _ in house.records() if header["status"] == SHED}
    assert reasons == {"Overloaded: more work waits here than is done in 100 ms"}


async def test_records_go_on_over_segments(started: Started) -> None:
    house = await started(models.scaled(2.0), segment_bytes=256 << 10)
    async with channel_to(house) as channel:
        for begin in range(0, 2_000, 50):
            await asyncio.gather(*(call(channel)(data(float(number))) for number in range(begin, begin + 50)))
    await settled(house)
    records = house.records()
    lost = house.journal.lost
    assert len(records) + lost == 2_001
    assert house.count(ANSWERED) == 2_001  # type: ignore[arg-type]
    sequences = [int(header["sequence"]) for header, _, _ in records]
    assert sequences == sorted(set(sequences))


async def test_without_room_in_the_journal_calls_are_answered_and_counted_as_lost(started: Started) -> None:
    house = await started(models.scaled(2.0), segment_bytes=64 << 10)
    async with channel_to(house) as channel:
        await call(channel)(data(1.0, rows=6_000))
        before = house.journal.lost
        await call(channel)(data(1.0, rows=6_000))
    assert (before, house.journal.lost) == (1, 2)
    await settled(house)


async def test_routes_that_change_under_calls_leave_none_unanswered(started: Started) -> None:
    house = await started(models.scaled(2.0))
    house.load("m", 2, models.scaled(3.0))
    going, versions = True, Counter[str]()

    async def calls(channel: Any) -> None:
        while going:
            reply = oip.ModelInferResponse.FromString(await call(channel)(data(1.0)))
            factor = float(np.frombuffer(reply.raw_output_contents[0], "<f4")[0])
            assert factor == {"1": 2.0, "2": 3.0}[reply.model_version]
            assert reply.parameters["epoch"].int64_param % 2 == int(reply.model_version) % 2
            versions[reply.model_version] += 1

    channels = [channel_to(house) for _ in range(4)]
    tasks = [asyncio.create_task(calls(channel)) for channel in channels]
    for revision in range(2, 42):
        await asyncio.sleep(0.01)
        house.serve(route("m", stable=2 - revision % 2, revision=revision))
    going = False
    await asyncio.gather(*tasks)
    assert set(versions) == {"1", "2"}
    await asyncio.gather(*(channel.close() for channel in channels))
    await settled(house)


async def test_a_route_that_changes_makes_no_other_model_be_learned_again(started: Started) -> None:
    house = await started(models.scaled(2.0))
    house.load("n", 1, models.scaled(3.0))
    house.serve(route("m"), route("n"))
    async with channel_to(house) as channel:
        for model in ("m", "n", "m", "n"):
            await call(channel)(data(model=model))
        before = house.by_python
        assert house.service.lanes is not None
        house.service.lanes.follow({"n"}, {})
        await call(channel)(data(4.0))
        assert house.by_python == before
        replies = [await call(channel)(data(5.0, model="n")) for _ in range(2)]
        assert house.by_python == before + 1
    answers = [oip.ModelInferResponse.FromString(reply).raw_output_contents[0] for reply in replies]
    assert [np.frombuffer(answer, "<f4")[0] for answer in answers] == [15.0, 15.0]


async def test_a_server_that_stops_answers_what_it_has_taken(started: Started) -> None:
    house = await started(models.slow(60_000), slow)
    async with channel_to(house) as channel:
        calls = [call(channel)(data()) for _ in range(4)]
        async with asyncio.timeout(10):
            while house.count("in_flight") < 4:
                await asyncio.sleep(0.002)
        await house.server.stop(20)
        assert len(await asyncio.gather(*calls)) == 4
    assert balanced(house)


async def test_a_server_that_must_go_ends_calls_with_unavailable(started: Started) -> None:
    house = await started(models.slow(150_000), slow)
    async with channel_to(house) as channel:
        calls = [call(channel)(data()) for _ in range(4)]
        async with asyncio.timeout(10):
            while house.count("in_flight") < 4:
                await asyncio.sleep(0.002)
        await house.server.stop(0.05)
        found = await asyncio.gather(*calls, return_exceptions=True)
    assert {error.code() for error in found} == {grpc.StatusCode.UNAVAILABLE}  # type: ignore[union-attr]
    await settled(house)
    assert statuses(house) == {ANSWERED: 1, CANCELLED: 4}


async def test_large_and_split_messages_arrive_whole(started: Started) -> None:
    house = await started(models.scaled(2.0))
    async with channel_to(house) as channel:
        for rows in (1, 1_000, 15_000, 40_000):
            for _ in range(2):
                reply = oip.ModelInferResponse.FromString(await call(channel)(data(1.5, rows)))
                values = np.frombuffer(reply.raw_output_contents[0], "<f4")
                assert len(values) == 3 * rows
                assert np.all(values == 3.0)
    await settled(house)


async def test_a_model_that_is_not_merged_runs_each_call_alone(started: Started) -> None:
    def alone(servable: Servable) -> None:
        servable.merges = False

    house = await started(models.scaled(2.0), alone)
    async with channel_to(house) as channel:
        await asyncio.gather(*(call(channel)(data(float(number))) for number in range(30)))
    sizes = house.service.counters.of("m", 1).run_sizes
    assert set(sizes) == {1}
    await settled(house)
