"""Breakers over a real socket, on either way a call takes: after the trip no caller sees the canary's faults."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.breaker import Policy, State
from gateway.cost import RunCost
from gateway.journal.format import ANSWERED, FAILED, RULE_NAMES
from gnomon import oip
from gnomon.domain import Role
from gnomon.rules import Compare, RouteRule
from tests import models
from tests.contract.lanes.house import House, raw_call, route

STABLE, CANARY = 2.0, 1.0  # what scores are of the inputs: see `scaled`; the canaries answer 1 for 1
POLICY = Policy(trials=3, pause_s=5.0)
Started = Callable[..., Awaitable[House]]


@pytest.fixture(params=[True, False], ids=["lane", "python"])
async def started(request: Any, tmp_path: Path) -> AsyncIterator[Started]:
    """Starts houses with a good stable version 1 and a canary 2 that has half of the calls."""
    houses: list[House] = []

    async def start(canary: bytes, *, stable: bytes | None = None, weight_bp: int = 5_000) -> House:
        house = House(tmp_path / f"house-{len(houses)}", lane=request.param, breaker=POLICY)
        houses.append(house)
        house.load("m", 1, stable or models.scaled(STABLE), warm=1)
        house.load("m", 2, canary, warm=1)
        house.serve(route("m", (2, weight_bp)))
        await house.server.start()
        return house

    yield start
    for house in houses:
        await house.server.stop(0)
        house.service.batcher.stop()
        house.journal.close()


def data(value: float, version: str = "", rows: int = 1) -> bytes:
    message = oip.ModelInferRequest(model_name="m", model_version=version)
    message.inputs.add(name="x", datatype="FP32", shape=[rows, 3])
    message.raw_input_contents.append(np.full((rows, 3), value, "<f4").tobytes())
    raw: bytes = message.SerializeToString()
    return raw


class Caller:
    """Asks a house one call after the other."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{house.port}")

    async def ask(self, value: float, times: int = 1, version: str = "") -> list[tuple[str, float]]:
        """(version, first score) of each answer; ("", nan) of each failure."""
        return [await self._ask(data(value, version)) for _ in range(times)]

    async def _ask(self, message: bytes) -> tuple[str, float]:
        try:
            reply = oip.ModelInferResponse.FromString(await raw_call(self._channel)(message, timeout=10))
        except grpc.RpcError:
            return "", float("nan")
        return reply.model_version, float(np.frombuffer(reply.raw_output_contents[0], "<f4")[0])

    async def close(self) -> None:
        await self._channel.close()


@pytest.fixture
async def caller() -> AsyncIterator[Callable[[House], Caller]]:
    made: list[Caller] = []

    def make(house: House) -> Caller:
        made.append(Caller(house))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def counted(house: House, name: str, **labels: str) -> int:
    return int(house.page.values[house.page.counter(f"gnomon_breaker_{name}", model="m", **labels)])


def state(house: House) -> State:
    return State(counted(house, "state", version="2"))


CANARIES = {"failed": (models.looked_up(), 99.0), "non_finite": (models.rooted(), -1.0)}


@pytest.mark.parametrize("reason", CANARIES)
async def test_a_canary_that_turns_bad_has_no_further_calls(started: Started, caller: Any, reason: str) -> None:
    artifact, bad = CANARIES[reason]
    house = await started(artifact)
    calls = caller(house)
    assert {version for version, _ in await calls.ask(1.0, 40)} == {"1", "2"}
    before = await calls.ask(bad, 40)
    assert state(house) is State.OPEN
    assert len([version for version, score in before if version != "1"]) == 4  # what the evidence took
    assert await calls.ask(bad, 40) == [("1", STABLE * bad)] * 40
    assert counted(house, "trips_total", version="2", reason=reason) == 1
    assert counted(house, "bad_total", version="2", reason=reason) == 4


async def test_the_journal_says_which_calls_a_breaker_moved(started: Started, caller: Any) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    await calls.ask(1.0, 20)
    await calls.ask(-1.0, 100)
    found = [header for header, _, _ in house.records() if header["status"] == ANSWERED]
    seen = Counter(
        (RULE_NAMES[int(header["rule"])], Role(header["role"]).name, int(header["version"]), int(header["weight_bp"]))
        for header in found
    )
    assert set(seen) == {
        ("sequence", "STABLE", 1, 5_000), ("sequence", "CANARY", 2, 5_000), ("breaker", "STABLE", 1, 0)
    }  # fmt: skip
    moved = [header for header in found if RULE_NAMES[int(header["rule"])] == "breaker"]
    assert all(header["bucket"] < 5_000 and header["epoch"] == 1 for header in moved)
    assert counted(house, "diverted_total") == len(moved) == seen["breaker", "STABLE", 1, 0] > 30


async def test_moved_calls_take_the_lane(started: Started, caller: Any) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    await calls.ask(1.0, 20)
    await calls.ask(-1.0, 20)
    assert state(house) is State.OPEN
    before = house.by_python
    await calls.ask(-1.0, 50)
    assert house.by_python - before == (0 if house.service.lanes is not None else 50)


async def test_calls_that_a_rule_sends_to_a_canary_are_moved_and_come_back(started: Started, caller: Any) -> None:
    house = await started(models.rooted())
    rules = tuple(
        RouteRule(name=f"r{value}", version=2, feature="x[0]", compare=Compare.EQ, values=(value,))
        for value in ("9", "-1", "4")
    )
    house.serve(replace(route("m", (2, 0), revision=2), rules=rules))
    calls = caller(house)
    await calls.ask(-1.0, 20)
    assert state(house) is State.OPEN
    before = house.by_python
    assert await calls.ask(-1.0, 10) == [("1", -STABLE)] * 10
    header = house.records()[-1][0]
    told = [int(header[name]) for name in ("version", "role", "weight_bp", "bucket", "key_hash")]
    assert (RULE_NAMES[int(header["rule"])], told) == ("breaker", [1, Role.STABLE, 0, 1, 0])
    assert house.by_python - before == (0 if house.service.lanes is not None else 10)
    house.now_s = 5.0
    house.breakers.tick()
    await calls.ask(4.0, 5)
    assert state(house) is State.CLOSED
    before = house.by_python
    assert await calls.ask(4.0, 10) == [("2", 2.0)] * 10
    assert house.by_python - before == (0 if house.service.lanes is not None else 10)


async def test_a_canary_that_is_well_again_gets_its_calls_back(started: Started, caller: Any) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    await calls.ask(-1.0, 30)
    house.now_s = 4.9
    house.breakers.tick()
    assert state(house) is State.OPEN
    house.now_s = 5.0
    house.breakers.tick()
    assert state(house) is State.HALF_OPEN
    assert {version for version, _ in await calls.ask(4.0, 20)} == {"1", "2"}
    assert state(house) is State.CLOSED
    assert 8 <= Counter(version for version, _ in await calls.ask(4.0, 20))["2"] <= 12
    before = house.by_python
    await calls.ask(4.0, 20)
    assert house.by_python - before == (0 if house.service.lanes is not None else 20)


async def test_a_canary_that_is_not_costs_one_call(started: Started, caller: Any) -> None:
    house = await started(models.looked_up())
    calls = caller(house)
    await calls.ask(99.0, 30)
    house.now_s = 5.0
    house.breakers.tick()
    found = Counter(version for version, _ in await calls.ask(99.0, 30))
    assert found == {"": 1, "1": 29}
    assert state(house) is State.OPEN
    house.now_s = 14.9
    house.breakers.tick()
    assert state(house) is State.OPEN


async def test_what_stable_fails_at_too_is_not_the_canarys_fault(started: Started, caller: Any) -> None:
    house = await started(models.looked_up(), stable=models.looked_up(), weight_bp=1_000)
    calls = caller(house)
    for _ in range(20):
        await calls.ask(99.0, 2)
        await calls.ask(1.0, 3)
    assert state(house) is State.CLOSED
    assert counted(house, "bad_total", version="1", reason="failed") > 20


async def test_calls_that_name_the_canary_trip_nothing_and_reach_it_when_it_is_tripped(
    started: Started, caller: Any
) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    assert {version for version, _ in await calls.ask(-1.0, 30, version="2")} == {"2"}
    assert state(house) is State.CLOSED
    assert counted(house, "calls_total", version="2") == 0
    await calls.ask(-1.0, 30)
    assert state(house) is State.OPEN
    assert {version for version, _ in await calls.ask(-1.0, 10, version="2")} == {"2"}


async def test_calls_that_wait_for_a_canary_when_it_trips_go_to_stable(started: Started, caller: Any) -> None:
    """Forty at once: the run of twenty fails, four of them alone, and sixteen are answered by stable."""
    house = await started(models.looked_up())
    calls = caller(house)
    await calls.ask(1.0, 20)
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)])
    pending = [raw_call(channel)(data(99.0), timeout=10) for _ in range(40)]
    failed = 0
    for one in pending:
        try:
            assert oip.ModelInferResponse.FromString(await one).model_version == "1"
        except grpc.RpcError:
            failed += 1
    await channel.close()
    assert state(house) is State.OPEN
    assert failed == 4
    assert Counter(int(header["status"]) for header, _, _ in house.records())[FAILED] == 4


async def test_a_route_that_keeps_the_arm_keeps_its_breaker_and_one_without_forgets_it(
    started: Started, caller: Any
) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    await calls.ask(-1.0, 30)
    house.serve(route("m", (2, 8_000), revision=2))
    assert state(house) is State.OPEN
    assert {version for version, _ in await calls.ask(-1.0, 30)} == {"1"}
    house.serve(route("m", revision=3))
    assert state(house) is State.CLOSED
    house.serve(route("m", (2, 8_000), revision=4))
    assert {version for version, _ in await calls.ask(1.0, 30)} == {"1", "2"}


async def test_what_callers_ask_wrongly_trips_nothing(started: Started, caller: Any) -> None:
    house = await started(models.rooted())
    calls = caller(house)
    await calls.ask(1.0, 4)
    wrong = oip.ModelInferRequest(model_name="m")
    wrong.inputs.add(name="y", datatype="FP32", shape=[1, 3])
    wrong.raw_input_contents.append(bytes(12))
    for _ in range(40):
        assert await calls._ask(wrong.SerializeToString()) == ("", pytest.approx(np.nan, nan_ok=True))
    assert state(house) is State.CLOSED
    assert counted(house, "bad_total", version="2", reason="failed") == 0


async def hurried(house: House, times: int, timeout_s: float) -> Counter[str]:
    """So many calls at once; by the version that answered, or by the status of those that were not."""
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)])
    pending, found = [raw_call(channel)(data(1.0), timeout=timeout_s) for _ in range(times)], Counter[str]()
    for one in pending:
        try:
            found[oip.ModelInferResponse.FromString(await one).model_version] += 1
        except grpc.RpcError as error:
            found[error.code().name] += 1
    await channel.close()
    async with asyncio.timeout(20):
        while house.count("in_flight"):
            await asyncio.sleep(0.005)
    return found


async def test_a_canary_that_takes_its_callers_time_is_tripped(started: Started) -> None:
    house = await started(models.slow(50_000))
    assert (await hurried(house, 12, 0.03))["DEADLINE_EXCEEDED"] >= 6
    assert state(house) is State.OPEN
    assert counted(house, "trips_total", version="2", reason="timed_out") == 1
    assert await hurried(house, 12, 5.0) == {"1": 12}


@pytest.mark.parametrize("started", [True], indirect=True, ids=["lane"])
async def test_a_canary_that_hangs_is_tripped_by_the_calls_that_wait_for_it(started: Started) -> None:
    house = await started(models.scaled(CANARY))
    lanes, batcher = house.service.lanes, house.service.batcher
    assert lanes is not None
    assert await hurried(house, 4, 5.0) == {"1": 2, "2": 2}
    house.servables.get("m", 2).cost = RunCost(5_000.0)  # its runs go to threads …
    released = threading.Event()
    for _ in range(batcher.threads):
        batcher.runners.submit(released.wait, 20)  # … of which none is free
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)])
    late = [raw_call(channel)(data(1.0), timeout=0.3) for _ in range(24)]
    found = [type(one) for one in await asyncio.gather(*late, return_exceptions=True)]
    assert Counter(found) == {bytes: 12, grpc.aio.AioRpcError: 12}
    async with asyncio.timeout(10):
        while state(house) is not State.OPEN:
            lanes.sweep()
            await asyncio.sleep(0.002)
    released.set()
    await channel.close()
    assert counted(house, "trips_total", version="2", reason="timed_out") == 1
    assert await hurried(house, 12, 5.0) == {"1": 12}


async def test_callers_of_runs_that_hang_are_counted_while_they_go_on(started: Started) -> None:
    """No call waits for a thread: all that there is to count are the callers of the runs that hang."""
    house = await started(models.scaled(CANARY))
    assert await hurried(house, 4, 5.0) == {"1": 2, "2": 2}
    canary, released = house.servables.get("m", 2), threading.Event()
    canary.cost = RunCost(5_000.0)  # its runs go to threads
    run = canary.run

    def hanging(feeds: Any) -> Any:
        released.wait(20)
        return run(feeds)

    setattr(canary, "run", hanging)  # noqa: B010 - a method in place of a method
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)])
    threads, found = house.service.batcher.threads, Counter[Any]()
    late = [raw_call(channel)(data(1.0), timeout=0.3) for _ in range(2 * threads)]
    found.update(type(one) for one in await asyncio.gather(*late, return_exceptions=True))
    assert found == {bytes: threads, grpc.aio.AioRpcError: threads}
    async with asyncio.timeout(10):
        while (counted_late := counted(house, "bad_total", version="2", reason="timed_out")) < threads:
            house.service.sweep()
            await asyncio.sleep(0.002)
    house.service.sweep()
    assert house.count("in_flight") == counted_late == threads
    calls = counted(house, "calls_total", version="2")
    released.set()
    await channel.close()
    async with asyncio.timeout(10):
        while house.count("in_flight"):
            await asyncio.sleep(0.005)
    assert counted(house, "bad_total", version="2", reason="timed_out") == threads
    assert counted(house, "calls_total", version="2") == calls


async def test_callers_with_less_time_than_stable_takes_blame_themselves(started: Started) -> None:
    slow = models.slow(20_000)
    house = await started(slow, stable=slow)
    assert await hurried(house, 12, 0.005) == {"DEADLINE_EXCEEDED": 12}
    assert state(house) is State.CLOSED
    assert counted(house, "bad_total", version="2", reason="timed_out") == 0
