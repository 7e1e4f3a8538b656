"""``camerad metrics``: the camera's counters, for Prometheus."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from camerad.cli.options import add_socket_option
from camerad.control.client import get_text


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "metrics",
        help="print what the camera has counted, in Prometheus' text format",
        description="Counters without personal data: stages, recordings, failures, hours. For the "
        "textfile collector of Prometheus' node exporter, or any other that reads the format.",
    )
    add_socket_option(parser)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    sys.stdout.write(get_text(options.socket, "/metrics"))
    return 0
