"""A prediction is found by its id and by its caller's, in open, sealed and removed segments, with and without index."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gateway.answered import Asked, Search
from gateway.answered import main as answered
from gateway.config import Config
from gateway.finder import Finder
from gateway.journal import index as indexing
from gateway.journal.format import FAILED, id_text
from gateway.journal.segments import segments
from gateway.journal.walk import SegmentReader
from gateway.journal.writer import Record, Writer
from gateway.shelf import Shelf
from gateway.shipper import Shipper
from gnomon.errors import InvalidInput, PredictionNotFound
from gnomon.wire import message_of
from tests.journals import config_in, know, record, route, schema, writer_of

CALLS = 500
ARRIVED = 1_700_000_000_123_456_789


class House:
    """Two sealed segments and an open one; call n has request id `request-n`, all but every seventh."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.writer: Writer = writer_of(config)
        know(self.writer, route(1), route(2))
        self.ids: list[str] = []
        for segment in range(3):
            for _ in range(CALLS):
                self.call(segment)
            if segment < 2:
                assert self.writer._rotate(wait_s=5)

    def call(self, segment: int = 0, **fields: Any) -> None:
        number = self.writer.schema(schema(version=1 + segment)) if len(self.ids) % CALLS == 0 else segment + 1
        n = len(self.ids)
        given = {"request_id": f"request-{n}".encode() if n % 7 else b"", "epoch": 1 + n % 2, "bucket": n % 10_000}
        given |= {"arrived_unix_ns": ARRIVED + n * 1_000_000, "version": 1 + segment} | fields
        x = np.full((1, 3), n, np.float32)
        written: Record = record(self.writer, number, x=x, score=2 * x, **given)
        written = written._replace(prediction_id=self.writer.next_id(given["arrived_unix_ns"]))
        assert self.writer.append(written)
        self.ids.append(id_text(written.prediction_id))

    def export(self) -> None:
        """Closes the journal, exports it, and removes every segment."""
        self.writer.close()
        shipper = Shipper(self.config)
        while shipper.step():
            pass
        assert Shelf(self.config.layout).make() >= 2
        for path in segments(self.writer.folder):
            path.unlink()


@pytest.fixture
def house(tmp_path: Any) -> Iterator[House]:
    made = House(config_in(tmp_path))
    yield made
    made.writer.close()


def is_call(found: Any, house: House, n: int) -> None:
    assert found.prediction_id == house.ids[n]
    assert found.sequence == n
    assert found.request_id == (f"request-{n}" if n % 7 else "")
    assert (found.why.model, found.why.version, found.why.epoch) == ("flights", 1 + n // CALLS, 1 + n % 2)
    assert found.why.bucket == n % 10_000
    assert np.frombuffer(found.inputs[0].raw, np.float32).tolist() == [n] * 3
    assert np.frombuffer(found.outputs[0].raw, np.float32).tolist() == [2 * n] * 3


LOOKED_FOR = (0, 1, 63, 64, 65, CALLS - 1, CALLS, 2 * CALLS - 1, 2 * CALLS, 3 * CALLS - 1)


@pytest.mark.parametrize("indexed", [False, True])
def test_every_prediction_is_found_by_its_id_where_its_id_says(house: House, indexed: bool) -> None:
    if indexed:
        assert Shelf(house.config.layout).make() == 2
        assert Shelf(house.config.layout).make() == 0
    finder = Finder(house.config.layout)
    for n in LOOKED_FOR:
        found = finder.by_prediction(house.ids[n])
        is_call(found, house, n)
        assert found.source == "journal"
        assert found.route == message_of(route(1 + n % 2))


@pytest.mark.parametrize("indexed", [False, True])
def test_a_prediction_is_found_by_the_id_its_caller_gave(house: House, indexed: bool) -> None:
    if indexed:
        Shelf(house.config.layout).make()
    finder = Finder(house.config.layout)
    for n in LOOKED_FOR:
        if n % 7:
            is_call(finder.by_request(f"request-{n}"), house, n)
    with pytest.raises(PredictionNotFound):
        finder.by_request("request-")
    with pytest.raises(PredictionNotFound):
        finder.by_request("request-10000")


def test_of_one_request_id_the_newest_is_told_and_the_others_are_named(house: House) -> None:
    twice = [len(house.ids), len(house.ids) + 1]
    for _ in twice:
        house.call(2, request_id=b"request-8")
    found = Finder(house.config.layout).by_request("request-8")
    assert found.prediction_id == house.ids[twice[1]]
    assert list(found.others) == [house.ids[twice[0]], house.ids[8]]


def test_after_its_segment_has_gone_it_is_found_in_the_exports(house: House) -> None:
    house.export()
    finder = Finder(house.config.layout)
    for n in LOOKED_FOR:
        found = finder.by_prediction(house.ids[n])
        is_call(found, house, n)
        assert found.source == "parquet"
        if n % 7:
            is_call(finder.by_request(f"request-{n}"), house, n)


def test_what_no_index_knows_is_looked_for_in_all_exports(house: House) -> None:
    house.export()
    for path in house.config.layout.indexes.rglob("*.index"):
        path.unlink()
    is_call(Finder(house.config.layout).by_request("request-8"), house, 8)


@pytest.mark.parametrize("damage", [lambda data: data[:30], lambda data: data[:-1] + b"x", lambda data: b""])
def test_a_damaged_index_is_not_believed(house: House, damage: Any) -> None:
    Shelf(house.config.layout).make()
    for path in house.config.layout.indexes.rglob("*.index"):
        path.write_bytes(damage(path.read_bytes()))
    finder = Finder(house.config.layout)
    is_call(finder.by_prediction(house.ids[70]), house, 70)
    is_call(finder.by_request("request-71"), house, 71)


def test_a_damaged_record_is_looked_for_in_the_exports(house: House) -> None:
    Shelf(house.config.layout).make()
    path = segments(house.writer.folder)[0]
    content = bytearray(path.read_bytes())
    reader = SegmentReader(path)
    batch = indexing.by_sequence(reader, indexing.build(reader), 70)
    assert batch is not None
    content[int(batch.offsets[0]) + 60] ^= 1
    path.write_bytes(content)
    with pytest.raises(PredictionNotFound):
        Finder(house.config.layout).by_prediction(house.ids[70])
    is_call(Finder(house.config.layout).by_prediction(house.ids[71]), house, 71)


def test_what_was_never_given_out_is_not_found(house: House) -> None:
    finder = Finder(house.config.layout)
    other = house.ids[5][:-1] + ("0" if house.ids[5][-1] != "0" else "1")
    with pytest.raises(PredictionNotFound):
        finder.by_prediction(other)
    with pytest.raises(PredictionNotFound):
        finder.by_prediction("ffffffff-ffff-7fff-bfff-ffffffffffff")
    with pytest.raises(InvalidInput):
        finder.by_prediction("5")


def test_indexes_of_removed_segments_are_dropped_beyond_their_budget_the_oldest_first(house: House) -> None:
    shelf = Shelf(house.config.layout, kept_bytes=0)
    assert shelf.make() == 2
    assert shelf.bases("w00") == [0, CALLS]
    segments(house.writer.folder)[0].unlink()
    assert shelf.make() == 0
    assert shelf.bases("w00") == [CALLS]


# -- all that a version answered

EPOCH_2 = Asked("flights", 2, frozenset({2}))


def of_epoch_2(house: House) -> list[str]:
    return [house.ids[n] for n in range(CALLS, 2 * CALLS) if 1 + n % 2 == 2]


def sources(search: Search) -> set[str]:
    return {each.source for each in search.found()}


def test_all_that_a_version_answered_is_in_open_and_sealed_segments(house: House) -> None:
    search = Search(house.config.layout, EPOCH_2)
    assert [each.prediction_id for each in search.found()] == of_epoch_2(house)
    assert (sources(search), search.missing()) == ({"journal"}, [])
    third = Search(house.config.layout, Asked("flights", 3, frozenset({1, 2})))
    assert [each.prediction_id for each in third.found()] == house.ids[2 * CALLS :]


def test_and_each_is_told_once_when_it_is_exported_too_or_only_there(house: House) -> None:
    shipper = Shipper(house.config)
    while shipper.step():
        pass
    both = Search(house.config.layout, EPOCH_2)
    assert [each.prediction_id for each in both.found()] == of_epoch_2(house)
    journaled = both.found()
    segments(house.writer.folder)[1].unlink()
    gone = Search(house.config.layout, EPOCH_2)
    assert sources(gone) == {"parquet"}
    assert [each._replace(source="journal") for each in gone.found()] == journaled


def test_what_failed_was_of_another_epoch_or_model_is_not_among_it(house: House) -> None:
    before = len(Search(house.config.layout, EPOCH_2).found())
    house.call(1, status=FAILED, epoch=2)
    house.call(1, epoch=9)
    house.call(1, epoch=2)
    assert len(Search(house.config.layout, EPOCH_2).found()) == before + 1
    assert Search(house.config.layout, EPOCH_2._replace(model="pricing")).found() == []


def test_a_list_that_is_not_whole_says_so(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--dir", str(house.config.layout.root), "--model", "flights", "--version", "2", "--epochs", "2"]
    assert answered(asked) == 0
    assert capsys.readouterr().out.split() == of_epoch_2(house)
    damaged = segments(house.writer.folder)[1]
    with damaged.open("r+b") as file:
        file.seek(20_000)
        file.write(b"torn")
    assert answered(asked) == 1
    said = capsys.readouterr()
    assert f"not all: {damaged} is damaged" in said.err
    assert 0 < len(said.out.split()) < len(of_epoch_2(house))


def test_what_has_gone_to_exports_elsewhere_is_asked_for_there(house: House) -> None:
    house.config.layout.config.parent.mkdir(parents=True, exist_ok=True)
    house.config.layout.config.write_text('{"export_url": "s3://bucket/exports"}')
    assert Search(house.config.layout, EPOCH_2).missing() == []
    segments(house.writer.folder)[0].unlink()
    (words,) = Search(house.config.layout, EPOCH_2).missing()
    assert words == f"w00 before {CALLS} is at s3://bucket/exports: ask there with `--sql`"
