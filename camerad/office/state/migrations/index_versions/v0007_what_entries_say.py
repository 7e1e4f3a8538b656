"""Version 0007: whom and which case an entry of the office's ledger is about, and all that it says.

Both follow from the ledger, so everything is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and their index, and have everything read again."""
    for name in ("person", "case_number", "facts"):
        op.add_column("entries", sa.Column(name, TEXT, nullable=True))
    op.create_index("entries_by_person", "entries", ["person", "sequence"])
    op.execute("DELETE FROM sources")
