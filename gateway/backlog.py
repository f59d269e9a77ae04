"""Work that waits for a worker, as the time its runs are expected to take: what says when a call is too many."""

import ctypes

from gnomon.errors import Overloaded


class Backlog:
    """Written by: the worker's event loop, in Python and in compiled code, which both put calls behind one another."""

    def __init__(self, max_wait_ms: int) -> None:
        self.max_wait_ms = max_wait_ms
        self._expected_ns = ctypes.c_int64()
        self._calls = 0  # of Python's

    @property
    def address(self) -> int:
        """Of the nanoseconds that are expected."""
        return ctypes.addressof(self._expected_ns)

    @property
    def expected_ns(self) -> int:
        return self._expected_ns.value

    def refusal(self) -> Overloaded:
        return Overloaded(f"more work waits here than is done in {self.max_wait_ms} ms")

    def take(self, cost_ns: int) -> None:
        """One call more, unless others wait that take as long as anybody shall wait. Raises: Overloaded."""
        waiting = self._expected_ns.value
        if waiting and waiting + cost_ns > self.max_wait_ms * 1_000_000:
            raise self.refusal()
        self._expected_ns.value = waiting + cost_ns
        self._calls += 1

    def done(self, cost_ns: int, calls: int = 0) -> None:
        """It was run, or will not be; `calls` of Python's."""
        self._expected_ns.value = max(0, self._expected_ns.value - cost_ns)
        self._calls -= calls

    def revalue(self, more_ns: int) -> None:
        """What waits is expected to take so much longer than was thought; less where it is negative."""
        self._expected_ns.value = max(0, self._expected_ns.value + more_ns)

    def settle(self) -> None:
        """Nothing waits in a lane: what is left over, where Python has no call either, are errors of estimates."""
        if self._calls == 0:
            self._expected_ns.value = 0
