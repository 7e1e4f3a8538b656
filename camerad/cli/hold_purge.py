"""``camerad evidence hold``, ``release`` and ``purge``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.clock import DAY, SECOND
from camerad.base.text import printable
from camerad.cli import desk, store_access
from camerad.cli.console import CommandError, day_bounds
from camerad.cli.target import find_recording, find_target
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import is_id
from camerad.container.severity import Severity
from camerad.container.statements import rfc3339
from camerad.ledger.ledger import read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store.camera_ledgers import find_doubtful, stays
from camerad.store.holds import EndedHold, list_ended, without_ended
from camerad.store.inventory import list_place
from camerad.store.listing import Listing
from camerad.store.locations import Place, PlaceKind
from camerad.store.purging import (
    Purged,
    Reason,
    exit_code,
    find_reasons,
    reason_of_damage,
    reason_of_error,
)
from camerad.store.retention import list_due


def hold(options: argparse.Namespace) -> int:
    """Keep a recording beyond its time."""
    place, path = find_recording(options.what, options.state)
    recording = os.path.basename(path).removesuffix(SUFFIX)
    facts: dict[str, Any] = {"id": recording, "held": True}
    text = f"{recording} is held"
    if options.until is None and options.ground is None:
        with store_access.open_writer(options, place, recording) as writer:
            writer.hold(recording, options.reason, options.who)
    else:
        until_us = None if options.until is None else _end_of(options.until)
        if place.kind is PlaceKind.DEVICE:
            raise CommandError(
                f"{place.root}: a hold on a camera has no end and no ground; leave out --until and "
                "--ground, or hold it in the office's directory"
            )
        ground = options.ground or ""
        with store_access.open_store(options, place, recording) as (store, _):
            store.hold(recording, options.reason, options.who, until_us=until_us, ground=ground)
        if until_us is not None:
            text += f" to the end of {options.until}"
            facts["until"] = rfc3339(until_us)
    _print(options, f"{text}: {printable(options.reason.strip())}", facts)
    return 0


def release(options: argparse.Namespace) -> int:
    """End all holds on a recording, also on one whose file is not here any more."""
    recording = str(options.what)
    if is_id(recording):
        place = find_target(None, options.state).place
    else:
        place, path = find_recording(options.what, options.state)
        recording = os.path.basename(path).removesuffix(SUFFIX)
    with store_access.open_writer(options, place, recording) as writer:
        writer.release(recording, options.who, options.reason)
    text = f"{recording} is not held any more"
    if options.reason is not None:
        text += f": {printable(options.reason.strip())}"
    _print(options, text, {"id": recording, "held": False})
    return 0


def _end_of(day: str) -> int:
    """When a day ends here, wall time in microseconds. Raises CommandError."""
    try:
        return round(day_bounds(day, utc=False)[1].timestamp() * SECOND)
    except ValueError as error:
        raise CommandError(
            f"--until {day}: this is no day; write the last day of the hold like 2026-11-28"
        ) from error


def purge(options: argparse.Namespace) -> int:
    """Delete what is due, and nothing else."""
    place = find_target(options.what, options.state).place
    if options.dry_run:
        return _print_due(options, place)
    if place.kind is PlaceKind.OFFICE and (unread := _ledger_unread(options, place)):
        done = Purged((), tuple(unread))
    else:
        with store_access.open_writer(options, place, reports_unread=True) as writer:
            done = writer.purge_and_explain()
    lines = [_said_of(one) for one in done.released]
    lines += [f"deleted {one.id}: {one.why}" for one in done.deleted]
    _print(options, "\n".join([done.summary, *_said(done.reasons), *lines]), done.as_json())
    return exit_code(done.reasons)


def _ledger_unread(options: argparse.Namespace, place: Place) -> list[Reason]:
    """Why a place's own ledger cannot be read, if it cannot."""
    unread = desk.Unread()
    desk.ledger_state(options, place, unread)
    return [
        replace(reason, text=f"{reason.text}; nothing is deleted without it, for it has the holds")
        for reason in map(reason_of_error, unread.errors)
    ]


def _print_due(options: argparse.Namespace, place: Place) -> int:
    """What `purge` would delete by what the ledger says now, before it ingests anything."""
    store_access.check_store(place)
    unread = desk.Unread()
    clock = desk.clock_of(options, place, unread)
    state, damage = LedgerState(), []
    without = _ledger_unread(options, place)
    if not without and file_status.exists(place.ledger):
        state, findings = read_ledger(place.ledger, desk.ledger_keys(options, place))
        damage = [str(one) for one in findings if one.severity is Severity.DAMAGE]
    boot_id, now = clock.boot_id, clock.moment()
    ended = tuple(list_ended(state, now))
    state = without_ended(state, now)
    trusted = store_access.keys_of_store(options, place)
    listing = Listing()
    infos = list_place(place, listing) if not without else ()
    errors = [*(one.error for one in place.unread), *listing.failed.values()]
    doubtful = find_doubtful(place, state, trusted)
    found = find_reasons(
        place, state, (boot_id, now), trusted, infos=infos, errors=errors, doubtful=doubtful
    )
    found = (*without, *found)
    if damage:
        # Before anything else: nothing below is worth more than the ledger that it follows from.
        text = f"{place.ledger}: the ledger is damaged, and holds may be lost with it: {damage[0]}"
        found = (reason_of_damage(text), *found)
    held = desk.holds_on_cameras(options, place, trusted, unread)
    going = [
        one
        for one in list_due(state, boot_id, now)
        if one.known.id not in held and not stays(one, place.files_of(one.known.id), doubtful)
    ]
    lines = [_said_of(one) for one in ended]
    lines += [f"{one.known.id} is due, {one.age_us // DAY} days old" for one in going]
    objects = [{"id": one.known.id, "age_us": one.age_us} for one in going]
    summary = f"{len(going)} due" if going else "nothing is due"
    if found:
        summary = f"not certain: recordings may be kept beyond their day ({summary} by the ledger)"
    facts = {"complete": not found, "due": objects, "reasons": [one.as_json() for one in found]}
    _print(options, "\n".join([summary, *_said(found), *lines]), facts)
    return exit_code(found)


def _said_of(ended: EndedHold) -> str:
    return f"{ended.id}: its hold ended on {rfc3339(ended.end_us)}"


def _said(found: Iterable[Reason]) -> list[str]:
    return [f"  {one.text}" for one in found]


def _print(options: argparse.Namespace, text: str, facts: dict[str, Any]) -> None:
    lines = [printable(line) for line in text.split("\n")]
    sys.stdout.write((json.dumps(facts) if options.json else "\n".join(lines)) + "\n")
