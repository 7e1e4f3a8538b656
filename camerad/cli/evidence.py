"""``camerad evidence``: the evidence desk's commands on recordings.

Works on a device and, with the base package alone, on any office computer: on a device's state
directory, an office's directory, any other directory, or one file. Exit codes: `EXIT_CODES`.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any, Final

from camerad.cli.language import add_language
from camerad.cli.options import add_key_option, add_office_key_options, add_store_options
from camerad.ledger.people_entries import GROUNDS

EXIT_CODES: Final = """\
exit codes of verify, open and export:
    0  authentic and complete
    1  authentic, with remarks: recovered, running, gaps, or checked only with
       keys that lie beside the recordings
    2  not authentic; of several recordings, one of them; of verify also: it is
       missing, and a ledger or a receipt names it
    3  unreadable: there is no recording, or no footage, that could be judged
list, show, hold and release: 0 done, 3 not there. They check nothing: list
names what is missing, and verify says more
purge: 0 everything that is due is deleted, 3 not there. Otherwise recordings
may be kept beyond their day; the first of these that holds:
    2  the ledger is damaged, and holds may be lost with it; or it says what this
       version of camerad cannot read, and nothing is deleted; or what a file
       says is not believed; or a recording has vanished, or its file is not the
       one that the ledger names; or a camera's directory, or the copy of its
       ledger, is away
   77  this user may not read or remove something
   74  something cannot be read or removed
   64  a camera's key is not enrolled
   75  the time is not trusted, so only uptime counted towards ages
verify, list and purge do what they can, name what they could not read, and end
with 77 or 74; of verify and purge 2 comes before these
errors of all of them, which are no verdict:
   64  wrong usage, or no key is trusted yet: name one with --key
   69  the daemon does not answer on its socket
   70  a mistake in camerad
   73  the output is there already or cannot be made, or another process has the
       store
   74  reading or writing failed
   75  the recording still runs: export it when it has ended; or the daemon was
       asked too often
   77  this user may not read all of it (run it as a user who may), or may not
       write there, or may not ask the daemon for that; or the key of
       --identity does not open the recording, and nothing was said about whether
       it is authentic
   78  a key, a passphrase or a register cannot be used
  130  interrupted
  141  whoever read the output went away
"""

_RECORDING: Final = "a recording: its file, or its id in the store"
_WHERE: Final = "a recording's file or id, or a directory; default: the store that --state names"
_STORE: Final = (
    "the store, where no path is given: a device's state directory, or an office's directory"
)
_MODULES: Final = {
    "list": "list_show",
    "show": "list_show",
    "verify": "verify",
    "open": "open_export",
    "export": "open_export",
    "hold": "hold_purge",
    "release": "hold_purge",
    "purge": "hold_purge",
}
_WRITING: Final = ("export", "hold", "release", "purge")
"""What an office's ledger gets to know."""
ACTIONS: Final = tuple(_MODULES)
"""What can be asked for."""


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "evidence",
        help="list, verify, open, hold, hand over and delete recordings",
        description="Works on a device and on any office computer.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    one = actions.add_parser("list", help="the recordings in a place, flagged ones first")
    one.add_argument("what", nargs="?", metavar="PLACE", help=_WHERE)
    one.add_argument(
        "--day", metavar="DAY", help="only of that day in this computer's zone, like 2026-11-28"
    )
    one.add_argument("--camera", metavar="NAME", help="only of the camera with that name")
    one.add_argument("--wearer", metavar="ID", help="only of that wearer, as a shift named them")
    _add_utc(one)

    one = actions.add_parser("show", help="all about one recording, and what the ledger says")
    one.add_argument("what", metavar="RECORDING", help=_RECORDING)
    _add_utc(one)

    one = actions.add_parser("verify", help="check that nothing was changed")
    one.add_argument("what", nargs="?", metavar="PLACE", help=_WHERE)
    one.add_argument(
        "--head",
        metavar="HEAD|FILE",
        help="head of the device's ledger that somebody noted elsewhere: EPOCH:SEQUENCE:SHA256, "
        "or the file of a receipt; default in an office's directory: its newest receipt, "
        "which proves nothing against somebody who puts back the whole directory",
    )
    one.add_argument(
        "--office-head",
        metavar="HEAD",
        help="head of the office's own ledger that somebody noted elsewhere, as verify prints it: "
        "EPOCH:SEQUENCE:SHA256",
    )
    one.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="how many recordings are checked at once; default: one for each processor; 1 where "
        "that is slower, as on a disk that turns",
    )
    add_key_option(one)

    one = actions.add_parser("open", help="check a recording and write it as MP4")
    one.add_argument("what", metavar="RECORDING", help=_RECORDING)
    one.add_argument("--output", metavar="FILE", help="default: ID.mp4 in this directory")
    _add_opening(one)

    one = actions.add_parser("export", help="make the package for the public prosecutor")
    one.add_argument("what", metavar="RECORDING", help=_RECORDING)
    one.add_argument(
        "--output", default=".", metavar="DIR", help="where ID-export is made; default: here"
    )
    add_language(one, "of the report")
    one.add_argument(
        "--time-zone",
        metavar="NAME",
        help="of the report's times, such as Europe/Berlin; default: this computer's",
    )
    one.add_argument("--who", required=True, metavar="PERSON", help="who hands it over")
    one.add_argument(
        "--reference",
        metavar="TEXT",
        help="file number, put on the sheet and into the hold's reason",
    )
    one.add_argument("--no-hold", action="store_true", help="place no hold on the recording")
    _add_opening(one)

    one = actions.add_parser("hold", help="keep a recording beyond its time")
    one.add_argument("what", metavar="RECORDING", help=_RECORDING)
    one.add_argument("--reason", required=True, metavar="TEXT", help="why")
    one.add_argument("--who", required=True, metavar="PERSON", help="the authorised person")
    one.add_argument(
        "--until",
        metavar="DAY",
        help="the last day of the hold in this computer's zone, like 2026-11-28; then the office's "
        "server releases it by itself. Only in an office's directory. Default: until 'release'",
    )
    one.add_argument(
        "--ground",
        choices=GROUNDS,
        help="what it is for, as the report counts holds: an offence is prosecuted, a danger is "
        "averted, whether the recording was lawful is examined, the person in it asked for it, or "
        "something else. Only in an office's directory",
    )
    add_key_option(one)

    one = actions.add_parser("release", help="end all holds on a recording")
    one.add_argument("what", metavar="RECORDING", help=_RECORDING)
    one.add_argument("--reason", metavar="TEXT", help="why")
    one.add_argument("--who", required=True, metavar="PERSON", help="the authorised person")
    add_key_option(one)

    one = actions.add_parser("purge", help="delete what is due, and nothing else")
    one.add_argument("what", nargs="?", metavar="PLACE", help="a store; default: --state")
    one.add_argument("--dry-run", action="store_true", help="only say what is due")
    add_key_option(one)

    for name, one in actions.choices.items():
        add_store_options(one, _STORE)
        add_office_key_options(one, writes=name in _WRITING)
        one.add_argument("--json", action="store_true", help="as JSON")
        one.epilog = "Its exit codes: camerad evidence --help"


def _add_utc(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--utc", action="store_true", help="times and days in UTC, not in this computer's zone"
    )


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _add_opening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--identity",
        required=True,
        metavar="FILE",
        help="the office's private key (age), as 'camerad keys new' makes it",
    )
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="its first line is the passphrase of that key"
    )
    parser.add_argument(
        "--salvage",
        action="store_true",
        help="if the recording is not authentic, write its proven parts",
    )
    add_key_option(parser)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    module = import_module(f"camerad.cli.{_MODULES[options.action]}")
    code: int = module.run(options)
    return code
