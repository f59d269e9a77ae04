"""The database: migrations, transactions, and what its indexes do not allow."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from gnomon.domain import OnTimeout, Stage
from registry.store import migrate, rollouts, routes, tables, versions
from registry.store.database import Database
from registry.store.rows import row_of_version
from tests.unit.registry.inside import Inside
from tests.unit.registry.situations import MODEL


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "registry.db")
    made.open()
    return made


def test_the_migrations_make_the_tables_the_program_uses(database: Database) -> None:
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    database.close()


def test_the_partial_indexes_are_those_of_the_tables(database: Database) -> None:
    with database.transaction() as connection:
        indexes = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'")
        )
        assert sorted(sql.rsplit("WHERE ", 1)[1] for (sql,) in indexes) == ["stage = 3", "state IN (1, 4, 5)"]
    assert (int(Stage.PRODUCTION), rollouts.ACTIVE) == (3, (1, 4, 5))
    database.close()


def test_the_last_migration_is_the_one_the_program_expects() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == migrate.HEAD


def test_what_an_older_registry_wrote_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with sqlite3.connect(path) as old:
        old.executescript(FIRST_TABLES)
    old.close()
    database = Database(path)
    database.open()
    with database.transaction() as connection:
        assert migrate.revision_of(connection) == migrate.HEAD
        found = routes.get_route(connection, "m")
        assert (found.stable.version, found.batch_wait_us, found.batch_wait_rows) == (1, 0, 0)
        assert (found.rules, found.routing_key_column) == ((), "")
        (ongoing,) = rollouts.list_running(connection)
        assert ongoing.frozen == rollouts.Frozen(p99_us=777)
        step, guard = ongoing.rollout.policy.steps[0], ongoing.rollout.policy.guard
        assert (step.min_s, step.on_timeout, guard) == (0.0, OnTimeout.STOP, None)
        assert ongoing.rollout.latest[0].eta_s is None
        assert (found.slices, found.threshold, found.keep_quantile, found.stable.cpu_share) == ((), 0.5, 0.0, 0.0)
    database.close()


FIRST_TABLES = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE models (name VARCHAR NOT NULL PRIMARY KEY, created_unix_ms BIGINT NOT NULL);
INSERT INTO models VALUES ('m', 1);
CREATE TABLE routes (
  revision BIGINT NOT NULL PRIMARY KEY, model VARCHAR NOT NULL REFERENCES models (name), arms JSON NOT NULL,
  warm JSON NOT NULL, latency_thresholds_us JSON NOT NULL, disagreement_tolerance FLOAT NOT NULL,
  actor VARCHAR NOT NULL, reason VARCHAR NOT NULL, created_unix_ms BIGINT NOT NULL
);
INSERT INTO routes VALUES (3, 'm', '[{"version": 1, "role": 1, "weight_bp": 10000}]', '[]', '[]', 0.1, 'a', '', 1);
CREATE TABLE rollouts (
  model VARCHAR NOT NULL, id BIGINT NOT NULL, version BIGINT NOT NULL, baseline BIGINT NOT NULL,
  baseline_epoch BIGINT NOT NULL, tau_us BIGINT, policy JSON NOT NULL, state BIGINT NOT NULL, step BIGINT NOT NULL,
  gate VARCHAR NOT NULL, reason VARCHAR NOT NULL, actor VARCHAR NOT NULL, started_unix_ms BIGINT NOT NULL,
  ended_unix_ms BIGINT NOT NULL, PRIMARY KEY (model, id)
);
CREATE UNIQUE INDEX one_running ON rollouts (model) WHERE state = 1;
INSERT INTO rollouts VALUES ('m', 1, 2, 1, 3, 777,
  '{"steps": [{"role": 2, "weight_bp": 100, "min_calls": 5, "timeout_s": 9.0}], "alpha": 0.05}',
  1, 0, '', '', 'a', 1, 0);
CREATE TABLE decisions (
  sequence INTEGER PRIMARY KEY, model VARCHAR NOT NULL, rollout BIGINT NOT NULL, decided_unix_ms BIGINT NOT NULL,
  step BIGINT NOT NULL, epoch BIGINT NOT NULL, action VARCHAR NOT NULL, gate VARCHAR NOT NULL, reason VARCHAR NOT NULL,
  verdicts JSON NOT NULL
);
INSERT INTO decisions VALUES (1, 'm', 1, 1, 0, 3, 'started', '', '',
  '[{"gate": "errors", "verdict": "pass", "need": 0, "reason": "", "evidence_json": ""}]');
"""


def test_opening_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    again = Database(tmp_path / "registry.db")
    again.open()
    with again.transaction() as connection:
        assert connection.execute(select(tables.config.c.revision)).all() == [(0,)]
    again.close()
    database.close()


def test_the_file_is_a_write_ahead_log_that_is_synchronised(database: Database) -> None:
    with database.transaction() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    database.close()


def test_two_versions_in_production_are_refused_by_the_database_itself(inside: Inside) -> None:
    with pytest.raises(IntegrityError), inside.database.transaction() as connection:
        versions.set_stage(connection, MODEL, 2, Stage.PRODUCTION)
    assert inside.stages == {1: "PRODUCTION", 2: "NONE"}


async def test_two_running_rollouts_are_refused_by_the_database_itself(inside: Inside) -> None:
    await inside.start()
    with pytest.raises(IntegrityError), inside.database.transaction() as connection:
        row = connection.execute(select(tables.rollouts)).one()._asdict()
        connection.execute(insert(tables.rollouts).values(**row | {"id": 2}))


def test_a_transaction_that_fails_leaves_nothing(inside: Inside) -> None:
    def half() -> None:
        with inside.database.transaction() as connection:
            version = versions.get_version(connection, MODEL, 1)
            connection.execute(insert(tables.versions).values(row_of_version(version) | {"version": 9, "stage": 1}))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        half()
    assert 9 not in inside.stages
