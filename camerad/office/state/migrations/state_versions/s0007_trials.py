"""Version 0007: pilots, and what is noted in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "trials",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("plan", TEXT, nullable=False),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("last", TEXT, nullable=True),
        sa.Column("why", TEXT, nullable=True),
    )
    op.create_table(
        "trial_records",
        *(sa.Column(name, TEXT, primary_key=True) for name in ("trial", "kind", "name")),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=False),
    )
