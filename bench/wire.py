"""Wire: all connections of a run behind one poll, with waits exact to some ten microseconds."""

import select
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from bench.call import Call
from bench.connection import Answer, Connection

SPIN_NS = 60_000  # shorter waits are not worth a sleep
COARSE_NS = 3_000_000  # epoll sleeps whole milliseconds; shorter waits go through select, exact to microseconds


class Wire(Protocol):
    """What a loop needs of the network; tests have one without sockets and without time."""

    size: int

    def send(self, slot: int, intended_ns: int) -> None:
        """Sends a call on the connection of a slot, at the latest with the next `wait`."""

    def wait(self, until_ns: int) -> list[Answer]:
        """Answers, as soon as there are any; an empty list at `until_ns`."""


class Sockets:
    """The real wire. A connection that goes away is replaced at the next call of its slot."""

    def __init__(
        self, address: tuple[str, int], call: Call, size: int, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Raises: OSError when the server does not accept."""
        self.size = size
        self._address, self._call, self._clock = address, call, clock
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Connection] = {}
        self._dirty: set[Connection] = set()
        self._blocked: set[Connection] = set()
        self._slots = [self._connect(slot) for slot in range(size)]

    def _connect(self, slot: int) -> Connection:
        connection = Connection(slot, self._address, self._call)
        descriptor = connection.socket.fileno()
        self._by_descriptor[descriptor] = connection
        self._poll.register(descriptor, select.EPOLLIN)
        self._dirty.add(connection)
        return connection

    def send(self, slot: int, intended_ns: int) -> None:
        connection = self._slots[slot]
        if not connection.open:
            connection = self._slots[slot] = self._connect(slot)
        connection.send(intended_ns)
        self._dirty.add(connection)

    def wait(self, until_ns: int) -> list[Answer]:
        self._flush()
        answers: list[Answer] = []
        for descriptor, events in self._ready(until_ns):
            connection = self._by_descriptor[descriptor]
            if events & ~select.EPOLLOUT:
                self._receive(descriptor, connection, answers)
            if connection.socket.fileno() >= 0:
                self._dirty.add(connection)
        return answers

    def _receive(self, descriptor: int, connection: Connection, into: list[Answer]) -> None:
        data = connection.read()
        if data is None:
            return
        connection.answers(data, self._clock(), into)
        if connection.socket.fileno() < 0:
            del self._by_descriptor[descriptor]
            self._dirty.discard(connection)
            self._blocked.discard(connection)

    def _ready(self, until_ns: int) -> list[tuple[int, int]]:
        left_ns = until_ns - self._clock()
        if left_ns > COARSE_NS:
            return self._poll.poll((left_ns - 1_000_000) / 1e9)
        if left_ns > SPIN_NS:
            select.select([self._poll.fileno()], [], [], left_ns / 1e9)
        return self._poll.poll(0)

    def _flush(self) -> None:
        for connection in self._dirty:
            more = connection.flush()
            if more != (connection in self._blocked):
                self._watch(connection, more)
        self._dirty.clear()

    def _watch(self, connection: Connection, writing: bool) -> None:
        (self._blocked.add if writing else self._blocked.discard)(connection)
        events = select.EPOLLIN | select.EPOLLOUT if writing else select.EPOLLIN
        self._poll.modify(connection.socket.fileno(), events)

    def close(self) -> None:
        for connection in self._by_descriptor.values():
            connection.socket.close()
        self._poll.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
