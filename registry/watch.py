"""The desired state, whole, to everyone who watches.

Owner: the event loop. `publish` replaces the one latest state; a watcher that is slow finds the newest when it comes
back and never knows what it skipped. Memory is one state, however many watch.
"""

import asyncio
from collections.abc import AsyncIterator

from gnomon.domain import DesiredState
from gnomon.errors import Overloaded, ShuttingDown


class Watch:
    """Latest value, many readers."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._latest = DesiredState()
        self._changed = asyncio.Event()
        self._closed = False
        self.watchers = 0
        self.refused = 0

    @property
    def revision(self) -> int:
        """Of the latest state."""
        return self._latest.revision

    def publish(self, state: DesiredState) -> None:
        """Only a newer state counts: two changes may be read back in either order."""
        if state.revision <= self._latest.revision:
            return
        self._latest = state
        self._wake()

    def close(self) -> None:
        """Ends every watch with ShuttingDown."""
        self._closed = True
        self._wake()

    async def states(self) -> AsyncIterator[DesiredState]:
        """The state now, then again whenever it has changed. Raises: Overloaded, ShuttingDown."""
        if self.watchers >= self._limit:
            self.refused += 1
            raise Overloaded(f"{self.watchers} gateways watch already, the limit of this registry")
        self.watchers += 1
        try:
            async for state in self._follow():
                yield state
        finally:
            self.watchers -= 1

    async def _follow(self) -> AsyncIterator[DesiredState]:
        sent: DesiredState | None = None
        while not self._closed:
            changed = self._changed
            if self._latest is not sent:
                sent = self._latest
                yield sent
            else:
                await changed.wait()
        raise ShuttingDown("the registry is stopping; watch again soon")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
