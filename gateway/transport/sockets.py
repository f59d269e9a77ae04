"""Sockets without TLS, which compiled code reads and writes: one poll for all of them, in the event loop's own.

A connection keeps its asyncio transport for its end, for what its socket does not take at once, and for being found.
"""

import asyncio
import logging
import select
from collections.abc import Callable

from gateway.native.blocks import WORLD
from gateway.transport.engine import World

log = logging.getLogger(__name__)


class Sockets:
    """Written by: the event loop."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
        """`work` is called after each round of reading in which calls came into a lane."""
        self._world, self._loop, self._work = world, loop, work
        self._poll = select.epoll()
        world.set(WORLD.EPOLL, self._poll.fileno())
        loop.add_reader(self._poll.fileno(), self._readable)

    def close(self) -> None:
        if not self._poll.closed:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()

    def _readable(self) -> None:
        """Everything that has arrived is read; then what waits is run, and all answers leave."""
        self.read()
        if self._world.get(WORLD.READY):
            self._work()
            self.flush()

    def read(self) -> None:
        """Reads everything that has arrived, and sends what could be said to it at once."""
        world = self._world
        what = world.native.poll(world.address, 1)
        while what:
            connection = world.connections[world.get(WORLD.FOUND)]
            try:
                connection.arrived(what, world.get(WORLD.FOUND_SIZE), world.get(WORLD.FOUND_TODO))
            except Exception as error:  # one connection's fault is not the others'
                log.error("a connection could not be read", exc_info=error)
            what = world.native.poll(world.address, 0)
        self.flush()

    def flush(self) -> None:
        """Sends what compiled code has to send."""
        world = self._world
        while what := world.native.flush(world.address):
            connection = world.connections[world.get(WORLD.FOUND)]
            try:
                connection.sent(what)
            except Exception as error:
                log.error("a connection could not be flushed", exc_info=error)
