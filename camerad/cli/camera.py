"""Commands that ask a running camera: ``camerad status``, ``press``, ``metrics`` and ``shift``."""

from __future__ import annotations

import argparse
import http
import sys
from typing import Any, Final

from camerad.base.errors import EX_CANTCREAT
from camerad.base.text import printable
from camerad.behaviour.badge import badge
from camerad.cli.console import CommandError, print_json, print_line
from camerad.control.client import get_text, refusal, request

HANDOVER_TROUBLES: Final = {
    "network": "the office's server is not reached",
    "certificate": "what answers is not shown to be the office's server",
    "register": "the office does not take this camera's signature",
    "office": "the office's server takes nothing",
    "recordings": "the office does not take every recording",
    "camera": "something at the camera itself",
    "silent": "camerad-upload says nothing",
}


def status(options: argparse.Namespace) -> int:
    """Print what the camera does now."""
    code, told = request(options.socket, "GET", "/status")
    if code != http.HTTPStatus.OK:
        raise refusal(code, f"the camera does not tell its status: {told.get('error')}")
    if options.json:
        print_json(told)
        return 0
    recording, storage, battery = told["recording"], told["storage"], told["battery"]
    lines = [f"stage       {told['stage']}" + ("" if told["ready"] else " (not ready)")]
    if recording is not None:
        muted = ", muted" if told["muted"] else ""
        lines.append(f"recording   {recording['id']}, {recording['seconds']:.1f} s{muted}")
    else:  # in a recording, what the memory holds is on its way to the card
        lines.append(f"pre-event   {told['pre_event_seconds']:.1f} s held")
    if storage is not None:
        lines.append(f"storage     {storage['minutes_left']:.0f} minutes of recording left")
    if battery is not None:
        lines.append(f"battery     {_battery(battery)}")
    lines.append(f"clock       {told['clock']}")
    if told["shift"] is not None:
        lines.append(f"shift       {told['shift']['wearer']}")
    if told.get("handover") is not None:
        lines.append(f"handover    {format_handover(told['handover'])}")
    lines += [
        f"expiring    {one} is flagged, and will be deleted unless it is held"
        for one in told["expiring"]
    ]
    lines.append(f"conditions  {', '.join(told['conditions']) or 'none'}")
    lines.append(f"policy      {told['policy']}")
    if told.get("image") is not None:
        lines.append(f"image       {told['image']}")
    for line in lines:
        print_line(line)
    return 0


def format_handover(handover: dict[str, Any]) -> str:
    """How handing over goes in the dock, for people."""
    if handover["trouble"] is not None:
        why = HANDOVER_TROUBLES[handover["trouble"]]
        return f"does not work: {why}; see 'sudo camerad doctor --only office'"
    return {
        "waiting": "not all handed over yet",
        "handing_over": f"{handover['done']} of {handover['total']} handed over",
        "handed_over": "all handed over",
    }[handover["state"]]


def _battery(battery: dict[str, Any]) -> str:
    if battery["percent"] is None:
        return "its gauge fails"
    docked = ", docked" if battery["docked"] else ""
    return f"{battery['percent']} %, {battery['minutes_left']} minutes of recording left{docked}"


def press(options: argparse.Namespace) -> int:
    """Do what a press of a button does; print the stage it led to."""
    code, answer = request(options.socket, "POST", f"/intents/{options.intent}")
    if code != http.HTTPStatus.ACCEPTED:
        why = answer.get("refused") or answer.get("error")
        raise refusal(
            code, f"{options.intent} was refused: {why}; 'camerad status' shows what holds"
        )
    print_line(answer["stage"])
    return 0


def metrics(options: argparse.Namespace) -> int:
    """Print the camera's counters."""
    sys.stdout.write(get_text(options.socket, "/metrics"))
    return 0


def start_shift(options: argparse.Namespace) -> int:
    """Have a wearer wear the camera."""
    _set_wearer(options.socket, _checked(options.wearer))
    print_line(f"{options.wearer} wears the camera now")
    return 0


def end_shift(options: argparse.Namespace) -> int:
    """End the shift: the camera has no wearer then."""
    _set_wearer(options.socket, None)
    print_line("the camera has no wearer now")
    return 0


def _set_wearer(socket: str, wearer: str | None) -> None:
    code, answer = request(socket, "POST", "/shift", {"wearer": wearer})
    if code != http.HTTPStatus.OK:
        why = answer.get("refused") or answer.get("error")
        raise refusal(code, f"the shift was not changed: {printable(why)}")


def make_badge(options: argparse.Namespace) -> int:
    """Write a badge as SVG."""
    from camerad.evidence.badge_drawing import draw_badge  # noqa: PLC0415 - of this command alone

    content = draw_badge(_checked(options.wearer))
    if options.output is None:
        sys.stdout.write(content.decode())
        return 0
    try:
        with open(options.output, "xb") as file:
            file.write(content)
    except OSError as error:
        raise CommandError(
            f"{options.output} cannot be written: {error.strerror}; name another file with "
            "--output",
            EX_CANTCREAT,
        ) from error
    return 0


def _checked(wearer: str) -> str:
    """`wearer`, if that is a wearer's id. Raises CommandError."""
    try:
        badge(wearer)
    except ValueError as error:
        raise CommandError(printable(error)) from error
    return wearer
