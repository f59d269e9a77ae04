"""Routes may let calls wait for a batch. Routes that were there let none wait."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("batch_wait_us", "batch_wait_rows"):
        op.add_column("routes", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
