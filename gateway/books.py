"""Counts of a worker, on its page: received = answered + rejected + shed + failed + cancelled + in flight, always.

Written by: the worker's event loop. Read by: anybody, from the page.
"""

from gateway.journal.format import ANSWERED, CANCELLED, FAILED, STATUS_NAMES
from gateway.native.blocks import WORLD
from gateway.pages import Page


class WorkerBooks:
    """Counts of calls, by how they ended."""

    def __init__(self, page: Page) -> None:
        self._values = page.values
        self._received = page.counter("gnomon_worker_received_total")
        self._in_flight = page.counter("gnomon_worker_in_flight")
        self._ended = {
            status: page.counter("gnomon_worker_ended_total", status=name) for status, name in STATUS_NAMES.items()
        }
        self._journaled = page.counter("gnomon_worker_journaled_total")
        self._lost = page.counter("gnomon_worker_journal_lost_total", status="answered")
        self._lost_refusals = page.counter("gnomon_worker_journal_lost_total", status="other")
        self._values[self._ended[FAILED]] += self._values[self._in_flight]  # of a worker that was killed
        self._values[self._in_flight] = 0
        self._offered = page.counter("gnomon_worker_shadow_offered_total")

    @property
    def in_flight(self) -> int:
        return int(self._values[self._in_flight])

    def places(self) -> dict[int, int]:
        """Where compiled code counts, by field of WORLD in gateway.native.blocks."""
        base = self._values.ctypes.data
        counters = {
            WORLD.RECEIVED: self._received, WORLD.IN_FLIGHT: self._in_flight, WORLD.JOURNALED: self._journaled,
            WORLD.ENDED_ANSWERED: self._ended[ANSWERED], WORLD.ENDED_CANCELLED: self._ended[CANCELLED],
            WORLD.LOST: self._lost, WORLD.LOST_OTHER: self._lost_refusals, WORLD.OFFERED: self._offered,
        }  # fmt: skip
        return {field: base + 8 * counter for field, counter in counters.items()}

    def begin(self) -> None:
        self._values[self._received] += 1
        self._values[self._in_flight] += 1

    def end(self, status: int) -> None:
        self._values[self._ended[status]] += 1
        self._values[self._in_flight] -= 1

    def journaled(self, written: bool, *, offered: bool) -> None:
        """One answered call: written or lost, and whether a shadow arm wants to see it."""
        self._values[self._journaled if written else self._lost] += 1
        self._values[self._offered] += offered

    def refusal_journaled(self, written: bool) -> None:
        """One call that was not answered."""
        self._values[self._lost_refusals] += not written
