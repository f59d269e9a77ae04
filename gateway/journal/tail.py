"""Where a segment ends, for its next writer: plain Python, as a worker has no use for what is compiled for readers."""

import mmap
import zlib
from pathlib import Path

from gateway.journal.format import FRAME, HEADER_BYTES, PREDICTION, WORD, JournalCorrupt
from gateway.journal.segments import base_sequence_of, check_identity, committed_bytes

_SEQUENCE_AT = 24  # in a prediction frame


def end_sequence(path: Path) -> int:
    """The sequence after a segment's last whole record; what a torn end holds is not counted.

    Raises: JournalCorrupt for a frame before the end that is not whole.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        check_identity(memory, path)
        at, end, following = HEADER_BYTES, committed_bytes(memory), base_sequence_of(path)
        with memoryview(memory) as view:
            while at < end:
                size, checksum, kind, *_ = FRAME.unpack(view[at : at + FRAME.size].tobytes().ljust(FRAME.size, b"\0"))
                if size < FRAME.size or at + size > end or zlib.crc32(view[at + 8 : at + size]) != checksum:
                    raise JournalCorrupt(f"{path}: the frame at byte {at} has a wrong length or checksum")
                if kind == PREDICTION:
                    following = int(WORD.unpack_from(view, at + _SEQUENCE_AT)[0]) + 1
                at += size
    return following
