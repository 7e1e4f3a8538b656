"""Version 0003: the server's state, which was in files before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def _texts(*names: str, key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(one, TEXT, primary_key=key, nullable=False) for one in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(one, sa.BigInteger, nullable=False) for one in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "offers",
        *_texts("camera", "kind", key=True),
        *_texts("sha256"),
        *_numbers("length"),
        *_texts("compatible", "version"),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "revoked_cameras",
        *_texts("camera", key=True),
        *_numbers("at_us"),
        *_texts("who", "why", "reason"),
    )
    op.create_table(
        "check_ins",
        *_texts("camera", key=True),
        *_numbers("arrived_us"),
        *_texts("statement"),
    )
