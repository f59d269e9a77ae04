import struct
import subprocess
import sys

import pytest

from gateway.journal.format import COMMITTED_AT, HEADER_BYTES, JournalCorrupt
from gateway.journal.segments import cell, make_segment, segment_path, segments
from gateway.journal.walk import JournalReader, SegmentReader
from tests.journals import SEGMENT_BYTES, config_in, record, writer_of


@pytest.fixture
def sealed(tmp_path):
    """The one segment of a closed journal of 3 calls."""
    writer = writer_of(config_in(tmp_path))
    for _ in range(3):
        assert writer.append(record(writer, 0))
    writer.close()
    return segments(writer.folder)[0]


def patched(at, data):
    return lambda content: content[:at] + data + content[at + len(data) :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "empty"),
        (lambda content: content[:100], "100 bytes, shorter"),
        (patched(0, b"PK"), "not a journal segment"),
        (patched(8, struct.pack("<I", 1)), "format version 1"),
        (patched(8, struct.pack("<I", 3)), "format version 3"),
        (patched(12, struct.pack("<I", 8192)), "format version"),
        (lambda content: content[:-8], "committed"),
        (patched(COMMITTED_AT, struct.pack("<Q", 1 << 50)), "committed"),
        (patched(COMMITTED_AT, struct.pack("<Q", 8)), "committed"),
        (patched(COMMITTED_AT, struct.pack("<Q", HEADER_BYTES + 8)), "checksum of the seal"),
        (patched(24, struct.pack("<Q", 1)), "checksum of the header"),
        (patched(44, struct.pack("<H", 1)), "checksum of the header"),
    ],
)
def test_a_file_that_is_no_whole_segment_is_refused_with_its_name_and_what_is_wrong(sealed, damage, message):
    sealed.write_bytes(damage(sealed.read_bytes()))
    with pytest.raises(JournalCorrupt, match=message) as raised:
        SegmentReader(sealed)
    assert str(sealed) in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "readable"),
    [
        (patched(HEADER_BYTES + 40, b"\xff"), 0),
        (patched(HEADER_BYTES + 144 + 4, b"\xff"), 1),
        (patched(HEADER_BYTES + 2 * 144, struct.pack("<I", 4)), 2),
        (patched(HEADER_BYTES + 2 * 144, struct.pack("<I", 1 << 30)), 2),
    ],
)
def test_a_damaged_frame_is_refused_with_its_place_and_what_is_before_it_is_read(sealed, damage, readable):
    sealed.write_bytes(damage(sealed.read_bytes()))
    reader = SegmentReader(sealed)
    at = HEADER_BYTES
    for _ in range(readable):
        batch, at = reader.next(at, 1)
        assert batch is not None
        assert len(batch) == 1
    with pytest.raises(JournalCorrupt, match=f"byte {HEADER_BYTES + 144 * readable} "):
        reader.next(at, 1)


def test_a_reader_says_once_what_is_wrong_and_goes_on_with_the_next_segment(tmp_path):
    config = config_in(tmp_path)
    for _ in range(3):
        writer = writer_of(config)
        assert writer.append(record(writer, 0))
        writer.close()
    first, second, _third = segments(writer.folder)
    first.write_bytes(b"something else")
    second.write_bytes(patched(HEADER_BYTES + 8, b"\xff")(second.read_bytes()))
    reader = JournalReader(writer.folder)
    for _ in range(2):
        with pytest.raises(JournalCorrupt):
            reader.read()
    batch = reader.read()
    assert batch is not None
    assert batch.headers["sequence"].tolist() == [2]
    assert (reader.missed, reader.corrupt) == (2, 2)


def test_a_segment_of_a_killed_writer_is_sealed_and_trimmed_by_the_next_one(tmp_path):
    config = config_in(tmp_path)
    writer = writer_of(config)
    assert writer.append(record(writer, 0))
    writer._ahead.stop()  # as dead as a writer in this process can be
    path = segment_path(writer.folder, 0)
    assert path.stat().st_size == SEGMENT_BYTES
    writer_of(config).close()
    assert path.stat().st_size == HEADER_BYTES + 144


def test_a_segment_removed_under_a_reader_shows_as_missed(tmp_path):
    config = config_in(tmp_path)
    for _ in range(3):
        writer = writer_of(config)
        assert writer.append(record(writer, 0))
        writer.close()
    segments(writer.folder)[0].unlink()
    reader = JournalReader(writer.folder)
    assert [reader.read().headers["sequence"].tolist() for _ in range(2)] == [[1], [2]]
    assert reader.missed == 1


LOOK = """
import mmap, sys
from gateway.journal.segments import committed_bytes
with open(sys.argv[1], "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
print("looking", flush=True)
before = 0
while before < int(sys.argv[2]):
    for _ in range(1000):
        seen = committed_bytes(memory)
        assert seen >= before, (seen, before)
        before = seen
"""


def test_who_looks_while_the_cursor_is_written_never_sees_it_go_back(tmp_path):
    path, goal = tmp_path / "one", 1_000_000
    memory = make_segment(path, 64 << 10, host=0, slot=0)
    command = [sys.executable, "-c", LOOK, str(path), str(goal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as looking:
        assert looking.stdout is not None
        assert looking.stdout.readline() == b"looking\n"
        cursor = cell(memory, COMMITTED_AT)
        for value in range(goal + 1):
            cursor.value = value
        assert looking.wait(30) == 0
