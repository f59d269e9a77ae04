"""Lookup tables that replace the binary search for a bin.

A monotone key cuts the numbers into cells so small that a cell has at most one edge in it, or two:

    bin(x) = base[key(x)] + (x >= edge[key(x)]) [+ (x >= pair[key(x)])]

where base counts the edges whose key is lower. That is exact, not an approximation: the key never decreases, so a
lower key means a smaller number; only edges in the cell of x have to be compared. NaN stands where a cell has no edge,
and no number is at or above it.

Two keys: (x - low) * scale in float32 for evenly spread edges; for skewed ones the bits of the float32 as an integer,
which grow like a logarithm. Edges one float32 apart (around an atom) are why two to a cell are allowed. A column that
needs more than 8192 cells is searched.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from gnomon.stats.kernels import AFFINE, AFFINE_PAIR, BITS, BITS_PAIR, SEARCH

_CELLS = tuple(1 << power for power in range(6, 14))
_PAIR = {AFFINE: AFFINE_PAIR, BITS: BITS_PAIR}
_MAX_EDGES = 65_534  # a bin has to fit 16 bits


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How the kernel finds the bin of one monitor.

    `scaling` (3,) float32 is low, scale and the last cell, of the affine key; `k0` and `shift` are the bits key's.
    `base` uint16, `edge` and `pair` float32 have one entry a cell; of a searched column `edge` are all its edges.
    """

    mode: int
    scaling: NDArray[np.float32]
    k0: int
    shift: int
    base: NDArray[np.uint16]
    edge: NDArray[np.float32]
    pair: NDArray[np.float32]


def build(edges: NDArray[np.float32]) -> Table:
    """The smallest table for ascending `edges` (n_edges,) float32, with one compare rather than two.

    Raises:
        ValueError: more edges than a 16-bit bin number can count.
    """
    if len(edges) > _MAX_EDGES:
        raise ValueError(f"at most {_MAX_EDGES} edges can be counted, got {len(edges)}")
    for per_cell in (1, 2):
        for cells in _CELLS:
            table = _affine(edges, cells, per_cell) or _bits(edges, cells, per_cell)
            if table is not None:
                return table
    return _search(edges)


def monotone_bits(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Integers in the order of the numbers. Zero is -1, the key of -0.0: its cell must hold both zeros."""
    bits = np.where(values == 0, np.float32(-0.0), values).view(np.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64)


def _affine(edges: NDArray[np.float32], cells: int, per_cell: int) -> Table | None:
    finite = edges[np.isfinite(edges)]
    if len(finite) == 0:
        finite = np.zeros(1, np.float32)
    low, top = finite[0], np.float32(cells - 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        span = finite[-1] - low
        scale = top / span if span > 0 else np.float32(1)
        if not np.isfinite(span) or not 0 < scale < np.inf:
            return None
        keys = np.clip((edges - low) * scale, 0, top).astype(np.int64)  # the arithmetic of the kernel, to the bit
    scaling = np.array([low, scale, top], np.float32)
    return _table(edges, keys, cells, per_cell, AFFINE, scaling=scaling)


def _bits(edges: NDArray[np.float32], cells: int, per_cell: int) -> Table | None:
    ordered = monotone_bits(edges)
    k0 = int(ordered[0])
    shift = max(0, (int(ordered[-1]) - k0).bit_length() - (cells - 1).bit_length())
    return _table(edges, (ordered - k0) >> shift, cells, per_cell, BITS, k0=k0, shift=shift)


def _table(
    edges: NDArray[np.float32],
    keys: NDArray[np.int64],
    cells: int,
    per_cell: int,
    mode: int,
    scaling: NDArray[np.float32] | None = None,
    k0: int = 0,
    shift: int = 0,
) -> Table | None:
    inside = np.bincount(keys, minlength=cells)
    if inside.max(initial=0) > per_cell:
        return None
    base = np.cumsum(inside) - inside
    edge, pair = np.full(cells, np.nan, np.float32), np.full(cells, np.nan, np.float32)
    edge[inside > 0] = edges[base[inside > 0]]
    pair[inside > 1] = edges[base[inside > 1] + 1]
    return Table(
        mode=mode if per_cell == 1 else _PAIR[mode],
        scaling=np.zeros(3, np.float32) if scaling is None else scaling,
        k0=k0,
        shift=shift,
        base=base.astype(np.uint16),
        edge=edge,
        pair=pair,
    )


def _search(edges: NDArray[np.float32]) -> Table:
    padded = np.full(1 << len(edges).bit_length(), np.nan, np.float32)
    padded[: len(edges)] = edges
    return Table(
        mode=SEARCH,
        scaling=np.zeros(3, np.float32),
        k0=0,
        shift=0,
        base=np.zeros(len(padded), np.uint16),
        edge=padded,
        pair=padded,
    )
