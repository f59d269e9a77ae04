"""A change and its announcement belong together, also when the caller has gone meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from gnomon.domain import DesiredState
from registry.threads import Lane
from registry.watch import Watch

P = ParamSpec("P")
R = TypeVar("R")


class Changes:
    """Makes changes in the store's thread and tells everyone who watches."""

    def __init__(self, store: Lane, desired_state: Callable[[], DesiredState], watch: Watch) -> None:
        self._store = store
        self._desired_state = desired_state
        self._watch = watch
        self._under_way: set[asyncio.Task[Any]] = set()

    async def make(self, change: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `change` to its end and publishes, even if the waiting call is cancelled on the way."""
        task = asyncio.create_task(self._make(change, *args, **kwargs))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def publish(self) -> None:
        """Tells the watchers the desired state as the store has it."""
        self._watch.publish(await self._store.run(self._desired_state))

    async def drain(self) -> None:
        """Waits for changes under way; their callers may be gone, and their errors with them."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _make(self, change: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        result = await self._store.run(change, *args, **kwargs)
        await self.publish()
        return result
