"""Many records of one size appended at once: for a consumer that writes a journal, and has a compiler.

As `Writer.append`, record by record: the same bytes, and the cursor moves behind each part that is whole.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.journal.crc import TABLES, Tables, crc32
from gateway.journal.format import ANSWERED, PREDICTION_DTYPE, SEQUENCE_BITS, SLOT_BITS
from gateway.journal.writer import Writer
from gnomon.stats.compiled import njit

ID_VERSION, ID_VARIANT = 7, 2  # of a UUID (RFC 9562)


def headers_of(frames: NDArray[np.uint8]) -> NDArray[Any]:
    """(n,) PREDICTION_DTYPE, a view of the first bytes of `frames` (n, size)."""
    view: NDArray[Any] = frames[:, : PREDICTION_DTYPE.itemsize].view(PREDICTION_DTYPE)[:, 0]
    return view


def append_block(writer: Writer, frames: NDArray[np.uint8], unix_ms: int) -> int:
    """Appends `frames` (n, size) uint8, contiguous, size a multiple of 8, all of one schema and epoch; how many.

    Their sequence, prediction id, size and checksum are filled in. Those there is no segment for are counted as lost.
    """
    headers, size = headers_of(frames), frames.shape[1]
    headers["frame_bytes"] = size
    schema, epoch = (int(headers[name][0]) for name in ("schema", "epoch"))
    done = 0
    while done < len(frames) and writer.make_room(size, schema, epoch):
        taken = min(len(frames) - done, (writer.open.end - writer.open.offset) // size)
        part = frames[done : done + taken]
        _number(headers[done : done + taken], writer, unix_ms)
        _check(part.view(np.uint64), TABLES)
        answered = np.count_nonzero(headers["status"][done : done + taken] == ANSWERED)
        writer.put(part.data.cast("B"), taken, int(answered))
        done += taken
    writer.lose(len(frames) - done)
    return done


def _number(headers: NDArray[Any], writer: Writer, unix_ms: int) -> None:
    sequences = np.arange(writer.sequence, writer.sequence + len(headers), dtype=np.uint64)
    headers["sequence"] = sequences
    ids = np.empty((len(headers), 2), ">u8")
    ids[:, 0] = unix_ms << 4 + SLOT_BITS | ID_VERSION << SLOT_BITS | writer.slot
    ids[:, 1] = np.uint64(ID_VARIANT << 62 | writer.host << SEQUENCE_BITS) | sequences
    headers["prediction_id"] = ids.view("V16")[:, 0]


@njit(nogil=True)
def _check(words: NDArray[np.uint64], tables: Tables) -> None:
    """The checksum of each frame (n, words), beside its size."""
    flat, width = words.ravel(), words.shape[1]
    for row in range(words.shape[0]):
        first = np.uint64(row * width)
        checksum = crc32(flat, first + np.uint64(1), first + np.uint64(width), tables)
        words[row, 0] = (words[row, 0] & np.uint64(0xFFFFFFFF)) | (np.uint64(checksum) << np.uint64(32))
