"""Batches: what is put together, how much of it, and who pays for a bad row."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batcher import Batcher, plan
from gateway.cost import RunCost, bucket_of


@dataclass
class FakeJob:
    """A call of `rows` rows of one number."""

    rows: int = 1
    value: float = 0.0
    layout: object = "x"
    gone: bool = False
    outputs: Any = None
    error: Exception | None = None

    @property
    def feeds(self) -> dict[str, Any]:
        return {"x": np.full((self.rows, 1), self.value, np.float32)}

    def dropped(self) -> bool:
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
