"""What is written of a rollout: the route, the stages and the record change in one transaction, or not at all.

Every change compares before it sets: the rollout must still run at the step, under the route, that was observed.
Called from the registry's `store` thread only.
"""

import dataclasses
from collections.abc import Callable

from sqlalchemy import Connection

from gnomon.domain import RolloutState, Route, Stage
from gnomon.errors import IllegalTransition, StaleRevision
from gnomon.rollout import Decision, GateVerdict, Phase, Policy, Rollout
from registry.rollout.evidence import epoch_of
from registry.rollout.policy import check_start
from registry.rollout.routes import describe, promoted_route, step_route, stopped_route
from registry.store import rollouts, routes, versions
from registry.store.database import Database
from registry.store.rollouts import Frozen, Ongoing

Verdicts = tuple[GateVerdict, ...]


class Ledger:
    """The rollouts in the database."""

    def __init__(self, database: Database, now_unix_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_unix_ms = now_unix_ms

    def get(self, model: str, id: int = 0) -> Rollout:  # noqa: A002 - the message's own name
        with self._database.transaction() as connection:
            return rollouts.get_rollout(connection, model, id)

    def list_of(self, model: str) -> list[Rollout]:
        with self._database.transaction() as connection:
            return rollouts.list_rollouts(connection, model)

    def running(self) -> list[Ongoing]:
        with self._database.transaction() as connection:
            return rollouts.list_running(connection)

    def latest_states(self) -> list[tuple[str, int, str]]:
        with self._database.transaction() as connection:
            return rollouts.latest_states(connection)

    def origin(self, model: str, number: int) -> Route:
        """The route a rollout of this version would start from. Raises: what `check_start` and the look-ups raise."""
        with self._database.transaction() as connection:
            return self._origin(connection, model, number)

    def start(self, model: str, number: int, policy: Policy, actor: str, frozen: Frozen | None, epoch: int) -> Rollout:
        """Begins the first step on the route of `epoch`. Raises: StaleRevision, and as `origin`."""
        with self._database.transaction() as connection:
            before = self._origin(connection, model, number)
            now = self._now_unix_ms()
            rollout = Rollout(
                model=model,
                id=rollouts.next_id(connection, model),
                version=number,
                baseline=before.stable.version,
                policy=policy,
                actor=actor,
                started_unix_ms=now,
            )
            route = routes.replace_route(connection, step_route(rollout, 0, frozen, before), epoch, now)
            versions.set_stage(connection, model, number, Stage.STAGING)
            begun = _decision(now, 0, route.revision, "started", f"by {actor}")
            rollout = dataclasses.replace(rollout, decisions=(begun,))
            rollouts.insert_rollout(connection, Ongoing(rollout=rollout, baseline_epoch=epoch, frozen=frozen))
            return rollout

    def advance(self, seen: Rollout, step: int, frozen: Frozen | None, reason: str, verdicts: Verdicts) -> None:
        """Begins the next step, or the guard. Raises: StaleRevision: the rollout is not where it was seen."""
        guard = seen.policy.phase(step) is Phase.GUARD
        state, action = (RolloutState.GUARD, "guarded") if guard else (RolloutState.RUNNING, "advanced")
        with self._database.transaction() as connection:
            before = _still_there(connection, seen)
            now = self._now_unix_ms()
            route = routes.replace_route(connection, step_route(seen, step, frozen, before), before.revision, now)
            columns = {"step": step, "state": int(state), **rollouts.columns_of(frozen)}
            rollouts.update_rollout(connection, seen, **columns)
            decision = _decision(now, step, route.revision, action, reason, verdicts=verdicts)
            rollouts.add_decision(connection, seen, decision)

    def promote(self, seen: Rollout, reason: str, verdicts: Verdicts) -> None:
        """The candidate into Production and onto all traffic. Raises: StaleRevision."""
        with self._database.transaction() as connection:
            self._promote(connection, seen, reason, verdicts)

    def hold(self, seen: Rollout, gate: str, reason: str, verdicts: Verdicts) -> None:
        """Pauses it where it stands. Raises: StaleRevision."""
        with self._database.transaction() as connection:
            _still_there(connection, seen)
            self._note(connection, seen, "paused", reason, verdicts, state=RolloutState.PAUSED, gate=gate)

    def stop(self, seen: Rollout, gate: str, reason: str, verdicts: Verdicts, actor: str = "") -> None:
        """All traffic back to the baseline, the candidate out. Raises: StaleRevision."""
        with self._database.transaction() as connection:
            self._stop(connection, seen, gate, reason, verdicts, actor)

    def abort(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Stops what runs; `verdicts` are those of the last look.

        Raises: ModelNotFound, RolloutNotFound, IllegalTransition: nothing runs.
        """
        with self._database.transaction() as connection:
            running = _running(connection, model, "abort")
            self._stop(connection, running, "abort", _by("aborted", actor, reason), verdicts, actor)
            return rollouts.get_rollout(connection, model, running.id)

    def pause(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Raises: as `abort`; IllegalTransition: it is paused already."""
        with self._database.transaction() as connection:
            running = _running(connection, model, "pause")
            if running.state is RolloutState.PAUSED:
                raise IllegalTransition(f"rollout {running.id} of {model!r} is paused already: {running.reason}")
            words = _by("paused", actor, reason)
            self._note(connection, running, "paused", words, verdicts, state=RolloutState.PAUSED, gate="pause")
            return rollouts.get_rollout(connection, model, running.id)

    def resume(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Raises: as `abort`; IllegalTransition: it is not paused."""
        with self._database.transaction() as connection:
            running = _running(connection, model, "resume")
            if running.state is not RolloutState.PAUSED:
                raise IllegalTransition(f"rollout {running.id} of {model!r} is not paused: nothing to resume")
            guard = running.policy.phase(running.step) is Phase.GUARD
            state = RolloutState.GUARD if guard else RolloutState.RUNNING
            self._note(connection, running, "resumed", _by("resumed", actor, reason), verdicts, state=state)
            return rollouts.get_rollout(connection, model, running.id)

    def approve(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Raises: as `abort`; IllegalTransition: the running step waits for nobody."""
        with self._database.transaction() as connection:
            running = _running(connection, model, "approve")
            if not running.policy.whole[running.step].needs_approval:
                where = describe(running.policy, running.step)
                raise IllegalTransition(f"rollout {running.id} of {model!r} is at {where}, which asks for no approval")
            self._note(connection, running, "approved", _by("approved", actor, reason), verdicts)
            return rollouts.get_rollout(connection, model, running.id)

    def promote_by_hand(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Past what is left of it. Raises: as `abort`."""
        with self._database.transaction() as connection:
            running = _running(connection, model, "promote")
            self._promote(connection, running, _by("promoted", actor, reason), verdicts, actor)
            return rollouts.get_rollout(connection, model, running.id)

    def _origin(self, connection: Connection, model: str, number: int) -> Route:
        candidate = versions.get_version(connection, model, number)
        return check_start(candidate, routes.find_route(connection, model), rollouts.find_running(connection, model))

    def _promote(self, connection: Connection, seen: Rollout, reason: str, verdicts: Verdicts, actor: str = "") -> None:
        before = _still_there(connection, seen)
        now = self._now_unix_ms()
        versions.put_in_production(connection, seen.model, seen.version)
        new = promoted_route(seen, before, actor or seen.actor)
        route = routes.replace_route(connection, new, before.revision, now)
        decision = _decision(now, seen.step, route.revision, "promoted", reason, verdicts=verdicts)
        _end(connection, seen, RolloutState.PROMOTED, decision)

    def _note(
        self,
        connection: Connection,
        seen: Rollout,
        action: str,
        reason: str,
        verdicts: Verdicts,
        *,
        state: RolloutState | None = None,
        gate: str = "",
    ) -> None:
        """A decision that leaves the route as it is."""
        decision = _decision(
            self._now_unix_ms(), seen.step, epoch_of(seen), action, reason, gate=gate, verdicts=verdicts
        )
        rollouts.add_decision(connection, seen, decision)
        if state is not None:
            why = reason if state is RolloutState.PAUSED else ""
            rollouts.update_rollout(connection, seen, state=int(state), gate=gate, reason=why)

    def _stop(
        self, connection: Connection, seen: Rollout, gate: str, reason: str, verdicts: Verdicts, actor: str
    ) -> None:
        before = _still_there(connection, seen)
        now = self._now_unix_ms()
        back = stopped_route(seen, before, actor or seen.actor, f"stopped by {gate}")
        route = routes.replace_route(connection, back, before.revision, now)
        versions.set_stage(connection, seen.model, seen.version, Stage.NONE)
        decision = _decision(now, seen.step, route.revision, "stopped", reason, gate=gate, verdicts=verdicts)
        _end(connection, seen, RolloutState.STOPPED, decision)


def _still_there(connection: Connection, seen: Rollout) -> Route:
    """The route in force. Raises: StaleRevision unless it is the rollout's, and nothing was decided since then."""
    running = rollouts.find_running(connection, seen.model)
    route = routes.find_route(connection, seen.model)
    there = running is not None and running.id == seen.id and len(running.decisions) == len(seen.decisions)
    if route is None or route.revision != epoch_of(seen) or not there:
        raise StaleRevision(f"rollout {seen.id} of {seen.model!r} has moved since it was looked at")
    return route


def _end(connection: Connection, seen: Rollout, state: RolloutState, decision: Decision) -> None:
    rollouts.add_decision(connection, seen, decision)
    rollouts.update_rollout(
        connection,
        seen,
        state=int(state),
        gate=decision.gate,
        reason=decision.reason,
        ended_unix_ms=decision.decided_unix_ms,
    )


def _decision(
    now: int, step: int, epoch: int, action: str, reason: str, *, gate: str = "", verdicts: Verdicts = ()
) -> Decision:
    return Decision(
        decided_unix_ms=now, step=step, epoch=epoch, action=action, gate=gate, reason=reason, verdicts=verdicts
    )


def _running(connection: Connection, model: str, to: str) -> Rollout:
    """The rollout that is not over. Raises: ModelNotFound, RolloutNotFound, IllegalTransition."""
    running = rollouts.find_running(connection, model)
    if running is None:
        latest = rollouts.get_rollout(connection, model)
        raise IllegalTransition(
            f"no rollout of {model!r} runs; rollout {latest.id} ended as {latest.state.name}: nothing to {to}"
        )
    return running


def _by(done: str, actor: str, reason: str) -> str:
    return f"{done} by {actor}: {reason}" if reason else f"{done} by {actor}"
