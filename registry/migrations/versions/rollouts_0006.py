"""A rollout may be paused, and watched after its last step: it is the one of its model still. Stable's median is frozen
with its p99."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollouts", sa.Column("median_us", sa.BigInteger))
    op.drop_index("one_running", "rollouts")
    where = sa.text("state IN (1, 4, 5)")
    op.create_index("one_running", "rollouts", ["model"], unique=True, sqlite_where=where, postgresql_where=where)
