"""Batches: what is put together, how much of it, and who pays for a bad row."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batcher import Batcher, plan
from gateway.cost import RunCost, bucket_of
from gateway.waiting import Wait
from gnomon.domain import Version


@dataclass
class FakeJob:
    """A call of `rows` rows of one number."""

    rows: int = 1
    value: float = 0.0
    layout: object = "x"
    gone: bool = False
    deadline: float | None = None
    outputs: Any = None
    error: Exception | None = None

    @property
    def feeds(self) -> dict[str, Any]:
        return {"x": np.full((self.rows, 1), self.value, np.float32)}

    def remaining_s(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def dropped(self) -> bool:
        self.gone = self.gone or (self.deadline is not None and time.monotonic() > self.deadline)
        return self.gone

    def done(self, outputs: Any, started_ns: int, ended_ns: int) -> None:
        assert ended_ns >= started_ns
        self.outputs = outputs

    def failed(self, error: Exception, started_ns: int, ended_ns: int) -> None:
        self.error = error


@dataclass(eq=False)
class FakeServable:
    """Doubles; refuses a run that has a negative number in it."""

    merges: bool = True
    cost: RunCost = field(default_factory=lambda: RunCost(10.0))
    runs: list[int] = field(default_factory=list)
    version: Version = field(default_factory=lambda: Version(model="m", version=1, artifact_sha256="0" * 64))

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        self.runs.append(len(feeds["x"]))
        if (feeds["x"] < 0).any():
            raise ValueError("a negative number")
        return [feeds["x"] * 2]


@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from("ab"))), st.integers(1, 32))
def test_every_job_is_in_one_run_of_its_layout_within_the_bound(jobs: list[tuple[int, str]], bound: int) -> None:
    made = [FakeJob(rows=rows, layout=layout) for rows, layout in jobs]
    runs = plan(made, bound)
    assert sorted(id(job) for run in runs for job in run) == sorted(map(id, made))
    for run in runs:
        assert len({job.layout for job in run}) == 1
        assert len(run) == 1 or sum(job.rows for job in run) <= bound


async def served(servable: FakeServable, jobs: list[FakeJob], **more: Any) -> Batcher:
    batcher = Batcher(**{"inline_run_us": 1_000.0, "batch_run_us": 10_000.0} | more)
    for job in jobs:
        batcher.put(servable, job)  # type: ignore[arg-type]
    for _ in range(200):
        if all(job.gone or job.outputs is not None or job.error is not None for job in jobs):
            break
        await asyncio.sleep(0.005)
    batcher.stop()
    return batcher


async def test_what_comes_in_one_turn_runs_together_and_each_gets_its_own() -> None:
    servable, jobs = FakeServable(), [FakeJob(rows=rows, value=rows) for rows in (1, 3, 2)]
    await served(servable, jobs)
    assert servable.runs == [6]
    for job in jobs:
        np.testing.assert_array_equal(job.outputs[0], np.full((job.rows, 1), 2.0 * job.value))


async def test_a_version_whose_bits_change_when_merged_runs_one_by_one() -> None:
    servable, jobs = FakeServable(merges=False), [FakeJob() for _ in range(3)]
    await served(servable, jobs)
    assert servable.runs == [1, 1, 1]


async def test_a_batch_stays_within_its_expected_time() -> None:
    servable, jobs = FakeServable(), [FakeJob() for _ in range(10)]
    await served(servable, jobs, batch_run_us=40.0)
    assert max(servable.runs) == 4


async def test_a_bad_call_fails_alone() -> None:
    servable, jobs = FakeServable(), [FakeJob(value=value) for value in (1.0, -1.0, 2.0)]
    await served(servable, jobs)
    assert [job.error is None for job in jobs] == [True, False, True]
    assert servable.runs == [3, 1, 1, 1]


async def test_who_has_left_is_not_run() -> None:
    servable, jobs = FakeServable(), [FakeJob(gone=True), FakeJob()]
    await served(servable, jobs)
    assert servable.runs == [1]


async def test_a_long_run_leaves_the_loop_and_comes_back_to_it() -> None:
    servable, jobs = FakeServable(cost=RunCost(5_000.0)), [FakeJob(value=1.0)]
    await served(servable, jobs)
    assert jobs[0].outputs[0][0, 0] == 2.0


async def patiently(servable: FakeServable, turns: list[list[FakeJob]], wait: Wait) -> None:
    """Jobs that come turn by turn for a model that lets them wait, until all have ended."""
    batcher = Batcher(inline_run_us=1_000.0, batch_run_us=10_000.0)
    batcher.waits = {"m": wait}
    for jobs in turns:
        for job in jobs:
            batcher.put(servable, job)  # type: ignore[arg-type]
        await asyncio.sleep(0)
    while not all(job.gone or job.outputs is not None or job.error is not None for jobs in turns for job in jobs):
        await asyncio.sleep(0.001)
    batcher.stop()


LONG = 60_000_000  # microseconds: a test that waits for it hangs


async def test_calls_of_several_turns_wait_for_each_other_until_their_rows_are_enough() -> None:
    servable, jobs = FakeServable(), [FakeJob(rows=rows, value=rows) for rows in (1, 2, 1)]
    await patiently(servable, [[job] for job in jobs], Wait(us=LONG, rows=4))
    assert servable.runs == [4]
    for job in jobs:
        np.testing.assert_array_equal(job.outputs[0], np.full((job.rows, 1), 2.0 * job.value))


async def test_who_waits_alone_runs_alone_when_the_time_is_up() -> None:
    servable, jobs = FakeServable(), [FakeJob()]
    await patiently(servable, [jobs], Wait(us=500, rows=64))
    assert servable.runs == [1]


async def test_no_more_rows_are_waited_for_than_run_within_the_bound() -> None:
    servable, jobs = FakeServable(cost=RunCost(3_000.0)), [FakeJob() for _ in range(2)]
    await patiently(servable, [[job] for job in jobs], Wait(us=LONG, rows=1_000))
    assert servable.runs == [2]


async def test_a_deadline_ends_the_wait_of_all() -> None:
    servable, jobs = FakeServable(), [FakeJob(), FakeJob(deadline=time.monotonic() + 0.2)]
    await patiently(servable, [[job] for job in jobs], Wait(us=LONG, rows=64))
    assert servable.runs == [2]


async def test_those_who_wait_together_run_with_their_like_only() -> None:
    servable, jobs = FakeServable(), [FakeJob(layout=layout) for layout in "aba"]
    await patiently(servable, [[job] for job in jobs], Wait(us=LONG, rows=3))
    assert servable.runs == [2, 1]


async def test_a_version_that_is_never_merged_does_not_wait() -> None:
    servable = FakeServable(merges=False)
    await patiently(servable, [[FakeJob()], [FakeJob()]], Wait(us=LONG, rows=2))
    assert servable.runs == [1, 1]


async def test_what_waits_when_the_batcher_stops_is_run() -> None:
    servable, job = FakeServable(), FakeJob()
    batcher = Batcher(inline_run_us=1_000.0, batch_run_us=10_000.0)
    batcher.waits = {"m": Wait(us=LONG, rows=2)}
    batcher.put(servable, job)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert job.outputs is None
    batcher.stop()
    assert job.outputs is not None


@pytest.mark.parametrize(("rows", "bucket"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (10**9, 19)])
def test_sizes_share_buckets_by_powers_of_two(rows: int, bucket: int) -> None:
    assert bucket_of(rows) == bucket


def test_an_unknown_size_is_expected_to_be_slow_and_known_ones_are_learned() -> None:
    cost = RunCost(10.0)
    assert (cost.expected_us(1), cost.expected_us(8)) == (10.0, 80.0)
    assert cost.rows_within(100.0) == 8
    for _ in range(200):
        cost.update(64, 90.0)
    assert cost.expected_us(64) == pytest.approx(90.0)
    assert cost.rows_within(100.0) == 8  # 16 is still unknown
    for rows in (16, 32):
        cost.update(rows, 50.0)
    assert cost.rows_within(100.0) == 64


def test_nothing_known_means_one_row() -> None:
    assert RunCost().expected_us(5) == 0.0
    assert RunCost(500.0).rows_within(100.0) == 1


def test_what_a_run_takes_at_least_is_not_made_up_for_sizes_never_seen() -> None:
    cost = RunCost(14.0)
    assert cost.expected_us(4_096) > 10_000  # errs on the slow side: a run that may be long leaves the loop
    assert cost.least_us(4_096) == 14.0  # and nobody is refused for it
    assert cost.row_ns() == 14_000
    cost.update(4_096, 80.0)
    assert cost.least_us(4_096) == 80.0
    assert cost.row_ns() == int(80_000 / 4_096)
