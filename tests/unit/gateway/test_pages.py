import struct

import pytest

from gateway.pages import REFUSED_NAME, Page, PageCorrupt, read_page


def values(path):
    return {(item.name, *sorted(item.labels.items())): item.value for item in read_page(path)}


def test_a_reader_sees_names_labels_and_values_while_the_page_is_written(tmp_path):
    page = Page.create(tmp_path / "w00.page")
    index = page.counter("calls_total", model="m", status="answered")
    page.values[index] += 3
    assert values(tmp_path / "w00.page")["calls_total", ("model", "m"), ("status", "answered")] == 3
    page.values[index] += 1
    assert values(tmp_path / "w00.page")["calls_total", ("model", "m"), ("status", "answered")] == 4


def test_the_same_name_and_labels_in_any_order_are_one_counter(tmp_path):
    page = Page.create(tmp_path / "p.page")
    assert page.counter("c", a="1", b="2") == page.counter("c", b="2", a="1") != page.counter("c", a="2", b="1")


def test_a_full_page_counts_what_it_refuses(tmp_path):
    page = Page.create(tmp_path / "p.page", capacity=3)
    for number in range(5):
        page.values[page.counter(f"c{number}")] += 1
    page.set("gauge", 17)
    found = values(tmp_path / "p.page")
    assert found == {(REFUSED_NAME,): 4, ("c0",): 1, ("c1",): 1}


def test_a_name_longer_than_its_place_is_refused(tmp_path):
    page = Page.create(tmp_path / "p.page")
    page.values[page.counter("c", model="é" * 130)] += 1
    assert values(tmp_path / "p.page") == {(REFUSED_NAME,): 1}


def test_an_opened_page_counts_on_and_a_created_one_begins_at_zero(tmp_path):
    path = tmp_path / "p.page"
    page = Page.create(path)
    page.values[page.counter("c", a="x")] += 5
    again = Page.open(path)
    again.values[again.counter("c", a="x")] += 1
    assert values(path)["c", ("a", "x")] == 6
    Page.create(path)
    assert values(path) == {(REFUSED_NAME,): 0}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: b"something else" + data[14:],
        lambda data: data[:-1],
        lambda data: data[:8] + struct.pack("<I", 2) + data[12:],
        lambda data: data[:16] + struct.pack("<Q", 1 << 40) + data[24:],
    ],
)
def test_a_file_that_is_no_page_is_refused_and_replaced(tmp_path, damage):
    path = tmp_path / "p.page"
    Page.create(path, capacity=4)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PageCorrupt, match=str(path)):
        read_page(path)
    Page.open(path, capacity=4)
    assert values(path) == {(REFUSED_NAME,): 0}
