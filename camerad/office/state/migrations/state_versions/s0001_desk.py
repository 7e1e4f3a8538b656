"""Version 0001: the desk's state, which was in files before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(one, TEXT, nullable=False) for one in names]


def _numbers(*names: str, empty: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(one, sa.BigInteger, nullable=empty) for one in names]


def _name(column: str = "name") -> sa.Column[str]:
    return sa.Column(column, TEXT, primary_key=True)


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "people",
        _name("id"),
        *_texts("name"),
        sa.Column("roles", sa.JSON, nullable=False),
        *_texts("handle"),
        *_numbers("added_us"),
        *_numbers("withdrawn_us", "came_us", empty=True),
        sa.Column("openid", sa.JSON, nullable=True),
    )
    op.create_table(
        "passkeys",
        _name("id"),
        sa.Column("person", TEXT, sa.ForeignKey("people.id"), nullable=False),
        *_texts("data"),
        *_numbers("sign_count"),
        *_texts("label"),
        *_numbers("added_us"),
    )
    op.create_index("passkeys_by_person", "passkeys", ["person", "added_us", "id"])
    op.create_table(
        "sessions",
        _name(),
        *_texts("person"),
        *_numbers("began_us", "used_us", "until_us", "end_us"),
        sa.Column("roles", sa.JSON, nullable=False),
        *_texts("how", "handle"),
        sa.Column("account", sa.JSON, nullable=True),
    )
    op.create_index("sessions_by_person", "sessions", ["person"])
    op.create_table("links", _name(), *_texts("person", "made_by"), *_numbers("until_us"))
    op.create_index("links_by_person", "links", ["person"])
    op.create_table("answers", _name(), *_numbers("until_us"))
    for table in ("viewings", "viewing_requests"):
        op.create_table(
            table,
            _name(),
            *_texts("person", "session", "recording", "purpose", "reason", "case"),
            *_numbers("until_us"),
            *_texts("approved_by", "handle", "approver"),
            sa.Column("others", sa.JSON, nullable=False),
            sa.Column("judged", sa.Boolean, nullable=False),
        )
        op.create_index(f"{table}_by_person", table, ["person"])
    for table in ("sessions", "links", "answers", "viewings", "viewing_requests"):
        op.create_index(f"{table}_by_end", table, ["until_us"])
    op.create_table("server_secrets", _name(), sa.Column("value", sa.LargeBinary, nullable=False))
    op.create_table("imports", _name())
