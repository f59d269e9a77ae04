"""Slices of the processor: what is chosen is what the kernel then says, where it takes such wishes at all."""

import ctypes
import platform
import struct
import threading

import pytest

from gnomon import slices

READ = {"x86_64": 315, "aarch64": 275}  # sched_getattr(2)


def chosen(slice_ns: int) -> tuple[bool, int, int]:
    """(whether the kernel took it, the slice it says, the niceness it says), in a thread of its own."""
    found = []

    def look() -> None:
        taken = slices.choose(slice_ns)
        attributes = ctypes.create_string_buffer(56)
        number = READ[platform.machine()]
        ctypes.CDLL(None).syscall(number, threading.get_native_id(), attributes, 56, 0)
        _, _, _, niceness, _, runtime, _, _ = struct.unpack_from("=IIQiIQQQ", attributes)
        found.append((taken, runtime, niceness))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(platform.machine() not in READ, reason="the number of the system call is not known here")
def test_a_slice_is_taken_and_niceness_stays() -> None:
    taken, runtime, niceness = chosen(slices.SHORTEST_NS)
    assert taken
    assert niceness == chosen(slices.LONGEST_NS)[2]
    if runtime:  # Linux 6.12 and later tell it
        assert runtime == slices.SHORTEST_NS


def test_on_a_machine_of_another_kind_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "NUMBERS", {})
    assert not slices.choose(slices.SHORTEST_NS)
