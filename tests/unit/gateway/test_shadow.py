"""offered = run + shed + expired + failed, and one frame a run, whatever kills the runner."""

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from gateway.journal.format import ANSWERED, FAILED, LIVE_OUTPUT, OUTPUT, REJECTED
from gateway.journal.walk import JournalReader
from gateway.sampling import mix_of, sampled
from gateway.shadow import Shadow
from gateway.shadowing import model
from gateway.shadowing.books import ENDS
from gateway.shadowing.model import Later
from tests import models
from tests.journals import config_in, know, put_snapshot, put_version, record, route, schema, writer_of

X = np.arange(6, dtype=np.float32).reshape(2, 3)


class House:
    """Version 1 live, version 2 (twice the input) as its shadow."""

    def __init__(self, folder: Any, share_bp: int = 10_000, artifact: bytes = b"", **settings: Any) -> None:
        self.config = config_in(folder, **settings)
        self.route = route(shadow=2, share_bp=share_bp)
        layout = self.config.layout
        versions = [put_version(layout, 1, b"live"), put_version(layout, 2, artifact or models.scaled(2.0))]
        put_snapshot(layout, self.route, *versions)
        self.writer = writer_of(self.config)
        know(self.writer, self.route, route(epoch=2))
        self.number = self.writer.schema(schema())

    def call(self, **fields: Any) -> bytes:
        given = record(self.writer, self.number, **({"x": X, "score": X} | fields))
        assert self.writer.append(given)
        return given.prediction_id

    def frames(self) -> list[tuple[Any, Any, dict[int, np.ndarray]]]:
        """(header, schema, outputs by direction) of every frame of a run that went well."""
        reader, found = JournalReader(self.config.layout.shadow_journal), []
        while (batch := reader.read()) is not None:
            for row, header in enumerate(batch.headers):
                outputs = {tensor.direction: tensor.array().copy() for tensor in batch.tensors(row)}
                if header["status"] == ANSWERED:
                    found.append((header, batch.schemas[int(header["schema"])], outputs))
        return found


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.writer.close()


def drained(house: House) -> dict[str, int]:
    """The books after everything was read."""
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.close()
    return {"offered": runner.books.offered} | {how: runner.books.total(how) for how in ENDS}


def kill(runner: Shadow) -> None:
    """What the system does to the arms' processes when the runner is no more."""
    for arm in runner.arms.values():
        arm.end()


def ended(offered: int, **how: int) -> dict[str, int]:
    return {"offered": offered, "run": 0, "shed": 0, "expired": 0, "failed": 0} | how


def test_a_call_is_run_and_journaled_beside_the_live_answer(house):
    parent = house.call(request_id=b"mine", bucket=4, trace_id=bytes(range(16)))
    assert drained(house) == ended(1, run=1)
    ((header, described, outputs),) = house.frames()
    assert bytes(header["parent_id"]) == parent
    assert bytes(header["trace_id"]) == bytes(range(16))
    assert (header["version"], header["epoch"], header["role"], header["rows"], header["bucket"]) == (2, 1, 3, 2, 4)
    np.testing.assert_array_equal(outputs[OUTPUT], 2 * X)
    np.testing.assert_array_equal(outputs[LIVE_OUTPUT], X)
    assert (described["version"], described["live_version"], described["live_score"]["output"]) == (2, 1, 0)
    assert header["run_ns"] > 0


def test_calls_of_different_sizes_run_together_and_get_their_own_rows(tmp_path):
    house = House(tmp_path, shadow_batch_rows=8)
    given = {house.call(x=x, score=x): x for x in (np.full((rows, 3), rows, np.float32) for rows in (1, 3, 9, 2, 1, 5))}
    assert drained(house) == ended(6, run=6)
    for header, _, outputs in house.frames():
        np.testing.assert_array_equal(outputs[OUTPUT], 2 * given[bytes(header["parent_id"])])
    house.writer.close()


def test_only_answered_calls_of_routes_with_a_shadow_are_offered(house):
    house.call(status=REJECTED, x=None, score=None)
    house.call(epoch=2)
    house.call(version=2)  # pinned to the shadow itself
    house.call()
    assert drained(house) == ended(1, run=1)


def test_a_share_is_what_is_offered(tmp_path):
    house = House(tmp_path, share_bp=2_500)
    for _ in range(400):
        house.call()
    expected = int(sampled(mix_of("w00", 2), np.arange(400, dtype=np.uint64), 2_500).sum())
    assert drained(house) == ended(expected, run=expected)
    house.writer.close()


def test_calls_too_far_behind_are_shed_and_old_ones_expired(tmp_path):
    house = House(tmp_path, shadow_max_lag=30)
    for _ in range(50):
        house.call()
    old = time.time_ns() - 120 * 10**9
    for _ in range(10):
        house.call(arrived_unix_ns=old)
    assert drained(house) == ended(60, shed=30, run=20, expired=10)
    assert len(house.frames()) == 20
    house.writer.close()


@pytest.mark.parametrize("artifact", [b"not a model", models.several()])
def test_a_version_that_cannot_be_loaded_or_fed_fails_its_calls(tmp_path, artifact):
    house = House(tmp_path, artifact=artifact)
    for _ in range(3):
        house.call()
    assert drained(house) == ended(3, failed=3)
    assert house.frames() == []
    house.writer.close()


def test_a_call_whose_tensors_are_not_in_the_journal_fails(house):
    house.call(x=None)
    house.call()
    assert drained(house) == ended(2, failed=1, run=1)


def test_one_bad_call_in_a_batch_fails_alone(tmp_path):
    """Rows of 3 numbers run; a call of 4 columns is of another layout; one of 0 dimensions cannot be put together."""
    house = House(tmp_path)
    house.call()
    bad = house.call(x=np.ones((2, 4), np.float32))
    house.call()
    dying = Shadow(house.config)
    dying.checkpoint.save = lambda positions, state: None  # killed before it could
    assert dying.step()
    kill(dying)
    assert drained(house) == ended(3, run=2, failed=1)
    batch = JournalReader(house.config.layout.shadow_journal).read()
    assert batch is not None
    failed = batch.headers[batch.headers["status"] == FAILED]
    assert [bytes(parent) for parent in failed["parent_id"]] == [bad]
    house.writer.close()


def test_a_model_whose_rows_are_not_its_first_axis_is_run_call_by_call(tmp_path):
    house = House(tmp_path, artifact=models.reshaping())
    for count in (6, 6, 5):
        house.call(x=np.arange(count, dtype=np.float32))
    # Its outputs have a fixed first axis, so each call runs alone, and the one that does not fit fails alone.
    books = drained(house)
    assert books in (ended(3, run=2, failed=1), ended(3, failed=3))  # the warm-up row of 1 may refuse the model
    assert len(house.frames()) == books["run"]
    house.writer.close()


def test_a_shadow_journal_without_room_fails_the_calls(house, monkeypatch):
    runner = Shadow(house.config)
    monkeypatch.setattr(runner.frames._writer, "make_room", lambda size, schema, epoch: False)
    house.call()
    while runner.step():
        pass
    assert (runner.books.offered, runner.books.total("failed")) == (1, 1)
    runner.close()


def test_what_ran_after_the_last_checkpoint_is_not_run_again(house):
    for _ in range(10):
        house.call()
    dying = Shadow(house.config)
    dying.checkpoint.save = lambda positions, state: None  # killed before it could
    assert dying.step()
    kill(dying)
    assert len(house.frames()) == 10
    for _ in range(5):
        house.call()
    assert drained(house) == ended(15, run=15)
    parents = [bytes(header["parent_id"]) for header, _, _ in house.frames()]
    assert len(parents) == len(set(parents)) == 15


def test_a_version_waits_for_the_snapshot_that_names_it_but_not_for_ever(house, monkeypatch):
    house.config.layout.snapshot.unlink()
    house.call()
    runner = Shadow(house.config)
    assert runner.look_ahead()
    (arm,) = runner.arms.values()
    with pytest.raises(Later):
        arm.model.loaded()
    monkeypatch.setattr(model, "SNAPSHOT_WAIT_S", 0.0)
    assert runner.step()
    assert runner.books.total("failed") == 1
    runner.close()


RUN = """
import sys
from pathlib import Path
from gateway.config import Config
from gateway import shadow
shadow.run(Config.from_json(Path(sys.argv[1]).read_text()))
"""


def test_the_books_balance_and_nothing_runs_twice_when_the_runner_is_killed(tmp_path):
    house = House(tmp_path, shadow_batch_rows=16)
    house.config.layout.config.write_text(house.config.to_json())
    chance, calls, parents = random.Random(4), 0, set()
    command = [sys.executable, "-c", RUN, str(house.config.layout.config)]
    for _ in range(4):
        process = subprocess.Popen(command)
        page = house.config.layout.page("shadow")
        page.unlink(missing_ok=True)
        while not page.exists():
            time.sleep(0.005)
        end = time.monotonic() + chance.uniform(0.05, 0.3)
        while time.monotonic() < end:
            parents.add(house.call())
            calls += 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    process = subprocess.Popen(command)
    page.unlink(missing_ok=True)
    while not page.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    books = drained(house)
    assert books["offered"] == calls == sum(books[how] for how in ENDS)
    frames = [bytes(header["parent_id"]) for header, _, _ in house.frames()]
    assert len(frames) == len(set(frames)) == books["run"]
    assert set(frames) <= parents
    house.writer.close()


def test_one_call_in_sixteen_is_timed_alone(house):
    for _ in range(40):
        house.call()
    assert drained(house) == ended(40, run=40)
    assert sum(int(header["run_ns"]) > 0 for header, _, _ in house.frames()) == 3
