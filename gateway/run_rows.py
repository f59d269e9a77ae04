"""How many rows a worker's model runs had, by model: a histogram on its page, whichever way the calls came.

A run adds to a list; the page is brought up to date a few times a second. What was not there yet when a worker is
killed is lost. Written by: the worker's event loop.
"""

from itertools import accumulate
from typing import Final

from gateway.pages import Page

EDGES: Final = tuple(1 << power for power in range(13))  # 1, 2, 4 … 4096 rows
LE: Final = (*(repr(float(edge)) for edge in EDGES), "+Inf")
NAME: Final = "gnomon_run_rows"


class RunRows:
    """Counts of runs by the power of two that their rows fit into, and the rows, since the page was last told."""

    def __init__(self) -> None:
        self._models: dict[str, list[int]] = {}

    def ran(self, model: str, rows: int) -> None:
        counts = self._models.get(model)
        if counts is None:
            counts = self._models[model] = [0] * (len(LE) + 1)
        counts[min((rows - 1).bit_length(), len(EDGES))] += 1
        counts[-1] += rows

    def publish(self, page: Page) -> None:
        for model, counts in self._models.items():
            if not counts[-1]:
                continue
            *runs, rows = counts
            for edge, added in zip(LE, accumulate(runs), strict=True):
                page.values[page.counter(f"{NAME}_bucket", model=model, le=edge)] += added
            page.values[page.counter(f"{NAME}_sum", model=model)] += rows
            counts[:] = [0] * len(counts)
