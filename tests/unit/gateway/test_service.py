"""Calls that end badly end once, in the books, in the journal and at the caller, whatever fails on the way."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Writer
from gateway.pages import Page
from gateway.servables import Servable, Servables
from gateway.service import InferenceService
from gateway.serving import Serving
from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version
from tests import models
from tests.calling import request


class FakeCall:
    """gateway.job.Call, remembering how it ended."""

    def __init__(self, deadline: float | None = None) -> None:
        self.cancelled = False
        self.deadline = deadline
        self.replies: list[bytes] = []
        self.failures: list[tuple[grpc.StatusCode, str]] = []

    def metadata(self, name: str) -> bytes | None:
        return None

    def time_remaining(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def reply(self, message: bytes) -> None:
        self.replies.append(message)

    def fail(self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, str]] = ()) -> None:
        self.failures.append((code, details))


class House:
    """A service with one model, and its journal."""

    def __init__(self, folder: Path, artifact: bytes, **more: Any) -> None:
        (folder / "model").write_bytes(artifact)
        self.journal = Writer(folder / "w00", host=0, slot=0, segment_bytes=4 << 20, segment_max_age_s=100)
        self.books = WorkerBooks(Page.open(folder / "page"))
        version = Version(model="m", version=1, artifact_sha256="0" * 64)
        servable = Servable(version, folder / "model")
        servable.warm_up([{"x": np.ones((1, 3), np.float32) * 0.1}])
        servable.schema = self.journal.schema(servable.described())
        servables = Servables()
        servables.add(servable)
        settings = {"max_in_flight": 8, "max_message_bytes": 1 << 20, "max_wait_ms": 60_000} | more
        batcher = Batcher(inline_run_us=1_000, batch_run_us=500)
        self.service = InferenceService(
            journal=self.journal, servables=servables, books=self.books, batcher=batcher, **settings
        )
        route = Route(model="m", revision=1, arms=(Arm(version=1, role=Role.STABLE),))
        state = DesiredState(revision=1, models=(ModelState(route=route, versions=(version,)),))
        self.service.serving = Serving.of(state)
        self.servable = servable

    async def settle(self) -> None:
        import asyncio

        for _ in range(400):
            if self.books.in_flight == 0:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"{self.books.in_flight} calls never ended")

    def statuses(self) -> list[int]:
        reader = JournalReader(self.journal.folder)
        batch = reader.read()
        return [] if batch is None else batch.headers["status"].tolist()


def message(model: str = "m") -> bytes:
    data: bytes = request(model).SerializeToString()
    return data


async def test_a_slow_run_whose_caller_leaves_or_runs_out_of_time_is_journaled_once(tmp_path: Path) -> None:
    house = House(tmp_path, models.slow(40_000))
    calls = [FakeCall() for _ in range(3)] + [FakeCall(deadline=time.monotonic() + 0.001)]
    for call in calls:
        house.service.infer(message(), call)
    calls[1].cancelled = True
    await house.settle()
    assert [len(call.replies) for call in calls] == [1, 0, 1, 0]
    assert not calls[1].failures
    assert calls[3].failures[0][0] is grpc.StatusCode.DEADLINE_EXCEEDED
    assert sorted(house.statuses()) == [1, 1, 3, 5]
    assert house.servable.borrowed == 0


async def test_a_slow_run_that_fails_is_internal_and_journaled(tmp_path: Path) -> None:
    house = House(tmp_path, models.failing())
    house.servable.cost.update(1, 1e6)  # as if it were slow: it runs in a thread
    call = FakeCall()
    house.service.infer(message(), call)
    await house.settle()
    assert call.failures == [(grpc.StatusCode.INTERNAL, "internal error")]
    assert house.statuses() == [4]


async def test_a_reply_above_the_limit_is_refused_and_not_called_answered(tmp_path: Path) -> None:
    house = House(tmp_path, models.scaled(2.0), max_message_bytes=100)
    call = FakeCall()
    house.service.infer(message(), call)
    await house.settle()
    assert call.failures[0][0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert house.statuses() == [2]


async def test_one_call_more_than_fit_is_shed_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, models.slow(20_000), max_in_flight=2)
    calls = [FakeCall() for _ in range(4)]
    for call in calls:
        house.service.infer(message(), call)
    assert [call.failures[0][0] for call in calls[2:]] == [grpc.StatusCode.UNAVAILABLE] * 2
    await house.settle()
    assert sorted(house.statuses()) == [1, 1, 3, 3]


async def test_a_journal_that_breaks_ends_no_call_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, models.scaled(2.0))

    class Broken:
        name, sequence = "w00", 0

        def next_id(self, unix_ns: int) -> bytes:
            return bytes(16)

        def append(self, record: Any) -> bool:
            raise RuntimeError("broken")

    house.service.journal = Broken()  # type: ignore[assignment]
    call = FakeCall()
    with pytest.raises(RuntimeError, match="broken"):
        house.service.infer(message("nobody"), call)
    assert call.failures[0][0] is grpc.StatusCode.NOT_FOUND
    assert house.books.in_flight == 0
