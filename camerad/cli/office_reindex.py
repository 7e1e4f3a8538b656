"""``camerad office reindex``: rebuilds the index of recordings from files and ledgers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from camerad.base.errors import EX_UNAVAILABLE, CameradError
from camerad.base.text import count, printable
from camerad.cli import desk

if TYPE_CHECKING:
    from camerad.office.index.index import RecordingIndex


class NoIndexError(CameradError, ModuleNotFoundError):
    """Error raised when the libraries of the index are not installed."""

    exit_code = EX_UNAVAILABLE


def add_parser(actions: Any, config: str) -> None:
    """Add the subcommand to those of `camerad office`. config: where the settings usually are."""
    parser = actions.add_parser(
        "reindex",
        help="make the index of recordings anew",
        description="Makes the index anew from files and ledgers, by which recordings are found. "
        "It then gives the same answers as before. Withdraws cameras again whose withdrawal was "
        "lost and is in the ledger. The server may run meanwhile.",
    )
    add_config(parser, config)


def add_config(parser: Any, config: str) -> None:
    """Add the option that names the settings."""
    parser.add_argument(
        "--config",
        default=config,
        metavar="FILE",
        help="the server's settings; default: %(default)s",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    index = open_index(options.config)
    try:
        index.rebuild()
        states = index.count_states()
    finally:
        index.close()
    for name in _put_back(options.config):
        _say(f"{name} is withdrawn again: the ledger says so, and the withdrawal was lost")
    total = count(sum(states.values()), "recording")
    said = ", ".join(f"{number} {state}" for state, number in states.items())
    sys.stdout.write(f"{total}{f': {said}' if said else ''}\n")
    return 0


def _put_back(config: str) -> list[str]:
    """Have cameras withdrawn whose withdrawal was lost; returns their names."""
    from camerad.evidence.own_key import load_public_key  # noqa: PLC0415 - slow to import
    from camerad.office.server.office_settings import load  # noqa: PLC0415
    from camerad.office.server.withdrawn_cameras import WithdrawnCameras  # noqa: PLC0415

    settings = load(config, with_files=False)
    key = load_public_key(str(settings.office_key))
    return sorted(WithdrawnCameras(str(settings.directory)).put_back(key).values())


def open_index(config: str) -> RecordingIndex:
    """The index that the settings in a file name, with its tables. Raises CameradError."""
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(config, with_files=False)
    try:
        from camerad.office.index.index import RecordingIndex  # noqa: PLC0415
        from camerad.office.index.office_knowledge import OfficeFiles  # noqa: PLC0415
        from camerad.office.state.database_settings import url_of  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NoIndexError(
            f"the library {error.name} is missing, which only an office's server needs: install "
            "camerad with its extra 'office', as docs/office.md says"
        ) from error
    from camerad.evidence.own_key import load_public_key  # noqa: PLC0415

    directory = str(settings.directory)
    key = load_public_key(str(settings.office_key))
    files = OfficeFiles(directory, key, str(settings.register))
    index = RecordingIndex(url_of(settings.index, directory), files, _say)
    index.open()
    return index


def _say(text: str) -> None:
    desk.say(printable(text))
