"""Version 0006: files that several servers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "shared_files",
        sa.Column("path", TEXT, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("version", "bytes")),
        sa.Column("sha256", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("time_ns", "mode")),
        sa.Column("object", TEXT),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_index("shared_files_by_version", "shared_files", ["version"], unique=True)
