"""Tables of the state: rows that follow from no file and no ledger.

==================  ================================================================================
`people`            who may sign in at the desk, with their roles
`passkeys`          public halves of their passkeys
`sessions`          who is signed in
`links`             one-time links
`answers`           challenges that were answered, until they are too old to count
`viewings`          recordings that were given to a person, for some hours
`viewing_requests`  requests that wait for a supervisor's approval
`access_requests`   requests for access by persons who may be recorded, without their names
`alerts_told`       alerts that were sent, by channel
`server_secrets`    keys that all servers of the office share
`offers`            settings and updates that cameras are to fetch; a bundle is a file
`revoked_cameras`   cameras whose requests are refused; rebuilt from the ledger if lost
`check_ins`         the last report of each camera, as it signed it
`camera_readings`   earlier reports of cameras, as far as the office's report needs their counters
`uploads`           recordings that are not ingested yet, whose content is a file
`upload_parts`      what came of them
`shared_files`      files of the office's directory, as all of several servers have them
`trials`            pilots: plan, seed, and the ledger's entry of their begin
`trial_records`     forms, deviations, proceedings and surveys of pilots
`imports`           files of older versions whose content is here
==================  ================================================================================

A row that stands for a secret has the SHA-256 of it as its `name`, so that no backup has a secret.
Times are microseconds of wall time since 1970. `migrations/state_versions` makes the same tables.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, Column, ForeignKey, Index, LargeBinary, MetaData, Table

from camerad.office.state.columns import TEXT, flag_column, number_column, text_column
from camerad.office.state.schema import Schema

metadata: Final = MetaData()
STATE: Final = Schema(
    "state",
    metadata,
    ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"),
    lock=0x63616D6572616473,  # "camerads"
    durable=True,
)


def _json(name: str, *, empty: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=empty)


people: Final = Table(
    "people",
    metadata,
    text_column("id", key=True),
    text_column("name"),
    _json("roles"),
    text_column("handle"),
    number_column("added_us"),
    number_column("withdrawn_us", empty=True),
    number_column("came_us", empty=True),
    _json("openid", empty=True),
)

passkeys: Final = Table(
    "passkeys",
    metadata,
    text_column("id", key=True),
    Column("person", TEXT, ForeignKey("people.id"), nullable=False),
    text_column("data"),
    number_column("sign_count"),
    text_column("label"),
    number_column("added_us"),
    Index("passkeys_by_person", "person", "added_us", "id"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    text_column("name", key=True),
    text_column("person"),
    number_column("began_us"),
    number_column("used_us"),
    number_column("until_us"),
    number_column("end_us"),
    _json("roles"),
    text_column("how"),
    text_column("handle"),
    _json("account", empty=True),
    Index("sessions_by_person", "person"),
    Index("sessions_by_end", "until_us"),
)

links: Final = Table(
    "links",
    metadata,
    text_column("name", key=True),
    text_column("person"),
    text_column("made_by"),
    number_column("until_us"),
    Index("links_by_person", "person"),
    Index("links_by_end", "until_us"),
)

answers: Final = Table(
    "answers",
    metadata,
    text_column("name", key=True),
    number_column("until_us"),
    Index("answers_by_end", "until_us"),
)


def _grants(name: str) -> Table:
    return Table(
        name,
        metadata,
        text_column("name", key=True),
        text_column("person"),
        text_column("session"),
        text_column("recording"),
        text_column("purpose"),
        text_column("reason"),
        text_column("case"),
        number_column("until_us"),
        text_column("approved_by"),
        text_column("handle"),
        text_column("approver"),
        _json("others"),
        flag_column("judged"),
        Index(f"{name}_by_person", "person"),
        Index(f"{name}_by_end", "until_us"),
    )


viewings: Final = _grants("viewings")
viewing_requests: Final = _grants("viewing_requests")

access_requests: Final = Table(
    "access_requests",
    metadata,
    text_column("number", key=True),
    text_column("received"),
    number_column("from_us"),
    number_column("to_us"),
    number_column("answered_us", empty=True),
    number_column("until_us", empty=True),
)

alerts_told: Final = Table(
    "alerts_told",
    metadata,
    text_column("channel", key=True),
    text_column("key", key=True),
    text_column("state"),
    number_column("told_us"),
    number_column("again_us"),
    number_column("gone_us"),
)

server_secrets: Final = Table(
    "server_secrets",
    metadata,
    text_column("name", key=True),
    Column("value", LargeBinary, nullable=False),
)

offers: Final = Table(
    "offers",
    metadata,
    text_column("camera", key=True),
    text_column("kind", key=True),
    text_column("sha256"),
    number_column("length"),
    text_column("compatible"),
    text_column("version"),
    Column("content", LargeBinary, nullable=False),
)

revoked_cameras: Final = Table(
    "revoked_cameras",
    metadata,
    text_column("camera", key=True),
    number_column("at_us"),
    text_column("who"),
    text_column("why"),
    text_column("reason"),
)

check_ins: Final = Table(
    "check_ins",
    metadata,
    text_column("camera", key=True),
    number_column("arrived_us"),
    text_column("statement"),
)

camera_readings: Final = Table(
    "camera_readings",
    metadata,
    text_column("camera", key=True),
    number_column("number", key=True),
    number_column("arrived_us"),
    text_column("key"),
    text_column("statement"),
    Index("camera_readings_by_arrival", "arrived_us"),
)

uploads: Final = Table(
    "uploads",
    metadata,
    text_column("camera", key=True),
    text_column("recording", key=True),
    text_column("final"),
    number_column("bytes"),
    number_column("came"),
    number_column("came_us"),
)

upload_parts: Final = Table(
    "upload_parts",
    metadata,
    text_column("camera", key=True),
    text_column("recording", key=True),
    number_column("start", key=True),
    number_column("stop"),
    Column("sha256", LargeBinary, nullable=False),
)

trials: Final = Table(
    "trials",
    metadata,
    text_column("name", key=True),
    text_column("plan"),
    Column("seed", LargeBinary, nullable=False),
    text_column("token"),
    text_column("last", empty=True),
    text_column("why", empty=True),
)

trial_records: Final = Table(
    "trial_records",
    metadata,
    text_column("trial", key=True),
    text_column("kind", key=True),
    text_column("name", key=True),
    text_column("content"),
    text_column("token"),
)

shared_files: Final = Table(
    "shared_files",
    metadata,
    text_column("path", key=True),
    number_column("version"),
    number_column("bytes"),
    text_column("sha256"),
    number_column("time_ns"),
    number_column("mode"),
    text_column("object", empty=True),
    Column("content", LargeBinary),
    Index("shared_files_by_version", "version", unique=True),
)

UNSAVED: Final = (uploads, upload_parts, shared_files)
"""Tables that a backup leaves out: cameras still have what is uploaded, and every server has the
files."""

imports: Final = Table("imports", metadata, text_column("name", key=True))
