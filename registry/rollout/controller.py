"""The rollout loop: observe, decide, apply. One look at a time, callable from a test with the loop off.

Owner: the event loop. What must survive is in the ledger; here are only clocks of steps, which start anew when the
registry does, and the verdicts of the last look, for people who ask.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from gnomon.domain import Role, RolloutState, Route
from gnomon.errors import IllegalTransition, StaleRevision
from gnomon.evidence import Outcome
from gnomon.plan import check_can_finish
from gnomon.rollout import GateVerdict, Phase, Policy, Rollout
from registry.changes import Changes
from registry.outcomes import Outcomes
from registry.rollout import waits
from registry.rollout.decide import Action, Advance, Hold, Promote, Snapshot, Stop, Wait, next_action
from registry.rollout.distances import AllApart, Arm, is_asked, measure
from registry.rollout.evidence import Realised, epochs_of, frozen_of
from registry.rollout.ledger import Ledger
from registry.rollout.pace import Pace
from registry.rollout.policy import check_comparable
from registry.rollout.profiles import ProfileOf, check_profiles
from registry.stats import Stats
from registry.store.rollouts import Frozen, Ongoing
from registry.threads import Lane

log = logging.getLogger(__name__)

StepKey = tuple[str, int, int, int]  # model, rollout, step, how often it was resumed: that starts the clock anew


class Controller:
    """Starts, moves and ends rollouts. `late_s`: nothing goes on while a gateway has said nothing for so long."""

    def __init__(
        self,
        ledger: Ledger,
        stats: Stats,
        store: Lane,
        changes: Changes,
        monotonic_s: Callable[[], float],
        *,
        outcomes: Outcomes,
        profile_of: ProfileOf,
        measuring: Lane,
        late_s: float,
    ) -> None:
        self._ledger = ledger
        self._stats = stats
        self._store = store
        self._changes = changes
        self._monotonic_s = monotonic_s
        self._outcomes = outcomes
        self._profile_of = profile_of
        self._measuring = measuring
        self._late_s = late_s
        self._began_s: dict[StepKey, float] = {}
        self._paces: dict[StepKey, Pace] = {}
        self._latest: dict[StepKey, tuple[GateVerdict, ...]] = {}

    async def start(self, model: str, number: int, policy: Policy, actor: str) -> Rollout:
        """Begins a rollout from the route in force.

        Raises: InvalidInput: the policy can never finish; Precondition, ApprovalMissing, GateNotPassed,
        IllegalTransition.
        """
        check_can_finish(policy)
        before = await self._store.run(self._ledger.origin, model, number)
        await check_profiles(policy, self._profile_of, model, number, before.stable.version)
        frozen = self._frozen(before, policy)
        return await self._changes.make(self._ledger.start, model, number, policy, actor, frozen, epoch=before.revision)

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
        return await self._by_hand(self._ledger.abort, model, reason, actor)

    async def pause(self, model: str, reason: str, actor: str) -> Rollout:
        """It goes no further; gates may still stop it. Raises: as `abort`, or it is paused already."""
        return await self._by_hand(self._ledger.pause, model, reason, actor)

    async def resume(self, model: str, reason: str, actor: str) -> Rollout:
        """The step goes on, its clock anew. Raises: as `abort`, or it is not paused, or a breaker is not closed."""
        rollout = await self.get(model)
        tripped = waits.breaker(waits.trips_of(rollout, self._stats.gateways()))
        if rollout.state is RolloutState.PAUSED and tripped is not None:
            raise IllegalTransition(f"rollout {rollout.id} of {model!r} cannot be resumed yet: {tripped.reason}")
        return await self._by_hand(self._ledger.resume, model, reason, actor)

    async def promote(self, model: str, reason: str, actor: str) -> Rollout:
        """The candidate into production at once, past the steps and gates that are left. Raises: as `abort`."""
        return await self._by_hand(self._ledger.promote_by_hand, model, reason, actor)

    async def approve(self, model: str, reason: str, actor: str) -> Rollout:
        """Says yes to the running step. Raises: as `abort`, or the step asks for nobody's yes."""
        return await self._by_hand(self._ledger.approve, model, reason, actor)

    async def record(self, model: str, outcomes: tuple[Outcome, ...]) -> int:
        """How many outcomes are new. Raises: ModelNotFound, VersionNotFound."""
        return await self._store.run(self._outcomes.record, model, outcomes)

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
                await self._apply(ongoing, next_action(await self._observe(ongoing)))
            except StaleRevision as lost:
                log.info("%s; looking again", lost)

    async def _by_hand(self, change: Callable[..., Rollout], model: str, reason: str, actor: str) -> Rollout:
        """A change that somebody asked for, recorded with the verdicts of the last look."""
        latest = (await self.get(model)).latest
        return self._with_latest(await self._changes.make(change, model, reason, actor, latest))

    async def _observe(self, ongoing: Ongoing) -> Snapshot:
        rollout, now_s = ongoing.rollout, self._monotonic_s()
        epochs = epochs_of(rollout)
        return Snapshot(
            ongoing=ongoing,
            arms=self._stats.arms(rollout.model, [ongoing.baseline_epoch, *epochs]),
            pairs=self._stats.pairs(rollout.model, epochs),
            gateways=self._stats.gateways(),
            began_s=self._began_s.setdefault(_key(rollout), now_s),
            now_s=now_s,
            apart=await self._apart(rollout),
            realised=await self._realised(rollout),
            late_s=self._late_s,
        )

    async def _apart(self, rollout: Rollout) -> AllApart | None:
        """How far distributions are apart, where a gate of the running step asks."""
        if not is_asked(rollout.policy) or rollout.policy.phase(rollout.step) is Phase.SHADOW:
            return None
        ours, theirs = [await self._arm(rollout.model, number) for number in (rollout.version, rollout.baseline)]
        return None if ours is None else await self._measuring.run(measure, rollout, ours, theirs)

    async def _realised(self, rollout: Rollout) -> tuple[Realised, ...]:
        asked = rollout.policy.max_wrong_ratio is not None
        return await self._store.run(self._outcomes.realised, rollout) if asked else ()

    async def _arm(self, model: str, number: int) -> Arm | None:
        profile = await self._profile_of(model, number)
        return None if profile is None else Arm(profile=profile, ticks=self._stats.ticks(model, number))

    async def _apply(self, ongoing: Ongoing, action: Action) -> None:
        rollout, make = ongoing.rollout, self._changes.make
        pace = self._paces.setdefault(_key(rollout), Pace())
        verdicts = self._latest[_key(rollout)] = pace.timed(action.verdicts, self._monotonic_s())
        if not isinstance(action, Wait):
            log.info("rollout %d of %s, step %d: %s", rollout.id, rollout.model, rollout.step + 1, describe(action))
        if isinstance(action, Advance):
            await make(self._ledger.advance, rollout, action.step, action.frozen, action.reason, verdicts)
        elif isinstance(action, Promote):
            await make(self._ledger.promote, rollout, action.reason, verdicts)
        elif isinstance(action, Hold):
            await make(self._ledger.hold, rollout, action.gate, action.reason, verdicts)
        elif isinstance(action, Stop):
            await make(self._ledger.stop, rollout, action.gate, action.reason, verdicts)

    def _frozen(self, before: Route, policy: Policy) -> Frozen | None:
        """Stable's latencies under the route before, where the very first step is a canary; else frozen later.

        Raises: GateNotPassed.
        """
        if policy.steps[0].role is not Role.CANARY:
            return None
        arms = self._stats.arms(before.model, [before.revision])
        mine = [arm for arm in arms if arm.role is Role.STABLE and arm.version == before.stable.version]
        check_comparable(policy, before, sum(arm.answered for arm in mine))
        return frozen_of(mine, policy.p99_budget_us)

    def _with_latest(self, rollout: Rollout) -> Rollout:
        verdicts = self._latest.get(_key(rollout))
        if rollout.state.is_over or verdicts is None:
            return rollout
        return dataclasses.replace(rollout, latest=verdicts)

    def _forget_others(self, running: list[Ongoing]) -> None:
        keys = {_key(ongoing.rollout) for ongoing in running}
        for kept in (self._began_s, self._paces, self._latest):
            for key in set(kept) - keys:
                del kept[key]


def describe(action: Action) -> str:
    """For the log: what is done, and why."""
    if isinstance(action, Stop | Hold):
        return f"{'stopped' if isinstance(action, Stop) else 'paused'} by {action.gate}: {action.reason}"
    if isinstance(action, Wait):
        return "waits"
    return f"{'goes on' if isinstance(action, Advance) else 'promoted'}: {action.reason}"


def _key(rollout: Rollout) -> StepKey:
    resumed = sum(decision.action == "resumed" for decision in rollout.decisions)
    return rollout.model, rollout.id, rollout.step, resumed
