"""Connections with something to send. Whatever one turn of the event loop produced leaves in one write a connection."""

import asyncio
import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Sender(Protocol):
    def flush(self) -> None: ...


class Outbox:
    """Written by: the event loop. A connection adds itself once and is flushed once."""

    __slots__ = ("_dirty", "_loop", "_scheduled")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[Sender] = []
        self._scheduled = False

    def add(self, sender: Sender) -> None:
        self._dirty.append(sender)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def flush(self) -> None:
        """Sends what there is, at once."""
        dirty, self._dirty = self._dirty, []
        for sender in dirty:
            try:
                sender.flush()
            except Exception as error:  # one connection's fault is not the others'
                log.error("a connection could not be flushed", exc_info=error)

    def _turn(self) -> None:
        self._scheduled = False
        self.flush()
