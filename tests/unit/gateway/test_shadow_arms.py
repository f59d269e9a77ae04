"""Shadow arms are nothing to each other: one that hangs, dies, leaks or spins has its own books, and they balance."""

import os
import time
from typing import Any

import numpy as np
import pytest

from bench.faults import VARIABLE
from gateway.journal.format import ANSWERED, FAILED, INPUT, LIVE_OUTPUT, OUTPUT, SLICE
from gateway.journal.walk import JournalReader
from gateway.journal.writer import TensorRecord
from gateway.pages import read_page
from gateway.shadow import Shadow
from gateway.shadowing.books import ENDS, Books, BooksKey
from gateway.shadowing.budget import BURST_S, Budget
from gateway.shadowing.crew import Crew
from gateway.shadowing.slices import features_of, may_be_told
from gateway.shadowing.vitals import vitals_of
from gateway.tensors import bytes_elements, bytes_raw
from gnomon.domain import Arm, ColumnRule, LogPolicy, Role, Route, Treatment
from gnomon.wire import message_of
from tests import models
from tests.journals import config_in, know, put_snapshot, put_version, record, schema, writer_of
from tests.waiting import until

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def shadow(version: int, share_bp: int = 10_000, cpu_share: float = 0.0) -> Arm:
    return Arm(version=version, role=Role.SHADOW, weight_bp=share_bp, cpu_share=cpu_share)


class House:
    """Version 1 live, the others as its shadows: version n gives n times the input."""

    def __init__(self, folder: Any, *shadows: Arm, artifact: bytes = b"", **settings: Any) -> None:
        self.config = config_in(folder, **settings)
        options = {"slices": ("x[1]",), "model": "flights", "revision": 1}
        self.route = Route(arms=(Arm(version=1, role=Role.STABLE), *shadows), **options)  # type: ignore[arg-type]
        layout = self.config.layout
        versions = [
            put_version(layout, number, artifact or models.scaled(float(number))) for number in self.route.loaded
        ]
        put_snapshot(layout, self.route, *versions)
        self.writer = writer_of(self.config)
        know(self.writer, self.route)
        self.number = self.writer.schema(schema())

    def call(self, **fields: Any) -> bytes:
        given = record(self.writer, self.number, **({"x": X, "score": X} | fields))
        assert self.writer.append(given)
        return given.prediction_id

    def frames(self) -> list[Any]:
        reader, found = JournalReader(self.config.layout.shadow_journal), []
        while (batch := reader.read()) is not None:
            found += [(header.copy(), list(batch.tensors(row))) for row, header in enumerate(batch.headers)]
        return found


@pytest.fixture
def house_of(tmp_path: Any) -> Any:
    made: list[House] = []

    def make(*shadows: Arm, **settings: Any) -> House:
        made.append(House(tmp_path, *shadows, **settings))
        return made[-1]

    yield make
    for house in made:
        house.writer.close()


def by_version(books: Books) -> dict[int, dict[str, int]]:
    return {version: {how: ended[how] for how in ENDS} for (_, version), ended in books.by_version().items()}


def test_every_arm_runs_its_own_share(house_of: Any) -> None:
    house = house_of(shadow(2), shadow(3, 5_000), shadow(4, 0))
    for _ in range(200):
        house.call()
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.close()
    found = by_version(runner.books)
    assert set(found) == {2, 3}
    assert (found[2]["run"], found[3]["failed"]) == (200, 0)
    assert 70 < found[3]["run"] < 130
    frames = house.frames()
    for version in (2, 3):
        parents = [bytes(header["parent_id"]) for header, _ in frames if header["version"] == version]
        assert len(parents) == len(set(parents)) == found[version]["run"]
    for header, (own, live, sliced) in frames:
        np.testing.assert_array_equal(own.array(), header["version"] * X)
        np.testing.assert_array_equal(live.array(), X)
        assert (sliced.direction, sliced.array().tolist()) == (SLICE, X[:, 1].tolist())
    page = {
        (item.name, item.labels.get("version")): item.value for item in read_page(house.config.layout.page("shadow"))
    }
    assert page["gnomon_shadow_run_total", "2"] == 200
    assert page["gnomon_shadow_offered_total", "3"] == found[3]["run"]


FAULTS = {3: "hang", 4: "crash", 5: "slow", 6: "leak", 7: "spin"}


def test_the_books_of_every_arm_balance_whatever_becomes_of_the_others(house_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(VARIABLE, ",".join(f"{version}={fault}" for version, fault in FAULTS.items()))
    house = house_of(
        shadow(2), shadow(3), shadow(4), shadow(5), shadow(6), shadow(7, cpu_share=0.2), shadow_child="bench.faults",
        shadow_run_timeout_s=0.2, shadow_max_age_s=4.0, shadow_memory_bytes=400 << 20, drain_timeout_s=5.0,
    )  # fmt: skip
    crew = Crew()
    runner = Shadow(house.config, start=crew.start)
    calls = 0

    def settled(*versions: int) -> bool:
        """Calls go on coming as long as it is waited for."""
        nonlocal calls
        house.call()
        calls += 1
        runner.look_ahead()
        found = by_version(runner.books)
        return set(versions) <= set(found) and all(found[version]["run"] >= 60 for version in versions)

    until(lambda: settled(2, 5))
    until(lambda: settled() and all(runner.arms["flights", version].model.restarts for version in (3, 4, 6)))
    while runner.look_ahead():
        pass
    until(lambda: all(sum(ended.values()) == calls for ended in by_version(runner.books).values()))
    pids = [arm.model._process.pid for arm in runner.arms.values() if arm.model._process is not None]
    crew.end(list(runner.arms.values()), runner.given_up, 5.0)
    runner.close()
    found = by_version(runner.books)
    assert set(found) == {2, *FAULTS}
    assert all(sum(ended.values()) == calls for ended in found.values())
    assert found[2]["run"] + found[2]["expired"] == calls
    assert found[3]["run"] == 0 < found[3]["failed"]
    assert found[4]["failed"] > 0 < found[4]["run"]
    frames = house.frames()
    for version, ended in found.items():
        statuses = [int(header["status"]) for header, _ in frames if header["version"] == version]
        assert (statuses.count(ANSWERED), statuses.count(FAILED)) == (ended["run"], ended["failed"])
    assert [pid for pid in pids if vitals_of(pid) is not None] == []


def test_a_version_that_cannot_run_takes_no_process_of_another_with_it(house_of: Any) -> None:
    house = house_of(shadow(2), shadow(3))
    house.config.layout.blob(put_version(house.config.layout, 3, models.scaled(3.0)).artifact_sha256).write_bytes(b"no")
    for _ in range(5):
        house.call()
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.close()
    assert by_version(runner.books) == {
        2: {"run": 5, "shed": 0, "expired": 0, "failed": 0}, 3: {"run": 0, "shed": 0, "expired": 0, "failed": 5}
    }  # fmt: skip


def test_an_arm_that_is_behind_is_where_it_was_after_a_restart(house_of: Any) -> None:
    house = house_of(shadow(2), shadow(3))
    for _ in range(10):
        house.call()
    runner = Shadow(house.config)
    assert runner.look_ahead()
    assert runner.arms["flights", 2].step()
    for each in runner.arms.values():
        each.end()  # killed
    again = Shadow(house.config)
    assert by_version(again.books) == {2: {"run": 10, "shed": 0, "expired": 0, "failed": 0}}
    positions, _ = again.checkpoint.load()
    assert positions["w00"].sequence == 0  # of the arm that is behind: retention keeps what it has not read
    while again.step():
        pass
    again.close()
    assert {version: ended["run"] for version, ended in by_version(again.books).items()} == {2: 10, 3: 10}
    assert len(house.frames()) == 20


def test_an_arm_without_work_leaves_and_comes_again_and_nothing_is_counted_twice(house_of: Any) -> None:
    house = house_of(shadow(2))
    house.call()
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.arms["flights", 2].busy_s -= 1_000
    house.call(epoch=99)  # of no route: read, and offered to nobody
    runner.look_ahead()
    assert runner.arms, "it has not read as far as was looked ahead"
    while runner.step():
        pass
    (arm,) = runner.arms.values()
    arm.busy_s -= 1_000
    runner.look_ahead()
    assert not runner.arms
    arm.end()  # as its thread does
    house.call()
    while runner.step():
        pass
    runner.close()
    assert by_version(runner.books) == {2: {"run": 2, "shed": 0, "expired": 0, "failed": 0}}
    assert len(house.frames()) == 2


def test_outputs_of_no_fixed_size_are_journaled_beside_the_live_ones(house_of: Any) -> None:
    house = house_of(shadow(2), artifact=models.several())
    described = {
        "model": "flights", "version": 1, "artifact_sha256": "a" * 64, "score": {"output": 0, "column": -1},
        "inputs": [
            {"name": name, "datatype": kind, "shape": [-1, columns]}
            for name, kind, columns in (("x", "FP32", 3), ("a", "INT64", 1), ("b", "INT64", 1), ("s", "BYTES", 1))
        ],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
    }  # fmt: skip
    number = house.writer.schema(described)
    texts = [(b"one", b"eleven"), (b"three", b"four"), (b"", b"sevenxx")]  # two of a size, and one of another
    for pair in texts:
        ones = np.ones((2, 1), "<i8")
        tensors = [
            TensorRecord(INPUT, 0, "FP32", (2, 3), X), TensorRecord(INPUT, 1, "INT64", (2, 1), ones),
            TensorRecord(INPUT, 2, "INT64", (2, 1), ones), TensorRecord(INPUT, 3, "BYTES", (2, 1), bytes_raw(pair)),
            TensorRecord(OUTPUT, 0, "FP32", (2, 3), X),
        ]  # fmt: skip
        given = record(house.writer, number, request_id=pair[0])._replace(tensors=tensors, rows=2)
        assert house.writer.append(given)
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.close()
    assert by_version(runner.books)[2]["run"] == 3
    reader = JournalReader(house.config.layout.shadow_journal)
    batch = reader.read()
    assert batch is not None
    found = {}
    for row in range(3):
        tensors_of = {(tensor.direction, tensor.index): tensor for tensor in batch.tensors(row)}
        found[batch.text(row)[0].encode()] = tuple(bytes_elements(tensors_of[OUTPUT, 2].data))
        assert tensors_of[OUTPUT, 1].array().tolist() == [[2], [2]]
        assert set(tensors_of) == {(OUTPUT, 0), (OUTPUT, 1), (OUTPUT, 2), (LIVE_OUTPUT, 0), (SLICE, 0)}
    assert found == {pair[0]: pair for pair in texts}


def test_epochs_long_over_share_their_books() -> None:
    books = Books()
    for epoch in range(1, 6):
        books.end(BooksKey("m", 2, epoch), "run", epoch)
    books.forget(kept=2)
    assert {each.epoch: each.run for each in books.evidence()} == {0: 6, 4: 4, 5: 5}
    assert Books(books.state()).state() == books.state()
    assert Books([["m", 2, {"run": 3}]]).offered == 3  # of before books had epochs


def test_a_budget_lets_no_more_through_than_its_share() -> None:
    budget, now, used = Budget(0.25, 0.0), 0.0, 0.0
    random = np.random.default_rng(1)
    while now < 100:
        now += budget.wait_s(now)
        took = float(random.uniform(0, 0.05))
        now += took
        used += took
        budget.charge(took, now)
    assert used <= 0.25 * (now + BURST_S) + 0.05
    assert used > 0.24 * now
    budget.change(0.0)
    assert budget.wait_s(now) == 0.0


def test_a_process_over_its_budget_stands_still_whatever_it_does(house_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(VARIABLE, "2=spin")
    house = house_of(shadow(2, cpu_share=0.1), shadow_child="bench.faults")
    house.call()
    runner = Shadow(house.config)
    while runner.step():
        pass
    (arm,) = runner.arms.values()
    process = arm.model._process
    assert process is not None

    def used() -> float:
        found = vitals_of(process.pid)
        assert found is not None
        return found.cpu_s

    before, began = used(), time.monotonic()
    until(lambda: arm.model.watch() or used() > before + 0.1)
    assert used() - before < 0.1 * (time.monotonic() - began) + 0.5 * (os.cpu_count() or 1) * 0.1 + 0.15
    runner.close()


@pytest.mark.parametrize(
    ("rules", "otherwise", "told"),
    [
        (None, Treatment.KEEP, True),
        ({}, Treatment.KEEP, True),
        ({}, Treatment.HASH, False),
        ({"x[1]": Treatment.KEEP}, Treatment.MASK, True),
        ({"x": Treatment.MASK}, Treatment.KEEP, False),
        ({"input.x[1]": Treatment.HASH}, Treatment.KEEP, False),
        ({"origin": Treatment.DROP}, Treatment.KEEP, False),
        ({"x[0]": Treatment.MASK}, Treatment.KEEP, True),
        ({"y": Treatment.MASK}, Treatment.KEEP, False),  # names nothing: what it was meant for is not known
        ({"key_hash": Treatment.MASK, "output.score": Treatment.MASK}, Treatment.KEEP, True),
    ],
)
def test_a_slice_is_made_of_what_may_leave_the_host(rules: Any, otherwise: Treatment, told: bool) -> None:
    policy = None
    if rules is not None:
        given = tuple(ColumnRule(column=column, treatment=treatment) for column, treatment in rules.items())
        policy = LogPolicy(model="m", rules=given, otherwise=otherwise)

    class Monitor:
        name, tensor, column, is_score = "origin", "x", 1, False

    features = features_of(schema(), [Monitor])
    assert features["origin"] == features["x[1]"] == features["input.x[1]"] == (0, 1)
    assert may_be_told(policy, (0, 1), features) is told


def test_messages_of_routes_are_written_before_the_frames_of_their_epoch(house_of: Any) -> None:
    house = house_of(shadow(2))
    house.call()
    runner = Shadow(house.config)
    while runner.step():
        pass
    runner.close()
    batch = JournalReader(house.config.layout.shadow_journal).read()
    assert batch is not None
    assert message_of(batch.routes[1]) == message_of(house.route)
