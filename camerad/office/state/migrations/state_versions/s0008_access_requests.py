"""Version 0008: requests for access."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "access_requests",
        sa.Column("number", TEXT, primary_key=True),
        sa.Column("received", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("from_us", "to_us")),
        *(sa.Column(name, sa.BigInteger, nullable=True) for name in ("answered_us", "until_us")),
    )
