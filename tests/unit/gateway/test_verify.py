"""The files alone prove that the books balance; whatever was changed in them is found, and named."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import retention
from gateway.aftermath import left_since
from gateway.books import WorkerBooks
from gateway.config import Config
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import ANSWERED, FAILED, REJECTED
from gateway.journal.segments import segments
from gateway.journal.walk import Position
from gateway.journal.writer import Writer
from gateway.layout import Layout
from gateway.pages import Page
from gateway.shipper import Shipper
from gateway.shipping.books import Books
from gateway.verifying.report import verify
from tests.journals import config_in, know, record, route, schema, writer_of

X = np.ones((1, 3), np.float32)


class Worker:
    """A worker's journal and its page, written in the order that a worker writes them."""

    def __init__(self, config: Config) -> None:
        self.journal: Writer = writer_of(config)
        self.books = WorkerBooks(Page.open(config.layout.page("w00")))
        self.books.resume(self.journal.sequence, lambda since: left_since(self.journal.folder, since))
        know(self.journal, route(shadow=2))
        self.number = self.journal.schema(schema())

    def call(self, status: int = ANSWERED, *, killed: str = "", lost: bool = False) -> None:
        """`killed` names the step before which the worker dies."""
        self.books.begin()
        if killed == "append":
            return
        x = np.ones((400_000, 3), np.float32) if lost else X
        written = self.journal.append(record(self.journal, self.number, status=status, x=x, score=X))
        assert written != lost
        if killed == "journaled":
            return
        if status == ANSWERED:
            self.books.journaled(written)
            self.books.offered("flights", 2)
        else:
            self.books.refusal_journaled(written)
        if killed != "end":
            self.books.end(status)

    def die(self) -> None:
        """As dead as a writer in this process can be: nothing is sealed."""
        self.journal._ahead.stop()

    def rotate(self) -> None:
        assert self.journal._rotate(wait_s=5)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_in(tmp_path)


def ship(config: Config) -> Shipper:
    shipper = Shipper(config)
    while shipper.step():
        pass
    return shipper


def problems(config: Config) -> list[str]:
    return verify(config.layout).problems


def counts(config: Config) -> dict[str, int]:
    return verify(config.layout).total()


def test_books_of_a_gateway_that_serves_and_ships_balance(config: Config) -> None:
    worker = Worker(config)
    for _ in range(3):
        for status in (ANSWERED, ANSWERED, REJECTED, FAILED):
            worker.call(status)
        worker.rotate()
    ship(config)
    worker.call()
    report = verify(config.layout)
    assert report.problems == []
    assert report.total() == {
        "received": 13, "answered": 7, "rejected": 3, "shed": 0, "failed": 3, "cancelled": 0, "in_flight": 0,
        "journaled": 7, "journal_lost": 0, "records": 13, "exported": 12,
    }  # fmt: skip
    (shipper,) = [one for one in report.journals[0].consumers if one.consumer == "shipper"]
    assert (shipper.read, shipper.pending, shipper.missed) == (12, 1, 0)
    worker.journal.close()


@pytest.mark.parametrize("killed", ["append", "journaled", "end"])
@pytest.mark.parametrize("status", [ANSWERED, REJECTED])
def test_a_worker_killed_at_any_step_is_counted_right_by_the_next(config: Config, killed: str, status: int) -> None:
    worker = Worker(config)
    worker.call()
    worker.call(status, killed=killed)
    worker.die()
    assert problems(config) == []
    again = Worker(config)
    again.call()
    again.journal.close()
    assert problems(config) == []
    total = counts(config)
    left = killed == "append"
    assert (total["received"], total["in_flight"], total["records"]) == (3, 0, 3 - left)
    assert total["failed"] == left
    assert total["journaled"] == total["answered"] == 2 + (status == ANSWERED and not left)
    page = {name: value for name, _, value in _page(config)}
    assert page["gnomon_worker_shadow_offered_total"] == total["answered"]
    assert page["gnomon_worker_unrecorded_total"] == left


def _page(config: Config) -> Any:
    from gateway.pages import read_page

    return read_page(config.layout.page("w00"))


def test_records_that_were_lost_are_numbers_left_out_and_also_at_the_end_and_before_a_kill(config: Config) -> None:
    worker = Worker(config)
    worker.call()
    worker.call(lost=True)
    worker.call()
    worker.call(lost=True)
    worker.rotate()
    worker.call(lost=True)
    worker.rotate()
    worker.call()
    worker.call(lost=True)
    worker.die()
    again = Worker(config)
    again.call()
    again.journal.close()
    report = verify(config.layout)
    assert report.problems == []
    assert report.journals[0].journal.missing == [(1, 2), (3, 4), (4, 5), (6, 7)]
    assert report.total()["journal_lost"] == 4
    shipper = ship(config)
    assert shipper.books()["w00"] == Books(journaled=4, delivered=4, lost=4)
    assert problems(config) == []


@pytest.mark.parametrize("unread", [True, False])
def test_what_retention_removes_stays_in_the_books(config: Config, unread: bool) -> None:
    worker = Worker(config)
    for _ in range(4):
        worker.call()
        worker.call(REJECTED)
        worker.rotate()
    if not unread:
        for name in retention.CONSUMERS:
            if name != "shipper":
                Checkpoint(config.layout.checkpoint(name)).save(
                    {"w00": Position(6, 1 << 20, 8)}, {"journals": {"w00": (8, 0, 0)}}
                )
        ship(config)
    small = dataclasses.replace(config, retention_s=0.0, retention_bytes=1 if unread else 1 << 40)
    assert len(retention.apply(small)) == 4
    assert problems(config) == []
    report = verify(config.layout)
    assert report.total()["records"] == 8
    (one,) = report.journals
    assert dict(one.retired) == {"answered": 4, "rejected": 4}
    gone = {each.consumer: each.gone for each in one.consumers}
    assert gone == dict.fromkeys(retention.CONSUMERS, 8 if unread else 0)
    worker.journal.close()


def test_an_interrupted_removal_is_finished_and_counted_once(config: Config) -> None:
    worker = Worker(config)
    for _ in range(2):
        worker.call()
        worker.rotate()
    worker.journal.close()
    first = segments(worker.journal.folder)[0]
    kept = first.read_bytes()
    small = dataclasses.replace(config, retention_bytes=first.stat().st_size + 10)
    assert retention.apply(small) == [first]
    first.write_bytes(kept)  # noted, and killed before it was unlinked
    assert problems(config) == []
    assert retention.apply(small) == [first]
    assert dict(verify(config.layout).journals[0].retired) == {"answered": 1}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    config = config_in(tmp_path_factory.mktemp("sealed"))
    worker = Worker(config)
    for status in (ANSWERED, REJECTED, ANSWERED):
        worker.call(status)
    worker.journal.close()
    (path,) = segments(worker.journal.folder)
    return config.layout, path


def test_every_flipped_byte_of_a_header_is_found(sealed: tuple[Layout, Path]) -> None:
    for at in [*range(160), 4000, 4095]:
        found_after_flip(*sealed, at, 1)


@given(at=st.integers(0, 1 << 20), mask=st.integers(1, 255))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_flipped_byte_is_found_and_its_segment_and_place_named(
    sealed: tuple[Layout, Path], at: int, mask: int
) -> None:
    found_after_flip(*sealed, at % sealed[1].stat().st_size, mask)


def found_after_flip(layout: Layout, path: Path, at: int, mask: int) -> None:
    whole = path.read_bytes()
    assert verify(layout).problems == []
    changed = bytearray(whole)
    changed[at] ^= mask
    path.write_bytes(changed)
    try:
        found = [problem for problem in verify(layout).problems if problem.startswith(str(path))]
    finally:
        path.write_bytes(whole)
    assert found, at
    assert "byte" in found[0] or "version" in found[0] or "segment" in found[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda config, worker: segments(worker.journal.folder)[1].unlink(), "records of calls answered"),
        (lambda config, worker: next(config.layout.parquet.rglob("*.parquet")).unlink(), "rows are in the files"),
        (lambda config, worker: _copy_export(config), "rows are in the files"),
        (lambda config, worker: _spoil_export(config), "parquet"),
        (lambda config, worker: _cursor(config, (3, 0, 0)), "is not its cursor"),
        (lambda config, worker: config.layout.checkpoint("retention").write_bytes(b"{}"), "not a checkpoint"),
        (lambda config, worker: config.layout.checkpoint("shadow").write_bytes(b"{}"), "not a checkpoint"),
        (lambda config, worker: worker.books.begin() or worker.books.end(ANSWERED), "is not journaled"),
        (lambda config, worker: worker.books.end(FAILED) or worker.books.begin(), "records of calls not answered"),
    ],
)
def test_what_does_not_balance_is_said(config: Config, wrong: Any, said: str) -> None:
    worker = Worker(config)
    for _ in range(3):
        worker.call()
        worker.rotate()
    worker.journal.close()
    ship(config)
    assert problems(config) == []
    wrong(config, worker)
    assert any(said in problem for problem in problems(config)), problems(config)


def test_exports_that_went_elsewhere_are_said_not_to_be_looked_at(config: Config) -> None:
    worker = Worker(config)
    worker.call()
    worker.journal.close()
    elsewhere = config.layout.root / "elsewhere"
    ship(dataclasses.replace(config, export_url=f"file://{elsewhere}"))
    assert any("rows are in the files" in problem for problem in problems(config))  # nobody said so
    config.layout.config.write_text(json.dumps({"export_url": f"file://{elsewhere}"}))
    report = verify(config.layout)
    assert (report.problems, report.total()["exported"]) == ([], 1)
    config.layout.config.write_text(json.dumps({"export_url": "s3://exports/all"}))
    report = verify(config.layout)
    assert (report.problems, report.total()["exported"]) == ([], 0)
    assert "exports go to s3://exports/all: not looked at" in report.notes


def test_a_publisher_is_verified_where_there_is_one(config: Config) -> None:
    worker = Worker(config)
    worker.call()
    worker.journal.close()
    assert len(verify(config.layout).journals[0].consumers) == 3
    kept = {"journals": {"w00": {"delivered": 1}}}
    Checkpoint(config.layout.checkpoint("publisher")).save({"w00": Position(0, 1 << 20, 1)}, kept)
    report = verify(config.layout)
    assert report.problems == []
    (publisher,) = [one for one in report.journals[0].consumers if one.consumer == "publisher"]
    assert (publisher.read, publisher.pending, publisher.missed) == (1, 0, 0)
    kept["journals"]["w00"]["delivered"] = 2
    Checkpoint(config.layout.checkpoint("publisher")).save({"w00": Position(0, 1 << 20, 1)}, kept)
    assert any("publisher: read 2 + missed 0 is not its cursor, 1" in problem for problem in problems(config))


def _copy_export(config: Config) -> None:
    path = next(config.layout.parquet.rglob("*.parquet"))
    path.with_name(path.name.replace("-v1", "-v2")).write_bytes(path.read_bytes())


def _spoil_export(config: Config) -> None:
    next(config.layout.parquet.rglob("*.parquet")).write_bytes(b"PAR1 and no more")


def _cursor(config: Config, counted: tuple[int, int, int]) -> None:
    Checkpoint(config.layout.checkpoint("observer")).save(
        {"w00": Position(2, 1 << 20, 2)}, {"journals": {"w00": counted}}
    )


def test_the_command_says_it_in_lines_and_in_json_and_by_its_exit_code(config: Config) -> None:
    worker = Worker(config)
    worker.call()
    worker.journal.close()
    command = [sys.executable, "-m", "gnomon.cli.main", "journal", "verify", "--dir", str(config.layout.root)]
    good = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["total"]["journaled"] == 1
    (path,) = segments(worker.journal.folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert f"wrong: {path}: the frame at byte" in bad.stdout
