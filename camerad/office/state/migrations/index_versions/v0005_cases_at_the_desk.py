"""Version 0005: the desk's cases, which recordings they are about, and which of them the ledger
tells of.

All follow from what is there already, so everything is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables and their indexes, and have everything read again."""
    op.create_table(
        "cases",
        sa.Column("name", TEXT, primary_key=True),
        *(sa.Column(one, sa.BigInteger, nullable=False) for one in ("standing", "opened_us")),
        *(sa.Column(one, TEXT, nullable=False) for one in ("searched", "number")),
        sa.Column("recordings", sa.BigInteger, nullable=False),
        sa.Column("handed_over", sa.Boolean, nullable=False),
        *(sa.Column(one, sa.BigInteger, nullable=False) for one in ("file_bytes", "file_time_ns")),
    )
    op.create_index("cases_in_order", "cases", ["standing", "opened_us", "name", "searched"])
    op.create_table(
        "case_recordings",
        sa.Column("recording", TEXT, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
    )
    op.create_index("case_recordings_by_name", "case_recordings", ["name"])
    op.create_table(
        "case_entries",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("more", sa.Boolean, nullable=False),
    )
    op.create_index("case_entries_by_epoch", "case_entries", ["epoch"])
    op.execute("DELETE FROM sources")
