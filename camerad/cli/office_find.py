"""``camerad office find``: lists the recordings that an office has or has deleted.

The index answers. It is brought to what files and ledgers say first; if that cannot be done just
now, the answer is that of before, and says so. As with ``camerad evidence list``, nothing is
checked here.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import CameradError
from camerad.base.text import is_unicode, printable
from camerad.cli import desk, list_show, office_reindex, times

if TYPE_CHECKING:
    from camerad.office.index.recording_query import IndexedRecording

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def add_parser(actions: Any, config: str) -> None:
    """Add the subcommand to those of `camerad office`. config: where the settings usually are."""
    parser = actions.add_parser(
        "find",
        help="find recordings that the office has, or has deleted",
        description="Finds recordings by the index, the newest first; with --due-before those that "
        "are deleted soonest. Nothing is checked: 'camerad evidence verify' does that.",
    )
    parser.add_argument(
        "--from", dest="since", metavar="WHEN", help="it goes on then or later: 2026-11-28[T14:30]"
    )
    parser.add_argument("--to", dest="until", metavar="WHEN", help="it began before that")
    parser.add_argument("--camera", metavar="NAME", help="name of the camera, or its thumbprint")
    parser.add_argument("--wearer", metavar="ID", help="who wore the camera")
    parser.add_argument("--mark", action="store_true", help="only those with a mark")
    parser.add_argument(
        "--state",
        choices=("here", "deleted", "missing", "unreadable", "unseen", "apart"),
        help="only those in this state",
    )
    parser.add_argument("--held", action="store_true", help="only those that are held")
    parser.add_argument("--due-before", metavar="WHEN", help="only those that are due before that")
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="at most so many; default: %(default)s"
    )
    parser.add_argument("--after", metavar="MARK", help="go on behind an earlier answer")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--utc", action="store_true", help="times in UTC")
    office_reindex.add_config(parser, config)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    since, until, due = (
        None if text is None else moment_us(text, utc=options.utc)
        for text in (options.since, options.until, options.due_before)
    )
    if since is not None and until is not None and since >= until:
        raise desk.DeskError(
            f"--from {printable(options.since)} is not before --to {printable(options.until)}: "
            "exchange them"
        )
    for name in ("camera", "wearer"):
        _check_name(f"--{name}", getattr(options, name))
    index = office_reindex.open_index(options.config)
    from camerad.office.index.recording_query import RecordingQuery  # noqa: PLC0415 - slow to import

    code = 0
    try:
        try:
            index.refresh()
        except CameradError as error:
            desk.say(f"{error}; the answer is as of before")
            code = error.exit_code
        page = index.find(
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
            )
        )
    finally:
        index.close()
    if options.json:
        said = {"recordings": [one.as_json() for one in page.recordings], "next": page.next}
        sys.stdout.write(json.dumps(said) + "\n")
    elif not page.recordings:
        sys.stdout.write("no recording matches\n")
    else:
        sys.stdout.write(f"{_table(page.recordings, utc=options.utc)}({list_show.UNCHECKED})\n")
        if page.next is not None:
            desk.say(f"there are more: --after {page.next}")
    return code


def _check_name(option: str, text: str | None) -> None:
    """Raises DeskError for what no database takes."""
    if text is not None and not is_unicode(text):
        raise desk.DeskError(
            f"{option} {printable(text)}: this is not UTF-8: set the terminal to UTF-8, and type "
            "it anew"
        )


def moment_us(text: str, *, utc: bool) -> int:
    """Wall time that was typed, microseconds: a day, or a day and a time, in this computer's zone
    unless it has one of its own. Raises DeskError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise desk.DeskError(
            f"{printable(text)}: this is no time; write it like 2026-11-28 or 2026-11-28T14:30"
        ) from None
    try:
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC) if utc else when.astimezone()
        return round((when - _EPOCH).total_seconds() * 1_000_000)
    except (ValueError, OverflowError):
        raise desk.DeskError(
            f"{printable(text)}: this is at the beginning or the end of time; name a day of a "
            "recording"
        ) from None


def _table(found: tuple[IndexedRecording, ...], *, utc: bool) -> str:
    rows: list[tuple[str, ...]] = [
        ("ID", "CAMERA", "WEARER", "START", "LENGTH", "STATE", "MARK", "KEPT UNTIL")
    ]
    rows += [_row(one, utc=utc) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _row(one: IndexedRecording, *, utc: bool) -> tuple[str, ...]:
    said = one.columns
    length_us = said["length_us"]
    return (
        printable(one.id),
        printable(said["camera"] or "-"),
        printable(said["wearer"] or "-"),
        _when(said["began_us"], utc=utc) or "-",
        "-" if length_us is None else list_show.format_duration(length_us / 1_000_000),
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
    if said["apart_why"] is not None:
        return f"apart: {printable(said['apart_why'])}"
    if one.holds:
        return list_show.describe_hold(
            one.holds[-1].reason, [hold.until_us for hold in one.holds], utc=utc
        )
    if not said["in_ledger"]:
        return "not taken over yet"
    return _when(said["due_us"], utc=utc) or "unknown"


def _when(wall_us: int | None, *, utc: bool) -> str | None:
    """A time for people; None for none, and for one that no calendar has."""
    if wall_us is None:
        return None
    try:
        return times.format_time(times.local_time(wall_us, utc=utc))
    except (ValueError, OverflowError):
        return None
