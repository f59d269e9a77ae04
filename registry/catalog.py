"""Models, versions, stages and routes: what may change into what. Every method is one transaction.

Called from the registry's `store` thread only.
"""

import dataclasses
from collections.abc import Callable

from sqlalchemy import Connection

from gnomon.domain import (
    Approval,
    Arm,
    DesiredState,
    Lineage,
    LogPolicy,
    Model,
    Role,
    Route,
    Score,
    Stage,
    Version,
)
from gnomon.errors import AlreadyExists, ApprovalMissing, IllegalTransition, Precondition
from registry.store import log_policies, rollouts, routes, versions
from registry.store.database import Database

Clock = Callable[[], int]  # Unix milliseconds


class Catalog:
    """The registry's memory of what there is and what is to be served.

    `size_of(sha256)` tells the bytes of a stored artifact, or raises ArtifactNotFound.
    """

    def __init__(self, database: Database, size_of: Callable[[str], int], now_unix_ms: Clock) -> None:
        self._database = database
        self._size_of = size_of
        self._now_unix_ms = now_unix_ms

    def list_models(self) -> list[Model]:
        with self._database.transaction() as connection:
            return versions.list_models(connection)

    def get_version(self, model: str, number: int) -> Version:
        with self._database.transaction() as connection:
            return versions.get_version(connection, model, number)

    def list_versions(self, model: str) -> list[Version]:
        with self._database.transaction() as connection:
            return versions.list_versions(connection, model)

    def get_route(self, model: str, revision: int = 0) -> Route:
        with self._database.transaction() as connection:
            return routes.get_route(connection, model, revision)

    def desired_state(self) -> DesiredState:
        with self._database.transaction() as connection:
            return routes.desired_state(connection)

    def register(
        self,
        model: str,
        number: int,
        *,
        artifact_sha256: str,
        profile_sha256: str,
        warmup_sha256: str,
        score: Score,
        lineage: Lineage,
    ) -> Version:
        """A new version; or the one that has this number and this artifact already.

        Raises: ArtifactNotFound, AlreadyExists: the number is taken by another artifact.
        """
        sizes = [self._size_of(digest) for digest in (artifact_sha256, profile_sha256, warmup_sha256) if digest]
        with self._database.transaction() as connection:
            taken = versions.find_version(connection, model, number) if number else None
            if taken is not None:
                return _same_artifact(taken, artifact_sha256)
            versions.ensure_model(connection, model, self._now_unix_ms())
            version = Version(
                model=model,
                version=number or versions.next_number(connection, model),
                artifact_sha256=artifact_sha256,
                artifact_bytes=sizes[0],
                profile_sha256=profile_sha256,
                warmup_sha256=warmup_sha256,
                score=score,
                lineage=lineage,
                created_unix_ms=self._now_unix_ms(),
            )
            versions.insert_version(connection, version)
            return version

    def adopt_profile(self, model: str, number: int, profile_sha256: str) -> Version:
        """The version with this profile, if it had none: the first that is told stays. Gateways are told."""
        with self._database.transaction() as connection:
            if not versions.get_version(connection, model, number).profile_sha256:
                versions.set_profile(connection, model, number, profile_sha256)
                routes.bump(connection)
            return versions.get_version(connection, model, number)

    def approve(self, model: str, number: int, approver: str, note: str) -> Version:
        """Records who let the version go on; a later approval replaces an earlier one."""
        approval = Approval(approver=approver, note=note, approved_unix_ms=self._now_unix_ms())
        with self._database.transaction() as connection:
            versions.get_version(connection, model, number)
            versions.set_approval(connection, model, number, approval)
            routes.bump(connection)
            return versions.get_version(connection, model, number)

    def set_stage(self, model: str, number: int, stage: Stage, actor: str) -> Version:
        """Moves a version; into Production it becomes the stable arm of the route in the same transaction.

        Raises: ApprovalMissing, IllegalTransition.
        """
        with self._database.transaction() as connection:
            version = versions.get_version(connection, model, number)
            route = routes.find_route(connection, model)
            _check_no_rollout_owns(connection, version, stage)
            if stage is Stage.PRODUCTION:
                self._put_in_production(connection, version, route, actor)
            elif stage is not version.stage:
                _check_leaves_production(version, route)
                versions.set_stage(connection, model, number, stage)
                routes.bump(connection)
            return versions.get_version(connection, model, number)

    def set_route(self, route: Route, expected_revision: int) -> Route:
        """The operator's lever: needs no approval and leaves stages alone, but records who pulled it and why.

        Raises: StaleRevision, VersionNotFound, Precondition: while a rollout of the model runs.
        """
        with self._database.transaction() as connection:
            running = rollouts.find_running(connection, route.model)
            if running is not None:
                raise Precondition(f"rollout {running.id} of {route.model!r} owns the route; abort it first")
            return routes.replace_route(connection, route, expected_revision, self._now_unix_ms())

    def get_log_policy(self, model: str) -> LogPolicy:
        """The one in force; where none was set, one that lets everything go. Raises: ModelNotFound."""
        with self._database.transaction() as connection:
            versions.require_model(connection, model)
            return log_policies.find(connection, model) or LogPolicy(model=model)

    def set_log_policy(self, policy: LogPolicy) -> LogPolicy:
        """Raises: ModelNotFound."""
        stored = dataclasses.replace(policy, set_unix_ms=self._now_unix_ms())
        with self._database.transaction() as connection:
            versions.require_model(connection, policy.model)
            log_policies.replace(connection, stored)
            routes.bump(connection)
            return stored

    def _put_in_production(self, connection: Connection, version: Version, route: Route | None, actor: str) -> None:
        if version.approval is None:
            raise ApprovalMissing(f"version {version.version} of {version.model!r} has no approval; approve it first")
        if version.stage is Stage.PRODUCTION and route is not None and route.arms == _whole_traffic(version.version):
            return
        before = versions.put_in_production(connection, version.model, version.version)
        routes.replace_route(
            connection,
            production_route(version, route, before, actor),
            routes.ANY_REVISION,
            self._now_unix_ms(),
        )


def production_route(version: Version, route: Route | None, before: int | None, actor: str) -> Route:
    """All traffic to `version` but what rules take; what was in Production or stable stays loaded: the way back."""
    arms = _whole_traffic(version.version)
    route = route or Route(model=version.model, arms=arms)
    old = {before, route.stable.version, *(rule.version for rule in route.rules)} - {None, version.version}
    return route.with_arms(
        arms,
        tuple(sorted(number for number in old if number is not None)),
        actor=actor,
        reason=f"version {version.version} set to PRODUCTION",
    )


def _whole_traffic(number: int) -> tuple[Arm, ...]:
    return (Arm(version=number, role=Role.STABLE),)


def _same_artifact(taken: Version, artifact_sha256: str) -> Version:
    if taken.artifact_sha256 != artifact_sha256:
        raise AlreadyExists(
            f"version {taken.version} of {taken.model!r} exists with artifact {taken.artifact_sha256}, "
            f"not {artifact_sha256}; take another number"
        )
    return taken


def _check_no_rollout_owns(connection: Connection, version: Version, stage: Stage) -> None:
    running = rollouts.find_running(connection, version.model)
    if running is not None and (stage is Stage.PRODUCTION or running.version == version.version):
        raise IllegalTransition(
            f"version {version.version} of {version.model!r} cannot go to {stage.name} while rollout {running.id} runs"
        )


def _check_leaves_production(version: Version, route: Route | None) -> None:
    stable = route is not None and route.stable.version == version.version
    if version.stage is Stage.PRODUCTION and stable:
        raise IllegalTransition(
            f"version {version.version} of {version.model!r} is in PRODUCTION and takes the traffic; "
            "put another version in PRODUCTION instead"
        )
