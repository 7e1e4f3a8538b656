"""``camerad office find`` and ``reindex``: the index of an office's recordings.

The index answers. It is brought to what files and ledgers say first; if that cannot be done just
now, the answer is that of before, and says so. As with ``camerad evidence list``, nothing is
checked here.
"""

from __future__ import annotations

import argparse
import contextlib
from datetime import UTC, datetime
from typing import Final

from camerad.base.errors import CameradError
from camerad.base.text import count, is_unicode, printable
from camerad.cli.console import (
    CommandError,
    format_table,
    format_time,
    local_time,
    print_json,
    print_line,
    warn,
)
from camerad.cli.list_show import UNCHECKED, describe_hold, format_duration
from camerad.evidence.office_key_file import load_public_key
from camerad.office.index import recording_query
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.recording_query import IndexedRecording, RecordingQuery
from camerad.office.server.office_settings import load
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.state_import import open_state
from camerad.office.state.database_settings import url_of

_HEAD: Final = ("ID", "CAMERA", "WEARER", "START", "LENGTH", "STATE", "MARK", "KEPT UNTIL")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def find(options: argparse.Namespace) -> int:
    """Find recordings that the office has, or has deleted."""
    since, until, due = (
        None if text is None else moment_us(text, utc=options.utc)
        for text in (options.since, options.until, options.due_before)
    )
    if since is not None and until is not None and since >= until:
        raise CommandError(
            f"--from {printable(options.since)} is not before --to {printable(options.until)}: "
            "exchange them"
        )
    for name in ("camera", "wearer"):
        _check_name(f"--{name}", getattr(options, name))
    index = _open_index(options.config)

    code = 0
    try:
        try:
            index.refresh()
        except CameradError as error:
            warn(f"{error}; the answer is as of before")
            code = error.exit_code
        page = index.ask(
            recording_query.find,
            RecordingQuery(
                from_us=since,
                to_us=until,
                camera=options.camera,
                wearer=options.wearer,
                flagged=True if options.mark else None,
                state=options.state,
                held=True if options.held else None,
                due_before_us=due,
                limit=options.limit,
                after=options.after,
            ),
        )
    finally:
        index.close()
    if options.json:
        print_json({"recordings": [one.as_json() for one in page.recordings], "next": page.next})
    elif not page.recordings:
        print_line("no recording matches")
    else:
        rows = (_HEAD, *(_row(one, utc=options.utc) for one in page.recordings))
        for line in (*format_table(rows).splitlines(), f"({UNCHECKED})"):
            print_line(line)
        if page.next is not None:
            warn(f"there are more: --after {page.next}")
    return code


def _check_name(option: str, text: str | None) -> None:
    """Raises CommandError for what no database takes."""
    if text is not None and not is_unicode(text):
        raise CommandError(
            f"{option} {printable(text)}: this is not UTF-8: set the terminal to UTF-8, and type "
            "it anew"
        )


def moment_us(text: str, *, utc: bool) -> int:
    """Wall time that was typed, microseconds: a day, or a day and a time, in this computer's zone
    unless the text names one. Raises CommandError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{printable(text)}: this is no time; write it like 2026-11-28 or 2026-11-28T14:30"
        ) from None
    try:
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC) if utc else when.astimezone()
        return round((when - _EPOCH).total_seconds() * 1_000_000)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{printable(text)}: this is at the beginning or the end of time; name a day of a "
            "recording"
        ) from None


def _row(one: IndexedRecording, *, utc: bool) -> tuple[str, ...]:
    said = one.columns
    length_us = said["length_us"]
    return (
        one.id,
        said["camera"] or "-",
        said["wearer"] or "-",
        _when(said["began_us"], utc=utc) or "-",
        "-" if length_us is None else format_duration(length_us / 1_000_000),
        said["state"] + (", CHANGED" if said["changed"] else "") + (", COPY" * said["copy"]),
        "marked" if said["flagged"] else "",
        _kept(one, utc=utc),
    )


def _kept(one: IndexedRecording, *, utc: bool) -> str:
    """How long it will be there, or was, for people."""
    said = one.columns
    if said["deleted_why"] is not None:
        when = _when(said["deleted_us"], utc=utc)
        return f"deleted: {printable(said['deleted_why'])}" + (f", {when}" if when else "")
    if said["quarantine_why"] is not None:
        return f"quarantined: {printable(said['quarantine_why'])}"
    if one.holds:
        return describe_hold(one.holds[-1].reason, [hold.until_us for hold in one.holds], utc=utc)
    if not said["in_ledger"]:
        return "not ingested yet"
    return _when(said["due_us"], utc=utc) or "unknown"


def _when(wall_us: int | None, *, utc: bool) -> str | None:
    """A time for people; None for none, and for one that no calendar has."""
    if wall_us is None:
        return None
    try:
        return format_time(local_time(wall_us, utc=utc))
    except (ValueError, OverflowError):
        return None


def rebuild_index(options: argparse.Namespace) -> int:
    """Make the index of recordings anew."""
    index = _open_index(options.config)
    try:
        index.rebuild()
        states = index.ask(recording_query.count_states)
    finally:
        index.close()
    for name in _put_back(options.config):
        warn(f"{name} is withdrawn again: the ledger says so, and the withdrawal was lost")
    total = count(sum(states.values()), "recording")
    said = ", ".join(f"{number} {state}" for state, number in states.items())
    print_line(f"{total}{f': {said}' if said else ''}")
    return 0


def _put_back(config: str) -> list[str]:
    """Have cameras withdrawn whose withdrawal was lost; returns their names."""

    settings = load(config, with_files=False)
    key = load_public_key(str(settings.office_key))
    directory = str(settings.directory)
    with contextlib.closing(open_state(settings.index, directory)) as state:
        return RevokedCameras(state).rebuild(directory, key)


def _open_index(config: str) -> RecordingIndex:
    """The index that the settings in a file name, with its tables. Raises CameradError."""
    settings = load(config, with_files=False)
    directory = str(settings.directory)
    key = load_public_key(str(settings.office_key))
    files = OfficeFiles(directory, key, str(settings.register))
    index = RecordingIndex(url_of(settings.index, directory), files, warn)
    index.open()
    return index
