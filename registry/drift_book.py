"""What is written of drift: policies, where alarms stand, events. Every method is one transaction.

Called from the registry's `store` thread only.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gnomon.drift import DriftEvent, DriftPolicy
from gnomon.stats.alarms import State
from gnomon.stats.windows import Kept
from registry.alarms import Verdict
from registry.store import drift_alarms, drift_rings, routes, versions
from registry.store.database import Database
from registry.store.drift_alarms import AlarmKey
from registry.store.drift_rings import Change, RingKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A version that takes traffic, with the policy of its model. Without a profile only its outcomes are watched."""

    model: str
    version: int
    profile_sha256: str
    policy: DriftPolicy


class Book:
    """The drift of the database. `default` is the policy of a model that has none, but for its name."""

    def __init__(
        self, database: Database, now_unix_ms: Callable[[], int], default: Callable[[str], DriftPolicy]
    ) -> None:
        self._database = database
        self._now_unix_ms = now_unix_ms
        self._default = default

    def get_policy(self, model: str) -> DriftPolicy:
        """The one in force. Raises: ModelNotFound."""
        with self._database.transaction() as connection:
            versions.require_model(connection, model)
            return drift_alarms.find_policy(connection, model) or self._default(model)

    def set_policy(self, policy: DriftPolicy) -> DriftPolicy:
        """Raises: ModelNotFound."""
        stored = dataclasses.replace(policy, set_unix_ms=self._now_unix_ms())
        with self._database.transaction() as connection:
            versions.require_model(connection, policy.model)
            drift_alarms.replace_policy(connection, stored)
            return stored

    def watched(self) -> tuple[list[Watched], dict[AlarmKey, State]]:
        """Every version of every route's arms, and where all alarms stand."""
        with self._database.transaction() as connection:
            found = []
            for state in routes.desired_state(connection).models:
                policy = drift_alarms.find_policy(connection, state.route.model) or self._default(state.route.model)
                for arm in state.route.arms:
                    profile = state.version(arm.version).profile_sha256
                    found.append(
                        Watched(model=state.route.model, version=arm.version, profile_sha256=profile, policy=policy)
                    )
            return found, drift_alarms.alarms(connection)

    def apply(self, verdict: Verdict) -> list[DriftEvent]:
        """Writes states and events together, and returns the events with their numbers."""
        with self._database.transaction() as connection:
            drift_alarms.set_alarms(connection, verdict.states)
            return drift_alarms.add_events(connection, verdict.events)

    def rings(self, key: RingKey, shape: str) -> Kept | None:
        """What is kept of rings of this shape."""
        with self._database.transaction() as connection:
            return drift_rings.find(connection, key, shape)

    def keep_rings(self, changes: Iterable[Change], versions: Iterable[tuple[str, int]]) -> None:
        """Puts changes over what is kept; of versions that are not among these nothing stays."""
        with self._database.transaction() as connection:
            drift_rings.forget(connection, versions)
            for change in changes:
                drift_rings.put(connection, change)

    def alarms(self) -> dict[AlarmKey, State]:
        with self._database.transaction() as connection:
            return drift_alarms.alarms(connection)

    def events_after(self, model: str, after_id: int, limit: int) -> list[DriftEvent]:
        """Oldest first. Raises: ModelNotFound: of a model that is named and does not exist."""
        with self._database.transaction() as connection:
            if model:
                versions.require_model(connection, model)
            return drift_alarms.events_after(connection, model, after_id, limit)

    def last_event_id(self) -> int:
        with self._database.transaction() as connection:
            return drift_alarms.last_event_id(connection)
