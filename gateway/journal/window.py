"""The part of a segment that is in a writer's memory: a little ahead of what it writes, and not what it has written.

A mapped segment counts whole to its process, though it is the kernel's cache of a file. Pages ahead are made writable
before the writer comes to them (MADV_POPULATE_WRITE, Linux 5.14), so that no request pays for a page fault; pages
behind are let go (MADV_DONTNEED), which for a shared mapping of a file loses nothing. Known weakness: a writer that is
faster than the window is moved takes the faults itself.

Python's own mmap and madvise hold the interpreter lock while the kernel fills pages, for milliseconds: hence ctypes.
"""

import ctypes
import mmap
import os

PAGE: int = mmap.PAGESIZE
AHEAD_BYTES = 8 << 20
BEHIND_BYTES = 1 << 20
STEP_BYTES = 128 << 10  # in one system call: others of the core, and of the process's mappings, wait for it
MADV_POPULATE_WRITE = 23  # the module has no name for it

_madvise = ctypes.CDLL(None, use_errno=True).madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class Window:
    """Of one segment. Written by: the thread `journal-files`, also while the writer writes; who closes the mapping
    lets go of its window first."""

    def __init__(self, memory: mmap.mmap, ahead_bytes: int = AHEAD_BYTES, behind_bytes: int = BEHIND_BYTES) -> None:
        self.ready, self.left = 0, PAGE  # up to where pages are ready, and let go: not the header, which is written on
        self._ahead, self._behind = ahead_bytes, behind_bytes
        self._size = len(memory)
        memory.madvise(mmap.MADV_RANDOM)  # or a fault reads ahead: 8 MB of zeros in one go, 18 ms, where a disk says so
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(memory))

    def step(self, committed: int) -> bool:
        """A little of what there is to do for a writer that stands there; whether there is more. Raises: OSError."""
        ahead = min(committed + self._ahead, self._size)
        behind = max(committed - self._behind, 0) // PAGE * PAGE
        if self.ready < ahead:
            size = min(STEP_BYTES, self._size - self.ready)
            self._advise(MADV_POPULATE_WRITE, self.ready, size)
            self.ready += size
        if self.left < behind:
            size = min(STEP_BYTES, behind - self.left)
            self._advise(mmap.MADV_DONTNEED, self.left, size)
            self.left += size
        return self.ready < ahead or self.left < behind

    def _advise(self, what: int, at: int, size: int) -> None:
        if _madvise(self._address + at, size, what):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
