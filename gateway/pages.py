"""Pages: counters of one process in a mapped file, read by anybody while they are written.

    0        64                     64 + 8·capacity                         (little-endian)
    │ header │ value │ value │ …… │ name │ name │ ……        int64 values, 256 bytes a name

A name is the length of its JSON, then the JSON: ["name", {"label": "value"}]. The header's count of names is raised
after a name is whole. Value 0 has a fixed name: it takes what there was no room to count under its own.
"""

import json
import mmap
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = b"GNOMONPG"
FORMAT_VERSION: Final = 1
HEADER: Final = struct.Struct("<8sIIQ")  # magic, format version, capacity, names in use
HEADER_BYTES: Final = 64
USED_AT: Final = 16
NAME_BYTES: Final = 256
_LENGTH: Final = struct.Struct("<H")
_USED: Final = struct.Struct("<Q")

GONE: Final = -(1 << 63)  # the value of a counter that is no more: its place stays, and readers leave it out
REFUSED: Final = 0
REFUSED_NAME: Final = "gnomon_page_refused_total"


class PageCorrupt(ValueError):
    """A file that is not a page; the message says which and why."""


class Reading(NamedTuple):
    """One counter as a reader found it."""

    name: str
    labels: dict[str, str]
    value: int


class Page:
    """One process's counters. Written by: that process, from one thread; `values[i] += 1` is the write."""

    def __init__(self, memory: mmap.mmap, capacity: int) -> None:
        self.capacity = capacity
        self.values: NDArray[np.int64] = np.frombuffer(memory, "<i8", capacity, HEADER_BYTES)
        self._memory = memory
        used = int(_USED.unpack_from(memory, USED_AT)[0])
        names = spelled(memory, HEADER_BYTES + 8 * capacity, used)
        self._index = {_key(*name): index for index, name in enumerate(names)}

    @classmethod
    def create(cls, path: Path, capacity: int = 4096) -> "Page":
        """A new page, all zero, in place of what was there. Readers see the old file or the whole new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb+") as file:
            # Blocks of its own: a write into a hole of a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, HEADER_BYTES + capacity * (8 + NAME_BYTES))
            memory = mmap.mmap(file.fileno(), 0)
        HEADER.pack_into(memory, 0, MAGIC, FORMAT_VERSION, capacity, 0)
        page = cls(memory, capacity)
        page.counter(REFUSED_NAME)
        os.replace(temporary, path)
        return page

    @classmethod
    def open(cls, path: Path, capacity: int = 4096) -> "Page":
        """The page that is there, counting on from its values; a new one where there is none that can be used."""
        try:
            with path.open("rb+") as file:
                memory = _mapped(path, file.fileno(), mmap.ACCESS_WRITE)
        except (FileNotFoundError, PageCorrupt):
            return cls.create(path, capacity)
        return cls(memory, HEADER.unpack_from(memory, 0)[2])

    def counter(self, name: str, **labels: str) -> int:
        """The index of a counter; it is given a place at its first use.

        A full page, or a name longer than its place, gives REFUSED: what is added there is counted as refused.
        """
        key = _key(name, labels)
        index = self._index.get(key)
        if index is None:
            index = self._index[key] = self._add(key.encode())
        return index

    def set(self, name: str, value: int, **labels: str) -> None:
        """Sets a counter to a total known from elsewhere, or a gauge. Without room nothing is set."""
        index = self.counter(name, **labels)
        if index != REFUSED:
            self.values[index] = value
        elif name != REFUSED_NAME:
            self.values[REFUSED] += 1

    def drop(self, name: str, **labels: str) -> None:
        """What it counted is no more: readers leave it out until it is set again."""
        if (index := self._index.get(_key(name, labels))) is not None:
            self.values[index] = GONE

    def zero(self, name: str) -> None:
        """Sets all counters of that name to 0, whatever their labels."""
        beginning = json.dumps([name], ensure_ascii=False)[:-1] + ","
        for key, index in self._index.items():
            if key.startswith(beginning):
                self.values[index] = 0

    def _add(self, text: bytes) -> int:
        used = int(_USED.unpack_from(self._memory, USED_AT)[0])
        if used == self.capacity or len(text) > NAME_BYTES - _LENGTH.size:
            return REFUSED
        at = HEADER_BYTES + 8 * self.capacity + NAME_BYTES * used
        _LENGTH.pack_into(self._memory, at, len(text))
        self._memory[at + _LENGTH.size : at + _LENGTH.size + len(text)] = text
        np.frombuffer(self._memory, "<i8", 1, USED_AT)[0] = used + 1  # one store: struct would first clear it
        return used


def read_page(path: Path, prefix: str = "") -> list[Reading]:
    """The counters of a page whose names begin so, as they stand. Raises: FileNotFoundError, PageCorrupt."""
    names, values = read_whole(path)
    wanted, found = f'["{prefix}'.encode(), []
    for number, value in enumerate(values):
        at = NAME_BYTES * number
        if value != GONE and names.startswith(wanted, at + _LENGTH.size):
            found.append(Reading(*_name(names, at), value))
    return found


def read_whole(path: Path) -> tuple[bytes, tuple[int, ...]]:
    """The names of a page as they lie there, for `spelled`, and a value for each. Names are only ever added to a page:
    who has seen the same bytes before knows them. Raises: FileNotFoundError, PageCorrupt.
    """
    with path.open("rb") as file:
        memory = _mapped(path, file.fileno(), mmap.ACCESS_READ)
    with memory:
        capacity, used = HEADER.unpack_from(memory, 0)[2:]
        names_at = HEADER_BYTES + 8 * capacity
        return memory[names_at : names_at + NAME_BYTES * used], struct.unpack_from(f"<{used}q", memory, HEADER_BYTES)


def spelled(names: bytes | mmap.mmap, at: int = 0, count: int | None = None) -> list[tuple[str, dict[str, str]]]:
    """(name, labels) of each place, of all in `names` or of `count` from `at` on."""
    places = range(at, len(names) if count is None else at + NAME_BYTES * count, NAME_BYTES)
    return [_name(names, place) for place in places]


def _key(name: str, labels: dict[str, str]) -> str:
    return json.dumps([name, dict(sorted(labels.items()))], separators=(",", ":"), ensure_ascii=False)


def _mapped(path: Path, descriptor: int, access: int) -> mmap.mmap:
    size = os.fstat(descriptor).st_size
    if size < HEADER_BYTES:
        raise PageCorrupt(f"{path}: {size} bytes, shorter than a page's header of {HEADER_BYTES}")
    memory = mmap.mmap(descriptor, size, access=access)
    magic, version, capacity, used = HEADER.unpack_from(memory, 0)
    if magic != MAGIC or version != FORMAT_VERSION:
        raise PageCorrupt(f"{path}: starts with {magic!r} version {version}, not a page of version {FORMAT_VERSION}")
    if size != HEADER_BYTES + capacity * (8 + NAME_BYTES) or used > capacity:
        raise PageCorrupt(f"{path}: {size} bytes and {used} names do not fit a capacity of {capacity}")
    return memory


def _name(memory: bytes | mmap.mmap, at: int) -> tuple[str, dict[str, str]]:
    size = _LENGTH.unpack_from(memory, at)[0]
    name, labels = json.loads(memory[at + _LENGTH.size : at + _LENGTH.size + size])
    return name, labels
