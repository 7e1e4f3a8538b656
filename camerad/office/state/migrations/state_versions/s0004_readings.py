"""Version 0004: readings of cameras' counters, which were in files before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "camera_readings",
        sa.Column("camera", TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("arrived_us", sa.BigInteger, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("statement", TEXT, nullable=False),
    )
    op.create_index("camera_readings_by_arrival", "camera_readings", ["arrived_us"])
