"""Compiled walking: which frames are whole, and which look alike, with no Python a record.

A frame passes when its checksum is right and everything in it lies where its lengths say, inside it. So who reads it
afterwards may trust every length. Memory is seen as 8-byte words: frames, headers and tensors are aligned to them.
Indices are unsigned, because numba's wrap-around check on signed ones costs as much as the rest of the loop.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from gateway.journal.crc import TABLES, Tables, Words, crc32
from gateway.journal.format import DATATYPES, NUMPY_OF, PREDICTION, PREDICTION_DTYPE, RULE_NAMES, STATUS_NAMES
from gnomon.stats.compiled import njit

HEAD_WORDS = PREDICTION_DTYPE.itemsize // 8
WHOLE, OTHER, TORN, MALFORMED = range(4)  # how a walk ended: at its end, before a frame of another kind, or a bad one

_ONE, _HEAD, _BYTES = np.uint64(1), np.uint64(HEAD_WORDS), np.uint64(DATATYPES.index("BYTES"))
_LEAST = np.uint64(24)  # bytes of the smallest frame
_STATUSES = np.uint64(max(STATUS_NAMES))
_ROLES, _RULES, _DIRECTIONS = np.uint64(3), np.uint64(max(RULE_NAMES)), np.uint64(3)
_WIDTHS = np.array([NUMPY_OF[name].itemsize if name in NUMPY_OF else 0 for name in DATATYPES], np.uint64)
_LARGEST = np.uint64(1 << 40)

Offsets = NDArray[np.int64]


@numba.njit(inline="always")
def _field(word: Any, shift: int, bits: int) -> Any:
    return (word >> np.uint64(shift)) & np.uint64((1 << bits) - 1)


@numba.njit(inline="always")
def _words_of(size: Any) -> Any:
    """8-byte words that hold `size` bytes."""
    return (size + np.uint64(7)) >> np.uint64(3)


@numba.njit(inline="always")
def _text_words(words: Words, at: Any) -> Any:
    return _words_of(_field(words[at + _ONE], 48, 16) + _field(words[at + np.uint64(2)], 32, 16))


@njit(nogil=True)
def _elements_fit(words: Words, at: np.uint64, size: np.uint64, count: np.uint64) -> bool:
    """Whether `size` bytes at word `at` are `count` elements of BYTES, each behind its length."""
    done = np.uint64(0)
    while count > 0:
        if done + np.uint64(4) > size:
            return False
        length = np.uint64(0)
        for byte in range(4):
            place = done + np.uint64(byte)
            word = words[at + (place >> np.uint64(3))]
            length |= _field(word >> ((place & np.uint64(7)) << np.uint64(3)), 0, 8) << np.uint64(8 * byte)
        done += np.uint64(4) + length
        count -= _ONE
    return bool(done == size)


@njit(nogil=True)
def _tensor_end(words: Words, at: np.uint64, end: np.uint64) -> np.uint64:
    """The word behind the tensor at `at`; 0 where it does not fit before `end`, or its size and shape differ."""
    head = words[at]
    datatype, dimensions = _field(head, 8, 8), _field(head, 16, 8)
    size = _field(head, 32, 32)
    if _field(head, 0, 8) > _DIRECTIONS or datatype > _BYTES:
        return np.uint64(0)
    data = at + _ONE + _words_of(dimensions << np.uint64(2))
    after = data + _words_of(size)
    if after > end:
        return np.uint64(0)
    count = _ONE
    for dimension in range(dimensions):
        n = np.uint64(dimension)
        count *= (
            _field(words[at + _ONE + (n >> _ONE)], 0, 32)
            if not n & _ONE
            else _field(words[at + _ONE + (n >> _ONE)], 32, 32)
        )
        if count > _LARGEST:
            return np.uint64(0)
    if datatype == _BYTES:
        return after if _elements_fit(words, data, size, count) else np.uint64(0)
    return after if count * _WIDTHS[datatype] == size else np.uint64(0)


@njit(nogil=True)
def _sound(words: Words, at: np.uint64, end: np.uint64) -> bool:
    """Whether a prediction frame's parts fill it exactly."""
    if at + _HEAD > end:
        return False
    codes = words[at + _ONE]
    status = _field(codes, 16, 8)
    if status == 0 or status > _STATUSES or _field(codes, 8, 8) > _ROLES or _field(codes, 24, 8) > _RULES:
        return False
    place = at + _HEAD + _text_words(words, at)
    for _ in range(_field(codes, 32, 16)):
        if place >= end:
            return False
        place = _tensor_end(words, place, end)
        if place == 0:
            return False
    return bool(place == end)


@njit(nogil=True)
def _walk(
    words: Words, start: int, end: int, tables: Tables, offsets: Offsets, headers: NDArray[np.uint64]
) -> tuple[int, int, int]:
    """Prediction frames from byte `start` on, before byte `end`: their offsets (n,) and headers (n, HEAD_WORDS).

    (frames, where the walk ended, why). It ends before a frame of another kind, a bad one, and when `offsets` is full.
    """
    found, at, last = 0, np.uint64(start) >> np.uint64(3), np.uint64(end) >> np.uint64(3)
    while at < last and found < len(offsets):
        size = _field(words[at], 0, 32)
        after = at + (size >> np.uint64(3))
        if size < _LEAST or size & np.uint64(7) or after > last:
            return found, int(at) << 3, TORN
        if crc32(words, at + _ONE, after, tables) != np.uint32(words[at] >> np.uint64(32)):
            return found, int(at) << 3, TORN
        if _field(words[at + _ONE], 0, 8) != np.uint64(PREDICTION):
            return found, int(at) << 3, OTHER
        if not _sound(words, at, after):
            return found, int(at) << 3, MALFORMED
        offsets[found] = np.int64(at) << 3
        for word in range(HEAD_WORDS):
            headers[found, word] = words[at + np.uint64(word)]
        found += 1
        at = after
    return found, int(at) << 3, WHOLE


def walk(words: Words, start: int, end: int, offsets: Offsets, headers: NDArray[np.uint64]) -> tuple[int, int, int]:
    """`_walk`, with the checksum's tables."""
    found, at, why = _walk(words, start, end, TABLES, offsets, headers)
    return int(found), int(at), int(why)


@numba.njit(inline="always")
def _alike(words: Words, one: Any, other: Any) -> Any:
    """Whether two sound frames have one schema and their tensors, of one shape each, in the same places."""
    if _field(words[one], 0, 32) != _field(words[other], 0, 32):
        return False
    if _field(words[one + _ONE], 32, 16) != _field(words[other + _ONE], 32, 16):
        return False
    if _field(words[one + np.uint64(2)], 0, 32) != _field(words[other + np.uint64(2)], 0, 32):
        return False
    text = _text_words(words, one)
    if text != _text_words(words, other):
        return False
    place = _HEAD + text
    for _ in range(_field(words[one + _ONE], 32, 16)):
        head = words[one + place]
        if head != words[other + place]:
            return False
        dimensions = _words_of(_field(head, 16, 8) << np.uint64(2))
        for word in range(dimensions):
            at = place + _ONE + np.uint64(word)
            if words[one + at] != words[other + at]:
                return False
        place += _ONE + dimensions + _words_of(_field(head, 32, 32))
    return True


@njit(nogil=True)
def alike(words: Words, offsets: Offsets, numbers: NDArray[np.int32], first: NDArray[np.int64]) -> int:
    """Numbers (n,) the groups of frames that look alike, in the order they are met; `first` is the first of each.

    Every frame is compared with its neighbour's group, then with all: quick for what is uniform, right for what is not.
    """
    found, last = 0, 0
    for row in range(len(offsets)):
        at = np.uint64(offsets[row]) >> np.uint64(3)
        if found == 0 or not _alike(words, np.uint64(offsets[first[last]]) >> np.uint64(3), at):
            last = 0
            while last < found and not _alike(words, np.uint64(offsets[first[last]]) >> np.uint64(3), at):
                last += 1
            if last == found:
                first[found] = row
                found += 1
        numbers[row] = last
    return found


@njit(nogil=True)
def gather(words: Words, offsets: Offsets, matrix: NDArray[np.uint64]) -> None:
    """Copies frames of one size, (n, words of a frame)."""
    for row in range(len(offsets)):
        at = np.uint64(offsets[row]) >> np.uint64(3)
        for word in range(matrix.shape[1]):
            matrix[row, word] = words[at + np.uint64(word)]
