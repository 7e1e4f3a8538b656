"""``camerad evidence list`` and ``show``: facts of recordings, from their own statements.

Times are those of this computer's zone, which is named; JSON has them in UTC besides.

Nothing is checked here: neither whose key signed it, nor whether anything was changed. So both say
that, and their exit code is no verdict.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.base.text import count, printable
from camerad.cli import desk
from camerad.cli.console import (
    CommandError,
    day_bounds,
    format_table,
    format_time,
    local_time,
    print_fields,
    print_json,
    print_line,
    rfc3339_local,
    warn,
)
from camerad.cli.target import Target, find_recording, find_target
from camerad.container.keys import KeyRing
from camerad.container.recording_files import UNREADABLE
from camerad.container.recording_ids import is_id
from camerad.container.statements import RecordingInfo, rfc3339
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import entries_about
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import Deleted
from camerad.store.inventory import Stored, join_with_ledger, list_place, others_in, seen_in
from camerad.store.listing import Listing, OtherFiles, info_of
from camerad.store.locations import (
    NotThereError,
    Place,
    PlaceKind,
    device_stem,
    office_place,
)

UNCHECKED = (
    "nothing was checked here: this is what the files say of themselves; check with: camerad "
    "evidence verify"
)
_KIB = 1024
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LONGEST_SECONDS: Final = 366 * 86_400.0


def list_recordings(options: argparse.Namespace) -> int:
    """List the recordings in a place."""
    wanted = _filter(options)
    target = find_target(options.what, options.state)
    infos, failed = _infos(target)
    unread = desk.Unread()
    clock = desk.clock_of(options, target.place, unread)
    state = desk.ledger_state(options, target.place, unread)
    by_ledger = not unread.errors
    told = desk.ids_in_device_ledgers(target.place, unread=unread)
    held = desk.holds_on_cameras(options, target.place, unread=unread)
    joined = join_with_ledger(infos, state, clock.boot_id, clock.moment(), told)
    everything = [
        _compared(one, target.place).held_on_camera(held.get(one.info.id, ())) for one in joined
    ]
    found = [one for one in everything if wanted(one.info)]
    if options.json:
        objects = [_as_json(one, options) for one in found]
        print_json(objects)
    elif not everything:
        print_line(f"no recordings in {target.place.root}")
    elif not found:
        all_of_them = f"{count(len(everything), 'recording')} in {target.place.root}"
        print_line(f"none of the {all_of_them} matches")
    else:
        sys.stdout.write(f"{_table(found, utc=options.utc, by_ledger=by_ledger)}({UNCHECKED})\n")
    here = {one.info.id for one in everything}
    differ = {one.info.id for one in everything if one.changed and not one.copy}
    for text in _absent(target, state, here):
        warn(text)
    changed = [
        known.id
        for known in (state.recordings.values() if state is not None else ())
        if (known.changed is not None and known.here) or known.id in differ
        if target.file is None or known.id in here
    ]
    if changed:
        warn(
            f"{count(len(changed), 'recording')} whose file is not the one that the ledger names: "
            f"{', '.join(changed)}; see: camerad evidence verify"
        )
    urgent = [one.info.id for one in everything if one.urgent and not one.copy]
    if urgent:
        warn(
            f"{count(len(urgent), 'flagged recording')} will soon be deleted: {', '.join(urgent)}; "
            "hold what is needed: camerad evidence hold ID --reason TEXT --who PERSON"
        )
    errors = [*unread.errors, *(one.error for one in target.place.unread)]
    for error in dict.fromkeys(map(str, errors)):
        warn(error)
    # Recordings that cannot be read were logged, which shows here as well.
    return desk.exit_code_of([*errors, *failed])


def _compared(one: Stored, place: Place) -> Stored:
    """The same, changed also where the ledger was not told yet: in an office, where nothing records
    meanwhile."""
    known = one.known
    if place.kind is not PlaceKind.OFFICE or one.copy or known is None or known.final is None:
        return one
    if known.changed is not None or known.final == one.info.final:
        return one
    return replace(one, known=replace(known, changed=one.info.final or ""))


def _absent(target: Target, state: LedgerState | None, here: Collection[str]) -> Iterator[str]:
    """A sentence on each recording that the store's ledger names and that is in no list."""
    place = target.place
    if target.file is not None or state is None:
        return
    whole = office_place(place.root) if place.kind is PlaceKind.OFFICE else place
    unseen = whole.unread_stems()
    asked = {one.stem for one in place.holdings}
    partly = len(place.holdings) < len(whole.holdings)
    for known in state.recordings.values():
        stem = device_stem(known.device)
        if known.deleted is not None or known.id in here or known.id.endswith(UNREADABLE):
            continue
        if stem in unseen or (not stem and unseen) or (partly and stem not in asked):
            continue  # that is told, or another camera's
        if whole.files_of(known.id):
            what = "its file cannot be read as a recording"
        elif known.final is None and place.kind is PlaceKind.DEVICE and not known.missing:
            continue  # it begins just now
        else:
            what = "it is missing: the ledger names it, and neither its file nor a deletion is here"
        yield f"{known.id}: {what}; see: camerad evidence verify"


def _infos(target: Target) -> tuple[list[RecordingInfo], list[StorageError]]:
    """What is here: each recording, and in a store, behind it, its copies; and what of it could not
    be read."""
    place = target.place
    if target.file is not None:
        return [seen_in(place, info_of(target.file))], []
    listing = Listing()
    infos = list_place(place, listing)
    others = others_in(place, listing) if place.kind is not PlaceKind.FILES else OtherFiles()
    for error in others.failed:
        warn(str(error))
    # Stable: of one id, what has its own name comes first.
    found = sorted([*infos, *others.copies], key=lambda info: info.id, reverse=True)
    return found, [*listing.failed.values(), *others.failed]


def _filter(options: argparse.Namespace) -> Callable[[RecordingInfo], bool]:
    """Which recordings are asked for. Raises CommandError for a day that is none."""
    first = last = None
    if options.day is not None:
        try:
            first, last = day_bounds(options.day, utc=options.utc)
        except ValueError:
            raise CommandError(
                f"--day {options.day}: this is no day; write it like 2026-11-28"
            ) from None

    def wanted(info: RecordingInfo) -> bool:
        if first is not None and last is not None:
            began = datetime.fromisoformat(info.started) - _seconds(info.pre_event_seconds)
            if began >= last or began + _seconds(info.seconds) < first:
                return False
        if options.camera is not None and info.device != options.camera:
            return False
        return options.wearer is None or info.wearer == options.wearer

    return wanted


def _seconds(seconds: float) -> timedelta:
    # However long a file says it is, it is compared with a day.
    return timedelta(seconds=max(0.0, min(seconds, _LONGEST_SECONDS)))


def _local(wall: str, *, utc: bool) -> datetime:
    """A time of JSON, as it was here."""
    when = datetime.fromisoformat(wall)
    return local_time((when - _EPOCH) // timedelta(microseconds=1), utc=utc)


def _as_json(one: Stored, options: argparse.Namespace) -> dict[str, Any]:
    said = one.as_json() | {"checked": False}
    for name in ("started", "expires"):
        wall = said[name]
        local = None if wall is None else rfc3339_local(_local(wall, utc=options.utc))
        said[f"{name}_local"] = local
    return said


def _table(found: Sequence[Stored], *, utc: bool, by_ledger: bool = True) -> str:
    """The recordings as a table for people. utc: times in UTC, not in this computer's zone.
    by_ledger: the store's ledger could be read."""
    rows = [("ID", "DEVICE", "WEARER", "START", "LENGTH", "SIZE", "STATE", "FLAG", "KEPT UNTIL")]
    rows += [
        (
            one.info.id,
            one.info.device,
            one.info.wearer or "-",
            format_time(_local(one.info.started, utc=utc)),
            format_duration(one.info.seconds),
            format_size(one.info.bytes),
            _marked(one),
            "flagged" if one.flagged else "",
            format_expiry(one, utc=utc) if by_ledger else "unknown: the ledger cannot be read",
        )
        for one in found
    ]
    return format_table(rows)


def _marked(one: Stored) -> str:
    """Its state, and whether its file is what it should be."""
    changed = ", CHANGED" if one.changed and not one.copy else ""
    copy = f", COPY: {printable(os.path.basename(one.info.path))}" if one.copy else ""
    return f"{one.info.state}{changed}{copy}"


def format_duration(seconds: float) -> str:
    """``1:02:03``, hours only where there are some."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    start = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{start}:{whole % 60:02d}"


def format_size(count: int) -> str:
    """Bytes, for people."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def describe_hold(reason: str, ends: Sequence[int | None], *, utc: bool) -> str:
    """What a recording is held for, and until when, for people. reason: of the last of its holds.
    ends: those of all of them; None for one without."""
    known = [end for end in ends if end is not None]
    until = _until(max(known), utc=utc) if len(known) == len(ends) else ""
    return printable(f"held{until}: {reason}")


def _until(end_us: int | None, *, utc: bool) -> str:
    """The last second of a hold: it mostly ends as a day begins, and was placed until the day
    before."""
    if end_us is None:
        return ""
    return f" until {local_time(end_us - SECOND, utc=utc):%Y-%m-%d}"


def format_expiry(one: Stored, *, utc: bool) -> str:
    """How long it will be there, for people."""
    if one.known is not None and one.known.deleted is not None:
        if not one.copy:
            return "deleted by the ledger, and still here"
        return "it is deleted, and its copy goes with the next purge"
    if one.holds:
        return describe_hold(one.holds[-1].reason, [hold.end_us for hold in one.holds], utc=utc)
    if one.known is None:
        return "not ingested yet" if one.in_device_ledger else "unknown: in no ledger"
    if one.days_left is None:
        return "it has not ended"
    if one.days_left == 0:
        return "due"
    when = "at most "
    if one.expires_us is not None:
        when = f"{local_time(one.expires_us, utc=utc):%Y-%m-%d}, "
    return f"{when}{one.days_left} d" + (" (soon!)" if one.urgent else "")


# ---------------------------------------------------------------------------------------- show


def show_recording(options: argparse.Namespace) -> int:
    """Show all about one recording."""
    try:
        place, path = find_recording(options.what, options.state)
    except NotThereError:
        if _show_deleted(options):
            return 0
        raise
    info = seen_in(place, info_of(path))
    clock = desk.clock_of(options, place)
    state = desk.ledger_state(options, place)
    told = desk.ids_in_device_ledgers(place, path)
    held = desk.holds_on_cameras(options, place)
    (one,) = join_with_ledger([info], state, clock.boot_id, clock.moment(), told)
    one = one.held_on_camera(held.get(info.id, ()))
    history = _history_of(options, place, info.id, path)
    if options.json:
        print_json(_as_json(one, options) | {"ledger": history})
    else:
        print_fields(_page(one, history, _offloaded(one, place), utc=options.utc))
    return 0


def _state(info: RecordingInfo) -> str:
    """Its state, and the reason for it where that is another word."""
    return info.state if info.reason in (None, info.state) else f"{info.state}: {info.reason}"


def _offloaded(one: Stored, place: Place) -> str:
    """Whether an office has it, for people."""
    if place.kind is PlaceKind.OFFICE:
        return "this is the office's copy"
    if place.kind is PlaceKind.FILES:
        return "unknown: there is no ledger beside it"
    return "acknowledged" if one.acknowledged else "no"


def _page(
    one: Stored, history: Sequence[dict[str, Any]], offloaded: str, *, utc: bool
) -> list[tuple[str, str]]:
    info = one.info

    def spoken(wall: str) -> str:
        return format_time(_local(wall, utc=utc))

    rows = [
        ("checked", f"no: {UNCHECKED}"),
        ("recording", info.id),
        ("file", info.path),
        ("device", info.device),
        ("wearer", info.wearer or "not named"),
        ("start", f"{spoken(info.started)} ({info.started})"),
        (
            "length",
            f"{info.seconds:.3f} s, {count(info.frames, 'picture')}, {format_size(info.bytes)}",
        ),
        ("pre-event", f"{info.pre_event_seconds:.3f} s"),
        ("sound", "yes" if info.sound else "no"),
        ("state", _state(info)),
        ("changed", "its file does not end as the ledger says" if one.changed else "no"),
        ("policy", f"{info.policy}, {info.retention_days} days"),
        ("continues", info.continues or "nothing"),
        ("marks", ", ".join(f"{at:.1f} s" for at in info.marks) or "none"),
        ("gaps", str(len(info.gaps)) if info.gaps else "none"),
        ("sound gaps", str(len(info.sound_gaps)) if info.sound_gaps else "none"),
        ("kept until", format_expiry(one, utc=utc)),
        ("offloaded", offloaded),
        ("final", info.final or "none"),
    ]
    rows += [
        (
            "rate",
            f"{one.at:.1f} s: {one.to_fps} pictures per second in place of {one.from_fps}: "
            f"{one.reason}",
        )
        for one in info.rates
    ]
    rows += [("copy", f"of {info.id}, under another name")] if one.copy else []
    rows += [
        ("hold", f"{hold.reason} ({hold.who})" + _until(hold.end_us, utc=utc)) for hold in one.holds
    ]
    rows += _history_rows(history, utc=utc)
    return rows


# --------------------------------------------------------------------------------- the ledgers


def _history_of(
    options: argparse.Namespace, place: Place, recording: str, path: str
) -> list[dict[str, Any]]:
    """What the ledgers at hand say about a recording whose file is there, in their order. Raises
    StorageError."""
    holding = place.holding_of(path)
    if place.kind is PlaceKind.FILES:
        return []
    own = place.kind is PlaceKind.DEVICE or holding is None
    ledgers = [] if own or holding is None else [("device", holding.ledger)]
    ledgers.append(("device" if own else "office", place.ledger))
    return [_said(options, *one) for one in _entries(options, place, ledgers, recording)]


def _history_rows(history: Sequence[dict[str, Any]], *, utc: bool) -> list[tuple[str, str]]:
    """It for people: names and texts."""
    return [
        (
            f"{entry['ledger']} ledger",
            f"{_spoken(entry, utc=utc)} {entry['kind']}"
            + (f": {entry['reason']}" if entry["reason"] else "")
            + (f" ({entry['who']})" if entry["who"] else ""),
        )
        for entry in history
    ]


def _show_deleted(options: argparse.Namespace) -> bool:
    """Print what ledgers say of a recording that was deleted, its tombstones first; False if they
    have none of it. Raises StorageError, and NotThereError without a store."""
    if not is_id(options.what):
        return False
    place = find_target(None, options.state).place
    ledgers = [("office" if place.kind is PlaceKind.OFFICE else "device", place.ledger)]
    if place.kind is PlaceKind.OFFICE:
        ledgers[:0] = [("device", one.ledger) for one in place.holdings if not one.broken]
    found = list(_entries(options, place, ledgers, options.what))
    stones = [(name, one) for name, one in found if isinstance(one.facts, Deleted)]
    history = [_said(options, *one) for one in found]
    if not stones:
        return False
    deletions = [_deletion(options, *one) for one in stones]
    if options.json:
        said = {"id": options.what, "state": "deleted", "deletions": deletions, "ledger": history}
        print_json(said | {"checked": False})
        return True
    lines = [
        ("checked", "no: this is what ledgers say; check with: camerad evidence verify"),
        ("recording", options.what),
        ("state", "deleted"),
        *(
            (
                "tombstone",
                f"{_spoken(one, utc=options.utc)}, by the {one['ledger']}'s ledger: {one['why']}, "
                f"at least {one['age_days']:.1f} days old",
            )
            for one in deletions
        ),
        *_history_rows(history, utc=options.utc),
    ]
    print_fields(lines)
    return True


def _entries(
    options: argparse.Namespace, place: Place, ledgers: Sequence[tuple[str, str]], recording: str
) -> Iterator[tuple[str, Entry]]:
    for name, directory in ledgers:
        keys: KeyRing = desk.accompanying_keys(place)
        if name == "office":
            keys = desk.ledger_keys(options, place)
        if file_status.exists(directory):
            yield from ((name, one) for one in entries_about(directory, keys, recording))


def _said(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    return _when(options, name, entry) | {
        "kind": entry.kind,
        "who": getattr(entry.facts, "who", None),
        "reason": getattr(entry.facts, "reason", None),
    }


def _deletion(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    facts = entry.facts
    if not isinstance(facts, Deleted):
        raise TypeError(f"an entry {entry.kind!r} is no tombstone")
    said = {"why": facts.why, "age_days": facts.age_us / DAY, "final": facts.final}
    return _when(options, name, entry) | said


def _when(options: argparse.Namespace, name: str, entry: Entry) -> dict[str, Any]:
    wall_us = entry.when.wall_us
    return {
        "ledger": name,
        "sequence": entry.sequence,
        "when": rfc3339(wall_us),
        "when_local": rfc3339_local(local_time(wall_us, utc=options.utc)),
        "wall_us": wall_us,
    }


def _spoken(entry: dict[str, Any], *, utc: bool) -> str:
    return format_time(local_time(entry["wall_us"], utc=utc))
