"""``camerad shift``: begins and ends shifts, and makes badges."""

from __future__ import annotations

import argparse
import http
import os
import sys
from typing import Any, Final

from camerad.base.errors import EX_CANTCREAT, EX_USAGE, CameradError
from camerad.base.text import printable
from camerad.behaviour.badge import badge
from camerad.cli.options import add_socket_option
from camerad.control.client import refusal, request
from camerad.evidence.badge_drawing import draw_badge

EXIT_CODES: Final = """\
exit codes:
    0  done
   64  wrong usage, or not a wearer's id
   69  the daemon does not answer on its socket, or a library is missing
   73  the badge cannot be written there
   75  not now: a running recording keeps its wearer
   77  this user may not
"""


class BadgeError(CameradError):
    """Error raised when a badge cannot be made."""

    exit_code = EX_CANTCREAT


class NoWearerError(CameradError, ValueError):
    """Error raised when something is to bear an id that no camera would take."""

    exit_code = EX_USAGE


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "shift",
        help="say who wears the camera",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    start = actions.add_parser(
        "start",
        help="begin a shift",
        description="Recordings and their stamp bear the wearer's id until the shift ends: by "
        "'camerad shift end', when the camera is docked, or after the hours of its configuration.",
    )
    start.add_argument("--wearer", required=True, metavar="ID", help="as the office assigns it")
    end = actions.add_parser("end", help="end the shift")
    for action in (start, end):
        add_socket_option(action)
    print_badge = actions.add_parser(
        "badge",
        help="make a badge to be shown to cameras",
        description="Writes an SVG with the QR code of a badge. Print it at its own size, 99 mm "
        "wide; a camera reads it from 11 to 25 cm.",
    )
    print_badge.add_argument("wearer", metavar="ID", help="as the office assigns it")
    print_badge.add_argument(
        "--output", metavar="FILE", help="default: standard output; a file that is there stays"
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    if options.action == "badge":
        _write(draw_badge(_checked(options.wearer)), options.output)
        return 0
    wearer = _checked(options.wearer) if options.action == "start" else None
    code, answer = request(options.socket, "POST", "/shift", {"wearer": wearer})
    if code != http.HTTPStatus.OK:
        why = answer.get("refused") or answer.get("error")
        raise refusal(code, f"the shift was not changed: {printable(why)}")
    text = (
        "nobody wears the camera now"
        if wearer is None
        else (f"{printable(wearer)} wears the camera now")
    )
    sys.stdout.write(f"{text}\n")
    return 0


def _checked(wearer: str) -> str:
    """`wearer`, if that is a wearer's id. Raises NoWearerError."""
    try:
        badge(wearer)
    except ValueError as error:
        raise NoWearerError(printable(error)) from error
    return wearer


def _write(content: bytes, path: str | None) -> None:
    if path is None:
        sys.stdout.write(content.decode())
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise BadgeError(
            f"{printable(path)} cannot be written: {error.strerror}; name another file with "
            "--output"
        ) from error
