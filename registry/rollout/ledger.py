"""What is written of a rollout: the route, the stages and the record change in one transaction, or not at all.

Every change compares before it sets: the rollout must still run at the step, under the route, that was observed.
Called from the registry's `store` thread only.
"""

import dataclasses
from collections.abc import Callable

from sqlalchemy import Connection

from gnomon.domain import RolloutState, Route, Stage
from gnomon.errors import IllegalTransition, StaleRevision
from gnomon.rollout import Decision, GateVerdict, Policy, Rollout
from registry.rollout.evidence import epoch_of
from registry.rollout.policy import check_start
from registry.rollout.routes import promoted_route, step_route, stopped_route
from registry.store import rollouts, routes, versions
from registry.store.database import Database
from registry.store.rollouts import Ongoing

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

    def start(self, model: str, number: int, policy: Policy, actor: str, tau_us: int | None, epoch: int) -> Rollout:
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
            route = routes.replace_route(connection, step_route(rollout, 0, tau_us, before), epoch, now)
            versions.set_stage(connection, model, number, Stage.STAGING)
            begun = _decision(now, 0, route.revision, "started", f"by {actor}")
            rollout = dataclasses.replace(rollout, decisions=(begun,))
            rollouts.insert_rollout(connection, Ongoing(rollout=rollout, baseline_epoch=epoch, tau_us=tau_us))
            return rollout

    def advance(self, seen: Rollout, step: int, tau_us: int | None, reason: str, verdicts: Verdicts) -> None:
        """Begins the next step. Raises: StaleRevision: the rollout is not where it was seen."""
        with self._database.transaction() as connection:
            before = _still_there(connection, seen)
            now = self._now_unix_ms()
            route = routes.replace_route(connection, step_route(seen, step, tau_us, before), before.revision, now)
            rollouts.update_rollout(connection, seen, step=step, tau_us=tau_us)
            decision = _decision(now, step, route.revision, "advanced", reason, verdicts=verdicts)
            rollouts.add_decision(connection, seen, decision)

    def promote(self, seen: Rollout, reason: str, verdicts: Verdicts) -> None:
        """The candidate into Production and onto all traffic. Raises: StaleRevision."""
        with self._database.transaction() as connection:
            before = _still_there(connection, seen)
            now = self._now_unix_ms()
            versions.put_in_production(connection, seen.model, seen.version)
            route = routes.replace_route(connection, promoted_route(seen, before), before.revision, now)
            decision = _decision(now, seen.step, route.revision, "promoted", reason, verdicts=verdicts)
            _end(connection, seen, RolloutState.PROMOTED, decision)

    def stop(self, seen: Rollout, gate: str, reason: str, verdicts: Verdicts, actor: str = "") -> None:
        """All traffic back to the baseline, the candidate out. Raises: StaleRevision."""
        with self._database.transaction() as connection:
            self._stop(connection, seen, gate, reason, verdicts, actor)

    def abort(self, model: str, reason: str, actor: str, verdicts: Verdicts) -> Rollout:
        """Stops what runs; `verdicts` are those of the last look.

        Raises: ModelNotFound, RolloutNotFound, IllegalTransition: nothing runs.
        """
        with self._database.transaction() as connection:
            running = rollouts.find_running(connection, model)
            if running is None:
                raise _nothing_runs(rollouts.get_rollout(connection, model))
            words = f"aborted by {actor}: {reason}" if reason else f"aborted by {actor}"
            self._stop(connection, running, "abort", words, verdicts, actor)
            return rollouts.get_rollout(connection, model, running.id)

    def _origin(self, connection: Connection, model: str, number: int) -> Route:
        candidate = versions.get_version(connection, model, number)
        return check_start(candidate, routes.find_route(connection, model), rollouts.find_running(connection, model))

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
    """The route in force. Raises: StaleRevision unless it is the one the rollout was seen under, still running."""
    running = rollouts.find_running(connection, seen.model)
    route = routes.find_route(connection, seen.model)
    there = running is not None and running.id == seen.id and route is not None and route.revision == epoch_of(seen)
    if route is None or not there:
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


def _nothing_runs(latest: Rollout) -> IllegalTransition:
    return IllegalTransition(
        f"no rollout of {latest.model!r} runs; rollout {latest.id} ended as {latest.state.name}: nothing to abort"
    )
