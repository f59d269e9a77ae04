"""Compiled looking up: frames by sequence and by the client's request id, and what an index of a segment is made of.

Checksums are not looked at here: an index is a hint, and who follows it reads the frame as any reader does.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from gateway.journal.crc import Words
from gateway.journal.format import PREDICTION
from gateway.journal.kernels import HEAD_WORDS
from gnomon.stats.compiled import njit

EVERY = 64  # predictions from one entry to the next
PROBES = 6
BITS_A_RECORD = 16  # with six probes, one request id in a thousand is looked for in vain
_ONE, _HEAD = np.uint64(1), np.uint64(HEAD_WORDS)
_LOW = np.uint64(0xFFFFFFFF)
_LEAST = np.uint64(24)
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's finalizer

Numbers = NDArray[np.int64]


@numba.njit(inline="always")
def _size_words(words: Words, at: Any, last: Any) -> Any:
    """Words of the frame at `at`; 0 where no whole frame is."""
    size = words[at] & _LOW
    count = size >> np.uint64(3)
    return count if size >= _LEAST and not size & np.uint64(7) and at + count <= last else np.uint64(0)


@numba.njit(inline="always")
def _id_bytes(words: Words, at: Any) -> Any:
    return words[at + _ONE] >> np.uint64(48)


@njit(nogil=True)
def hash_of(words: Words, at: np.uint64, length: np.uint64) -> np.uint64:
    """Of `length` bytes from word `at` on."""
    found = _BASIS
    for byte in range(length):
        n = np.uint64(byte)
        word = words[at + (n >> np.uint64(3))]
        found = (found ^ ((word >> ((n & np.uint64(7)) << np.uint64(3))) & np.uint64(255))) * _PRIME
    found = (found ^ (found >> np.uint64(33))) * _MIX
    return np.uint64(found ^ (found >> np.uint64(33)))


@njit(nogil=True)
def outline(
    words: Words, start: int, end: int, entries: Numbers, others: Numbers, span: Numbers
) -> tuple[int, int, int, int]:
    """(entries, other frames, predictions, where it ended) of the frames in bytes [start, end).

    `entries` (n, 2) takes sequence and offset of every EVERYth prediction; `others` the offsets of schemas and routes,
    as far as there is room; `span` the least and the greatest time of arrival.
    """
    at, last = np.uint64(start) >> np.uint64(3), np.uint64(end) >> np.uint64(3)
    found, other, seen = 0, 0, 0
    while at < last:
        size = _size_words(words, at, last)
        if size == 0:
            break
        if words[at + _ONE] & np.uint64(255) == np.uint64(PREDICTION):
            if seen % EVERY == 0:
                entries[found, 0] = np.int64(words[at + np.uint64(3)])
                entries[found, 1] = np.int64(at) << 3
                found += 1
            seen += 1
            arrived = np.int64(words[at + np.uint64(8)])
            span[0] = min(span[0], arrived)
            span[1] = max(span[1], arrived)
        elif other < len(others):
            others[other] = np.int64(at) << 3
            other += 1
        at += size
    return found, other, seen, int(at) << 3


@njit(nogil=True)
def note_ids(words: Words, start: int, end: int, bits: NDArray[np.uint8], prints: NDArray[np.uint16]) -> None:
    """Sets the bits of all request ids of the frames in bytes [start, end); there are 8 * len(bits), a power of two.

    `prints` takes 16 bits of each prediction's, 0 where it has none.
    """
    at, last = np.uint64(start) >> np.uint64(3), np.uint64(end) >> np.uint64(3)
    mask, seen = np.uint64(8 * len(bits) - 1), 0
    while at < last:
        size = _size_words(words, at, last)
        if size == 0:
            break
        if words[at + _ONE] & np.uint64(255) == np.uint64(PREDICTION):
            prints[seen] = np.uint16(0)
            if _id_bytes(words, at):
                value = hash_of(words, at + _HEAD, _id_bytes(words, at))
                prints[seen] = np.uint16(value >> np.uint64(48))
                step = (value >> np.uint64(32)) | _ONE
                for probe in range(PROBES):
                    bit = (value + np.uint64(probe) * step) & mask
                    bits[bit >> np.uint64(3)] |= np.uint8(1 << (bit & np.uint64(7)))
            seen += 1
        at += size


@njit(nogil=True)
def may_hold(bits: NDArray[np.uint8], value: np.uint64) -> bool:
    """Whether an id of that hash may have been noted."""
    mask, step = np.uint64(8 * len(bits) - 1), (value >> np.uint64(32)) | _ONE
    for probe in range(PROBES):
        bit = (value + np.uint64(probe) * step) & mask
        if not bits[bit >> np.uint64(3)] & np.uint8(1 << (bit & np.uint64(7))):
            return False
    return True


@njit(nogil=True)
def find_sequence(words: Words, start: int, end: int, sequence: np.uint64) -> int:
    """Offset of the prediction of that sequence in bytes [start, end), -1 for none."""
    at, last = np.uint64(start) >> np.uint64(3), np.uint64(end) >> np.uint64(3)
    while at < last:
        size = _size_words(words, at, last)
        if size == 0:
            break
        if words[at + _ONE] & np.uint64(255) == np.uint64(PREDICTION) and words[at + np.uint64(3)] >= sequence:
            return int(at) << 3 if words[at + np.uint64(3)] == sequence else -1
        at += size
    return -1


@njit(nogil=True)
def find_request(words: Words, start: int, end: int, wanted: Words, length: np.uint64, found: Numbers) -> int:
    """Offsets of the predictions with a request id, `length` bytes in `wanted` (zeros behind it); the newest are kept.

    How many there are: the first len(found) of `found`, as a ring.
    """
    at, last = np.uint64(start) >> np.uint64(3), np.uint64(end) >> np.uint64(3)
    whole, rest = length >> np.uint64(3), (length & np.uint64(7)) << np.uint64(3)
    cut = (_ONE << rest) - _ONE
    count = 0
    while at < last:
        size = _size_words(words, at, last)
        if size == 0:
            break
        if words[at + _ONE] & np.uint64(255) == np.uint64(PREDICTION) and _id_bytes(words, at) == length:
            same = True
            for word in range(whole):
                if words[at + _HEAD + np.uint64(word)] != wanted[word]:
                    same = False
                    break
            if same and rest:
                same = (words[at + _HEAD + whole] ^ wanted[whole]) & cut == 0
            if same:
                found[count % len(found)] = np.int64(at) << 3
                count += 1
        at += size
    return count
