"""Version 0002: alerts that were sent, which were in files before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "alerts_told",
        sa.Column("channel", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("state", TEXT, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("told_us", "again_us", "gone_us")
        ),
    )
