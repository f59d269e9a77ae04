"""The workers of a host, seen from the supervisor: brought to the state in force, and switched together."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gateway.children import Child
from gateway.control import Line, spelled
from gateway.layout import Layout
from gnomon.domain import DesiredState
from gnomon.evidence import LoadFailure

log = logging.getLogger(__name__)

ASK_TIMEOUT_S = 300.0  # loading may take long; a worker that hangs must not hold the others for ever


class Hand:
    """One worker. Written by: the supervisor's event loop."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.line: Line | None = None
        self.ready = False

    async def ask(self, op: str, state: DesiredState) -> dict[str, Any]:
        """One message and its answer; empty when the worker died over it, or hangs: it then drains, and is replaced."""
        if self.line is None:
            return {}
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self.line.send(op=op, **spelled(state))
                answer = await self.line.receive()
        except (ConnectionError, TimeoutError) as error:
            log.error("worker %d: no answer to %s: %r", self.slot, op, error)
            answer = None
        if answer is None:
            self.lose()
        return answer or {}

    def lose(self) -> None:
        if self.line is not None:
            self.line.close()
        self.line, self.ready = None, False


class Crew:
    """All workers. A switch and a worker's coming up exclude each other, so that none misses a state."""

    def __init__(self, layout: Layout, workers: int, flags: Sequence[str]) -> None:
        self.hands = [Hand(slot) for slot in range(workers)]
        self.state: DesiredState | None = None  # in force; None until the first is
        self.lacking: Callable[[], None] = lambda: None  # told of a worker that cannot load the state in force
        self._flags = list(flags)
        self._switch = asyncio.Lock()
        self._connected = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.children = [
            Child(f"w{hand.slot:02d}", layout.log(f"w{hand.slot:02d}"), partial(self._enlist, hand), hand.lose)
            for hand in self.hands
        ]

    @property
    def ready(self) -> bool:
        return all(hand.ready for hand in self.hands)

    async def connected(self, timeout_s: float) -> None:
        """Waits until every worker is on the line, so that the first state is loaded by all. Raises: TimeoutError."""
        async with asyncio.timeout(timeout_s), self._connected:
            await self._connected.wait_for(lambda: all(hand.line is not None for hand in self.hands))

    async def prepare(self, state: DesiredState) -> list[LoadFailure]:
        """Loads on every worker what `state` names; what failed anywhere, once a version."""
        async with self._switch:
            answers = await asyncio.gather(*(hand.ask("prepare", state) for hand in self.hands))
        found = {
            (model, version): reason for answer in answers for model, version, reason in answer.get("failures", ())
        }
        return [LoadFailure(model=key[0], version=key[1], reason=reason) for key, reason in found.items()]

    async def commit(self, state: DesiredState) -> None:
        """Switches every worker to `state`, which each has prepared."""
        async with self._switch:
            self.state = state
            answers = await asyncio.gather(*(hand.ask("commit", state) for hand in self.hands))
        for hand, answer in zip(self.hands, answers, strict=True):
            hand.ready = answer.get("revision") == state.revision

    def _enlist(self, hand: Hand) -> tuple[list[str], list[int]]:
        """The command line of a worker that is about to start, and its end of the line."""
        ours, theirs = socket.socketpair()
        descriptor = theirs.detach()
        task = asyncio.create_task(self._bring_up(hand, ours), name=f"bring-up-{hand.slot}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return ["worker", "--slot", str(hand.slot), "--line", str(descriptor), *self._flags], [descriptor]

    async def _bring_up(self, hand: Hand, end: socket.socket) -> None:
        """From a worker's hello to its serving what the others serve."""
        hand.lose()
        line = await Line.over(end)
        if await line.receive() is None:
            line.close()
            return
        async with self._switch:
            hand.line = line
            if self.state is not None:
                await self._catch_up(hand, self.state)
        async with self._connected:
            self._connected.notify_all()

    async def _catch_up(self, hand: Hand, state: DesiredState) -> None:
        """Brings one worker to what the others serve; what it lacks is pulled again, and it waits for that."""
        prepared = await hand.ask("prepare", state)
        if prepared.get("failures"):
            log.error("worker %d lacks what the others serve: %s", hand.slot, prepared["failures"])
            self.lacking()
        elif prepared:
            answer = await hand.ask("commit", state)
            hand.ready = answer.get("revision") == state.revision
