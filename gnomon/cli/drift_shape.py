"""A monitor's reference and window as shapes on the axis of its values, from counts in bins."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.evidence import MonitorDrift

COLUMNS = 40
NAMES = 24  # shown of a column of them
MARGIN = 0.06  # of the axis, at either end: where the bins without an end are drawn

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """Shares (COLUMNS,) between `columns` (COLUMNS + 1,), and both distribution functions at the `edges`.

    The functions are exact at the edges. `gap_at` is the edge where they are farthest apart, `gap` how far.
    """

    columns: Numbers
    reference: Numbers
    window: Numbers
    edges: Numbers
    reference_below: Numbers
    window_below: Numbers
    gap_at: int
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Shares of a column of names, largest first: of `names` (n,), the last of them the rest, if there is any."""

    names: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


def named(monitor: MonitorDrift) -> Named | None:
    """None where it has no names, or no values on one side."""
    sides = [np.array(side[:-1], np.float64) for side in (monitor.reference, monitor.window)]
    if not monitor.labels or not all(side.sum() > 0 for side in sides):
        return None
    reference, window = (side / side.sum() for side in sides)
    order = np.argsort(-np.maximum(reference, window), kind="stable")
    shown, rest = order[: NAMES - 1] if len(order) > NAMES else order, order[NAMES - 1 :] if len(order) > NAMES else ()
    together = [[*side[shown], *([side[list(rest)].sum()] if len(rest) else [])] for side in (reference, window)]
    names = [monitor.labels[place] for place in shown] + [f"{len(rest)} more"] * bool(len(rest))
    return Named(names=tuple(names), reference=tuple(together[0]), window=tuple(together[1]))


def shape_of(monitor: MonitorDrift) -> Shape | None:
    """None where there is nothing to draw: no counts were asked for, no edges, or no values on one side."""
    edges = np.array([edge for edge in monitor.edges if math.isfinite(edge)], np.float64)
    counts = [np.array(side[:-1], np.float64) for side in (monitor.reference, monitor.window)]
    if len(edges) < 1 or not all(side.sum() > 0 for side in counts):
        return None
    lowest = len(monitor.edges) > 0 and monitor.edges[0] == -math.inf
    reached = [np.cumsum(side)[lowest : len(edges) + lowest] / side.sum() for side in counts]
    wide = (edges[-1] - edges[0]) or max(1.0, abs(edges[0]))
    ends = edges[0] - MARGIN * wide, edges[-1] + MARGIN * wide
    columns = np.linspace(*ends, COLUMNS + 1)
    known = np.concatenate([[ends[0]], edges, [ends[1]]])
    filled = [np.interp(columns, known, np.concatenate([[0.0], side, [1.0]])) for side in reached]
    apart = np.abs(reached[0] - reached[1])
    return Shape(
        columns=columns,
        reference=np.diff(filled[0]),
        window=np.diff(filled[1]),
        edges=edges,
        reference_below=reached[0],
        window_below=reached[1],
        gap_at=int(apart.argmax()),
        gap=float(apart.max()),
    )
