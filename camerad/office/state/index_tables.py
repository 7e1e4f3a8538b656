"""Tables of the index, and how an earlier version of them is replaced.

============  ======================================================================================
`sources`     what each part of the index was made from; see `camerad.office.index.refresh`
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

from sqlalchemy import Boolean, Column, Connection, Index, MetaData, Table, insert, select, text

from camerad.office.state.columns import flag_column, number_column, text_column
from camerad.office.state.schema import Schema

metadata: Final = MetaData()


class _IndexSchema(Schema):
    """Tables that are made anew for each version, since their rows follow from files and ledgers.
    Only the entries of the ledger stay known, by which `ledger_rows` notices that it was cut."""

    def migrate(self, connection: Connection) -> None:
        known = []
        if self.read_version(connection) is not None:
            kept = select(*(entries.c[name] for name in _KEPT))
            known = [dict(row) for row in connection.execute(kept).mappings()]
        self.drop_all(connection)
        metadata.create_all(connection)
        version = Table(self.version_table, MetaData(), text_column("version_num", key=True))
        version.create(connection)
        connection.execute(insert(version).values(version_num=self.present))
        if known:
            connection.execute(insert(entries), known)


INDEX: Final = _IndexSchema(
    "index",
    metadata,
    ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"),
    lock=0x63616D6572616469,  # "cameradi"
    durable=False,
)

FILTERS: Final = ("state", "course", "flagged", "held", "has_gaps", "handed_over")
"""Columns of few values by which recordings are asked for."""

IS_DUE: Final = "due_us IS NOT NULL"
IS_FOUND: Final = "not_authentic_by IS NOT NULL"
BY_DAY: Final = ("wearer", "key", "at_us", "ended_us")
"""What is asked for besides of what is due on a day."""


def _but(first: str) -> tuple[str, ...]:
    return tuple(one for one in FILTERS if one != first)


sources: Final = Table("sources", metadata, text_column("name", key=True), text_column("version"))

recordings: Final = Table(
    "recordings",
    metadata,
    # Which it is: its id, and its file below the office's directory, "" if it has none.
    text_column("id", key=True),
    text_column("place", key=True),
    text_column("part"),  # the directory of a camera, or `QUARANTINE`, or `LEDGER`
    number_column("at_us"),  # its place in a list: its beginning, else what is known of its time
    text_column("state"),
    # What its file says of itself; unchecked.
    number_column("file_bytes", empty=True),
    number_column("file_time_ns", empty=True),
    text_column("camera", empty=True),
    text_column("key", empty=True),
    text_column("wearer", empty=True),
    text_column("policy", empty=True),
    number_column("began_us", empty=True),
    number_column("ended_us", empty=True),
    text_column("clock", empty=True),
    number_column("length_us", empty=True),
    number_column("frames", empty=True),
    number_column("bytes", empty=True),
    number_column("marks", empty=True),
    number_column("gaps", empty=True),
    Column("sound", Boolean, nullable=True),
    number_column("sound_gaps", empty=True),
    text_column("course", empty=True),
    text_column("reason", empty=True),
    text_column("continues", empty=True),
    text_column("header", empty=True),
    text_column("final", empty=True),
    number_column("stated_days", empty=True),
    # What the ledgers, receipts and reasons say of it.
    flag_column("flagged"),
    flag_column("held"),
    flag_column("in_ledger"),
    flag_column("in_device_ledger"),
    flag_column("vouched"),
    flag_column("copy"),
    flag_column("changed"),
    flag_column("receipt"),
    number_column("retention_days", empty=True),
    number_column("due_us", empty=True),
    number_column("deleted_us", empty=True),
    text_column("deleted_clock", empty=True),
    text_column("deleted_why", empty=True),
    number_column("deleted_age_us", empty=True),
    text_column("quarantine_why", empty=True),
    # Pictures or sound are missing in it; it was handed over with a case, and when last.
    flag_column("has_gaps"),
    flag_column("handed_over"),
    number_column("handed_us", empty=True),
    # Whose tab found last that it is not authentic; none, if the last one found something else.
    text_column("not_authentic_by", empty=True),
    # Of its id, as people say it: see `spoken_ids`.
    number_column("number", empty=True),
    text_column("tail", empty=True),
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
    # These find few rows, with any further conditions.
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
    text_column("recording", key=True),
    number_column("position", key=True),
    text_column("reason"),
    text_column("who"),
    flag_column("on_camera"),  # the office's ledger has not ingested it yet
    number_column("until_us", empty=True),  # when it ends by itself
)

cameras: Final = Table(
    "cameras",
    metadata,
    text_column("thumbprint", key=True),
    text_column("name"),
    text_column("standing"),
)

entries: Final = Table(
    "entries",
    metadata,
    number_column("sequence", key=True),
    number_column("epoch", key=True),
    text_column("kind"),
    text_column("recording", empty=True),
    number_column("wall_us"),
    text_column("clock"),
    text_column("who", empty=True),
    text_column("reason", empty=True),
    text_column("sha256"),
    number_column("until_us", empty=True),  # when a hold ends by itself
    text_column("person", empty=True),  # whose rights or whose viewing it is about
    text_column("case_number", empty=True),
    text_column("facts", empty=True),  # all that it says, as JSON; of `ledger_rows.SHOWN` alone
    Index("entries_by_recording", "recording"),
    Index("entries_by_epoch", "epoch"),
    Index("entries_by_person", "person", "sequence"),
)

_KEPT: Final = ("sequence", "epoch", "kind", "wall_us", "clock", "sha256")
"""What every version of `entries` has, and none may be without."""

deletions: Final = Table(
    "deletions",
    metadata,
    text_column("recording", key=True),
    number_column("epoch", key=True),
    text_column("camera"),
    text_column("header"),
    text_column("final", empty=True),
    number_column("ended_us", empty=True),
    text_column("clock", empty=True),
    number_column("retention_days"),
    flag_column("flagged"),
    number_column("deleted_us"),
    text_column("deleted_clock"),
    text_column("why"),
    number_column("age_us"),
    Index("deletions_by_epoch", "epoch"),
)

hand_overs: Final = Table(
    "hand_overs",
    metadata,
    text_column("recording", key=True),
    number_column("epoch", key=True),
    number_column("handed_us"),  # the last of this epoch
    Index("hand_overs_by_epoch", "epoch"),
)

cases: Final = Table(
    "cases",
    metadata,
    text_column("name", key=True),
    number_column("standing"),
    number_column("opened_us"),
    text_column("searched"),  # the number as people read it
    text_column("number"),
    number_column("recordings"),
    flag_column("handed_over"),
    number_column("file_bytes"),
    number_column("file_time_ns"),
    # In the order of a list, and with what is searched, so that no row is looked up in vain.
    Index("cases_in_order", "standing", "opened_us", "name", "searched"),
)

case_recordings: Final = Table(
    "case_recordings",
    metadata,
    text_column("recording", key=True),
    text_column("name", key=True),
    Index("case_recordings_by_name", "name"),
)

case_entries: Final = Table(
    "case_entries",
    metadata,
    text_column("name", key=True),
    number_column("epoch", key=True),
    text_column("number"),
    flag_column("more"),  # something was done to it besides opening it
    Index("case_entries_by_epoch", "epoch"),
)

verdicts: Final = Table(
    "verdicts",
    metadata,
    text_column("recording", key=True),
    number_column("epoch", key=True),
    text_column("verdict"),
    text_column("who"),
    Index("verdicts_by_epoch", "epoch"),
)

NOT_AUTHENTIC: Final = "not_authentic"
"""Verdict of a tab, as the ledger's entry has it."""

QUARANTINE: Final = "office/quarantine"
"""The part of the index with what the office did not ingest."""
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
"""State of one that may lie in a directory that could not be read."""
QUARANTINED: Final = "quarantined"
"""State of a file that a camera handed over and the office did not take."""
CASE_OPEN: Final = 1
"""Standing of a case that is open; a list has these first."""
CASE_CLOSED: Final = 0
"""Standing of one that is closed."""
CASE_UNREADABLE: Final = -1
"""Standing of a file that cannot be read as a case."""
STATES: Final = (HERE, GONE, MISSING, UNREADABLE, UNSEEN, QUARANTINED)
