"""Rows that follow from ledgers alone: of recordings without a file here, and of what is held."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from sqlalchemy import Connection, Select, select

from camerad.office.index.ledger_rows import in_pieces
from camerad.office.index.recording_rows import Knowledge, Row, plain, row_of_ledger
from camerad.office.state.index_tables import (
    APART,
    GONE,
    LEDGER,
    MISSING,
    UNREADABLE,
    UNSEEN,
    recordings,
)
from camerad.store.locations import Place


def asked_among(asked: Select[Any], among: Set[str]) -> Iterator[Select[Any]]:
    """A question about recordings, about these alone."""
    return (asked.where(recordings.c.id.in_(some)) for some in in_pieces(among))


def known_unfiled(connection: Connection) -> Set[str]:
    """What has a row because the office's ledger names it."""
    asked = select(recordings.c.id).where(recordings.c.part == LEDGER)
    return set(connection.execute(asked).scalars())


def rows_without_file(
    connection: Connection, place: Place, known: Knowledge, among: Set[str] | None
) -> Iterator[Row]:
    """Rows of what only the office's ledger names. among: of these recordings alone."""
    files = select(recordings.c.id).where(recordings.c.part.not_in((APART, LEDGER)))
    asked = [files] if among is None else asked_among(files, among)
    here = {one for some in asked for one in connection.execute(some).scalars()}
    named = {*known.stated, *known.deletions} if among is None else among
    for recording in sorted(named - here):
        ours = known.find(recording)
        if ours is None and recording not in known.deletions:
            continue
        state = MISSING
        if ours is None or ours.deleted is not None:
            state = GONE
        elif place.files_of(recording):
            state = UNREADABLE
        elif place.unread:
            state = UNSEEN
        yield row_of_ledger(recording, known, state)


def rows_of_holds(known: Knowledge) -> Iterator[Row]:
    """The table `holds`: those of the office's ledger, then those that are still on cameras."""
    ours = {} if known.state is None else known.state.recordings
    for recording in sorted({*(one for one in ours if ours[one].held), *known.pending}):
        there = ours[recording].holds if recording in ours else ()
        both = [(one, False) for one in there]
        both += [(one, True) for one in known.pending.get(recording, ())]
        for position, (one, on_camera) in enumerate(both):
            yield {
                "recording": plain(recording),
                "position": position,
                "reason": plain(one.reason),
                "who": plain(one.who),
                "on_camera": on_camera,
                "until_us": one.end_us,
            }
