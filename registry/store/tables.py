"""The tables. One registry process writes them; whoever else looks at the file only reads.

config      one row: the revision of all that gateways are told; every route takes its revision from it
models      a name each
versions    (model, version); at most one of a model in Production, by a partial unique index
routes      every route that ever was in force, by its revision, never changed; a model's latest is in force
log_policies  a model each, the one in force
rollouts    (model, id); at most one of a model that is not over, by a partial unique index
drift_policies  a model each, the one in force
drift_alarms  (model, version, slice, monitor): where an alarm stands, or is on its way
drift_events  alarms raised and cleared, in order; the newest EVENTS_KEPT
drift_rings, drift_counts, drift_sources  sub-windows of watched versions: of what shape, what was counted, who told it
decisions   what moved a rollout, in order, with the verdicts
outcomes    (model, prediction): what became of it, of the newest predictions and the rollout that runs
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

metadata = MetaData()


def _number(name: str, **options: object) -> Column[int]:
    return Column(name, BigInteger, nullable=False, **options)  # type: ignore[arg-type]


def _text(name: str, **options: object) -> Column[str]:
    return Column(name, String, nullable=False, **options)  # type: ignore[arg-type]


config = Table("config", metadata, Column("id", Integer, primary_key=True), _number("revision"))

models = Table("models", metadata, _text("name", primary_key=True), _number("created_unix_ms"))

versions = Table(
    "versions",
    metadata,
    _text("model", primary_key=True),
    _number("version", primary_key=True, autoincrement=False),
    _text("artifact_sha256"),
    _number("artifact_bytes"),
    _text("profile_sha256"),
    _text("warmup_sha256"),
    _text("score_output"),
    _number("score_column"),
    Column("lineage", JSON, nullable=False),
    _number("stage"),
    Column("approver", String),
    _text("approval_note"),
    _number("approved_unix_ms"),
    _number("created_unix_ms"),
    ForeignKeyConstraint(["model"], ["models.name"]),
)
Index(
    "one_production",
    versions.c.model,
    unique=True,
    sqlite_where=text("stage = 3"),
    postgresql_where=text("stage = 3"),
)

routes = Table(
    "routes",
    metadata,
    _number("revision", primary_key=True, autoincrement=False),
    _text("model"),
    Column("arms", JSON, nullable=False),
    Column("warm", JSON, nullable=False),
    Column("latency_thresholds_us", JSON, nullable=False),
    Column("disagreement_tolerance", Float, nullable=False),
    _text("actor"),
    _text("reason"),
    _number("created_unix_ms"),
    _number("batch_wait_us", server_default=text("0")),
    _number("batch_wait_rows", server_default=text("0")),
    Column("rules", JSON, nullable=False, server_default=text("'[]'")),
    _text("routing_key_column", server_default=text("''")),
    Column("slices", JSON, nullable=False, server_default=text("'[]'")),
    Column("decision_threshold", Float),
    Column("keep_quantile", Float, nullable=False, server_default=text("0")),
    ForeignKeyConstraint(["model"], ["models.name"]),
)
Index("routes_of_model", routes.c.model, routes.c.revision)

log_policies = Table(
    "log_policies",
    metadata,
    _text("model", primary_key=True),
    _number("sample_bp"),
    Column("rules", JSON, nullable=False),
    _number("otherwise"),
    _number("retention_s"),
    _text("actor"),
    _text("reason"),
    _number("set_unix_ms"),
    ForeignKeyConstraint(["model"], ["models.name"]),
)

rollouts = Table(
    "rollouts",
    metadata,
    _text("model", primary_key=True),
    _number("id", primary_key=True, autoincrement=False),
    _number("version"),
    _number("baseline"),
    _number("baseline_epoch"),
    Column("tau_us", BigInteger),
    Column("median_us", BigInteger),
    Column("policy", JSON, nullable=False),
    _number("state"),
    _number("step"),
    _text("gate"),
    _text("reason"),
    _text("actor"),
    _number("started_unix_ms"),
    _number("ended_unix_ms"),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.version"]),
)
Index(
    "one_running",
    rollouts.c.model,
    unique=True,
    sqlite_where=text("state IN (1, 4, 5)"),
    postgresql_where=text("state IN (1, 4, 5)"),
)

outcomes = Table(
    "outcomes",
    metadata,
    _text("model", primary_key=True),
    _text("prediction_id", primary_key=True),
    _number("version"),
    _number("epoch"),
    Column("score", Float, nullable=False),
    Column("label", Float, nullable=False),
    _number("recorded_unix_ms"),
    ForeignKeyConstraint(["model"], ["models.name"]),
)

decisions = Table(
    "decisions",
    metadata,
    Column("sequence", Integer, primary_key=True),
    _text("model"),
    _number("rollout"),
    _number("decided_unix_ms"),
    _number("step"),
    _number("epoch"),
    _text("action"),
    _text("gate"),
    _text("reason"),
    Column("verdicts", JSON, nullable=False),
    ForeignKeyConstraint(["model", "rollout"], ["rollouts.model", "rollouts.id"]),
)
Index("decisions_of_rollout", decisions.c.model, decisions.c.rollout)

DRIFT_NUMBERS = (
    "false_alarms", "per_s", "psi_tolerance", "ks_tolerance", "missing_tolerance", "window_s", "clear", "raise_after_s",
    "clear_after_s", "design_effect", "calibration_tolerance",
)  # fmt: skip
drift_policies = Table(
    "drift_policies",
    metadata,
    _text("model", primary_key=True),
    *(Column(name, Float, nullable=False) for name in DRIFT_NUMBERS),
    _number("min_rows"),
    Column("muted", Boolean, nullable=False),
    _text("actor"),
    _text("reason"),
    _number("set_unix_ms"),
    ForeignKeyConstraint(["model"], ["models.name"]),
)

drift_alarms = Table(
    "drift_alarms",
    metadata,
    _text("model", primary_key=True),
    _number("version", primary_key=True, autoincrement=False),
    _text("slice", primary_key=True),
    _text("monitor", primary_key=True),
    Column("alarmed", Boolean, nullable=False),
    _number("since_unix_ms"),
    Column("turning_unix_ms", BigInteger),
    ForeignKeyConstraint(["model"], ["models.name"]),
)

drift_events = Table(
    "drift_events",
    metadata,
    Column("id", Integer, primary_key=True),
    _number("kind"),
    _text("model"),
    _number("version"),
    _text("slice"),
    _text("monitor"),
    _number("at_unix_ms"),
    _number("since_unix_ms"),
    Column("numbers", JSON, nullable=False),
    _text("reason"),
    ForeignKeyConstraint(["model"], ["models.name"]),
)
Index("drift_events_of_model", drift_events.c.model, drift_events.c.id)


def _ring_key() -> list[Column[Any]]:
    return [
        _text("model", primary_key=True),
        _number("version", primary_key=True, autoincrement=False),
        _text("slice", primary_key=True),
        _text("what", primary_key=True),
    ]


drift_rings = Table(
    "drift_rings", metadata, *_ring_key(), _text("shape"), ForeignKeyConstraint(["model"], ["models.name"])
)

drift_counts = Table(
    "drift_counts",
    metadata,
    *_ring_key(),
    _number("level", primary_key=True, autoincrement=False),
    _number("epoch", primary_key=True, autoincrement=False),
    _text("source", primary_key=True),
    _number("rows"),
    Column("counts", LargeBinary, nullable=False),
)

drift_sources = Table(
    "drift_sources",
    metadata,
    *_ring_key(),
    _text("source", primary_key=True),
    _number("first"),
    _number("through"),
    Column("retired", Boolean, nullable=False),
)
