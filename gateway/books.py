"""Counts of a worker, on its page: received = answered + rejected + shed + failed + cancelled + in flight, always.

Written by: the worker's event loop. Read by: anybody, from the page.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.journal.format import ANSWERED, CANCELLED, FAILED, SHED, STATUS_NAMES
from gateway.native.blocks import WORLD
from gateway.pages import Page
from gnomon.errors import DeadlineExceeded, Overloaded

SHED_REASONS = ("in_flight", "wait", "deadline", "not_ready")


def shed_reason(error: BaseException) -> str:
    """Of SHED_REASONS: too many calls, or too much work before it; a deadline that has passed; nothing to serve yet."""
    if isinstance(error, DeadlineExceeded):
        return "deadline"
    return "in_flight" if isinstance(error, Overloaded) else "not_ready"


class Left(NamedTuple):
    """A record of a worker that was killed before it had counted it."""

    status: int
    offered: tuple[tuple[str, int], ...] = ()  # the shadows that want it: model, version


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
        self._page = page
        self._offered: dict[tuple[str, int], int] = {}  # (model, version of a shadow) → its counter
        self._shed = {reason: page.counter("gnomon_worker_shed_total", reason=reason) for reason in SHED_REASONS}
        self._unrecorded = page.counter("gnomon_worker_unrecorded_total")
        self._failing = page.counter("gnomon_worker_journal_failing")
        # Where this process began: the sequence of its journal, and the calls that had ended before.
        self._first = page.counter("gnomon_worker_books_first_sequence")
        self._from_sequence = page.counter("gnomon_worker_books_sequence")
        self._from_ended = page.counter("gnomon_worker_books_ended")

    @property
    def in_flight(self) -> int:
        return int(self._values[self._in_flight])

    def places(self) -> dict[int, int]:
        """Where compiled code counts, by field of WORLD in gateway.native.blocks."""
        base = self._values.ctypes.data
        counters = {
            WORLD.RECEIVED: self._received, WORLD.IN_FLIGHT: self._in_flight, WORLD.JOURNALED: self._journaled,
            WORLD.ENDED_ANSWERED: self._ended[ANSWERED], WORLD.ENDED_CANCELLED: self._ended[CANCELLED],
            WORLD.ENDED_SHED: self._ended[SHED], WORLD.SHED_COUNT: self._shed["wait"],
            WORLD.SHED_COUNT + 8: self._shed["in_flight"], WORLD.LOST: self._lost,
            WORLD.LOST_OTHER: self._lost_refusals,
        }  # fmt: skip
        return {field: base + 8 * counter for field, counter in counters.items()}

    def place_of_offered(self, model: str, version: int) -> int:
        """Where compiled code counts what a shadow wants."""
        return int(self._values.ctypes.data) + 8 * self._offered_to(model, version)

    def _offered_to(self, model: str, version: int) -> int:
        key = model, version
        if key not in self._offered:
            labels = {"model": model, "version": str(version)}
            self._offered[key] = self._page.counter("gnomon_worker_shadow_offered_total", **labels)
        return self._offered[key]

    def resume(self, sequence: int, left: Callable[[int], Iterable[Left]]) -> None:
        """Takes up the books of a predecessor that may have been killed: every record it wrote is counted, once.

        `sequence` is where the journal goes on; `left` gives the records from a sequence on. What was in flight and
        has no record counts as failed, and as unrecorded: the caller got no answer.
        """
        values = self._values
        if not values[self._received]:
            values[self._first] = sequence  # a new page
        else:
            known = values[self._from_sequence] + self._ended_ever() - values[self._from_ended]
            if known < sequence:
                self._count(list(left(int(known))))
            surplus = values[self._journaled] + values[self._lost] - values[self._ended[ANSWERED]]
            values[self._ended[ANSWERED]] += surplus  # lost, and killed before that was said
            values[self._in_flight] -= surplus
            values[self._ended[FAILED]] += values[self._in_flight]
            values[self._unrecorded] += values[self._in_flight]
            values[self._in_flight] = 0
        values[self._from_sequence] = sequence
        values[self._from_ended] = self._ended_ever()

    def _count(self, left: list[Left]) -> None:
        answered = [record for record in left if record.status == ANSWERED]
        values = self._values
        told = int(values[self._journaled] + values[self._lost] - values[self._ended[ANSWERED]])
        for record in answered[told:]:  # the others were counted as journaled already, and not as ended
            values[self._journaled] += 1
            for model, version in record.offered:
                values[self._offered_to(model, version)] += 1
        for record in left:
            values[self._ended[record.status]] += 1
        values[self._in_flight] -= len(left)

    def _ended_ever(self) -> int:
        return sum(int(self._values[index]) for index in self._ended.values())

    def begin(self) -> None:
        self._values[self._received] += 1
        self._values[self._in_flight] += 1

    def end(self, status: int) -> None:
        self._values[self._ended[status]] += 1
        self._values[self._in_flight] -= 1

    def shed(self, error: BaseException) -> None:
        """Why a call was not taken up, or not run."""
        self._values[self._shed[shed_reason(error)]] += 1

    def journaled(self, written: bool) -> None:
        """One answered call: written or lost."""
        self._values[self._journaled if written else self._lost] += 1

    def offered(self, model: str, version: int) -> None:
        """A shadow wants to see an answered call."""
        self._values[self._offered_to(model, version)] += 1

    def refusal_journaled(self, written: bool) -> None:
        """One call that was not answered."""
        self._values[self._lost_refusals] += not written

    def journal_failing(self, failing: bool) -> None:
        """The alarm: whether there is no segment to write to."""
        self._values[self._failing] = failing
