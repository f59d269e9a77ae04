"""How far scores may be from what came true. Models that had a policy tolerate what those without one do."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tolerance = sa.Column("calibration_tolerance", sa.Float, nullable=False, server_default="0.1")
    op.add_column("drift_policies", tolerance)
