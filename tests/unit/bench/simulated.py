"""A network and a server without sockets and without time, for the loops of the load generator."""

import heapq

from bench.connection import Answer

MS = 1_000_000


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


class Simulated:
    """A server that answers any number of calls, each `service_ns` after it was sent, but none during the stall."""

    def __init__(self, clock: Clock, *, size: int = 1, service_ns: int = MS, stall: tuple[int, int] = (0, 0)) -> None:
        self.size = size
        self.sent: list[int] = []
        self.deaf_until_ns = 0  # a generator that does not look, or was not run, before this
        self._clock, self._service_ns, self._stall = clock, service_ns, stall
        self._answers: list[tuple[int, int, int]] = []

    def send(self, slot: int, intended_ns: int) -> None:
        self.sent.append(intended_ns)
        done_ns = self._clock() + self._service_ns
        if self._stall[0] <= done_ns < self._stall[1]:
            done_ns = self._stall[1]
        heapq.heappush(self._answers, (done_ns, slot, intended_ns))

    def wait(self, until_ns: int) -> list[Answer]:
        next_ns = min(self._answers[0][0], until_ns) if self._answers else until_ns
        self._clock.now_ns = max(self._clock.now_ns, next_ns, self.deaf_until_ns)
        found = []
        while self._answers and self._answers[0][0] <= self._clock.now_ns:
            done_ns, slot, intended_ns = heapq.heappop(self._answers)
            found.append((slot, intended_ns, max(done_ns, self.deaf_until_ns), "OK"))
        return found
