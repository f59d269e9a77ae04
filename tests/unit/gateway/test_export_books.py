"""At every moment each record of a journal is delivered, pending, expired or unreadable; the metrics say the same."""

import mmap
import random
from pathlib import Path

import numpy as np
import pytest

from gateway.config import Config
from gateway.journal.segments import seal, segments
from gateway.pages import read_page
from gateway.shipper import Shipper
from gateway.shipping.books import Books
from tests.journals import config_in, record, schema, writer_of

X = np.ones((1, 3), np.float32)


class Journal:
    """A writer that knows how many records it wrote."""

    def __init__(self, config: Config) -> None:
        self.writer = writer_of(config, segment_bytes=1 << 16)
        self.number = self.writer.schema(schema())
        self.written = 0

    def segment(self, calls: int = 10) -> None:
        for _ in range(calls):
            assert self.writer.append(record(self.writer, self.number, x=X, arrived_unix_ns=5))
            self.written += 1
        assert self.writer._rotate(wait_s=5)


def sum_of(books: Books) -> int:
    return books.delivered + books.pending + books.expired + books.unreadable


def shown(config: Config) -> dict[str, int]:
    return {item.name: item.value for item in read_page(config.layout.page("shipper"))}


def block(config: Config, there: bool) -> None:
    """Whether files can be written: with a file where their folder should be, they cannot."""
    folder, aside = config.layout.parquet, config.layout.root / "aside"
    if there == folder.is_dir():
        return
    if there:
        folder.unlink()
        aside.rename(folder)
    else:
        folder.rename(aside)
        folder.write_text("in the way")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) - 20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(4))
def test_the_books_balance_whatever_happens_in_whichever_order(tmp_path, seed):
    """Appends, exports, retention, damage, exporters started again, a disk that takes nothing: at random."""
    config = config_in(tmp_path)
    journal, chance, shipper = Journal(config), random.Random(seed), Shipper(config)
    damaged = False
    for _ in range(80):
        what = chance.choice(["append", "append", "ship", "ship", "retire", "damage", "restart", "refuse", "take"])
        kept = segments(journal.writer.folder)
        if what == "append":
            journal.segment(chance.randrange(1, 20))
        elif what == "ship":
            shipper._again = 0.0
            shipper.step()
        elif what == "retire" and len(kept) > 1:
            kept[0].unlink()
        elif what == "damage" and len(kept) > 2 and not damaged:
            damage(kept[-2])
            damaged = True
        elif what == "restart":
            shipper = Shipper(config)
        elif what in ("refuse", "take"):
            block(config, what == "take")
        check(config, shipper, journal.written)
    block(config, True)
    shipper._again = 0.0
    while shipper.step():
        pass
    check(config, shipper, journal.written)
    books = shipper.books()["w00"]
    assert books.pending == 0
    assert books.delivered == shipper.rows.total() > 0


def check(config: Config, shipper: Shipper, written: int) -> None:
    books = shipper.books()["w00"]
    assert sum_of(books) == books.journaled == written
    shipper.publish()
    page = shown(config)
    assert page["gnomon_export_journaled_total"] == written
    parts = ("consumer_read_total", "consumer_pending", "export_expired_total", "export_unreadable_total")
    assert sum(page[f"gnomon_{part}"] for part in parts) == written


def test_numbers_that_the_writer_left_out_were_never_journaled(tmp_path):
    config = config_in(tmp_path)
    journal, shipper = Journal(config), Shipper(config)
    journal.segment()
    too_large = record(journal.writer, journal.number, x=np.ones((400_000, 3), np.float32))
    assert not any(journal.writer.append(too_large) for _ in range(7))
    journal.segment()
    journal.writer.close()
    while shipper.step():
        pass
    assert shipper.books()["w00"] == Books(journaled=20, delivered=20, lost=7)


def test_what_the_writer_lost_at_the_end_of_a_segment_is_known_with_that_segment(tmp_path):
    config = config_in(tmp_path)
    journal, shipper = Journal(config), Shipper(config)
    for _ in range(3):
        assert journal.writer.append(record(journal.writer, journal.number, x=X))
    assert not journal.writer.append(record(journal.writer, journal.number, x=np.ones((400_000, 3), np.float32)))
    journal.writer.close()
    assert shipper.step()
    assert shipper.books()["w00"] == Books(journaled=3, delivered=3, lost=1)
    page = shown(config)
    assert (page["gnomon_consumer_cursor"], page["gnomon_consumer_pending_bytes"]) == (4, 0)


def test_a_sealed_segment_without_a_record_is_not_taken_for_the_next_one_of_its_name(tmp_path):
    config = config_in(tmp_path)
    journal = Journal(config)
    (path,) = segments(journal.writer.folder)
    journal.writer._ahead.stop()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        seal(memory)  # as its writer does, a moment before it removes it
    shipper = Shipper(config)
    assert not shipper.step()
    path.unlink()
    again = Journal(config)
    again.segment(5)
    assert path in segments(again.writer.folder)
    assert shipper.step()
    assert shipper.books()["w00"] == Books(journaled=5, delivered=5)


def test_what_retention_took_is_expired_at_once_though_nothing_is_exported(tmp_path):
    config = config_in(tmp_path)
    journal, shipper = Journal(config), Shipper(config)
    for _ in range(5):
        journal.segment()
    for path in segments(journal.writer.folder)[:3]:
        path.unlink()
    assert shipper.books()["w00"] == Books(journaled=50, expired=30, pending=20)
