"""Version 0005: uploads, which were in files before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def _key() -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, primary_key=True) for name in ("camera", "recording")]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "uploads",
        *_key(),
        sa.Column("final", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("bytes", "came", "came_us")),
    )
    op.create_table(
        "upload_parts",
        *_key(),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("stop", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
    )
