"""Queries about an office's ledger, and the rows of the index that answer them.

The newest come first. An entry that has expired with its epoch is in no answer; the ledger's
checkpoint still vouches for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, or_, select

from camerad.office.index.ledger_rows import number_of
from camerad.office.index.recording_query import cameras_meant, wearers_meant
from camerad.office.index.recording_rows import plain
from camerad.office.state.index_tables import LEDGER, deletions, entries, recordings, sources


class EntryQuery(msgspec.Struct, frozen=True):
    """What is asked for; None leaves it open.

    from_us, to_us: wall time of the entry, `to_us` excluded. who: ids of people, one of whom did it
    or whom it is about. kind: of the entry. recording: id of the one that it is about. said: a part
    of its reason or of its case's number. camera, wearer: of the recording that it is about, as far
    as the index knows it, both as people say it (`camera_names.names_meant`); of a deleted one it
    knows no wearer. before: only entries with a lower sequence number. limit: rows at the most.
    """

    from_us: int | None = None
    to_us: int | None = None
    who: tuple[str, ...] | None = None
    kind: str | None = None
    recording: str | None = None
    said: str | None = None
    camera: str | None = None
    wearer: str | None = None
    before: int | None = None
    limit: int = 100


class EntryPlaces(msgspec.Struct, frozen=True):
    """In which epochs of the office's ledger something is said about a recording.

    epochs: those that have an entry about it, as far as the index has read them. read: which of the
    ledger's files that were, with what tells each from another one (`ledger_rows.epoch_versions`).
    """

    epochs: frozenset[int]
    read: Mapping[str, str]

    def to_look_in(self, now: Mapping[str, str]) -> set[int]:
        """The epochs to look in: those, and each that the index has not read as it is. now: the
        ledger's files. So an index that is behind, or new, hides no entry."""
        others = {number_of(name) for name in now if self.read.get(name) != now[name]}
        return others | self.epochs


def find_places(connection: Connection, recording: str) -> EntryPlaces:
    """Where entries about a recording are. A hold with an end that is only said again, as each
    epoch does, is no reason to look there."""
    table = entries.c
    asked = select(table.epoch, table.kind, table.who, table.reason, table.until_us)
    asked = asked.where(table.recording == plain(recording))
    found: set[int] = set()
    standing: set[tuple[Any, ...]] = set()
    for epoch, kind, *said in connection.execute(asked.order_by(table.sequence, table.epoch)):
        if kind == "release":
            standing.clear()
        elif kind == "hold_until":
            if tuple(said) in standing:
                continue
            standing.add(tuple(said))
        found.add(epoch)
    named = sources.c.name.startswith(f"{LEDGER}/", autoescape=True)
    rows = connection.execute(select(sources).where(named))
    return EntryPlaces(frozenset(found), {row.name: row.version for row in rows})


def find_entries(connection: Connection, query: EntryQuery) -> list[dict[str, Any]]:
    """The entries that are asked for: rows of the table `entries`, with what they say in `facts` as
    an object; of other roles with those before besides (`former`), as far as the ledger has an
    entry about them. Raises QueryError."""
    table = entries.c
    asked = select(entries).order_by(table.sequence.desc()).limit(query.limit)
    if query.from_us is not None:
        asked = asked.where(table.wall_us >= query.from_us)
    if query.to_us is not None:
        asked = asked.where(table.wall_us < query.to_us)
    if query.before is not None:
        asked = asked.where(table.sequence < query.before)
    if query.who is not None:
        asked = asked.where(or_(table.who.in_(query.who), table.person.in_(query.who)))
    if query.said is not None:
        said = query.said.lower()
        parts = (table.reason, table.case_number)
        asked = asked.where(
            or_(*(func.lower(one).contains(said, autoescape=True) for one in parts))
        )
    for column, wanted in ((table.kind, query.kind), (table.recording, query.recording)):
        if wanted is not None:
            asked = asked.where(column == wanted)
    its = recordings.c
    if query.camera is not None:
        meant = cameras_meant(connection, query.camera)
        by = select(its.id).where(or_(its.camera.in_(meant), its.key.in_(meant)))
        asked = asked.where(table.recording.in_(by))
    if query.wearer is not None:
        by = select(its.id).where(its.wearer.in_(wearers_meant(connection, query.wearer)))
        asked = asked.where(table.recording.in_(by))
    return [_told(connection, dict(row)) for row in connection.execute(asked).mappings()]


def _told(connection: Connection, row: dict[str, Any]) -> dict[str, Any]:
    facts = None if row["facts"] is None else json.loads(row["facts"])
    if facts is not None and (row["kind"], facts.get("what")) == ("rights", "roles"):
        table = entries.c
        before = select(table.facts).where(
            *(table.person == row["person"], table.kind == "rights"),
            table.sequence < row["sequence"],
        )
        before = before.order_by(table.sequence.desc()).limit(1)
        former = connection.execute(before).scalar()
        facts["former"] = None if former is None else json.loads(former)["roles"]
    return row | {"facts": facts}


def known_since(connection: Connection) -> int | None:
    """Wall time of the oldest entry; None without entries."""
    asked = select(entries.c.wall_us).order_by(entries.c.sequence).limit(1)
    found: int | None = connection.execute(asked).scalar()
    return found


def deletions_since(connection: Connection, wall_us: int, limit: int) -> list[dict[str, Any]]:
    """What was deleted since then, the newest first: rows of the table `deletions`."""
    table = deletions.c
    asked = select(deletions).where(table.deleted_us >= wall_us)
    asked = asked.order_by(table.deleted_us.desc(), table.recording).limit(limit)
    return [dict(row) for row in connection.execute(asked).mappings()]
