"""What of a model's predictions may leave a gateway's host."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_policies",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("sample_bp", sa.BigInteger, nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("otherwise", sa.BigInteger, nullable=False),
        sa.Column("retention_s", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_unix_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
