"""``camerad office restore``: restores recordings from their replicas."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import count, printable

if TYPE_CHECKING:
    from camerad.office.server.office_settings import OfficeFile

_NOT_ALL = 2
"""As `camerad evidence verify` says that something is not as it should be."""


class RestoreCommandError(CameradError, ValueError):
    """Error raised when it cannot be brought back as asked."""

    exit_code = EX_USAGE


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action to those of `camerad office`; returns its parser."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "restore",
        help="bring recordings back from their replicas",
        description="Brings recordings back into the office's directory from their replicas. "
        "Each is checked by its camera's key before. No file is ever written over, and what the "
        "office has deleted stays deleted. The server may run meanwhile.",
    )
    parser.add_argument("recording", nargs="?", metavar="ID", help="the recording's id")
    parser.add_argument("--all", action="store_true", help="everything that is not there")
    return parser


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    if (options.recording is None) != options.all:
        raise RestoreCommandError("name one recording, or --all")
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.evidence import own_key  # noqa: PLC0415
    from camerad.office.jobs.replica_restore import Restorer  # noqa: PLC0415
    from camerad.office.replicas.replicas import open_replicas  # noqa: PLC0415
    from camerad.office.server import office_settings  # noqa: PLC0415
    from camerad.office.server.after_restoration import find_left  # noqa: PLC0415
    from camerad.office.server.cameras import Cameras  # noqa: PLC0415
    from camerad.office.server.directory_locks import DirectoryLocks  # noqa: PLC0415

    settings = office_settings.load(options.config, with_files=False)
    key = own_key.load_public_key(str(settings.office_key))
    if key is None:
        raise own_key.OfficeKeyError(
            f"{settings.office_key}: there is no key; name the office's with office_key"
        )
    copies = open_replicas(
        settings.second_copy, SystemClock(), DirectoryLocks(str(settings.directory))
    )
    if copies is None:
        raise RestoreCommandError(
            f"{options.config}: the settings name no place of replicas (second_copy)"
        )
    try:
        cameras = Cameras(str(settings.register))
        restorer = Restorer(str(settings.directory), copies.store, cameras, key)
        done = restorer.restore(options.recording, _say)
    finally:
        copies.close()
    for text in done.refused:
        sys.stderr.write(f"camerad: not brought back: {printable(text)}\n")
    sys.stdout.write(
        f"{count(len(done.restored), 'recording')} brought back; already there: {done.there}\n"
    )
    for text in find_left(settings, options.config):
        sys.stdout.write(f"left to do: {printable(text)}\n")
    return _NOT_ALL if done.refused else 0


def _say(recording: str) -> None:
    sys.stdout.write(f"brought back {recording}\n")


def probe(settings: OfficeFile) -> list[str]:
    """Whether the store of replicas keeps a lock: what is wrong with it, in words for
    people."""
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.office.replicas.replicas import open_replicas  # noqa: PLC0415
    from camerad.office.server.directory_locks import DirectoryLocks  # noqa: PLC0415

    try:
        copies = open_replicas(
            settings.second_copy, SystemClock(), DirectoryLocks(str(settings.directory))
        )
        if copies is not None:
            try:
                copies.store.probe()
            finally:
                copies.close()
    except CameradError as error:
        return [str(error)]
    return []
