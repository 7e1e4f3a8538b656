"""Version 0008: a recording's length includes a gap at its end.

It follows from the file, so whatever has a gap is read again.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Have the files with gaps read again."""
    op.execute("UPDATE recordings SET file_time_ns = 0 WHERE gaps > 0")
    op.execute("DELETE FROM sources")
