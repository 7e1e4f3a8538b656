"""``camerad evidence hold``, ``release`` and ``purge``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, is_dataclass
from typing import Any

from camerad.clock import DAY
from camerad.commands import desk
from camerad.evidence.container import SUFFIX
from camerad.evidence.places import Place, is_id
from camerad.evidence.retention import due
from camerad.evidence.store import Store
from camerad.evidence.text import printable


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    if options.action == "purge":
        return _purge(options)
    # A hold may be ended whose recording has no file here any more.
    place, recording = _recording(options)
    with desk.keeper_of(options, place, recording) as keeper:
        if options.action == "hold":
            keeper.hold(recording, options.reason, options.who)
            text = f"{recording} is held: {printable(options.reason.strip())}"
        else:
            keeper.release(recording, options.who)
            text = f"{recording} is not held any more"
    _say(options, text, {"id": recording, "held": options.action == "hold"})
    return 0


def _recording(options: argparse.Namespace) -> tuple[Place, str]:
    if options.action == "release" and is_id(options.what):
        return desk.target_of(None, options.state).place, options.what
    place, path = desk.one_recording(options.what, options.state)
    return place, os.path.basename(path).removesuffix(SUFFIX)


def _purge(options: argparse.Namespace) -> int:
    place = desk.target_of(options.what, options.state).place
    if options.dry_run:
        return _say_what_is_due(options, place)
    with desk.keeper_of(options, place) as keeper:
        deleted = [_as_object(one) for one in keeper.purge()]
        by_this_clock = isinstance(keeper, Store)
    lines = [f"deleted {one['id']}: {one['why']}" for one in deleted] or ["nothing is due"]
    _say(options, "\n".join(lines), {"deleted": deleted})
    if by_this_clock and not desk.clock_of(options, place).moment().trusted:
        desk.say(
            "this computer's time is not trusted, so only uptime counted; set it by a time "
            "server, or make sure that it is right and add --trust-clock"
        )
    return 0


def _say_what_is_due(options: argparse.Namespace, place: Place) -> int:
    state = desk.ledger_state(options, place)
    clock = desk.clock_of(options, place)
    found = due(state, clock.boot_id, clock.moment()) if state is not None else ()
    lines = [f"{one.known.id} is due, {one.age_us // DAY} days old" for one in found]
    objects = [{"id": one.known.id, "age_us": one.age_us} for one in found]
    _say(options, "\n".join(lines) or "nothing is due", {"due": objects})
    return 0


def _as_object(deletion: Any) -> dict[str, Any]:
    found: dict[str, Any] = (
        asdict(deletion)
        if is_dataclass(deletion) and not isinstance(deletion, type)
        else dict(deletion)
    )
    return found


def _say(options: argparse.Namespace, text: str, facts: dict[str, Any]) -> None:
    lines = [printable(line) for line in text.split("\n")]
    sys.stdout.write((json.dumps(facts) if options.json else "\n".join(lines)) + "\n")
