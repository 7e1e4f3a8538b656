"""``camerad offload``: copies a device's recordings to the office's directory."""

from __future__ import annotations

import argparse
import os
import sys

from msgspec.structs import asdict

from camerad.base.text import printable
from camerad.cli import store_access
from camerad.cli.console import ProgressBar, print_json, print_line, warn
from camerad.cli.target import find_target
from camerad.evidence.offload import offload


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
    place = find_target(None, options.state).place
    with store_access.open_device(options, place) as device, ProgressBar("offload") as bar:
        watcher = _Watcher(bar, silent=options.json)
        done = offload(device, options.target, watcher, same_disk=options.same_disk)
    if options.json:
        print_json(asdict(done))
    else:
        print_line(
            f"{len(done.acknowledged)} acknowledged, {len(done.there)} were there already in "
            f"{os.path.abspath(options.target)}"
        )
        for recording in done.open:
            print_line(f"{recording}: has no end yet, and stays on the device until then")
    for problem in done.problems:
        warn(problem)
    return 1 if done.problems else 0
