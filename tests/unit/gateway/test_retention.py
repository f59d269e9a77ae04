import dataclasses
from pathlib import Path

import pytest

from gateway import retention
from gateway.config import Config
from gateway.journal.cursor import Checkpoint
from gateway.journal.walk import Position
from gateway.retention import Segment, expired
from tests.journals import config_in, know, record, route, schema, writer_of

NOW = 100_000.0
CONFIG = Config(retention_s=60.0, retention_bytes=1_000)


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
