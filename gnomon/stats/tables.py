"""Lookup tables that replace the binary search for a bin.

A monotone key cuts the numbers into cells so small that a cell has at most one edge in it, or two:

    bin(x) = base[key(x)] + (x >= edge[key(x)]) [+ (x >= pair[key(x)])]

where base counts the edges whose key is lower. That is exact, not an approximation: the key never decreases, so a
lower key means a smaller number; only edges in the cell of x have to be compared. A cell without an edge compares with
the next ones, which no number in the cell reaches, and the cells at the end with the last ones, from a lower base.

Three keys: (x - low) * scale for evenly spread edges; for skewed ones the bits of a float as an integer in the order of
the numbers, which grow like a logarithm. int64 has both, by the float64 nearest to a number, for no key has to tell all
numbers apart; and its own bits, for large ones that lie close together. Edges one number apart (around an atom) are
why two to a cell are allowed; round numbers do not need it where a boundary of cells lies just above one of them. A
column that needs more than 8192 cells is searched.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.bins import Numbers, extremes
from gnomon.stats.kernels import AFFINE, BITS, KEYS, LOG, SEARCH

_CELLS = tuple(1 << power for power in range(6, 14))
_MAX_EDGES = 65_534  # a bin has to fit 16 bits


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How the kernel finds the bin of one monitor.

    `scaling` (3,) is low, scale and the last cell, of the affine key; `k0` and `shift` are the bits key's.
    `base` uint16, and `edge` and `pair` of the edges' type, have one entry a cell; of a searched column they are all
    its edges.
    """

    mode: int
    scaling: NDArray[Any]
    k0: int
    shift: int
    base: NDArray[np.uint16]
    edge: Numbers
    pair: Numbers


def build(edges: Numbers) -> Table:
    """The smallest table for ascending `edges` (n_edges,), with one compare rather than two.

    Raises:
        ValueError: more edges than a 16-bit bin number can count.
    """
    if len(edges) > _MAX_EDGES:
        raise ValueError(f"at most {_MAX_EDGES} edges can be counted, got {len(edges)}")
    for per_cell in (1, 2)[: len(edges)]:
        for cells in _CELLS:
            for make in (_affine, _bits, _log):
                table = make(edges, cells, per_cell)
                if table is not None:
                    return table
    return _search(edges)


def ordered_bits(values: Numbers) -> NDArray[np.uint64]:
    """Integers in the order of the numbers. Zero has the key of -0.0: its cell must hold both zeros."""
    if values.dtype.kind == "i":
        return values.view(np.uint64) ^ np.uint64(1 << 63)
    bits = np.where(values == 0, values.dtype.type(-0.0), values).view(f"u{values.dtype.itemsize}")
    sign = bits.dtype.type(1 << (8 * bits.dtype.itemsize - 1))
    return np.asarray(np.where(bits & sign, ~bits, bits | sign), np.uint64)


def _affine(edges: Numbers, cells: int, per_cell: int) -> Table | None:
    numbers = edges if edges.dtype.kind == "f" else edges.astype(np.float64)
    number = numbers.dtype.type
    finite = numbers[np.isfinite(numbers)]
    if len(finite) == 0:
        finite = np.zeros(1, number)
    low, top = finite[0], number(cells - 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        span = finite[-1] - low
        scale = top / span if span > 0 else number(1)
        if not np.isfinite(span) or not 0 < scale < np.inf:
            return None
        keys = np.clip((numbers - low) * scale, 0, top).astype(np.int64)  # the arithmetic of the kernel, to the bit
    return _table(edges, keys, cells, per_cell, AFFINE, scaling=np.array([low, scale, top]))


def _bits(edges: Numbers, cells: int, per_cell: int) -> Table | None:
    return _shifted(edges, ordered_bits(edges), cells, per_cell, BITS)


def _log(edges: Numbers, cells: int, per_cell: int) -> Table | None:
    if edges.dtype.kind == "f":  # their own bits are logarithms
        return None
    return _shifted(edges, ordered_bits(edges.astype(np.float64)), cells, per_cell, LOG)


def _shifted(edges: Numbers, ordered: NDArray[np.uint64], cells: int, per_cell: int, mode: int) -> Table | None:
    """With the first edges in a cell of their own, when the rest fills the others better: zero is octaves from one."""
    for apart in (0, per_cell)[: len(edges)]:
        span = int(ordered[-1] - ordered[min(apart, len(edges) - 1)])
        shift = max(0, span.bit_length() - (cells - 1).bit_length())
        shift += int(apart > 0 and (span >> shift) + 1 >= cells)
        k0 = int(ordered[min(apart, len(edges) - 1)]) - ((1 << shift) if apart else 0)
        if k0 < 0:
            continue
        keys = np.where(ordered > k0, ordered - np.uint64(k0), 0) >> np.uint64(shift)
        table = _table(edges, keys.astype(np.int64), cells, per_cell, mode, k0=k0, shift=shift)
        if table is not None:
            return table
    return None


def _table(
    edges: Numbers,
    keys: NDArray[np.int64],
    cells: int,
    per_cell: int,
    mode: int,
    scaling: NDArray[Any] | None = None,
    k0: int = 0,
    shift: int = 0,
) -> Table | None:
    inside = np.bincount(keys, minlength=cells)
    if inside.max(initial=0) > per_cell:
        return None
    base = np.minimum(np.cumsum(inside) - inside, len(edges) - per_cell)
    return Table(
        mode=mode if per_cell == 1 else mode + KEYS,
        scaling=np.zeros(3) if scaling is None else scaling,
        k0=k0 - (1 << 64) if k0 >= 1 << 63 else k0,  # the kernel has it among signed words
        shift=shift,
        base=base.astype(np.uint16),
        edge=edges[base],
        pair=edges[base + per_cell - 1],
    )


def _search(edges: Numbers) -> Table:
    padded = np.full(1 << len(edges).bit_length(), extremes(edges.dtype)[1][0])
    padded[: len(edges)] = edges
    return Table(
        mode=SEARCH,
        scaling=np.zeros(3),
        k0=0,
        shift=0,
        base=np.zeros(len(padded), np.uint16),
        edge=padded,
        pair=padded,
    )
