"""``camerad evidence list`` and ``show``: what recordings say of themselves.

Nothing is checked here: neither whose key signed it, nor whether anything was changed. So both say
that, and their exit code is no verdict.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from camerad.commands import desk
from camerad.evidence import files
from camerad.evidence.ledger import entries_about
from camerad.evidence.listing import Listing, read_info
from camerad.evidence.places import Place, PlaceKind
from camerad.evidence.records import RecordingInfo, rfc3339
from camerad.evidence.stored import Stored, join, list_place
from camerad.evidence.text import count, printable

UNCHECKED = (
    "nothing here was checked, it is what the files say of themselves; check with: "
    "camerad evidence verify"
)
_KIB = 1024


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    return _list(options) if options.action == "list" else _show(options)


def _list(options: argparse.Namespace) -> int:
    target = desk.target_of(options.what, options.state)
    listing = Listing()
    infos = list_place(target.place, listing) if target.file is None else [read_info(target.file)]
    clock = desk.clock_of(options, target.place)
    state = desk.ledger_state(options, target.place)
    told = desk.told_by_devices(target.place)
    found = join(infos, state, clock.boot_id, clock.moment(), told)
    if options.json:
        objects = [one.as_json() | {"checked": False} for one in found]
        sys.stdout.write(json.dumps(objects) + "\n")
    elif not found:
        sys.stdout.write(f"no recordings in {printable(target.place.root)}\n")
    else:
        sys.stdout.write(f"{table(found)}({UNCHECKED})\n")
    here = {one.info.id for one in found}
    changed = [
        known.id
        for known in (state.recordings.values() if state is not None else ())
        if known.changed is not None and known.here
        if target.file is None or known.id in here
    ]
    if changed:
        desk.say(
            f"{len(changed)} recording(s) whose file is not what the ledger knows: "
            f"{', '.join(changed)}; see: camerad evidence verify"
        )
    urgent = [one.info.id for one in found if one.urgent]
    if urgent:
        desk.say(
            f"{len(urgent)} flagged recording(s) will soon be deleted: {', '.join(urgent)}; hold "
            "what is needed: camerad evidence hold ID --reason TEXT --who PERSON"
        )
    for unread in target.place.unread:
        desk.say(str(unread.error))
    # Files that cannot be read were logged, which shows here as well.
    return desk.code_of(
        [*(unread.error for unread in target.place.unread), *listing.failed.values()]
    )


def table(found: Sequence[Stored]) -> str:
    """The recordings as a table for people."""
    rows = [("ID", "DEVICE", "START", "LENGTH", "SIZE", "STATE", "FLAG", "KEPT UNTIL")]
    rows += [
        (
            printable(one.info.id),
            printable(one.info.device),
            printable(one.info.started.replace("T", " ")[:19] + "Z"),
            duration(one.info.seconds),
            size(one.info.bytes),
            one.info.state + (", CHANGED" if one.changed else ""),
            "flagged" if one.flagged else "",
            kept_until(one),
        )
        for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """``1:02:03``, hours only where there are some."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    start = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{start}:{whole % 60:02d}"


def size(count: int) -> str:
    """Bytes, for people."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def kept_until(one: Stored) -> str:
    """How long it will be there, for people."""
    if one.holds:
        return printable(f"held: {one.holds[-1].reason}")
    if one.known is None:
        return "not taken over yet" if one.told else "unknown: in no ledger"
    if one.days_left is None:
        return "it has not ended"
    if one.days_left == 0:
        return "due"
    when = f"{rfc3339(one.expires_us)[:10]}, " if one.expires_us is not None else "at most "
    return f"{when}{one.days_left} d" + (" (soon!)" if one.urgent else "")


# ---------------------------------------------------------------------------------------- show


def _show(options: argparse.Namespace) -> int:
    place, path = desk.one_recording(options.what, options.state)
    info = read_info(path)
    clock = desk.clock_of(options, place)
    state = desk.ledger_state(options, place)
    told = desk.told_by_devices(place)
    (one,) = join([info], state, clock.boot_id, clock.moment(), told)
    history = list(_history(options, place, info.id, path))
    if options.json:
        said = one.as_json() | {"checked": False, "ledger": history}
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        sys.stdout.write(_page(one, history))
    return 0


def _history(
    options: argparse.Namespace, place: Place, recording: str, path: str
) -> list[dict[str, Any]]:
    """What the ledgers at hand say about it, in their order."""
    found = []
    ledgers = [("office", place.ledger, desk.ledger_keys(options, place))]
    holding = place.holding_of(path)
    if place.kind is PlaceKind.FILES:
        return []
    if place.kind is PlaceKind.DEVICE or holding is None:
        ledgers = [("device", place.ledger, desk.accompanying_keys(place))]
    else:
        ledgers.insert(0, ("device", holding.ledger, desk.accompanying_keys(place)))
    for name, directory, keys in ledgers:
        if not files.is_there(directory):
            continue
        entries = list(entries_about(directory, keys, recording))
        found += [
            {
                "ledger": name,
                "sequence": entry.sequence,
                "when": rfc3339(entry.when.wall_us),
                "kind": entry.kind,
                "who": getattr(entry.facts, "who", None),
                "reason": getattr(entry.facts, "reason", None),
            }
            for entry in entries
        ]
    return found


def _state(info: RecordingInfo) -> str:
    """Its state, and the reason for it where that is another word."""
    return info.state if info.reason in (None, info.state) else f"{info.state}: {info.reason}"


def _page(one: Stored, history: Sequence[dict[str, Any]]) -> str:
    info = one.info
    rows = [
        ("checked", f"no: {UNCHECKED}"),
        ("recording", info.id),
        ("file", info.path),
        ("device", info.device),
        ("start", info.started),
        ("length", f"{info.seconds:.3f} s, {count(info.frames, 'picture')}, {size(info.bytes)}"),
        ("pre-event", f"{info.pre_event_seconds:.3f} s"),
        ("sound", "yes" if info.sound else "no"),
        ("state", _state(info)),
        ("changed", "its file does not end as the ledger says" if one.changed else "no"),
        ("policy", f"{info.policy}, {info.retention_days} days"),
        ("continues", info.continues or "nothing"),
        ("marks", ", ".join(f"{at:.1f} s" for at in info.marks) or "none"),
        ("gaps", str(len(info.gaps)) if info.gaps else "none"),
        ("sound gaps", str(len(info.sound_gaps)) if info.sound_gaps else "none"),
        ("kept until", kept_until(one)),
        ("offloaded", "acknowledged" if one.acknowledged else "no"),
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
    rows += [("hold", f"{hold.reason} ({hold.who})") for hold in one.holds]
    rows += [
        (
            f"{entry['ledger']} ledger",
            f"{entry['when']} {entry['kind']}"
            + (f": {entry['reason']}" if entry["reason"] else "")
            + (f" ({entry['who']})" if entry["who"] else ""),
        )
        for entry in history
    ]
    return "".join(f"{name:<14}{printable(value)}\n" for name, value in rows)
