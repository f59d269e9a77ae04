"""Routes, the revision all of them count on, and the desired state, inside a transaction."""

import dataclasses

from sqlalchemy import Connection, func, insert, select, update

from gnomon.domain import DesiredState, ModelState, Route
from gnomon.errors import NotFound, StaleRevision
from registry.store import log_policies, tables, versions
from registry.store.rows import route_of, row_of_route

ANY_REVISION = -1


def bump(connection: Connection) -> int:
    """The next revision of all that gateways are told."""
    query = update(tables.config).values(revision=tables.config.c.revision + 1).returning(tables.config.c.revision)
    revision: int = connection.execute(query).scalar_one()
    return revision


def find_route(connection: Connection, model: str, before: int = 0) -> Route | None:
    """The route in force, or the one so many before it."""
    query = select(tables.routes).where(tables.routes.c.model == model).order_by(tables.routes.c.revision.desc())
    row = connection.execute(query.offset(before).limit(1)).first()
    return None if row is None else route_of(row)


def get_route(connection: Connection, model: str, revision: int = 0) -> Route:
    """The route in force; the one that was under `revision`; -1: the one before it. Raises: ModelNotFound, NotFound."""
    versions.require_model(connection, model)
    route = _route_at(connection, model, revision) if revision > 0 else find_route(connection, model, -revision)
    if route is None:
        which = f" of revision {revision}" if revision > 0 else " before the one in force" if revision else " yet"
        raise NotFound(f"model {model!r} has no route{which}")
    return route


def _route_at(connection: Connection, model: str, revision: int) -> Route | None:
    where = (tables.routes.c.model == model, tables.routes.c.revision == revision)
    row = connection.execute(select(tables.routes).where(*where)).first()
    return None if row is None else route_of(row)


def replace_route(connection: Connection, route: Route, expected_revision: int, now_unix_ms: int) -> Route:
    """Puts a route in force under the next revision, if the one before is the one expected (-1: any; 0: none).

    Raises: StaleRevision, ModelNotFound, VersionNotFound.
    """
    current = find_route(connection, route.model)
    revision = 0 if current is None else current.revision
    if expected_revision not in (ANY_REVISION, revision):
        raise StaleRevision(
            f"route of {route.model!r} is at revision {revision}, not {expected_revision}: read it again"
        )
    for number in route.loaded:
        versions.get_version(connection, route.model, number)
    stored = dataclasses.replace(route, revision=bump(connection), created_unix_ms=now_unix_ms)
    connection.execute(insert(tables.routes).values(row_of_route(stored)))
    return stored


def desired_state(connection: Connection) -> DesiredState:
    """Every model's route in force with the versions it loads, and the revision of the whole."""
    newest = select(func.max(tables.routes.c.revision)).group_by(tables.routes.c.model)
    query = select(tables.routes).where(tables.routes.c.revision.in_(newest)).order_by(tables.routes.c.model)
    routes = [route_of(row) for row in connection.execute(query)]
    revision = connection.execute(select(tables.config.c.revision)).scalar_one()
    return DesiredState(revision=revision, models=tuple(_state_of(connection, route) for route in routes))


def _state_of(connection: Connection, route: Route) -> ModelState:
    loaded = tuple(versions.get_version(connection, route.model, number) for number in route.loaded)
    return ModelState(route=route, versions=loaded, log_policy=log_policies.find(connection, route.model))
