"""Version 0006: what a tab found last of a recording, and what people say of an id.

The first follows from the ledger and the second from the id, so everything is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, their indexes and the table, and have everything read again."""
    op.add_column("recordings", sa.Column("not_authentic_by", TEXT, nullable=True))
    op.add_column("recordings", sa.Column("number", sa.BigInteger, nullable=True))
    op.add_column("recordings", sa.Column("tail", TEXT, nullable=True))
    is_found = sa.text("not_authentic_by IS NOT NULL")
    op.create_index(
        "recordings_by_verdict",
        "recordings",
        ["at_us"],
        sqlite_where=is_found,
        postgresql_where=is_found,
    )
    op.create_index("recordings_by_number", "recordings", ["number", "at_us"])
    op.create_index("recordings_by_tail", "recordings", ["tail"])
    op.create_table(
        "verdicts",
        sa.Column("recording", TEXT, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("verdict", TEXT, nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("recording", "epoch"),
    )
    op.create_index("verdicts_by_epoch", "verdicts", ["epoch"])
    op.execute("DELETE FROM sources")
