"""Version 0004: when a hold that an entry tells of ends by itself.

It follows from the ledger, which is read again for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column, and have everything read again."""
    op.add_column("entries", sa.Column("until_us", sa.BigInteger, nullable=True))
    op.execute("DELETE FROM sources")
