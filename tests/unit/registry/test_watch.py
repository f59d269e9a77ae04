"""The latest state to everyone who watches."""

import asyncio

import pytest

from gnomon.domain import DesiredState
from gnomon.errors import Overloaded, ShuttingDown
from registry.watch import Watch


def state(revision: int) -> DesiredState:
    return DesiredState(revision=revision)


async def test_a_watcher_gets_the_state_at_once_and_then_its_changes() -> None:
    watch = Watch(2)
    watch.publish(state(1))
    states = watch.states()
    assert (await anext(states)).revision == 1
    later = asyncio.create_task(anext(states))
    await asyncio.sleep(0)
    watch.publish(state(2))
    assert (await later).revision == 2


async def test_a_slow_watcher_skips_to_the_newest() -> None:
    watch = Watch(2)
    states = watch.states()
    await anext(states)
    for revision in range(1, 100):
        watch.publish(state(revision))
    assert (await anext(states)).revision == 99


async def test_an_older_state_that_is_read_back_late_is_dropped() -> None:
    watch = Watch(2)
    watch.publish(state(5))
    watch.publish(state(4))
    assert (await anext(watch.states())).revision == 5


async def test_more_watchers_than_the_limit_are_refused_and_counted() -> None:
    watch = Watch(1)
    first = watch.states()
    await anext(first)
    with pytest.raises(Overloaded, match="1 gateways watch already"):
        await anext(watch.states())
    await first.aclose()  # type: ignore[attr-defined]
    await anext(watch.states())
    assert (watch.refused, watch.watchers) == (1, 1)


async def test_closing_ends_every_watch() -> None:
    watch = Watch(2)
    states = watch.states()
    await anext(states)
    ended = asyncio.create_task(anext(states))
    await asyncio.sleep(0)
    watch.close()
    with pytest.raises(ShuttingDown):
        await ended
