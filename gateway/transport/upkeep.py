"""What time asks of connections: handshakes that never end, silence, age. One pass over all of them a second."""

import asyncio
from collections.abc import Callable, Iterable

from gateway.transport.h2 import Http2
from gateway.transport.limits import Limits

PERIOD_S = 1.0
CLOSE_S = 5.0  # for a client to take our last words and hang up


def expiry(born: float, limits: Limits, chance: float) -> float:
    """When a connection is to be drained; `chance` in [0, 1) spreads those born together over a fifth of the age."""
    return born + limits.max_age_s * (0.9 + 0.2 * chance) if limits.max_age_s else float("inf")


def tend(connection: Http2, now: float, limits: Limits) -> None:
    """What is due for one connection."""
    if _is_dead(connection, now, limits):
        connection.abort()
        return
    connection.reap(now)
    if connection.draining:
        connection.insist(now)
    elif now > connection.expires:
        connection.drain()
    if limits.keepalive_s and now - connection.heard > limits.keepalive_s:
        connection.ping()


def _is_dead(connection: Http2, now: float, limits: Limits) -> bool:
    if now - connection.ended_at > CLOSE_S:
        return True
    if not connection.settled and now - connection.born > limits.handshake_timeout_s:
        return True
    if connection.pinged is not None and now - connection.pinged > limits.keepalive_timeout_s:
        return True
    # Aged connections only: when all are drained, the server's own grace rules.
    return now - connection.drained_at > limits.age_grace_s and now > connection.expires


class Upkeep:
    """The clockwork. Written by: the event loop."""

    def __init__(self, connections: Callable[[], Iterable[Http2]], limits: Limits, clock: Callable[[], float]) -> None:
        self._connections, self._limits, self._clock = connections, limits, clock
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(PERIOD_S, self._turn, loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock()
        for connection in tuple(self._connections()):
            tend(connection, now, self._limits)
        self.start(loop)
