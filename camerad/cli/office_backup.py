"""``camerad office backup``: makes a backup of the office's server, and restores it elsewhere."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import Any

from camerad.base import file_status
from camerad.base.text import count, printable


def add_parser(actions: Any, config: str) -> None:
    """Add it to the actions of `camerad office`. config: the default settings."""
    parser = actions.add_parser(
        "backup", help="make a backup of the office's server, or restore it on a new machine"
    )
    does = parser.add_subparsers(dest="backup_action", required=True, metavar="ACTION")
    make = does.add_parser(
        "make",
        help="make a backup, while the server runs",
        description="Makes one file with all that a new machine needs: settings, keys, secrets, "
        "register, ledger, people, cases and receipts. Recordings are not in it: the storage's own "
        "backup or replicas have them. The file has private keys: keep it as you keep those.",
    )
    make.add_argument("directory", metavar="DIR", help="where to; it has to be there")
    make.add_argument(
        "--with-recordings", action="store_true", help="recordings, and what was put apart, as well"
    )
    make.add_argument(
        "--config", default=config, metavar="FILE", help="the server's; default: %(default)s"
    )
    check = does.add_parser("check", help="read a backup, and see whether it is whole")
    restore = does.add_parser(
        "restore",
        help="put a backup into place on a new machine",
        description="Puts everything where it was, with its owner and mode; run it as root, while "
        "the server is stopped. Nothing is written over. An office's directory that is there "
        "already, because its storage survived, stays as it is. Its last lines say what is left "
        "to do.",
    )
    for one in (check, restore):
        one.add_argument("backup", metavar="FILE", help="made by 'camerad office backup make'")
    restore.add_argument(
        "--root", default="/", metavar="DIR", help="put it below this directory, to look at it"
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    return {"make": _make, "check": _check, "restore": _restore}[options.backup_action](options)


def _make(options: argparse.Namespace) -> int:
    from camerad.office.server.office_backup import make  # noqa: PLC0415 - slow to import
    from camerad.office.server.office_settings import load  # noqa: PLC0415
    from camerad.office.server.start_check import check_directory  # noqa: PLC0415

    settings = load(options.config, with_files=False)
    check_directory(str(settings.directory))
    taken = options.with_recordings
    path = make(settings, options.config, options.directory, with_recordings=taken)
    _say(f"{path}: made, and read back")
    if not taken:
        _say("recordings are not in it: the storage's own backup, or replicas, have them")
    authority = os.path.join(os.path.dirname(os.path.abspath(options.config)), "office-tls")
    if file_status.is_directory(authority) and not file_status.exists(f"{authority}/authority.key"):
        _say(f"{authority}/authority.key is not here, so it is not in it: keep that copy as well")
    return 0


def _check(options: argparse.Namespace) -> int:
    from camerad.office.server.backup_restore import check  # noqa: PLC0415 - slow to import

    said = check(options.backup)
    recordings = "with" if said.with_recordings else "without"
    _say(
        f"{options.backup}: whole; of {said.directory}, made {said.made} by camerad "
        f"{said.camerad}, {count(len(said.files), 'file')}, {recordings} recordings"
    )
    return 0


def _restore(options: argparse.Namespace) -> int:
    from camerad.office.server.after_restoration import find_left  # noqa: PLC0415 - slow to import
    from camerad.office.server.backup_restore import restore  # noqa: PLC0415
    from camerad.office.server.office_settings import load  # noqa: PLC0415

    done = restore(options.backup, options.root)
    said = done.manifest
    _say(f"{count(done.written, 'file')} put into place; there already: {done.same}")
    if done.kept:
        _say(f"{said.directory}: was there, with all of the backup's ledger: it stays as it is")
    if os.path.realpath(options.root) != "/":
        return 0
    left = find_left(load(said.config, with_files=False), said.config)
    left += [
        f"look whether all is in order: camerad office config check {shlex.quote(said.config)}"
    ]
    _say("Left to do:")
    for number, text in enumerate(left, 1):
        _say(f"{number}. {text}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{printable(text)}\n")
