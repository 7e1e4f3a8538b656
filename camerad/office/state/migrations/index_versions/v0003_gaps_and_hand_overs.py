"""Version 0003: which recordings have gaps, and which were handed over with a case.

Both follow from what is there already, so everything is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
FILTERS = ("state", "course", "flagged", "held", "has_gaps", "handed_over")
INDEXES = (
    ("camera", "camera"),
    ("key", "key"),
    ("wearer", "wearer"),
    ("state", "state"),
    ("mark", "flagged"),
    ("hold", "held"),
    ("gaps", "has_gaps"),
    ("hand_over", "handed_over"),
    ("course", "course"),
    ("due", "due_us"),
)


def upgrade() -> None:
    """Add the columns, their indexes and the table, and have everything read again."""
    for flag in ("has_gaps", "handed_over"):
        added = sa.Column(flag, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("recordings", added)
    op.add_column("recordings", sa.Column("handed_us", sa.BigInteger, nullable=True))
    for name, column in INDEXES:
        op.drop_index(f"recordings_by_{name}", "recordings", if_exists=True)
        first = [column] if column == "due_us" else [column, "at_us"]
        columns = [*first, *(one for one in FILTERS if one != column)]
        op.create_index(f"recordings_by_{name}", "recordings", columns)
    op.create_table(
        "hand_overs",
        sa.Column("recording", TEXT, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("handed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("recording", "epoch"),
    )
    op.create_index("hand_overs_by_epoch", "hand_overs", ["epoch"])
    op.execute("DELETE FROM sources")
