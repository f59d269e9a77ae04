"""What of a mapped segment is in memory: told by the kernel, page by page."""

import mmap
import os
import re
from pathlib import Path

import pytest

from gateway.journal.window import PAGE, Window

SIZE = 4 << 20
AHEAD, BEHIND = 1 << 20, 256 << 10


@pytest.fixture
def memory(tmp_path: Path) -> mmap.mmap:
    with (tmp_path / "segment").open("wb+") as file:
        os.posix_fallocate(file.fileno(), 0, SIZE)
        return mmap.mmap(file.fileno(), SIZE, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)


def resident(folder: Path) -> int:
    """Bytes of the segment that count to this process."""
    maps = Path("/proc/self/smaps").read_text()
    (kilobytes,) = re.findall(rf"{re.escape(str(folder))}/segment\n(?:.*\n)*?Rss: +(\d+) kB", maps)
    return int(kilobytes) << 10


def test_of_a_fresh_segment_the_beginning_alone_is_in_memory(memory: mmap.mmap, tmp_path: Path) -> None:
    assert resident(tmp_path) == SIZE
    assert Window(memory, AHEAD, BEHIND).open()
    assert resident(tmp_path) == AHEAD


def test_it_follows_the_writer_and_what_was_written_stays_written(memory: mmap.mmap, tmp_path: Path) -> None:
    window = Window(memory, AHEAD, BEHIND)
    window.open()
    written = os.urandom(3 << 20)
    for at in range(0, len(written), 1 << 16):
        memory[at : at + (1 << 16)] = written[at : at + (1 << 16)]
        window.move(at)
        assert window.ready >= min(at + AHEAD, SIZE)
        assert resident(tmp_path) <= AHEAD + BEHIND + (256 << 10) + (1 << 16) + PAGE
    assert window.left > 2 << 20
    assert memory[: len(written)] == written
    assert (tmp_path / "segment").read_bytes()[: len(written)] == written


def test_at_the_end_of_the_segment_it_stops(memory: mmap.mmap) -> None:
    window = Window(memory, AHEAD, BEHIND)
    window.open()
    window.move(SIZE)
    assert window.ready == SIZE


def test_a_mapping_that_was_closed_is_said_so(memory: mmap.mmap) -> None:
    window = Window(memory, AHEAD, BEHIND)
    window.open()
    memory.close()
    with pytest.raises(ValueError, match="closed"):
        window.move(SIZE // 2)
