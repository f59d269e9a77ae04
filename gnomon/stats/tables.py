"""Lookup tables that replace the binary search for a bin.

A monotone key cuts the numbers into cells so small that a cell has at most one edge in it, or two:

    bin(x) = base[key(x)] + (x >= edge[key(x)]) [+ (x >= pair[key(x)])]

where base counts the edges whose key is lower. That is exact, not an approximation: the key never decreases, so a
lower key means a smaller number; only edges in the cell of x have to be compared. A cell without an edge compares with
the next ones, which no number in the cell reaches, and the cells at the end with the last ones, from a lower base.

Two keys: (x - low) * scale for evenly spread edges of floats; for skewed ones, and for integers, the bits of the number
as an integer in the order of the numbers, which grow like a logarithm. Edges one number apart (around an atom) are why
two to a cell are allowed. A column that needs more than 8192 cells is searched.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.bins import Numbers, extremes
from gnomon.stats.kernels import AFFINE, AFFINE_PAIR, BITS, BITS_PAIR, FLIPS, SEARCH, SIGN

_CELLS = tuple(1 << power for power in range(6, 14))
_PAIR = {AFFINE: AFFINE_PAIR, BITS: BITS_PAIR}
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
            table = _affine(edges, cells, per_cell) or _bits(edges, cells, per_cell)
            if table is not None:
                return table
    return _search(edges)


def ordered_bits(values: Numbers) -> NDArray[np.uint64]:
    """Integers in the order of the numbers. Zero has the key of -0.0: its cell must hold both zeros."""
    if values.dtype.kind == "f":
        zeroed = np.where(values == 0, values.dtype.type(-0.0), values)
        values = zeroed.view(f"i{values.dtype.itemsize}").astype(np.int64)
        values = values ^ ((values >> 63) & FLIPS[zeroed.dtype.name])
    return values.view(np.uint64) ^ SIGN


def _affine(edges: Numbers, cells: int, per_cell: int) -> Table | None:
    if edges.dtype.kind != "f":
        return None
    number = edges.dtype.type
    finite = edges[np.isfinite(edges)]
    if len(finite) == 0:
        finite = np.zeros(1, number)
    low, top = finite[0], number(cells - 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        span = finite[-1] - low
        scale = top / span if span > 0 else number(1)
        if not np.isfinite(span) or not 0 < scale < np.inf:
            return None
        keys = np.clip((edges - low) * scale, 0, top).astype(np.int64)  # the arithmetic of the kernel, to the bit
    return _table(edges, keys, cells, per_cell, AFFINE, scaling=np.array([low, scale, top]))


def _bits(edges: Numbers, cells: int, per_cell: int) -> Table | None:
    ordered = ordered_bits(edges)
    above_first = ordered - ordered[0]
    shift = max(0, int(above_first[-1]).bit_length() - (cells - 1).bit_length())
    keys = (above_first >> np.uint64(shift)).astype(np.int64)
    return _table(edges, keys, cells, per_cell, BITS, k0=int(ordered[:1].view(np.int64)[0]), shift=shift)


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
        mode=mode if per_cell == 1 else _PAIR[mode],
        scaling=np.zeros(3) if scaling is None else scaling,
        k0=k0,
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
