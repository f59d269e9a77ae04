"""Upper edges of the classic latency buckets: some that never change, and one at every budget of a model.

An edge may come and go without a count ever falling. A new one splits a bucket: what was in it stays in the upper part,
as nobody knows any more which calls were faster, so the cumulative count at every former edge is what it was, and at
the new one it begins with that of the edge below: a lower bound once, and exact for all calls from then on. One that
goes is merged into the next above. Pure; all in nanoseconds.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gnomon.domain import Route

LATENCY: Final = "gnomon_call_latency_seconds"  # whose buckets they are
FIXED_NS: Final = tuple(50_000 << power for power in range(19))  # 50 µs, and twice as much each, to 13.1 s
BUDGETS_KEPT: Final = 8  # of a model: those of its latest routes
LONGEST_BUDGET_US: Final = 600_000_000  # what is above stands for no budget at all

Edges = tuple[int, ...]


def le(edge_ns: int) -> str:
    """An edge as the label `le` has it."""
    return repr(edge_ns / 1e9)


FIXED_LE: Final = frozenset({*(le(edge) for edge in FIXED_NS), "+Inf"})


def budgets_us(route: Route) -> Edges:
    """The thresholds of a route that are latencies somebody can have."""
    return tuple(us for us in route.latency_thresholds_us if 0 < us <= LONGEST_BUDGET_US)


def with_budgets(kept_us: Sequence[int], wanted_us: Sequence[int]) -> Edges:
    """The budgets to keep edges for, the latest last, when a route wants some more."""
    return (*(us for us in kept_us if us not in wanted_us), *dict.fromkeys(wanted_us))[-BUDGETS_KEPT:]


def edges_ns(budgets: Sequence[int]) -> Edges:
    """All edges of a model with these budgets, in microseconds; ascending."""
    return tuple(sorted({*FIXED_NS, *(1_000 * us for us in budgets)}))


def recut(counts: NDArray[np.int64], before: Edges, after: Edges) -> NDArray[np.int64]:
    """Counts (edges + 1,) of the buckets between other edges; the last bucket has no upper edge."""
    bucket = np.searchsorted(np.array(after, np.int64), np.array(before, np.int64))  # that ends there, or beyond it
    recounted = np.zeros(len(after) + 1, np.int64)
    np.add.at(recounted, np.append(bucket, len(after)), counts)
    return recounted
