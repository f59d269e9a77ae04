"""Compiled counting: which bin each value of a block falls in, for a table read and a compare or two.

No fast-math anywhere: NaN, infinities, signed zeros and denormals have to count as `numpy.searchsorted` counts them.
Indices are unsigned, because numba's wrap-around check on signed ones costs as much as the rest of the loop.
How the tables are laid out, and why the keys are right, is told in tables.py.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import numba
import numpy as np
from numba import types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gnomon.stats.compiled import njit

Values = NDArray[Any]  # float32, float64 or int64
Scaling = NDArray[Any]
Bins = NDArray[np.uint16]
Words = NDArray[np.int64]
Rows = tuple[int, int]
Place = tuple[int, np.uint64, np.uint64, np.uint64]  # a monitor's number, table, slots, and NaN slot from there
Kernel = Callable[[Values, int, Words, Scaling, Bins, Values, Words], None]

# How the bin of a monitor is found. Here rather than in tables.py: the cache on disk is renewed when this file changes.
AFFINE, BITS, AFFINE_PAIR, BITS_PAIR, SEARCH = range(5)

# The bits of a negative float that are turned over, so that as integers they are in the order of the numbers.
FLIPS = {"float32": np.int64(0x7FFF_FFFF), "float64": np.int64(0x7FFF_FFFF_FFFF_FFFF), "int64": np.int64(0)}
SIGN = np.uint64(1 << 63)

_BLOCK_ROWS = 128  # 30 float32 columns of them stay in the first-level cache while each column is walked
_ALL_ROWS = 1 << 62
_ZERO, _ONE = np.float32(0), np.uint64(1)


def _affine_cell(x: Any, scaling: Scaling, monitor: int) -> np.uint64:
    """Cell of x by (x - low) * scale, clipped; NaN lands in cell 0."""
    t = (x - scaling[monitor, 0]) * scaling[monitor, 1]
    t = t if t > _ZERO else _ZERO
    t = t if t < scaling[monitor, 2] else scaling[monitor, 2]
    return np.uint64(np.int32(t))


def _bits_cell(bits: Any, flip: np.int64, k0: np.uint64, shift: np.uint64, top: np.uint64) -> np.uint64:
    """Cell of a number by its bits made monotone, offset, and shifted, clipped; NaN lands at an end."""
    signed = np.int64(bits)
    t = np.uint64(signed ^ ((signed >> 63) & flip)) ^ SIGN
    t = t - k0 if t > k0 else np.uint64(0)
    t = t >> shift
    return t if t < top else top


def _affine(
    x: Values, rows: Rows, j: int, at: Place, scaling: Scaling, base: Bins, edges: Values, counts: Words
) -> None:
    monitor, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _affine_cell(v, scaling, monitor)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell])
        counts[slots + (b if v == v else nan)] += 1


def _affine_pair(
    x: Values, rows: Rows, j: int, at: Place, scaling: Scaling, base: Bins, edges: Values, counts: Words
) -> None:
    monitor, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _affine_cell(v, scaling, monitor)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell]) + np.uint64(v >= edges[1, cell])
        counts[slots + (b if v == v else nan)] += 1


def _bits(
    x: Values,
    y: Words,
    flip: np.int64,
    rows: Rows,
    j: int,
    at: Place,
    words: Words,
    base: Bins,
    edges: Values,
    counts: Words,
) -> None:
    monitor, table, slots, nan = at
    k0, shift = np.uint64(words[monitor, 5]), np.uint64(words[monitor, 6])
    top = np.uint64(words[monitor, 2] - words[monitor, 1] - 1)
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _bits_cell(y[i, j], flip, k0, shift, top)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell])
        counts[slots + (b if v == v else nan)] += 1


def _bits_pair(
    x: Values,
    y: Words,
    flip: np.int64,
    rows: Rows,
    j: int,
    at: Place,
    words: Words,
    base: Bins,
    edges: Values,
    counts: Words,
) -> None:
    monitor, table, slots, nan = at
    k0, shift = np.uint64(words[monitor, 5]), np.uint64(words[monitor, 6])
    top = np.uint64(words[monitor, 2] - words[monitor, 1] - 1)
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        cell = table + _bits_cell(y[i, j], flip, k0, shift, top)
        b = np.uint64(base[cell]) + np.uint64(v >= edges[0, cell]) + np.uint64(v >= edges[1, cell])
        counts[slots + (b if v == v else nan)] += 1


def _search(x: Values, rows: Rows, j: int, at: Place, places: int, edges: Values, counts: Words) -> None:
    """Branchless binary search over `places` edges, a power of two, the highest value where there is none."""
    _, table, slots, nan = at
    for i in range(rows[0], rows[1]):
        v = x[i, j]
        b = np.uint64(0)
        step = np.uint64(places >> 1)
        while step:
            b += step if v >= edges[0, table + b + step - _ONE] else np.uint64(0)
            step >>= _ONE
        b = b if b < nan else nan - _ONE  # the highest value is above the padding too
        counts[slots + (b if v == v else nan)] += 1


for _part in (_affine_cell, _bits_cell, _affine, _affine_pair, _bits, _bits_pair, _search):
    register_jitable(_part)


def _counter(integer: Any, flip: np.int64, block_rows: int) -> Callable[..., None]:
    """The kernel for numbers whose bits are of the type `integer`."""

    @njit(nogil=True)
    def count_block(
        x: Values, first_monitor: int, words: Words, scaling: Scaling, base: Bins, edges: Values, counts: Words
    ) -> None:
        y = x.view(integer)
        for first in range(0, x.shape[0], block_rows):
            rows = (first, min(first + block_rows, x.shape[0]))
            for j in range(x.shape[1]):
                monitor = first_monitor + j
                mode, slots = words[monitor, 0], words[monitor, 3]
                at = (monitor, np.uint64(words[monitor, 1]), np.uint64(slots), np.uint64(words[monitor, 4] - slots - 1))
                if mode == AFFINE:
                    _affine(x, rows, j, at, scaling, base, edges, counts)
                elif mode == BITS:
                    _bits(x, y, flip, rows, j, at, words, base, edges, counts)
                elif mode == AFFINE_PAIR:
                    _affine_pair(x, rows, j, at, scaling, base, edges, counts)
                elif mode == BITS_PAIR:
                    _bits_pair(x, y, flip, rows, j, at, words, base, edges, counts)
                else:
                    _search(x, rows, j, at, words[monitor, 2] - words[monitor, 1], edges, counts)

    return count_block


@functools.cache
def count_block(kind: str, layout: Literal["C", "F"] = "C") -> Kernel:
    """The compiled kernel for values of `kind` (float32, float64, int64), row-major ("C") or column-major ("F").

    Made at the first call in a process and kept in numba's cache on disk. Called with x (n_rows, n_columns), the
    monitor of its first column, the tables, and the flat counts (slots,) int64 it adds to. Every count equals numpy's:
    `bincount(searchsorted(edges, column, side="right"))`, and NaN in the last slot of its monitor.

    Cost: about 2 ns a value, under 2 us for a row of 30. Compiling takes seconds, which the cache on disk saves the
    next process; where none can be written, every process pays.
    """
    value: Any = numba.from_dtype(np.dtype(kind))
    scale = value if kind != "int64" else types.float64
    integer = np.dtype(f"i{np.dtype(kind).itemsize}").type
    kernel: Any = _counter(integer, FLIPS[kind], _BLOCK_ROWS if layout == "C" else _ALL_ROWS)
    kernel.compile(
        types.void(
            types.Array(value, 2, layout, readonly=True),
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
