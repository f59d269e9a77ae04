"""How each model's drift is watched, where its alarms stand, and the events they made."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBERS = (
    "false_alarms", "per_s", "psi_tolerance", "ks_tolerance", "missing_tolerance", "window_s", "clear", "raise_after_s",
    "clear_after_s", "design_effect",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "drift_policies",
        sa.Column("model", sa.String, primary_key=True),
        *(sa.Column(name, sa.Float, nullable=False) for name in _NUMBERS),
        sa.Column("min_rows", sa.BigInteger, nullable=False),
        sa.Column("muted", sa.Boolean, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_unix_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.create_table(
        "drift_alarms",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("slice", sa.String, primary_key=True),
        sa.Column("monitor", sa.String, primary_key=True),
        sa.Column("alarmed", sa.Boolean, nullable=False),
        sa.Column("since_unix_ms", sa.BigInteger, nullable=False),
        sa.Column("turning_unix_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.create_table(
        "drift_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("slice", sa.String, nullable=False),
        sa.Column("monitor", sa.String, nullable=False),
        sa.Column("at_unix_ms", sa.BigInteger, nullable=False),
        sa.Column("since_unix_ms", sa.BigInteger, nullable=False),
        sa.Column("numbers", sa.JSON, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.create_index("drift_events_of_model", "drift_events", ["model", "id"])
