"""Version 0001: the first tables. None goes back: an older camerad makes the index anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.String().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, empty: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=empty)


def _number(name: str, *, empty: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=empty, autoincrement=False)


def _flag(name: str, *, empty: bool = False) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=empty)


def upgrade() -> None:
    """Make the tables."""
    op.create_table("sources", _text("name"), _text("version"), sa.PrimaryKeyConstraint("name"))
    op.create_table(
        "recordings",
        *(_text(name) for name in ("id", "place", "part")),
        _number("at_us"),
        _text("state"),
        *(_number(name, empty=True) for name in ("file_bytes", "file_time_ns")),
        *(_text(name, empty=True) for name in ("camera", "key", "wearer", "policy")),
        *(_number(name, empty=True) for name in ("began_us", "ended_us")),
        _text("clock", empty=True),
        *(_number(name, empty=True) for name in ("length_us", "frames", "bytes", "marks", "gaps")),
        _flag("sound", empty=True),
        _number("sound_gaps", empty=True),
        *(_text(name, empty=True) for name in ("course", "reason", "continues", "header", "final")),
        _number("stated_days", empty=True),
        *(
            _flag(name)
            for name in (
                "flagged",
                "held",
                "in_ledger",
                "in_device_ledger",
                "vouched",
                "copy",
                "changed",
                "receipt",
            )
        ),
        *(_number(name, empty=True) for name in ("retention_days", "due_us", "deleted_us")),
        *(_text(name, empty=True) for name in ("deleted_clock", "deleted_why")),
        _number("deleted_age_us", empty=True),
        _text("apart_why", empty=True),
        sa.PrimaryKeyConstraint("id", "place"),
    )
    for name, columns in (
        ("time", ["at_us", "id", "place"]),
        ("part", ["part"]),
        ("camera", ["camera", "at_us"]),
        ("key", ["key", "at_us"]),
        ("wearer", ["wearer", "at_us"]),
        ("state", ["state", "at_us"]),
        ("mark", ["flagged", "at_us"]),
        ("hold", ["held", "at_us"]),
        ("due", ["due_us"]),
        ("length", ["length_us"]),
    ):
        op.create_index(f"recordings_by_{name}", "recordings", columns)
    op.create_table(
        "holds",
        _text("recording"),
        _number("position"),
        *(_text(name) for name in ("reason", "who")),
        _flag("on_camera"),
        sa.PrimaryKeyConstraint("recording", "position"),
    )
    op.create_table(
        "cameras",
        *(_text(name) for name in ("thumbprint", "name", "standing")),
        sa.PrimaryKeyConstraint("thumbprint"),
    )
    op.create_table(
        "entries",
        *(_number(name) for name in ("sequence", "epoch")),
        _text("kind"),
        _text("recording", empty=True),
        _number("wall_us"),
        _text("clock"),
        *(_text(name, empty=True) for name in ("who", "reason")),
        _text("sha256"),
        sa.PrimaryKeyConstraint("sequence", "epoch"),
    )
    op.create_index("entries_by_recording", "entries", ["recording"])
    op.create_index("entries_by_epoch", "entries", ["epoch"])
    op.create_table(
        "deletions",
        _text("recording"),
        _number("epoch"),
        *(_text(name) for name in ("camera", "header")),
        _text("final", empty=True),
        _number("ended_us", empty=True),
        _text("clock", empty=True),
        _number("retention_days"),
        _flag("flagged"),
        _number("deleted_us"),
        *(_text(name) for name in ("deleted_clock", "why")),
        _number("age_us"),
        sa.PrimaryKeyConstraint("recording", "epoch"),
    )
    op.create_index("deletions_by_epoch", "deletions", ["epoch"])
