"""The tables of the index. `camerad/index/migrations` makes the same ones.

============  ======================================================================================
`sources`     what each part of the index was made from; see `camerad.index.refresh`
`recordings`  a row for each file that is a recording, and for each recording that only the office's
              ledger names: deleted, or missing
`holds`       why recordings are held
`cameras`     whose recordings are here, or could be
`entries`     the office's ledger, as long as an entry has not expired. A sequence number is the
              entry's place in the ledger, and `sha256` that of its token
`deletions`   what the office has deleted, as long as the ledger has the tombstone
`hand_overs`  which recordings left the office with a case, as long as the ledger has the entry
`cases`       a row for each file of a case at the desk, by the file's name
`case_recordings`  which recordings a case is about
`case_entries`  which cases the office's ledger tells of, as long as it has the entries
`verdicts`    what tabs found of recordings when they checked them, the last in each epoch, as long
              as the ledger has the entry
============  ======================================================================================

Times are microseconds of wall time since 1970, if they are called ``_us``. Text is compared by its
code points in every engine, so that rows come in one order.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, String, Table, Text, text

metadata: Final = MetaData()

_TEXT: Final = String().with_variant(Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False, empty: bool = False) -> Column[str]:
    return Column(name, _TEXT, primary_key=key, nullable=empty and not key)


def _number(name: str, *, key: bool = False, empty: bool = False) -> Column[int]:
    return Column(
        name, BigInteger, primary_key=key, autoincrement=False, nullable=empty and not key
    )


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


FILTERS: Final = ("state", "course", "flagged", "held", "has_gaps", "handed_over")
"""Columns of few values by which recordings are asked for."""

IS_DUE: Final = "due_us IS NOT NULL"
IS_FOUND: Final = "not_authentic_by IS NOT NULL"
BY_DAY: Final = ("wearer", "key", "at_us", "ended_us")
"""What is asked for besides of what is due on a day."""


def _but(first: str) -> tuple[str, ...]:
    return tuple(one for one in FILTERS if one != first)


sources: Final = Table("sources", metadata, _text("name", key=True), _text("version"))

recordings: Final = Table(
    "recordings",
    metadata,
    # Which it is: its id, and its file below the office's directory, "" if it has none.
    _text("id", key=True),
    _text("place", key=True),
    _text("part"),  # the directory of a camera, or `APART`, or `LEDGER`
    _number("at_us"),  # its place in a list: its beginning, else what is known of its time
    _text("state"),
    # What its file says of itself; unchecked.
    _number("file_bytes", empty=True),
    _number("file_time_ns", empty=True),
    _text("camera", empty=True),
    _text("key", empty=True),
    _text("wearer", empty=True),
    _text("policy", empty=True),
    _number("began_us", empty=True),
    _number("ended_us", empty=True),
    _text("clock", empty=True),
    _number("length_us", empty=True),
    _number("frames", empty=True),
    _number("bytes", empty=True),
    _number("marks", empty=True),
    _number("gaps", empty=True),
    Column("sound", Boolean, nullable=True),
    _number("sound_gaps", empty=True),
    _text("course", empty=True),
    _text("reason", empty=True),
    _text("continues", empty=True),
    _text("header", empty=True),
    _text("final", empty=True),
    _number("stated_days", empty=True),
    # What the ledgers, receipts and reasons say of it.
    _flag("flagged"),
    _flag("held"),
    _flag("in_ledger"),
    _flag("in_device_ledger"),
    _flag("vouched"),
    _flag("copy"),
    _flag("changed"),
    _flag("receipt"),
    _number("retention_days", empty=True),
    _number("due_us", empty=True),
    _number("deleted_us", empty=True),
    _text("deleted_clock", empty=True),
    _text("deleted_why", empty=True),
    _number("deleted_age_us", empty=True),
    _text("apart_why", empty=True),
    # Pictures or sound are missing in it; it was handed over with a case, and when last.
    _flag("has_gaps"),
    _flag("handed_over"),
    _number("handed_us", empty=True),
    # Whose tab found last that it is not authentic; none, if the last one found something else.
    _text("not_authentic_by", empty=True),
    # Of its id, as people say it: see `spoken_ids`.
    _number("number", empty=True),
    _text("tail", empty=True),
    # In the order of a list, so that nothing is left to sort.
    Index("recordings_by_time", "at_us", "id", "place"),
    Index("recordings_by_part", "part"),
    # What else may be asked for is in it too, so that rows that do not match are not looked up.
    Index("recordings_by_camera", "camera", "at_us", *FILTERS),
    Index("recordings_by_key", "key", "at_us", *FILTERS),
    Index("recordings_by_wearer", "wearer", "at_us", *FILTERS),
    Index("recordings_by_state", "state", "at_us", *_but("state")),
    Index("recordings_by_mark", "flagged", "at_us", *_but("flagged")),
    Index("recordings_by_hold", "held", "at_us", *_but("held")),
    Index("recordings_by_gaps", "has_gaps", "at_us", *_but("has_gaps")),
    Index("recordings_by_hand_over", "handed_over", "at_us", *_but("handed_over")),
    Index("recordings_by_course", "course", "at_us", *_but("course")),
    Index("recordings_by_due", "due_us", *BY_DAY, *FILTERS),
    Index(
        "recordings_by_camera_due",
        *("camera", "due_us", *FILTERS),
        sqlite_where=text(IS_DUE),  # so that it is taken for nothing else
        postgresql_where=text(IS_DUE),
    ),
    Index("recordings_by_length", "length_us"),
    # These find few rows, whatever else is asked for.
    Index(
        "recordings_by_verdict",
        "at_us",
        sqlite_where=text(IS_FOUND),
        postgresql_where=text(IS_FOUND),
    ),
    Index("recordings_by_number", "number", "at_us"),
    Index("recordings_by_tail", "tail"),
)

holds: Final = Table(
    "holds",
    metadata,
    _text("recording", key=True),
    _number("position", key=True),
    _text("reason"),
    _text("who"),
    _flag("on_camera"),  # the office's ledger has not taken it over yet
    _number("until_us", empty=True),  # when it ends by itself
)

cameras: Final = Table(
    "cameras",
    metadata,
    _text("thumbprint", key=True),
    _text("name"),
    _text("standing"),
)

entries: Final = Table(
    "entries",
    metadata,
    _number("sequence", key=True),
    _number("epoch", key=True),
    _text("kind"),
    _text("recording", empty=True),
    _number("wall_us"),
    _text("clock"),
    _text("who", empty=True),
    _text("reason", empty=True),
    _text("sha256"),
    _number("until_us", empty=True),  # when a hold ends by itself
    _text("person", empty=True),  # whose rights or whose viewing it is about
    _text("case_number", empty=True),
    _text("facts", empty=True),  # all that it says, as JSON; of `ledger_rows.SHOWN` alone
    Index("entries_by_recording", "recording"),
    Index("entries_by_epoch", "epoch"),
    Index("entries_by_person", "person", "sequence"),
)

deletions: Final = Table(
    "deletions",
    metadata,
    _text("recording", key=True),
    _number("epoch", key=True),
    _text("camera"),
    _text("header"),
    _text("final", empty=True),
    _number("ended_us", empty=True),
    _text("clock", empty=True),
    _number("retention_days"),
    _flag("flagged"),
    _number("deleted_us"),
    _text("deleted_clock"),
    _text("why"),
    _number("age_us"),
    Index("deletions_by_epoch", "epoch"),
)

hand_overs: Final = Table(
    "hand_overs",
    metadata,
    _text("recording", key=True),
    _number("epoch", key=True),
    _number("handed_us"),  # the last of this epoch
    Index("hand_overs_by_epoch", "epoch"),
)

cases: Final = Table(
    "cases",
    metadata,
    _text("name", key=True),
    _number("standing"),
    _number("opened_us"),
    _text("searched"),  # the number as people read it
    _text("number"),
    _number("recordings"),
    _flag("handed_over"),
    _number("file_bytes"),
    _number("file_time_ns"),
    # In the order of a list, and with what is searched, so that no row is looked up in vain.
    Index("cases_in_order", "standing", "opened_us", "name", "searched"),
)

case_recordings: Final = Table(
    "case_recordings",
    metadata,
    _text("recording", key=True),
    _text("name", key=True),
    Index("case_recordings_by_name", "name"),
)

case_entries: Final = Table(
    "case_entries",
    metadata,
    _text("name", key=True),
    _number("epoch", key=True),
    _text("number"),
    _flag("more"),  # something was done to it besides opening it
    Index("case_entries_by_epoch", "epoch"),
)

verdicts: Final = Table(
    "verdicts",
    metadata,
    _text("recording", key=True),
    _number("epoch", key=True),
    _text("verdict"),
    _text("who"),
    Index("verdicts_by_epoch", "epoch"),
)

NOT_AUTHENTIC: Final = "not_authentic"
"""Verdict of a tab, as the ledger's entry has it."""

APART: Final = "office/apart"
"""The part of the index with what the office did not take over."""
LEDGER: Final = "office/ledger"
"""The part with what has no file here, and only the office's ledger names."""

HERE: Final = "here"
"""State of a recording whose file is here."""
GONE: Final = "deleted"
"""State of one with a tombstone, and without a file."""
MISSING: Final = "missing"
"""State of one that the ledger names, without a file or a tombstone."""
UNREADABLE: Final = "unreadable"
"""State of one whose file cannot be read as a recording."""
UNSEEN: Final = "unseen"
"""State of one that may lie where nobody could look."""
PUT_APART: Final = "apart"
"""State of a file that a camera handed over and the office did not take."""
CASE_OPEN: Final = 1
"""Standing of a case that is open; a list has these first."""
CASE_CLOSED: Final = 0
"""Standing of one that is closed."""
CASE_UNREADABLE: Final = -1
"""Standing of a file that cannot be read as a case."""
STATES: Final = (HERE, GONE, MISSING, UNREADABLE, UNSEEN, PUT_APART)
