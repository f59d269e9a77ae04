"""A writer whose records can be forced to the disk: `durability = "sync"`, for those who have to survive a power loss.

One `sync` a turn of the event loop, before the replies of that turn leave, is a group commit: calls that were answered
together wait for the disk once. What a segment holds is forced before it is sealed; its name is with the next sync.
"""

import logging
import mmap
import os
from pathlib import Path

from gateway.journal.format import aligned
from gateway.journal.writer import Writer

log = logging.getLogger(__name__)


class DurableWriter(Writer):
    """Owned by the worker's event loop, as its base is. `sync` waits for the disk."""

    def __init__(self, folder: Path, *, host: int, slot: int, segment_bytes: int, segment_max_age_s: float) -> None:
        self.unsynced = 0  # syncs that the disk refused: replies of those turns left all the same
        self._synced = 0  # offset in the open segment that is on the disk
        self._named = False  # whether the name of the open segment is
        super().__init__(folder, host=host, slot=slot, segment_bytes=segment_bytes, segment_max_age_s=segment_max_age_s)

    def sync(self) -> bool:
        """Forces to the disk what was appended. False, logged and counted, when the disk refuses."""
        if self._memory is None or self._synced == self.open.offset:
            return True
        try:
            self._force(self._memory)
        except OSError as error:
            self.unsynced += 1
            log.error("journal %s: %s; what was answered may not survive a power loss", self.name, error)
            return False
        return True

    def _force(self, memory: mmap.mmap) -> None:
        """One msync of the header and all that was written: pages that are clean cost nothing. Raises: OSError."""
        memory.flush(0, min(len(memory), -(-aligned(self.open.offset) // mmap.PAGESIZE) * mmap.PAGESIZE))
        if not self._named:
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._named = True
        self._synced = self.open.offset

    def _seal(self) -> None:
        self.sync()
        super()._seal()
        self._synced, self._named = 0, False
