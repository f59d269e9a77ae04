"""The rollout loop: observe, decide, apply. One look at a time, callable from a test with the loop off.

Owner: the event loop. What must survive is in the ledger; here are only clocks of steps, which start anew when the
registry does, and the verdicts of the last look, for people who ask.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from gnomon.domain import Role, RolloutState, Route
from gnomon.errors import StaleRevision
from gnomon.rollout import GateVerdict, Policy, Rollout
from registry.changes import Changes
from registry.rollout.decide import Action, Advance, Promote, Snapshot, Stop, Wait, next_action
from registry.rollout.evidence import epochs_of, frozen_tau_us
from registry.rollout.ledger import Ledger
from registry.rollout.policy import check_comparable
from registry.stats import Stats
from registry.store.rollouts import Ongoing
from registry.threads import Lane

log = logging.getLogger(__name__)

StepKey = tuple[str, int, int]  # model, rollout, step


class Controller:
    """Starts, moves and ends rollouts."""

    def __init__(
        self, ledger: Ledger, stats: Stats, store: Lane, changes: Changes, monotonic_s: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._stats = stats
        self._store = store
        self._changes = changes
        self._monotonic_s = monotonic_s
        self._began_s: dict[StepKey, float] = {}
        self._latest: dict[StepKey, tuple[GateVerdict, ...]] = {}

    async def start(self, model: str, number: int, policy: Policy, actor: str) -> Rollout:
        """Begins a rollout from the route in force.

        Raises: Precondition, ApprovalMissing, GateNotPassed, IllegalTransition.
        """
        before = await self._store.run(self._ledger.origin, model, number)
        tau_us = self._tau_us(before, policy)
        return await self._changes.make(self._ledger.start, model, number, policy, actor, tau_us, epoch=before.revision)

    async def get(self, model: str, number: int = 0) -> Rollout:
        return self._with_latest(await self._store.run(self._ledger.get, model, number))

    async def list_of(self, model: str) -> list[Rollout]:
        return [self._with_latest(rollout) for rollout in await self._store.run(self._ledger.list_of, model)]

    async def running(self) -> list[Rollout]:
        """Every running rollout of every model."""
        return [self._with_latest(ongoing.rollout) for ongoing in await self._store.run(self._ledger.running)]

    async def latest_states(self) -> list[tuple[str, int, str]]:
        """(model, version, state) of each model's latest rollout."""
        return await self._store.run(self._ledger.latest_states)

    async def abort(self, model: str, reason: str, actor: str) -> Rollout:
        """Stops what runs. Raises: ModelNotFound, RolloutNotFound, IllegalTransition: nothing runs."""
        latest = (await self.get(model)).latest
        return await self._changes.make(self._ledger.abort, model, reason, actor, latest)

    async def run(self, interval_s: float) -> None:
        """Looks until it is cancelled; a look that fails is logged and the next one comes."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("a look at the rollouts failed")
            await asyncio.sleep(interval_s)

    async def look(self) -> None:
        """One look at every running rollout."""
        running = await self._store.run(self._ledger.running)
        self._forget_others(running)
        for ongoing in running:
            try:
                await self._apply(ongoing, next_action(self._observe(ongoing)))
            except StaleRevision as lost:
                log.info("%s; looking again", lost)

    def _observe(self, ongoing: Ongoing) -> Snapshot:
        rollout, now_s = ongoing.rollout, self._monotonic_s()
        epochs = epochs_of(rollout)
        return Snapshot(
            ongoing=ongoing,
            arms=self._stats.arms(rollout.model, [ongoing.baseline_epoch, *epochs]),
            pairs=self._stats.pairs(rollout.model, epochs),
            gateways=self._stats.gateways(),
            began_s=self._began_s.setdefault(_key(rollout), now_s),
            now_s=now_s,
        )

    async def _apply(self, ongoing: Ongoing, action: Action) -> None:
        rollout = ongoing.rollout
        self._latest[_key(rollout)] = action.verdicts
        if not isinstance(action, Wait):
            log.info("rollout %d of %s, step %d: %s", rollout.id, rollout.model, rollout.step + 1, describe(action))
        if isinstance(action, Advance):
            await self._changes.make(
                self._ledger.advance, rollout, action.step, action.tau_us, action.reason, action.verdicts
            )
        elif isinstance(action, Promote):
            await self._changes.make(self._ledger.promote, rollout, action.reason, action.verdicts)
        elif isinstance(action, Stop):
            await self._changes.make(self._ledger.stop, rollout, action.gate, action.reason, action.verdicts)

    def _tau_us(self, before: Route, policy: Policy) -> int | None:
        """Stable's p99 under the route before, where the very first step is a canary; else it is frozen later.

        Raises: GateNotPassed.
        """
        if policy.steps[0].role is not Role.CANARY:
            return None
        arms = self._stats.arms(before.model, [before.revision])
        mine = [arm for arm in arms if arm.role is Role.STABLE and arm.version == before.stable.version]
        check_comparable(policy, before, sum(arm.answered for arm in mine))
        return frozen_tau_us(mine, policy.p99_budget_us)

    def _with_latest(self, rollout: Rollout) -> Rollout:
        verdicts = self._latest.get(_key(rollout))
        if rollout.state is not RolloutState.RUNNING or verdicts is None:
            return rollout
        return dataclasses.replace(rollout, latest=verdicts)

    def _forget_others(self, running: list[Ongoing]) -> None:
        keys = {_key(ongoing.rollout) for ongoing in running}
        for kept in (self._began_s, self._latest):
            for key in set(kept) - keys:
                del kept[key]


def describe(action: Action) -> str:
    """For the log: what is done, and why."""
    if isinstance(action, Stop):
        return f"stopped by {action.gate}: {action.reason}"
    if isinstance(action, Wait):
        return "waits"
    return f"{'goes on' if isinstance(action, Advance) else 'promoted'}: {action.reason}"


def _key(rollout: Rollout) -> StepKey:
    return rollout.model, rollout.id, rollout.step
