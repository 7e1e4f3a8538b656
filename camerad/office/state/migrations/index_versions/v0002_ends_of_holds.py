"""Version 0002: when a hold ends by itself.

The camerad before could not read such a hold. So what it made of a ledger that has some is made
anew: nothing counts as read any more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, and have everything read again."""
    op.add_column("holds", sa.Column("until_us", sa.BigInteger, nullable=True))
    op.execute("DELETE FROM sources")
