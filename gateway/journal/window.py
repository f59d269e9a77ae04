"""The part of a segment that is in a writer's memory: a little ahead of what it writes, and not what it has written.

A mapped segment counts whole to its process, though it is the kernel's cache of a file. Pages ahead are made writable
before the writer comes to them (MADV_POPULATE_WRITE, Linux 5.14), so that no request pays for a page fault; pages
behind are let go (MADV_DONTNEED), which for a shared mapping of a file loses nothing. Known weakness: a writer that is
faster than the window is moved takes the faults itself.
"""

import mmap

PAGE: int = mmap.PAGESIZE
AHEAD_BYTES = 8 << 20
BEHIND_BYTES = 1 << 20
STEP_BYTES = 256 << 10  # in one system call, which holds the interpreter lock
MADV_POPULATE_WRITE = 23  # the module has no name for it


class Window:
    """Of one segment. Written by: the thread `journal-files`, also while the writer writes, and closes the mapping."""

    def __init__(self, memory: mmap.mmap, ahead_bytes: int = AHEAD_BYTES, behind_bytes: int = BEHIND_BYTES) -> None:
        self.ready, self.left = 0, PAGE  # up to where pages are ready, and let go: not the header, which is written on
        self._memory, self._ahead, self._behind = memory, ahead_bytes, behind_bytes
        self._size = len(memory)

    def open(self) -> bool:
        """Of a fresh segment: its beginning is ready, the rest is let go. False where the kernel cannot: all stays."""
        try:
            self._make_ready(min(self._ahead, self._size))
        except OSError:
            return False
        if self.ready < self._size:
            self._memory.madvise(mmap.MADV_DONTNEED, self.ready, self._size - self.ready)
        return True

    def move(self, committed: int) -> None:
        """To where the writer stands. Raises: ValueError when the mapping is closed, OSError."""
        self._make_ready(min(committed + self._ahead, self._size))
        until = max(committed - self._behind, 0) // PAGE * PAGE
        if until > self.left:
            self._memory.madvise(mmap.MADV_DONTNEED, self.left, until - self.left)
            self.left = until

    def _make_ready(self, until: int) -> None:
        while self.ready < until:
            step = min(STEP_BYTES, self._size - self.ready)
            self._memory.madvise(MADV_POPULATE_WRITE, self.ready, step)
            self.ready += step
