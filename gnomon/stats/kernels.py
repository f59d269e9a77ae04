"""Compiled counting: which bin each value of a row-major block falls in, for a table read and a compare or two.

No fast-math anywhere: NaN, infinities, signed zeros and denormals have to count as `numpy.searchsorted` counts them.
Indices are unsigned, because numba's wrap-around check on signed ones costs as much as the rest of the loop.
How the tables are laid out, and why the keys are right, is told in tables.py.
"""

import functools
from collections.abc import Callable

import numba
import numpy as np
from numba import types
from numba.extending import register_jitable
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]
Bins = NDArray[np.uint16]
Words = NDArray[np.int64]
Rows = tuple[int, int]
Place = tuple[int, np.uint64, np.uint64, np.uint64]  # a monitor's number, table, slots, and NaN slot from there
Kernel = Callable[[Floats, int, Words, Floats, Bins, Floats, Words], None]

# How the bin of a monitor is found. Here rather than in tables.py: the cache on disk is renewed when this file changes.
AFFINE, BITS, AFFINE_PAIR, BITS_PAIR, SEARCH = range(5)

_BLOCK_ROWS = 128  # 30 float32 columns of them stay in the first-level cache while each column is walked
_ZERO = np.float32(0)
_MAGNITUDE = np.int32(0x7FFFFFFF)


def _affine_cell(x: np.float32, scaling: Floats, monitor: int) -> np.uint64:
    """Cell of x by (x - low) * scale, clipped; NaN lands in cell 0."""
    t = (x - scaling[monitor, 0]) * scaling[monitor, 1]
    t = t if t > _ZERO else _ZERO
    t = t if t < scaling[monitor, 2] else scaling[monitor, 2]
    return np.uint64(np.int32(t))


def _bits_cell(bits: np.int32, k0: np.int64, shift: np.int64, top: np.int64) -> np.uint64:
    """Cell of a float32 by its bits made monotone, offset, and shifted, clipped; NaN lands at an end."""
    t = np.int64(bits ^ ((bits >> np.int32(31)) & _MAGNITUDE)) - k0
    t = t if t > 0 else np.int64(0)
    t = t >> shift
    return np.uint64(t if t < top else top)


def _affine(
    x: Floats, rows: Rows, j: int, at: Place, scaling: Floats, base: Bins, edges: Floats, counts: Words
) -> None:
    monitor, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _affine_cell(v, scaling, monitor)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell])
        counts[slots + (b if v == v else nan)] += 1


def _affine_pair(
    x: Floats, rows: Rows, j: int, at: Place, scaling: Floats, base: Bins, edges: Floats, counts: Words
) -> None:
    monitor, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _affine_cell(v, scaling, monitor)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell]) + np.uint64(v >= edges[1, cell])
        counts[slots + (b if v == v else nan)] += 1


def _bits(
    x: Floats, y: Integers, rows: Rows, j: int, at: Place, words: Words, base: Bins, edges: Floats, counts: Words
) -> None:
    monitor, table, slots, nan = at
    k0, shift, top = words[monitor, 5], words[monitor, 6], words[monitor, 2] - words[monitor, 1] - 1
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _bits_cell(y[i, j], k0, shift, top)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell])
        counts[slots + (b if v == v else nan)] += 1


def _bits_pair(
    x: Floats, y: Integers, rows: Rows, j: int, at: Place, words: Words, base: Bins, edges: Floats, counts: Words
) -> None:
    monitor, table, slots, nan = at
    k0, shift, top = words[monitor, 5], words[monitor, 6], words[monitor, 2] - words[monitor, 1] - 1
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _bits_cell(y[i, j], k0, shift, top)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell]) + np.uint64(v >= edges[1, cell])
        counts[slots + (b if v == v else nan)] += 1


def _search(x: Floats, rows: Rows, j: int, at: Place, places: int, edges: Floats, counts: Words) -> None:
    """Branchless binary search over `places` edges, a power of two, NaN where there is none."""
    _, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        b = np.uint64(0)
        step = np.uint64(places >> 1)
        while step:
            b += step if v >= edges[0, table + b + step - np.uint64(1)] else np.uint64(0)
            step >>= np.uint64(1)
        counts[slots + (b if v == v else nan)] += 1


for _part in (_affine_cell, _bits_cell, _affine, _affine_pair, _bits, _bits_pair, _search):
    register_jitable(_part)


def _count_block(
    x: Floats, first_monitor: int, words: Words, scaling: Floats, base: Bins, edges: Floats, counts: Words
) -> None:
    y = x.view(np.int32)
    for first in range(0, x.shape[0], _BLOCK_ROWS):
        rows = (first, min(first + _BLOCK_ROWS, x.shape[0]))
        for j in range(x.shape[1]):
            monitor = first_monitor + j
            mode, slots = words[monitor, 0], words[monitor, 3]
            at = (monitor, np.uint64(words[monitor, 1]), np.uint64(slots), np.uint64(words[monitor, 4] - slots - 1))
            if mode == AFFINE:
                _affine(x, rows, j, at, scaling, base, edges, counts)
            elif mode == BITS:
                _bits(x, y, rows, j, at, words, base, edges, counts)
            elif mode == AFFINE_PAIR:
                _affine_pair(x, rows, j, at, scaling, base, edges, counts)
            elif mode == BITS_PAIR:
                _bits_pair(x, y, rows, j, at, words, base, edges, counts)
            else:
                _search(x, rows, j, at, words[monitor, 2] - words[monitor, 1], edges, counts)


@functools.cache
def count_block() -> Kernel:
    """The compiled kernel, made at the first call in a process and kept in numba's cache on disk.

    Called with x (n_rows, n_columns) C-contiguous float32, the monitor of its first column, the tables, and the flat
    counts (slots,) int64 it adds to. Every count equals numpy's:
    `bincount(searchsorted(edges, column, side="right"))`, and NaN in the last slot of its monitor.

    Cost: about 2 ns a value, under 2 us for a row of 30. Compiling takes seconds, which the cache on disk saves the
    next process; where none can be written, every process pays.
    """
    signature = types.void(
        types.Array(types.float32, 2, "C", readonly=True),
        types.int64,
        types.Array(types.int64, 2, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.uint16, 1, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.int64, 1, "C"),
    )
    try:
        return _compile(signature, cache=True)
    except (OSError, RuntimeError):  # nowhere to write, or the place filled up
        return _compile(signature, cache=False)


def _compile(signature: object, *, cache: bool) -> Kernel:
    kernel: Kernel = numba.njit([signature], cache=cache, nogil=True)(_count_block)
    return kernel
