"""Compiled counting: which bin each value of a block falls in, for a table read and a compare or two.

A thousand rows of some columns at a time, turned so that a column's values lie together; then, column by column, their
cells, in vector instructions, and their bins. So a column's table is read again while it is in the first-level cache.
No fast-math anywhere: NaN, infinities, signed zeros and denormals have to count as `numpy.searchsorted` counts them.
Indices are unsigned, because numba's wrap-around check on signed ones costs as much as the rest of the loop.
How the tables are laid out, and why the keys are right, is told in tables.py.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gnomon.stats.compiled import njit

Values = NDArray[Any]  # float32, float64 or int64
Scaling = NDArray[Any]
Bins = NDArray[np.uint16]
Cells = NDArray[np.uint16]
Words = NDArray[np.int64]
Kernel = Callable[[Values, int, Words, Scaling, Bins, Values, Words], None]

# How the cell of a value is found; a pair has two compares in a cell, and what has no cells is searched.
# Here rather than in tables.py: the cache on disk is renewed when this file changes.
AFFINE, BITS, LOG, AFFINE_PAIR, BITS_PAIR, LOG_PAIR, SEARCH = range(7)
KEYS = 3

BLOCK_ROWS = 1_024
COLUMNS = 16  # turned at once
TILE = 8  # rows turned at once: known when compiled, so it is one load of each and one store of all
APART = 16  # values between columns: a stride of whole pages would put all of them into the same sets of the cache
_ZERO, _ONE = np.float32(0), np.uint64(1)


def _turn(x: Values, columns: Values) -> None:
    """Puts x (n, d) row-major into `columns` (d or more, n or more)."""
    n, d = x.shape
    tiles = n - n % TILE
    for first in range(0, tiles, TILE):
        for j in range(d):
            for i in range(TILE):
                columns[j, first + i] = x[first + i, j]
    for j in range(d):
        for i in range(tiles, n):
            columns[j, i] = x[i, j]


def _affine_cells(x: Values, n: int, scaling: Scaling, monitor: int, cells: Cells) -> None:
    """By (x - low) * scale, clipped; NaN lands in cell 0."""
    low, scale, top = scaling[monitor, 0], scaling[monitor, 1], scaling[monitor, 2]
    for i in range(n):
        t = (x[i] - low) * scale
        t = t if t > _ZERO else _ZERO
        t = t if t < top else top
        cells[i] = np.uint16(np.int32(t))


def _float32_cells(bits: NDArray[np.int32], n: int, k0: int, shift: int, top: int, cells: Cells) -> None:
    """By the bits made monotone, offset, and shifted, clipped; NaN lands at an end."""
    least, by, last = np.uint32(k0), np.uint32(shift), np.uint32(top)
    for i in range(n):
        t = np.uint32(bits[i]) ^ (np.uint32(bits[i] >> np.int32(31)) | np.uint32(0x8000_0000))
        t = (t - least if t > least else np.uint32(0)) >> by
        cells[i] = np.uint16(t if t < last else last)


def _float64_cells(bits: Words, n: int, k0: int, shift: int, top: int, cells: Cells) -> None:
    least, by, last = np.uint64(k0), np.uint64(shift), np.uint64(top)
    for i in range(n):
        t = np.uint64(bits[i]) ^ (np.uint64(bits[i] >> 63) | np.uint64(1 << 63))
        t = (t - least if t > least else np.uint64(0)) >> by
        cells[i] = np.uint16(t if t < last else last)


def _int64_cells(bits: Words, n: int, k0: int, shift: int, top: int, cells: Cells) -> None:
    least, by, last = np.uint64(k0), np.uint64(shift), np.uint64(top)
    for i in range(n):
        t = np.uint64(bits[i]) ^ np.uint64(1 << 63)
        t = (t - least if t > least else np.uint64(0)) >> by
        cells[i] = np.uint16(t if t < last else last)


def _one(x: Values, n: int, cells: Cells, base: Bins, edge: Values, counts: Words) -> None:
    """Of numbers without NaN among them, and so `_pair`."""
    for i in range(n):
        cell = np.uint64(cells[i])
        counts[np.uint64(base[cell]) + np.uint64(x[i] >= edge[cell])] += 1


def _pair(x: Values, n: int, cells: Cells, base: Bins, edge: Values, pair: Values, counts: Words) -> None:
    for i in range(n):
        cell = np.uint64(cells[i])
        counts[np.uint64(base[cell]) + np.uint64(x[i] >= edge[cell]) + np.uint64(x[i] >= pair[cell])] += 1


def _pair_or_nan(x: Values, n: int, cells: Cells, base: Bins, edge: Values, pair: Values, counts: Words) -> None:
    nan = np.uint64(len(counts) - 1)
    for i in range(n):
        cell = np.uint64(cells[i])
        b = np.uint64(base[cell]) + np.uint64(x[i] >= edge[cell]) + np.uint64(x[i] >= pair[cell])
        counts[b if x[i] == x[i] else nan] += 1


def _one_or_nan(x: Values, n: int, cells: Cells, base: Bins, edge: Values, counts: Words) -> None:
    nan = np.uint64(len(counts) - 1)
    for i in range(n):
        cell = np.uint64(cells[i])
        b = np.uint64(base[cell]) + np.uint64(x[i] >= edge[cell])
        counts[b if x[i] == x[i] else nan] += 1


def _search(x: Values, n: int, edges: Values, counts: Words) -> None:
    """Branchless binary search over edges, a power of two of them, the highest value where there is none."""
    nan = np.uint64(len(counts) - 1)
    for i in range(n):
        b = np.uint64(0)
        step = np.uint64(len(edges) >> 1)
        while step:
            b += step if x[i] >= edges[b + step - _ONE] else np.uint64(0)
            step >>= _ONE
        b = b if b < nan else nan - _ONE  # the highest value is above the padding too
        counts[b if x[i] == x[i] else nan] += 1


def _holds_nan(x: Values, n: int) -> bool:
    found = 0
    for i in range(n):
        found += x[i] != x[i]
    return found > 0


_KEYED = (_affine_cells, _float32_cells, _float64_cells, _int64_cells)
for _part in (_turn, *_KEYED, _one, _one_or_nan, _pair, _pair_or_nan, _search, _holds_nan):
    register_jitable(_part)


def _counter(value: Any, integer: Any, wide: Any, bits_cells: Any, log_cells: Any) -> Any:
    """The kernel for numbers of the type `value`, with bits as `integer`, and as the floats `wide` by logarithm."""

    @njit(nogil=True)
    def count_block(
        x: Values, first_monitor: int, words: Words, scaling: Scaling, base: Bins, edges: Values, counts: Words
    ) -> None:
        room = min(BLOCK_ROWS, x.shape[0])
        columns = np.empty((min(COLUMNS, x.shape[1]), room + APART), value)
        cells = np.empty(room, np.uint16)
        for first in range(0, x.shape[0], BLOCK_ROWS):
            n = min(BLOCK_ROWS, x.shape[0] - first)
            for j in range(x.shape[1]):
                if j % COLUMNS == 0:
                    _turn(x[first : first + n, j : j + COLUMNS], columns)
                values = columns[j % COLUMNS, :n]
                monitor = first_monitor + j
                mode, begin, end = words[monitor, 0], words[monitor, 1], words[monitor, 2]
                k0, shift, top = words[monitor, 5], words[monitor, 6], end - begin - 1
                bins, edge, pair = base[begin:end], edges[0, begin:end], edges[1, begin:end]
                found = counts[words[monitor, 3] : words[monitor, 4]]
                if mode == SEARCH:
                    _search(values, n, edge, found)
                    continue
                if mode % KEYS == AFFINE:
                    _affine_cells(values, n, scaling, monitor, cells)
                elif mode % KEYS == BITS:
                    bits_cells(values.view(integer), n, k0, shift, top, cells)
                else:
                    log_cells(values.astype(wide).view(integer), n, k0, shift, top, cells)
                if _holds_nan(values, n):
                    if mode >= KEYS:
                        _pair_or_nan(values, n, cells, bins, edge, pair, found)
                    else:
                        _one_or_nan(values, n, cells, bins, edge, found)
                elif mode >= KEYS:
                    _pair(values, n, cells, bins, edge, pair, found)
                else:
                    _one(values, n, cells, bins, edge, found)

    return count_block


_KERNELS = {  # the last two are the same of floats, whose bits are logarithms already
    "float32": (np.float32, np.int32, np.float32, _float32_cells, _float32_cells),
    "float64": (np.float64, np.int64, np.float64, _float64_cells, _float64_cells),
    "int64": (np.int64, np.int64, np.float64, _int64_cells, _float64_cells),
}


@functools.cache
def count_block(kind: str) -> Kernel:
    """The compiled kernel for row-major values of `kind` (float32, float64, int64); one column is either layout.

    Made at the first call in a process and kept in numba's cache on disk. Called with x (n_rows, n_columns), the
    monitor of its first column, the tables, and the flat counts (slots,) int64 it adds to. Every count equals numpy's:
    `bincount(searchsorted(edges, column, side="right"))`, and NaN in the last slot of its monitor.

    Cost: about 1.5 ns a value, under 2 us for a row of 30. Compiling takes seconds, which the cache on disk saves the
    next process; where none can be written, every process pays.
    """
    value: Any = numba.from_dtype(np.dtype(kind))
    scale = value if kind != "int64" else types.float64
    kernel = _counter(*_KERNELS[kind])
    kernel.compile(
        types.void(
            types.Array(value, 2, "C", readonly=True),
            types.int64,
            types.Array(types.int64, 2, "C", readonly=True),
            types.Array(scale, 2, "C", readonly=True),
            types.Array(types.uint16, 1, "C", readonly=True),
            types.Array(value, 2, "C", readonly=True),
            types.Array(types.int64, 1, "C"),
        )
    )
    kernel.disable_compile()
    return kernel  # type: ignore[no-any-return]
