import dataclasses
from pathlib import Path

import pytest

from gateway import retention
from gateway.config import Config
from gateway.journal.cursor import Checkpoint
from gateway.journal.readers import Readers
from gateway.journal.segments import base_sequence_of, segments
from gateway.journal.walk import Position
from gateway.observe.page import publish_readers
from gateway.pages import Page, read_page
from gateway.retention import Segment, expired
from gateway.verifying.report import verify
from tests.journals import config_in, know, record, route, schema, writer_of

NOW = 100_000.0
CONFIG = Config(retention_s=60.0, retention_bytes=1_000, retention_unread_s=4_000.0)


def segment(base, *, journal="w00", size=100, age_s=1_000.0, sealed=True):
    return Segment(
        path=Path(journal) / str(base), journal=journal, base=base, size_bytes=size, committed=100,
        sealed_unix_s=NOW - age_s if sealed else 0.0,
    )  # fmt: skip


ALL_READ = {name: {"w00": Position(30, 4096, 40), "shadow": Position(30, 4096, 40)} for name in retention.CONSUMERS}


@pytest.mark.parametrize(
    ("situation", "found", "positions", "gone"),
    [
        ("read by all and old", [segment(0), segment(10), segment(30)], ALL_READ, [0, 10]),
        ("the newest stays though old and read", [segment(0)], ALL_READ, []),
        ("young", [segment(0, age_s=10), segment(30)], ALL_READ, []),
        ("being written", [segment(0, sealed=False), segment(30)], ALL_READ, []),
        ("one consumer has not begun", [segment(0), segment(30)], ALL_READ | {"shipper": {}}, []),
        (
            "one consumer is in the middle of it",
            [segment(0), segment(10), segment(30)],
            ALL_READ | {"shipper": {"w00": Position(10, 50, 12)}},
            [0],
        ),
        (
            "one consumer is at its end",
            [segment(0), segment(10), segment(30)],
            ALL_READ | {"shipper": {"w00": Position(10, 100, 12)}},
            [0, 10],
        ),
        (
            "over the budget goes unread",
            [segment(0, size=600), segment(10, size=600), segment(30, size=100)],
            {"observer": {}},
            [0],
        ),
        ("too old goes unread", [segment(0, age_s=5_000), segment(10), segment(30)], {"observer": {}}, [0]),
        (
            "what is younger than one that stays, stays",
            [segment(0), segment(10, age_s=5_000), segment(30)],
            ALL_READ | {"shipper": {}},
            [],
        ),
        ("budgets are of one journal", [segment(0, size=600), segment(0, journal="w01", size=600)], {}, []),
        (
            "the shadow's journal is not waited for by the shadow",
            [segment(0, journal="shadow"), segment(30, journal="shadow")],
            ALL_READ | {"shadow": {}},
            [0],
        ),
    ],
)
def test_what_goes(situation, found, positions, gone):
    assert [int(path.name) for path in expired(found, positions, CONFIG, NOW)] == gone, situation


def test_segments_on_disk_go_once_all_consumers_have_read_them(tmp_path):
    config = dataclasses.replace(config_in(tmp_path), retention_s=0.0)
    writer = writer_of(config)
    know(writer, route())
    number = writer.schema(schema())
    for _ in range(3):
        assert writer.append(record(writer, number))
        assert writer._rotate(wait_s=5)
    writer.close()
    paths = [one.path for one in retention.observe(config.layout)]
    assert len(paths) == 3
    assert retention.apply(config) == []
    for consumer in retention.CONSUMERS:
        Checkpoint(config.layout.checkpoint(consumer)).save({"w00": Position(2, 0, 3)}, {})
    assert [path.name for path in retention.apply(config)] == ["0000000000000000.segment", "0000000000000001.segment"]
    assert writer_of(config).sequence == 3


@pytest.mark.parametrize("budget", [{"retention_bytes": 20_000}, {"retention_unread_s": 0.0}])
def test_exactly_what_a_consumer_that_fell_behind_has_missed_is_counted_for_it(tmp_path, budget):
    config = config_in(tmp_path)
    writer = writer_of(config)
    readers = {name: Readers(config.layout.worker_journals, {}) for name in ("observer", "shadow")}
    pages = {name: Page.create(config.layout.page(name)) for name in readers}
    for portion in range(10):
        for _ in range(10 + portion):
            assert writer.append(record(writer, 0))
        assert writer._rotate(wait_s=5)
        read_to_end(readers["observer"])
        if not portion:
            read_to_end(readers["shadow"])
        for name, each in readers.items():
            publish_readers(pages[name], each, name)
            Checkpoint(config.layout.checkpoint(name)).save(each.positions(), {"journals": each.counts()})
    behind = on_page(config, "shadow")
    assert (behind["cursor"], behind["pending"], behind["missed_total"]) == (10, 135, 0)
    assert behind["pending_bytes"] == 135 * 144
    assert on_page(config, "observer")["pending_bytes"] == 0
    removed = retention.apply(dataclasses.replace(config, **budget))
    gone = on_page(config, "retention", "gnomon_retention_")
    kept = [base_sequence_of(path) for path in segments(writer.folder)]
    assert len(removed) > 3
    assert gone["unread_total", "shadow"] == kept[0] - 10
    assert gone["unread_total", "observer"] == 0
    assert gone["unread_total", "shipper"] == gone["records_total"] == kept[0]
    read_to_end(readers["shadow"])
    publish_readers(pages["shadow"], readers["shadow"], "shadow")
    caught_up = on_page(config, "shadow")
    assert caught_up["missed_total"] == kept[0] - 21  # the segment it stood in it read to its end
    assert (caught_up["cursor"], caught_up["pending_bytes"]) == (145, 0)
    assert verify(config.layout).problems == []
    writer.close()


def read_to_end(readers):
    for follower in readers:
        while follower.peek() is not None:
            follower.done()


def on_page(config, process, prefix="gnomon_consumer_"):
    found = {}
    for reading in read_page(config.layout.page(process)):
        name, consumer = reading.name.removeprefix(prefix), reading.labels.get("consumer")
        found[(name, consumer) if consumer and prefix != "gnomon_consumer_" else name] = reading.value
    return found
