"""Drift policies, alarms and events inside a transaction."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select

from gnomon.drift import DriftEvent, DriftEventKind, DriftPolicy
from gnomon.stats.alarms import State
from registry.store import tables

EVENTS_KEPT = 100_000
_NUMBERS = ("rows", "psi", "psi_lower", "ks", "ks_lower", "missing_share", "missing_reference", "p_value", "level")


class AlarmKey(NamedTuple):
    """What an alarm is about; an empty slice is all traffic."""

    model: str
    version: int
    slice: str
    monitor: str


def find_policy(connection: Connection, model: str) -> DriftPolicy | None:
    """The one in force."""
    query = select(tables.drift_policies).where(tables.drift_policies.c.model == model)
    row = connection.execute(query).first()
    return None if row is None else DriftPolicy(**row._mapping)


def replace_policy(connection: Connection, policy: DriftPolicy) -> None:
    connection.execute(delete(tables.drift_policies).where(tables.drift_policies.c.model == policy.model))
    connection.execute(insert(tables.drift_policies).values(dataclasses.asdict(policy)))


def alarms(connection: Connection) -> dict[AlarmKey, State]:
    """Every alarm that stands or is on its way."""
    rows = connection.execute(select(tables.drift_alarms)).all()
    return {AlarmKey(row.model, row.version, row.slice, row.monitor): _state_of(row) for row in rows}


def set_alarms(connection: Connection, states: Mapping[AlarmKey, State]) -> None:
    """Puts these in place of what is there of the same keys; calm ones leave no row."""
    for key, state in states.items():
        where = [tables.drift_alarms.c[name] == value for name, value in key._asdict().items()]
        connection.execute(delete(tables.drift_alarms).where(*where))
        if state != State():
            connection.execute(insert(tables.drift_alarms).values(**key._asdict(), **_row_of(state)))


def add_events(connection: Connection, events: Iterable[DriftEvent]) -> list[DriftEvent]:
    """Numbers and keeps them; the oldest beyond EVENTS_KEPT go."""
    added = [dataclasses.replace(event, id=_add(connection, event)) for event in events]
    if added:
        connection.execute(delete(tables.drift_events).where(tables.drift_events.c.id <= added[-1].id - EVENTS_KEPT))
    return added


def events_after(connection: Connection, model: str, after_id: int, limit: int) -> list[DriftEvent]:
    """At most `limit` of a model (empty: of all), oldest first."""
    query = select(tables.drift_events).where(tables.drift_events.c.id > after_id).order_by(tables.drift_events.c.id)
    if model:
        query = query.where(tables.drift_events.c.model == model)
    return [_event_of(row) for row in connection.execute(query.limit(limit)).all()]


def last_event_id(connection: Connection) -> int:
    return connection.execute(select(func.max(tables.drift_events.c.id))).scalar() or 0


def _add(connection: Connection, event: DriftEvent) -> int:
    row = dataclasses.asdict(event)
    del row["id"]
    numbers = {name: row.pop(name) for name in _NUMBERS}
    row["numbers"] = {name: None if math.isnan(number) else number for name, number in numbers.items()}
    key = connection.execute(insert(tables.drift_events).values(row)).inserted_primary_key
    return int(key[0]) if key else 0


def _event_of(row: Row[Any]) -> DriftEvent:
    fields = dict(row._mapping)
    numbers = {name: math.nan if number is None else number for name, number in fields.pop("numbers").items()}
    return DriftEvent(**fields | numbers | {"kind": DriftEventKind(fields["kind"])})


def _state_of(row: Row[Any]) -> State:
    turning_s = None if row.turning_unix_ms is None else row.turning_unix_ms / 1000
    return State(alarmed=row.alarmed, since_s=row.since_unix_ms / 1000, turning_s=turning_s)


def _row_of(state: State) -> dict[str, Any]:
    turning_ms = None if state.turning_s is None else round(state.turning_s * 1000)
    return {"alarmed": state.alarmed, "since_unix_ms": round(state.since_s * 1000), "turning_unix_ms": turning_ms}
