"""Compiled loops over a mapped segment: copying what lies in its frames into columns.

No Python per record: a segment of two hundred thousand frames is some twenty calls of these. All take the segment as
an array of bytes, or of wider words where what they read is aligned to them.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gnomon.stats.compiled import njit

Octets = NDArray[np.uint8]
Longs = NDArray[np.int64]

DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


@njit(nogil=True)
def locate(
    memory: Octets, numbers: NDArray[np.uint32], first: Longs, ends: Longs, counts: Longs, wanted: Longs, places: Longs
) -> None:
    """Where the wanted tensors of each frame lie.

    `first` is where a frame's tensors begin, `counts` how many it has, `wanted` (m, 3) direction, index, datatype;
    `places` (m, n, 4) takes data, bytes, dimensions and their number, and stays as it is where there is no such tensor.
    """
    for row in range(len(first)):
        at = first[row]
        for _ in range(counts[row]):
            if at + 8 > ends[row]:
                break
            dimensions = np.int64(memory[at + 2])
            size = np.int64(numbers[(at + 4) >> 2])
            data = at + 8 + ((4 * dimensions + 7) & -8)
            following = data + ((size + 7) & -8)
            if following > ends[row]:
                break
            for number in range(len(wanted)):
                if (
                    memory[at] == wanted[number, 0]
                    and memory[at + 3] == wanted[number, 1]
                    and memory[at + 1] == wanted[number, 2]
                ):
                    places[number, row, 0] = data
                    places[number, row, 1] = size
                    places[number, row, 2] = at + 8
                    places[number, row, 3] = dimensions
            at = following


@njit(nogil=True)
def transpose(items: Any, begin: Longs, counts: Longs, columns: Any) -> None:
    """Rows of `len(columns)` items, `counts` of them from each `begin` on, into columns (width, rows in all)."""
    width, to = len(columns), 0
    for frame in range(len(begin)):
        at = begin[frame]
        for _ in range(counts[frame]):
            for column in range(width):
                columns[column, to] = items[at]
                at += 1
            to += 1


@njit(nogil=True)
def count_elements(memory: Octets, begin: Longs, sizes: Longs, counts: Longs) -> None:
    """How many elements each BYTES tensor has; -1 for one that is not made of elements."""
    for row in range(len(begin)):
        at, end, count = begin[row], begin[row] + sizes[row], 0
        while at < end:
            if at + 4 > end:
                at = end + 1
                break
            at += 4 + _length(memory, at)
            count += 1
        counts[row] = count if at == end else -1


@njit(nogil=True)
def elements(memory: Octets, begin: Longs, counts: Longs, places: Longs, sizes: Longs) -> None:
    """Where each element lies, tensor after tensor, and its bytes."""
    to = 0
    for row in range(len(begin)):
        at = begin[row]
        for _ in range(counts[row]):
            size = _length(memory, at)
            places[to], sizes[to] = at + 4, size
            at += 4 + size
            to += 1


@register_jitable
def _length(memory: Octets, at: Any) -> Any:
    """4 bytes, little-endian, wherever they lie."""
    low = np.int64(memory[at]) | (np.int64(memory[at + 1]) << 8)
    return low | (np.int64(memory[at + 2]) << 16) | (np.int64(memory[at + 3]) << 24)


@njit(nogil=True)
def pack(memory: Octets, begin: Longs, sizes: Longs, packed: Octets) -> None:
    """Strings from where they lie, back to back."""
    to = 0
    for row in range(len(begin)):
        at = begin[row]
        for step in range(sizes[row]):
            packed[to + step] = memory[at + step]
        to += sizes[row]


@njit(nogil=True)
def hexadecimal(ids: Octets, text: Octets) -> None:
    """Ids (n, 16) as UUIDs are written, (n, 36)."""
    for row in range(len(ids)):
        to = 0
        for octet in range(16):
            if octet == 4 or octet == 6 or octet == 8 or octet == 10:
                text[row, to] = 45
                to += 1
            text[row, to] = DIGITS[ids[row, octet] >> np.uint8(4)]
            text[row, to + 1] = DIGITS[ids[row, octet] & np.uint8(15)]
            to += 2
