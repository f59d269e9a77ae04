"""A rollout may be paused, and watched after its last step: it is the one of its model still. Stable's median is frozen
with its p99. What became of predictions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollouts", sa.Column("median_us", sa.BigInteger))
    op.create_table(
        "outcomes",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("prediction_id", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("label", sa.Float, nullable=False),
        sa.Column("recorded_unix_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.drop_index("one_running", "rollouts")
    where = sa.text("state IN (1, 4, 5)")
    op.create_index("one_running", "rollouts", ["model"], unique=True, sqlite_where=where, postgresql_where=where)
