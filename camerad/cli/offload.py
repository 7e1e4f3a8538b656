"""``camerad offload``: copies a device's recordings to the office's directory."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from msgspec.structs import asdict

from camerad.base.text import printable
from camerad.cli.options import add_store_options
from camerad.cli.progress import ProgressBar


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "offload",
        help="copy recordings to the office's directory",
        description="Copies new recordings to a mounted stick, card or share. A recording counts "
        "as acknowledged only when its copy was read back. You may interrupt this at "
        "any time: the next run goes on. Exit code 1: something needs a person, as "
        "the messages say.",
    )
    parser.add_argument(
        "target",
        metavar="DIR",
        help="the office's directory; it must exist, and be on another disk than the recordings",
    )
    parser.add_argument(
        "--same-disk",
        action="store_true",
        help="for a trial: allow DIR on the same disk, where a copy protects nothing",
    )
    parser.add_argument("--json", action="store_true", help="what was done, as JSON")
    add_store_options(parser, "the device's state directory")


class _Watcher:
    """A bar on a terminal, a line for each recording elsewhere."""

    def __init__(self, bar: ProgressBar, *, silent: bool) -> None:
        self._bar = bar
        self._silent = silent or sys.stderr.isatty()
        self._number = self._count = 0

    def start(self, count: int, total: int) -> None:
        """So much is to be done."""
        self._count = count
        self._bar.set_done(0, total)

    def start_recording(self, recording: str) -> None:
        """This recording comes next."""
        self._number += 1
        self._bar.set_label(f"{self._number}/{self._count} {recording}")
        if not self._silent:
            name = printable(recording)
            sys.stderr.write(f"copying {self._number} of {self._count}: {name}\n")

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        self._bar.advance(count)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.cli import desk, store_access  # noqa: PLC0415 - slow to import
    from camerad.cli.target import find_target  # noqa: PLC0415
    from camerad.evidence.offload import offload  # noqa: PLC0415

    place = find_target(None, options.state).place
    with store_access.open_device(options, place) as device, ProgressBar("offload") as bar:
        watcher = _Watcher(bar, silent=options.json)
        done = offload(device, options.target, watcher, same_disk=options.same_disk)
    if options.json:
        sys.stdout.write(json.dumps(asdict(done)) + "\n")
    else:
        sys.stdout.write(
            f"{len(done.acknowledged)} acknowledged, {len(done.there)} were there already in "
            f"{printable(os.path.abspath(options.target))}\n"
        )
        for recording in done.open:
            name = printable(recording)
            sys.stdout.write(f"{name}: has no end yet, and stays on the device until then\n")
    for problem in done.problems:
        desk.say(problem)
    return 1 if done.problems else 0
