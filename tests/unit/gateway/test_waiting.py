"""Calls that may wait: for how long, for how many, and never past a caller's deadline."""

import asyncio
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alarm import Alarm
from gateway.waiting import Held, Wait, waits_of
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version


@dataclass(frozen=True)
class Call:
    rows: int = 1
    remaining: float | None = None

    def remaining_s(self) -> float | None:
        return self.remaining


def held(*calls: tuple[float, Call], wait_us: int = 1_000, run_us: float = 100.0) -> Held[Call]:
    """Calls, each with when it came."""
    made: Held[Call] = Held()
    for now, call in calls:
        made.add([call], now, wait_us, run_us)
    return made


def test_the_first_call_says_how_long_all_wait() -> None:
    waiting = held((10.0, Call()), (10.0005, Call()))
    assert not waiting.is_due(10.0009, rows_wanted=8)
    assert waiting.is_due(10.0011, rows_wanted=8)


def test_enough_rows_are_not_waited_with() -> None:
    assert not held((10.0, Call(rows=3))).is_due(10.0, rows_wanted=4)
    assert held((10.0, Call(rows=3)), (10.0, Call())).is_due(10.0, rows_wanted=4)


def test_a_deadline_is_kept_with_the_time_of_the_run_twice() -> None:
    waiting = held((10.0, Call()), (10.0, Call(remaining=0.0005)))
    assert waiting.due == pytest.approx(10.0003)
    assert held((10.0, Call(remaining=0.0001))).is_due(10.0, rows_wanted=8)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 1) | st.none()), min_size=1),
    st.integers(1, 100_000),
    st.floats(0, 1_000),
)
def test_nobody_waits_longer_than_the_route_or_the_deadline_allows(
    came: list[tuple[float, float | None]], wait_us: int, run_us: float
) -> None:
    waiting = held(*((at, Call(remaining=left)) for at, left in came), wait_us=wait_us, run_us=run_us)
    assert waiting.due <= min(at for at, _ in came) + wait_us / 1e6
    assert all(waiting.due <= at + left for at, left in came if left is not None)


def test_the_waits_are_those_of_the_routes() -> None:
    arms = (Arm(version=1, role=Role.STABLE),)
    routes = [
        Route(model="hurried", arms=arms),
        Route(model="patient", arms=arms, batch_wait_us=200),
        Route(model="picky", arms=arms, batch_wait_us=300, batch_wait_rows=16),
    ]
    states = [
        ModelState(route=route, versions=(Version(model=route.model, version=1, artifact_sha256="0" * 64),))
        for route in routes
    ]
    assert waits_of(DesiredState(models=tuple(states))) == {"patient": Wait(us=200), "picky": Wait(us=300, rows=16)}


async def test_an_alarm_rings_once_and_not_before_its_time() -> None:
    rung: list[float] = []
    alarm = Alarm(lambda: rung.append(time.monotonic()))
    alarm.set(0.0)
    alarm.set(0.005)  # forgets the first
    began = time.monotonic()
    while not rung:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert len(rung) == 1
    assert rung[0] >= began
    alarm.close()
