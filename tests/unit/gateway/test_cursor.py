import json
import zlib

import pytest

from gateway.journal.cursor import Checkpoint, CheckpointCorrupt, read_checkpoint
from gateway.journal.walk import Position

POSITIONS = {"w00": Position(0, 4096, 0), "w01": Position(100, 5000, 123)}


def test_positions_and_state_come_back_together(tmp_path):
    checkpoint = Checkpoint(tmp_path / "observer.json")
    assert checkpoint.load() == ({}, {})
    checkpoint.save(POSITIONS, {"calls": [["m", 3]]})
    assert Checkpoint(checkpoint.path).load() == (POSITIONS, {"calls": [["m", 3]]})
    assert checkpoint.lost == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: data.replace(b"5000", b"5001"),
        lambda data: data.replace(b'"format": 1', b'"format": 2'),
        lambda data: b"\x00\xff" * 40,
        lambda data: json.dumps([1, 2]).encode(),
        lambda data: json.dumps({"format": 1, "crc32": zlib.crc32(b"[]")}).encode() + b"\n[]",
    ],
)
def test_a_file_that_is_no_checkpoint_is_kept_aside_and_counted(tmp_path, damage):
    path = tmp_path / "observer.json"
    Checkpoint(path).save(POSITIONS, {})
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(CheckpointCorrupt, match="observer"):
        read_checkpoint(path)
    checkpoint = Checkpoint(path)
    assert checkpoint.load() == ({}, {})
    assert checkpoint.lost == 1
    assert (tmp_path / "observer.corrupt").read_bytes() == damaged
