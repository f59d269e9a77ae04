"""Segment files of one journal: made ahead of the writer, found by sequence, removed by age and size.

One folder a journal; a segment's name is the sequence of its first prediction, so a folder listing is an index.
"""

import ctypes
import logging
import mmap
import os
import queue
import threading
import time
import zlib
from pathlib import Path

from gateway.journal.format import (
    ALIGN,
    COMMITTED_AT,
    CRC,
    FORMAT_VERSION,
    HEADER_BYTES,
    IDENTITY,
    IDENTITY_CRC_AT,
    MAGIC,
    NEXT_AT,
    SEAL_CRC_AT,
    SEALED_AT,
    WORD,
    JournalCorrupt,
)
from gateway.journal.window import AHEAD_BYTES, STEP_BYTES, Window

log = logging.getLogger(__name__)

SUFFIX = ".segment"
AHEAD = "ahead.tmp"
SEQUENCE = "sequence"
RETRY_S = 0.5  # after a disk that had no room
UNUSED = ((IDENTITY_CRC_AT + 4, COMMITTED_AT), (NEXT_AT + 8, SEALED_AT), (SEAL_CRC_AT + 4, HEADER_BYTES))
LOOK_S = 0.05  # how often the window follows the writer
PAUSE_S = 0.0001  # between its steps: the writer may share the core, and comes first
ZEROS = bytes(STEP_BYTES)


def segment_path(folder: Path, base_sequence: int) -> Path:
    return folder / f"{base_sequence:016d}{SUFFIX}"


def base_sequence_of(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX))


def segments(folder: Path) -> list[Path]:
    """Segment files, oldest first."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))


def make_segment(path: Path, segment_bytes: int, *, host: int, slot: int) -> mmap.mmap:
    """A new file of `segment_bytes`, its blocks allocated, mapped for writing. No page of it is in memory yet.

    Raises: OSError, with nothing left behind, when the disk has no room.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, segment_bytes)
        memory = mmap.mmap(descriptor, segment_bytes, flags=mmap.MAP_SHARED)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
    identify(memory, segment_bytes, base_sequence=0, host=host, slot=slot)
    put(memory, COMMITTED_AT, HEADER_BYTES)
    return memory


def identify(memory: mmap.mmap, segment_bytes: int, *, base_sequence: int, host: int, slot: int) -> None:
    """Writes what a segment is, and the checksum of that."""
    identity = IDENTITY.pack(
        MAGIC, FORMAT_VERSION, HEADER_BYTES, segment_bytes, base_sequence, time.time_ns(), host, slot
    )
    memory[: IDENTITY.size + CRC.size] = identity + CRC.pack(zlib.crc32(identity))


def check_identity(memory: mmap.mmap, path: Path) -> tuple[int, int]:
    """(segment bytes, base sequence) of a segment.

    Raises: JournalCorrupt for a foreign, truncated or future file.
    """
    if len(memory) < HEADER_BYTES:
        raise JournalCorrupt(f"{path}: {len(memory)} bytes, shorter than a segment's header of {HEADER_BYTES}")
    magic, version, header_bytes, segment_bytes, base, *_ = IDENTITY.unpack_from(memory, 0)
    if magic != MAGIC:
        raise JournalCorrupt(f"{path}: starts with {magic!r}, not a journal segment")
    if version != FORMAT_VERSION or header_bytes != HEADER_BYTES:
        raise JournalCorrupt(f"{path}: format version {version}; this program reads version {FORMAT_VERSION}")
    if zlib.crc32(memory[:IDENTITY_CRC_AT]) != CRC.unpack_from(memory, IDENTITY_CRC_AT)[0]:
        raise JournalCorrupt(f"{path}: bytes 0 to {IDENTITY_CRC_AT}: the checksum of the header is wrong")
    committed, sealed = committed_bytes(memory), WORD.unpack_from(memory, SEALED_AT)[0]
    if (
        not HEADER_BYTES <= committed <= len(memory)
        or committed % ALIGN
        or (not sealed and len(memory) != segment_bytes)
    ):
        raise JournalCorrupt(f"{path}: {len(memory)} bytes long, {committed} committed, {segment_bytes} expected")
    if sealed and _seal_crc(memory, sealed) != CRC.unpack_from(memory, SEAL_CRC_AT)[0]:
        raise JournalCorrupt(f"{path}: bytes {COMMITTED_AT} to {SEAL_CRC_AT}: the checksum of the seal is wrong")
    for begin, end in UNUSED:
        if memory[begin:end] != bytes(end - begin):
            raise JournalCorrupt(f"{path}: bytes {begin} to {end}: zeros expected in this part of the header")
    return segment_bytes, base


def cell(memory: mmap.mmap, at: int) -> "ctypes.c_uint64":
    """Eight aligned bytes that others read while they are written: `.value = n` is one store.

    `struct` clears the bytes before it packs: who looks at that instant sees 0, and a writer that is killed then leaves
    it. (It reads them in one load, where they are in the order of the machine.) The memory cannot be closed before the
    cell is gone.
    """
    return ctypes.c_uint64.from_buffer(memory, at)


def put(memory: mmap.mmap, at: int, value: int) -> None:
    """One store, where it is not worth a cell."""
    cell(memory, at).value = value


def committed_bytes(memory: mmap.mmap) -> int:
    return int(WORD.unpack_from(memory, COMMITTED_AT)[0])


def next_sequence(memory: mmap.mmap) -> int:
    """The sequence that the next record will have, as the writer last said."""
    return int(WORD.unpack_from(memory, NEXT_AT)[0])


def is_sealed(memory: mmap.mmap) -> bool:
    return bool(WORD.unpack_from(memory, SEALED_AT)[0])


def seal(memory: mmap.mmap) -> int:
    """Marks a segment as ended where its last commit stands; the bytes it then needs."""
    if not is_sealed(memory):
        now = time.time_ns()
        CRC.pack_into(memory, SEAL_CRC_AT, _seal_crc(memory, now))  # first: who sees the seal finds its checksum
        put(memory, SEALED_AT, now)
    return committed_bytes(memory)


def _seal_crc(memory: mmap.mmap, sealed: int) -> int:
    return zlib.crc32(WORD.pack(sealed), zlib.crc32(memory[:SEALED_AT]))


def trim(path: Path, size: int) -> None:
    """Gives back what a sealed segment did not use; one without a prediction (size 0) goes whole.

    A reader keeps what it has mapped, and looks for the next segment by sequence.
    """
    if size:
        os.truncate(path, size)
    else:
        path.unlink(missing_ok=True)


def recover(path: Path, *, empty: bool = False) -> None:
    """Seals and trims a segment whose writer was killed; `empty` removes it. Raises: JournalCorrupt."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        check_identity(memory, path)
        size = seal(memory)
    trim(path, 0 if empty else size)


def read_sequence(folder: Path) -> int:
    """The sequence to go on from by the folder's own note; 0 without one. It outlives segments that were removed."""
    try:
        return int((folder / SEQUENCE).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def note_sequence(folder: Path, sequence: int) -> None:
    temporary = folder / f"{SEQUENCE}.tmp"
    temporary.write_text(str(sequence))
    temporary.replace(folder / SEQUENCE)


class Ahead:
    """Keeps one spare segment ready, trims and closes ended ones, in a thread of its own: a rotation waits for no disk.

    Written by: the thread `journal-files` (sets `_spare`); the writer takes it.
    """

    def __init__(self, folder: Path, segment_bytes: int, *, host: int, slot: int) -> None:
        self.folder = folder
        self.segment_bytes = segment_bytes
        self.host = host
        self.slot = slot
        self._filled = False  # whether the last segment was: then the next will be
        self.failing = False  # written by whom the disk refused or gave something
        self._spare: mmap.mmap | None = None
        self._writing: mmap.mmap | None = None  # the segment that was taken last
        self._windows: dict[int, Window] = {}  # by the identity of the mapping: of the spare, and of what is written
        self._ended: queue.SimpleQueue[tuple[Path, int, int, mmap.mmap]] = queue.SimpleQueue()
        self._wanted = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="journal-files", daemon=True)
        (folder / AHEAD).unlink(missing_ok=True)
        self._wanted.set()
        self._thread.start()

    def take(self, base_sequence: int, *, wait_s: float = 0.0) -> mmap.mmap | None:
        """The spare segment under its name, or None when the disk has not given one yet."""
        deadline = time.monotonic() + wait_s
        while self._spare is None and time.monotonic() < deadline:
            time.sleep(0.0005)
        spare = self._spare
        if spare is None:
            return None
        identify(spare, self.segment_bytes, base_sequence=base_sequence, host=self.host, slot=self.slot)
        try:
            os.rename(self.folder / AHEAD, segment_path(self.folder, base_sequence))
        except OSError as error:  # a disk that has become read-only: the spare one stays for later
            self._tell(error)
            return None
        self._tell(None)
        self._writing, self._spare = spare, None
        self._wanted.set()
        return spare

    def ended(self, base_sequence: int, size: int, following: int, memory: mmap.mmap) -> None:
        """Hands over a sealed segment: `size` bytes of it are in use, and `following` is the next sequence."""
        self._ended.put((segment_path(self.folder, base_sequence), size, following, memory))
        self._wanted.set()

    def stop(self) -> None:
        self._stopped = True
        self._wanted.set()
        self._thread.join(timeout=5.0)
        try:
            self._trim_ended()
            (self.folder / AHEAD).unlink(missing_ok=True)
        except OSError as error:  # the next writer of the folder does it
            log.error("journal %s: %s; its last segments are not cut", self.folder.name, error)

    def _trim_ended(self) -> None:
        while not self._ended.empty():
            path, size, following, memory = self._ended.get()
            self._windows.pop(id(memory), None)
            memory.close()
            self._filled = size > self.segment_bytes // 2
            trim(path, size)
            note_sequence(self.folder, following)

    def _run(self) -> None:
        while not self._stopped:
            if not self._wanted.wait(LOOK_S):
                self._follow(self._writing)
                continue
            self._wanted.clear()
            if self._stopped:
                return
            try:
                self._trim_ended()
                if self._spare is None:
                    self._make()
                self._tell(None)
            except OSError as error:
                self._tell(error)
                time.sleep(RETRY_S)
                self._wanted.set()

    def _tell(self, error: OSError | None) -> None:
        """Says once that the disk refuses, and once that it gives again."""
        if error is not None and not self.failing:
            name = self.folder.name
            log.error("journal %s: %s; calls are answered, and not journaled once this segment is full", name, error)
        elif error is None and self.failing:
            log.warning("journal %s: there is room again", self.folder.name)
        self.failing = error is not None

    def _make(self) -> None:
        """A spare, of which only the beginning is in memory. Raises: OSError."""
        spare = make_segment(self.folder / AHEAD, self.segment_bytes, host=self.host, slot=self.slot)
        self._cache(self.segment_bytes if self._filled else min(AHEAD_BYTES, self.segment_bytes))
        self._windows[id(spare)] = Window(spare)
        self._spare = spare
        self._follow(spare)

    def _cache(self, size: int) -> None:
        """Writes zeros that are there already, while nobody else writes: the kernel then has pages of the spare in its
        cache, large ones, in a fifth of the time that faults take to make them one by one. Raises: OSError."""
        with (self.folder / AHEAD).open("r+b", buffering=0) as file:
            for at in range(HEADER_BYTES, size, STEP_BYTES):
                os.pwrite(file.fileno(), ZEROS[: size - at], at)
                time.sleep(PAUSE_S)

    def _follow(self, memory: mmap.mmap | None) -> None:
        """Moves a segment's window to where its writer stands."""
        window = self._windows.get(id(memory))
        if memory is None or window is None:
            return
        try:
            while window.step(committed_bytes(memory)):
                time.sleep(PAUSE_S)
        except OSError as error:
            log.warning("journal %s: %s; its writer takes the page faults itself", self.folder.name, error)
            self._windows.pop(id(memory), None)
