"""Garbage collection of a worker: how rarely it looks, and how long it took, counted where anybody can see it."""

import gc
import time
from collections.abc import Callable
from typing import Any

from gateway.pages import Page

# New objects before the youngest are looked at, and how many such looks before the next generation is. Requests make no
# cycles that last: the default of 700 looks a hundred times a second at calls that are merely in flight.
THRESHOLDS = (5_000, 10, 10)


class Pauses:
    """Counts the collections of this process, in processor time: what others took of the machine is not theirs.

    Written by: whichever thread collects, with the interpreter lock.
    """

    def __init__(self, page: Page, clock_ns: Callable[[], int] = time.thread_time_ns) -> None:
        self._values, self._clock_ns = page.values, clock_ns
        self._count = page.counter("gnomon_worker_collections_total")
        self._total = page.counter("gnomon_worker_collection_ns_total")
        self._longest = page.counter("gnomon_worker_collection_longest_ns")
        self._values[self._longest] = 0
        self._began_ns = 0

    def watch(self) -> None:
        """What is there now stays: no collection looks at it again. From here on each is counted."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._told)

    def stop(self) -> None:
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)

    def _told(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began_ns = self._clock_ns()
            return
        taken_ns = self._clock_ns() - self._began_ns
        self._values[self._count] += 1
        self._values[self._total] += taken_ns
        self._values[self._longest] = max(int(self._values[self._longest]), taken_ns)
