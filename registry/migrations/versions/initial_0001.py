"""The first tables.

Written out, not taken from registry.store.tables, so that it stays what it was when those change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _number(name: str, **options: object) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False, **options)  # type: ignore[arg-type]


def _text(name: str, **options: object) -> "sa.Column[str]":
    return sa.Column(name, sa.String, nullable=False, **options)  # type: ignore[arg-type]


def _json(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.JSON, nullable=False)


def upgrade() -> None:
    _make_config()
    _make_versions()
    _make_routes()
    _make_rollouts()


def _make_config() -> None:
    config = op.create_table("config", sa.Column("id", sa.Integer, primary_key=True), _number("revision"))
    op.bulk_insert(config, [{"id": 1, "revision": 0}])


def _make_versions() -> None:
    op.create_table("models", _text("name", primary_key=True), _number("created_unix_ms"))
    op.create_table(
        "versions",
        _text("model", primary_key=True),
        _number("version", primary_key=True, autoincrement=False),
        _text("artifact_sha256"),
        _number("artifact_bytes"),
        _text("profile_sha256"),
        _text("warmup_sha256"),
        _text("score_output"),
        _number("score_column"),
        _json("lineage"),
        _number("stage"),
        sa.Column("approver", sa.String),
        _text("approval_note"),
        _number("approved_unix_ms"),
        _number("created_unix_ms"),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    _unique_where("one_production", "versions", "stage = 3")


def _make_routes() -> None:
    op.create_table(
        "routes",
        _number("revision", primary_key=True, autoincrement=False),
        _text("model"),
        _json("arms"),
        _json("warm"),
        _json("latency_thresholds_us"),
        sa.Column("disagreement_tolerance", sa.Float, nullable=False),
        _text("actor"),
        _text("reason"),
        _number("created_unix_ms"),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.create_index("routes_of_model", "routes", ["model", "revision"])


def _make_rollouts() -> None:
    op.create_table(
        "rollouts",
        _text("model", primary_key=True),
        _number("id", primary_key=True, autoincrement=False),
        _number("version"),
        _number("baseline"),
        _number("baseline_epoch"),
        sa.Column("tau_us", sa.BigInteger),
        _json("policy"),
        _number("state"),
        _number("step"),
        _text("gate"),
        _text("reason"),
        _text("actor"),
        _number("started_unix_ms"),
        _number("ended_unix_ms"),
        sa.ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.version"]),
    )
    _unique_where("one_running", "rollouts", "state = 1")
    _make_decisions()


def _make_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("sequence", sa.Integer, primary_key=True),
        _text("model"),
        _number("rollout"),
        _number("decided_unix_ms"),
        _number("step"),
        _number("epoch"),
        _text("action"),
        _text("gate"),
        _text("reason"),
        _json("verdicts"),
        sa.ForeignKeyConstraint(["model", "rollout"], ["rollouts.model", "rollouts.id"]),
    )
    op.create_index("decisions_of_rollout", "decisions", ["model", "rollout"])


def _unique_where(name: str, table: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, ["model"], unique=True, sqlite_where=where, postgresql_where=where)
