"""What of a mapped segment is in memory: told by the kernel, page by page."""

import contextlib
import mmap
import os
import re
from pathlib import Path

import pytest

from gateway.journal.format import ANSWERED, INPUT
from gateway.journal.window import AHEAD_BYTES, BEHIND_BYTES, STEP_BYTES, Window
from gateway.journal.writer import Record, TensorRecord, Writer
from tests.waiting import until

SIZE = 4 << 20
AHEAD, BEHIND = 1 << 20, 256 << 10
FOLIO = 2 << 20  # a kernel may map so much around a page that it is asked for


@pytest.fixture
def memory(tmp_path: Path) -> mmap.mmap:
    with (tmp_path / "segment").open("wb+") as file:
        os.posix_fallocate(file.fileno(), 0, SIZE)
        return mmap.mmap(file.fileno(), SIZE, flags=mmap.MAP_SHARED)


def resident(folder: Path) -> int:
    """Bytes of the folder's files that count to this process."""
    maps = Path("/proc/self/smaps").read_text()
    found = re.findall(rf"{re.escape(str(folder))}/\S+\n(?:.*\n)*?Rss: +(\d+) kB", maps)
    return sum(map(int, found)) << 10


def move(window: Window, committed: int) -> None:
    while window.step(committed):
        pass


def test_of_a_fresh_segment_the_beginning_alone_is_in_memory(memory: mmap.mmap, tmp_path: Path) -> None:
    assert resident(tmp_path) == 0
    move(Window(memory, AHEAD, BEHIND), 0)
    assert resident(tmp_path) == AHEAD


def test_it_follows_the_writer_and_what_was_written_stays_written(memory: mmap.mmap, tmp_path: Path) -> None:
    window = Window(memory, AHEAD, BEHIND)
    move(window, 0)
    written = os.urandom(3 << 20)
    for at in range(0, len(written), 1 << 16):
        memory[at : at + (1 << 16)] = written[at : at + (1 << 16)]
        move(window, at)
        assert window.ready >= min(at + AHEAD, SIZE)
        assert resident(tmp_path) <= AHEAD + BEHIND + STEP_BYTES + (1 << 16) + FOLIO
    assert window.left > 2 << 20
    assert memory[: len(written)] == written
    assert (tmp_path / "segment").read_bytes()[: len(written)] == written


def test_at_the_end_of_the_segment_it_stops(memory: mmap.mmap) -> None:
    window = Window(memory, AHEAD, BEHIND)
    move(window, 0)
    move(window, SIZE)
    assert window.ready == SIZE


def test_a_writer_has_its_window_and_that_of_its_spare_in_memory(tmp_path: Path) -> None:
    segment_bytes = 48 << 20
    with contextlib.closing(
        Writer(tmp_path, host=0, slot=0, segment_bytes=segment_bytes, segment_max_age_s=1_000)
    ) as writer:
        windows = 2 * (AHEAD_BYTES + STEP_BYTES + FOLIO) + BEHIND_BYTES
        until(lambda: resident(tmp_path) <= windows)
        for _ in range(30 << 4):
            tensor = TensorRecord(INPUT, 0, "UINT8", (1, 1 << 16), bytes(1 << 16))
            assert writer.append(Record(writer.next_id(0), ANSWERED, 0, tensors=(tensor,)))
        until(lambda: resident(tmp_path) <= windows)
        assert writer.lost == 0
