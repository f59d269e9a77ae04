"""Drift events to those who listen: streams that go on from where they were, and a webhook.

Owner: the event loop. The store keeps events; a listener holds nothing but the number of the last one it had, so a
slow one costs no memory and misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from gnomon.drift import FROM_NOW_ON, DriftEvent
from gnomon.errors import Overloaded, ShuttingDown
from registry.drift_book import Book
from registry.threads import Lane
from registry.webhook import Webhook

PAGE = 100


class Events:
    """Tells that there is something new."""

    def __init__(self, book: Book, store: Lane, webhook: Webhook | None, limit: int) -> None:
        self._book = book
        self._store = store
        self._webhook = webhook
        self._limit = limit
        self._changed = asyncio.Event()
        self._closed = False
        self.listeners = 0

    def publish(self, events: Sequence[DriftEvent]) -> None:
        """These have been stored."""
        if events:
            if self._webhook is not None:
                self._webhook.offer(events)
            self._wake()

    def close(self) -> None:
        """Ends every stream with ShuttingDown."""
        self._closed = True
        self._wake()

    async def after(self, model: str, after_id: int) -> AsyncIterator[DriftEvent]:
        """Events of a model (empty: of all) behind one, then all that come. Raises: Overloaded, ShuttingDown."""
        if self.listeners >= self._limit:
            raise Overloaded(f"{self.listeners} listen to drift events already, the limit of this registry")
        self.listeners += 1
        try:
            async for event in self._follow(model, after_id):
                yield event
        finally:
            self.listeners -= 1

    async def _follow(self, model: str, after_id: int) -> AsyncIterator[DriftEvent]:
        last = await self._store.run(self._book.last_event_id) if after_id == FROM_NOW_ON else after_id
        while not self._closed:
            changed = self._changed
            page = await self._store.run(self._book.events_after, model, last, PAGE)
            for event in page:
                last = event.id
                yield event
            if not page and not self._closed:
                await changed.wait()
        raise ShuttingDown("the registry is stopping; listen again soon")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
