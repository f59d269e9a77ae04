"""Routes may have rules, and an input column that routing keys are taken from. Routes that were there have neither."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routes", sa.Column("rules", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("routes", sa.Column("routing_key_column", sa.String, nullable=False, server_default=""))
