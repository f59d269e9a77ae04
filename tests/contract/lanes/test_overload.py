"""More calls than the lane can run: what is expected of those that wait is right, and nobody waits for all of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gateway.backlog import Backlog
from gateway.cost import RunCost
from gateway.lanes import lanes as lanes_module
from gateway.lanes.lane import Lane
from gateway.lanes.run import Run
from gateway.native.blocks import LANE
from gnomon import oip
from tests import models
from tests.contract.lanes.house import House, route
from tests.contract.lanes.test_lives import call, channel_to, data, settled


def lane_of(cost: RunCost) -> Lane:
    servable: Any = SimpleNamespace(
        version=SimpleNamespace(model="m", version=1), merges=True, cost=cost,
        inputs=[SimpleNamespace(name="x", datatype="FP32")],
    )  # fmt: skip
    return Lane(servable, {"x": (3,)}, [4], number=1, most_calls=64)


class Queue:
    """What compiled code and `Lanes` do with a lane's rows and the backlog."""

    def __init__(self) -> None:
        self.cost = RunCost(20.0)
        self.backlog, self.lane = Backlog(1_000), lane_of(self.cost)
        self.backlog.revalue(self.lane.learn())
        self.rows = 0
        self.runs: list[Iterator[Run]] = []

    def join(self, rows: int) -> None:
        calls, before = self.lane.block[LANE.CALLS], self.lane.block[LANE.ROWS]
        self.lane._filled.starts[calls] = before
        self.lane.block[LANE.CALLS], self.lane.block[LANE.ROWS] = calls + 1, before + rows
        self.backlog.revalue(rows * self.lane.row_ns)
        self.rows += rows

    def run(self, run: Run, taken_us: float, busy_us: float) -> None:
        self.cost.update(run.rows, taken_us)
        self.lane.paced(run.rows, int(busy_us * 1e3))
        self.backlog.revalue(self.lane.learn())
        self.backlog.done(self.lane.ended(run.rows))
        self.rows -= run.rows


def test_what_waits_is_expected_to_take_what_its_rows_take_now_however_the_machine_slows_down_and_speeds_up() -> None:
    queue, rng = Queue(), np.random.default_rng(5)
    for turn in range(200):
        speed = 1.0 if turn < 100 else 6.0
        for _ in range(rng.integers(1, 30)):
            queue.join(int(rng.integers(1, 5)))
        for run in queue.lane.take(100.0):
            if rng.random() < 0.3:
                queue.join(2)
            queue.run(run, speed * (10 + run.rows), speed * (15 + 1.2 * run.rows))
            assert queue.backlog.expected_ns == queue.rows * queue.lane.row_ns
    for run in queue.lane.take(100.0):
        queue.run(run, 10.0, 10.0)
    assert queue.backlog.expected_ns == 0


def test_a_row_is_expected_to_take_what_it_takes_with_all_that_is_done_beside() -> None:
    queue = Queue()
    for _ in range(400):
        for _ in range(16):
            queue.join(1)
        for run in queue.lane.take(1e6):
            queue.run(run, 32.0, 80.0)
    assert queue.lane.row_ns == pytest.approx(80_000 / 16, rel=0.05)


def test_a_run_that_stood_still_once_hardly_counts() -> None:
    queue = Queue()
    for _ in range(64):
        queue.join(8)
        for run in queue.lane.take(1e6):
            queue.run(run, 32.0, 32.0)
    before_ns = queue.lane.row_ns
    queue.join(8)
    for run in queue.lane.take(1e6):
        queue.run(run, 32.0, 60_000.0)
    queue.lane._runs = 0
    queue.lane.learn()
    assert queue.lane.row_ns < 1.2 * before_ns


def test_runs_are_made_when_it_is_their_turn_and_the_lane_is_free_for_others_with_the_first() -> None:
    queue = Queue()
    for _ in range(10):
        queue.join(1)
    runs = queue.lane.take(1.0)
    assert queue.lane.block[LANE.CALLS] == 10
    first = next(runs)
    assert queue.lane.block[LANE.CALLS] == 0
    assert [first.rows, *(run.rows for run in runs)] == [1] * 10


async def test_while_many_runs_wait_whoever_else_wants_the_loop_has_it_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "TURN_NS", 1)
    house = House(tmp_path, batch_run_us=0.001)
    house.load("m", 1, models.scaled(2.0))
    house.serve(route("m"))
    await house.server.start()
    assert house.service.lanes is not None
    house.service.lanes.look_ns = -1
    at_once: list[int] = []  # runs between two passes of the loop
    began, count = house.service.lanes._start, 0

    def start(run: Run) -> None:
        nonlocal count
        count += 1
        began(run)

    monkeypatch.setattr(house.service.lanes, "_start", start)

    async def other() -> None:
        nonlocal count
        while True:
            at_once.append(count)
            count = 0
            await asyncio.sleep(0)

    async with channel_to(house) as channel:
        await call(channel)(data(0.5))
        watching = asyncio.create_task(other())
        replies = await asyncio.gather(*(call(channel)(data(float(number))) for number in range(48)))
        watching.cancel()
    answers = [oip.ModelInferResponse.FromString(reply).raw_output_contents[0] for reply in replies]
    assert [float(np.frombuffer(answer, "<f4")[0]) for answer in answers] == [2.0 * number for number in range(48)]
    assert house.by_python == 1
    assert sum(at_once) + count == 48
    assert max(at_once) <= 2
    await settled(house)
    await house.server.stop(0)
    house.service.batcher.stop()
    house.journal.close()
