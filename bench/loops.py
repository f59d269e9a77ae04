"""The two loops. Closed: a call is sent when one is answered. Open: calls are sent when the schedule says.

A closed loop asks "how many can it take?": when the server stalls, so does the client, and the stall is one slow call.
An open loop asks "how long does a client wait at this rate?": calls fall due during a stall and their waits count.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.ledger import NOT_SENT, Ledger
from bench.wire import Wire

UNANSWERED = "UNANSWERED"
AT_ONCE = 64  # due calls sent between two looks at the answers


class Closed:
    """`in_flight` calls on every connection until `end_ns` or `most_calls`, then the last answers."""

    def __init__(self, wire: Wire, *, in_flight: int, end_ns: int, most_calls: int, grace_ns: int) -> None:
        self._wire, self._in_flight = wire, in_flight
        self._end_ns, self._last_ns = end_ns, end_ns + grace_ns
        self._left = most_calls
        self._waiting = 0

    def run(self, ledger: Ledger, clock: Callable[[], int] = time.monotonic_ns) -> None:
        for _ in range(self._in_flight):
            for slot in range(self._wire.size):
                self._send(slot, clock())
        while self._waiting and clock() < self._last_ns:
            for slot, intended_ns, done_ns, status in self._wire.wait(self._last_ns):
                self._waiting -= 1
                ledger.record(intended_ns, done_ns, status)
                self._send(slot, done_ns)
        ledger.lose(UNANSWERED, self._waiting)

    def _send(self, slot: int, now_ns: int) -> None:
        if now_ns < self._end_ns and self._left:
            self._left -= 1
            self._waiting += 1
            self._wire.send(slot, now_ns)


class Open:
    """A call at each of `arrivals_ns` (ascending, from the start), on the connections in turn."""

    def __init__(self, wire: Wire, arrivals_ns: NDArray[np.int64], *, most_waiting: int, grace_ns: int) -> None:
        self._wire, self._arrivals_ns = wire, arrivals_ns
        self._most_waiting, self._grace_ns = most_waiting, grace_ns
        self._waiting = 0

    def run(self, ledger: Ledger, clock: Callable[[], int] = time.monotonic_ns) -> None:
        due_ns: list[int] = (self._arrivals_ns + clock()).tolist()
        sent, last_ns = 0, (due_ns[-1] if due_ns else clock()) + self._grace_ns
        while (sent < len(due_ns) or self._waiting) and clock() < last_ns:
            sent = self._send_due(due_ns, sent, ledger, clock)
            until_ns = due_ns[sent] if sent < len(due_ns) else last_ns
            for _, intended_ns, done_ns, status in self._wire.wait(until_ns):
                self._waiting -= 1
                ledger.record(intended_ns, done_ns, status)
        ledger.lose(UNANSWERED, self._waiting)
        ledger.lose(NOT_SENT, len(due_ns) - sent)

    def _send_due(self, due_ns: list[int], sent: int, ledger: Ledger, clock: Callable[[], int]) -> int:
        now_ns = clock()
        stop = min(sent + AT_ONCE, len(due_ns))
        while sent < stop and due_ns[sent] <= now_ns:
            if self._waiting < self._most_waiting:
                self._waiting += 1
                ledger.sent(due_ns[sent], now_ns)
                self._wire.send(sent % self._wire.size, due_ns[sent])
            else:
                ledger.lose(NOT_SENT)
            sent += 1
        return sent
