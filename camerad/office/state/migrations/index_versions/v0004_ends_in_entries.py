"""Version 0004: when a hold that an entry tells of ends by itself, and indexes for what is due on a
day and something else besides.

The first follows from the ledger, which is read again for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

FILTERS = ("state", "course", "flagged", "held", "has_gaps", "handed_over")
BY_DAY = ("wearer", "key", "at_us", "ended_us")


def upgrade() -> None:
    """Add the column and the indexes, and have everything read again."""
    op.add_column("entries", sa.Column("until_us", sa.BigInteger, nullable=True))
    op.drop_index("recordings_by_due", "recordings", if_exists=True)
    op.create_index("recordings_by_due", "recordings", ["due_us", *BY_DAY, *FILTERS])
    is_due = sa.text("due_us IS NOT NULL")
    op.create_index(
        "recordings_by_camera_due",
        "recordings",
        ["camera", "due_us", *FILTERS],
        sqlite_where=is_due,
        postgresql_where=is_due,
    )
    op.execute("DELETE FROM sources")
