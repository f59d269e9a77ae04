"""Sub-windows of drift outlive the registry."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _key() -> list[sa.Column[Any]]:
    return [
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("slice", sa.String, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
    ]


def upgrade() -> None:
    op.create_table(
        "drift_rings",
        *_key(),
        sa.Column("shape", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"]),
    )
    op.create_table(
        "drift_counts",
        *_key(),
        sa.Column("level", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "drift_sources",
        *_key(),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("through", sa.BigInteger, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
    )
