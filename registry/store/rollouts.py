"""Rollouts and their decisions, inside a transaction."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gnomon.domain import RolloutState
from gnomon.errors import RolloutNotFound
from gnomon.rollout import Decision, Rollout
from registry.store import tables, versions
from registry.store.rows import decision_of, rollout_of, row_of_decision, row_of_rollout

STATES_SHOWN = 1_000
ACTIVE = tuple(int(state) for state in RolloutState if not state.is_over)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Stable's latencies before the first canary call: what the canary is held to, whatever comes."""

    p99_us: int
    p50_us: int | None = None  # None: too few calls to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Ongoing:
    """A rollout that is not over, with what only the registry remembers of it."""

    rollout: Rollout
    baseline_epoch: int  # of the route that was in force before it
    frozen: Frozen | None = None


def insert_rollout(connection: Connection, ongoing: Ongoing) -> None:
    row = row_of_rollout(ongoing.rollout)
    columns = columns_of(ongoing.frozen)
    connection.execute(insert(tables.rollouts).values(**row, baseline_epoch=ongoing.baseline_epoch, **columns))
    for decision in ongoing.rollout.decisions:
        add_decision(connection, ongoing.rollout, decision)


def add_decision(connection: Connection, rollout: Rollout, decision: Decision) -> None:
    row = row_of_decision(decision)
    connection.execute(insert(tables.decisions).values(**row, model=rollout.model, rollout=rollout.id))


def update_rollout(connection: Connection, rollout: Rollout, **columns: object) -> None:
    where = (tables.rollouts.c.model == rollout.model, tables.rollouts.c.id == rollout.id)
    connection.execute(update(tables.rollouts).where(*where).values(**columns))


def columns_of(frozen: Frozen | None) -> dict[str, int | None]:
    if frozen is None:
        return {"tau_us": None, "median_us": None}
    return {"tau_us": frozen.p99_us, "median_us": frozen.p50_us}


def next_id(connection: Connection, model: str) -> int:
    query = select(func.max(tables.rollouts.c.id)).where(tables.rollouts.c.model == model)
    return (connection.execute(query).scalar() or 0) + 1


def find_running(connection: Connection, model: str) -> Rollout | None:
    """The one rollout of the model that is not over."""
    where = (tables.rollouts.c.model == model, tables.rollouts.c.state.in_(ACTIVE))
    row = connection.execute(select(tables.rollouts).where(*where)).first()
    return None if row is None else _whole(connection, row)


def list_running(connection: Connection) -> list[Ongoing]:
    """Every rollout that is not over, of every model."""
    where = tables.rollouts.c.state.in_(ACTIVE)
    rows = connection.execute(select(tables.rollouts).where(where).order_by(tables.rollouts.c.model)).all()
    return [
        Ongoing(rollout=_whole(connection, row), baseline_epoch=row.baseline_epoch, frozen=_frozen_of(row))
        for row in rows
    ]


def latest_states(connection: Connection) -> list[tuple[str, int, str]]:
    """(model, version, state) of each model's latest rollout, in lower case; of STATES_SHOWN models at most."""
    table = tables.rollouts
    newest = select(table.c.model, func.max(table.c.id).label("id")).group_by(table.c.model).subquery()
    joined = table.join(newest, (table.c.model == newest.c.model) & (table.c.id == newest.c.id))
    query = select(table.c.model, table.c.version, table.c.state).select_from(joined).order_by(table.c.model)
    rows = connection.execute(query.limit(STATES_SHOWN))
    return [(row.model, row.version, RolloutState(row.state).name.lower()) for row in rows]


def get_rollout(connection: Connection, model: str, id: int = 0) -> Rollout:  # noqa: A002 - the message's own name
    """A rollout of the model; the latest where no id is given. Raises: ModelNotFound, RolloutNotFound."""
    versions.require_model(connection, model)
    query = select(tables.rollouts).where(tables.rollouts.c.model == model).order_by(tables.rollouts.c.id.desc())
    row = connection.execute(query.where(tables.rollouts.c.id == id) if id else query.limit(1)).first()
    if row is None:
        raise RolloutNotFound(f"model {model!r} has no rollout" + (f" {id}" if id else " yet"))
    return _whole(connection, row)


def list_rollouts(connection: Connection, model: str) -> list[Rollout]:
    """Raises: ModelNotFound."""
    versions.require_model(connection, model)
    query = select(tables.rollouts).where(tables.rollouts.c.model == model).order_by(tables.rollouts.c.id)
    return [_whole(connection, row) for row in connection.execute(query).all()]


def _frozen_of(row: Row[Any]) -> Frozen | None:
    return None if row.tau_us is None else Frozen(p99_us=row.tau_us, p50_us=row.median_us)


def _whole(connection: Connection, row: Row[Any]) -> Rollout:
    where = (tables.decisions.c.model == row.model, tables.decisions.c.rollout == row.id)
    query = select(tables.decisions).where(*where).order_by(tables.decisions.c.sequence)
    return rollout_of(row, tuple(decision_of(entry) for entry in connection.execute(query)))
