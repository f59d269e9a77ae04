"""Routes say by which columns pairs are told apart, where scores decide, and which pairs are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routes", sa.Column("slices", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("routes", sa.Column("decision_threshold", sa.Float))
    op.add_column("routes", sa.Column("keep_quantile", sa.Float, nullable=False, server_default="0"))
