"""Log policies inside a transaction: one a model, replaced whole."""

import dataclasses

from sqlalchemy import Connection, Row, delete, insert, select

from gnomon.domain import ColumnRule, LogPolicy, Treatment
from registry.store import tables


def find(connection: Connection, model: str) -> LogPolicy | None:
    """The one in force."""
    row = connection.execute(select(tables.log_policies).where(tables.log_policies.c.model == model)).first()
    return None if row is None else _policy_of(row)


def replace(connection: Connection, policy: LogPolicy) -> None:
    connection.execute(delete(tables.log_policies).where(tables.log_policies.c.model == policy.model))
    connection.execute(insert(tables.log_policies).values(dataclasses.asdict(policy)))


def _policy_of(row: Row[tuple[object, ...]]) -> LogPolicy:
    fields = dict(row._mapping)
    rules = tuple(ColumnRule(column=rule["column"], treatment=Treatment(rule["treatment"])) for rule in fields["rules"])
    return LogPolicy(**fields | {"rules": rules, "otherwise": Treatment(fields["otherwise"])})
