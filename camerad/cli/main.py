"""The `camerad` command: reads a command line, and has its function carry it out.

Every mistake is one clear message on standard error and an exit code of ``sysexits.h``, and so is
what the system refuses, Ctrl-C, and output that does not arrive. A traceback means a mistake of
ours; its exit code is 70, so that no program takes it for one of the verdicts of ``camerad
evidence`` (0 to 3).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import re
import signal
import sys
import traceback
from typing import Any, Final

from camerad import __version__
from camerad.base.errors import (
    EX_CONFIG,
    EX_IOERR,
    EX_SOFTWARE,
    EX_USAGE,
    CameradError,
    ConfigError,
)
from camerad.base.text import printable
from camerad.cli.command_lines import add_commands
from camerad.cli.console import CommandError
from camerad.cli.terminal import INTERRUPTED, OUTPUT, Interrupts

_VERSION: Final = f"camerad {__version__}"
_LIKE_AN_OPTION: Final = re.compile("-[A-Za-z0-9_-]{42}")
"""A key's thumbprint (RFC 7638) that begins like an option."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}\n")


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The command line as argparse knows it. command: the one that will be given, if it is known:
    then it alone."""
    top = _Parser(prog="camerad", description="Firmware of a body-worn camera.")
    top.add_argument("--version", action="version", version=_VERSION)
    add_commands(top, command)
    return top


def _with_thumbprints(words: list[str]) -> list[str]:
    """The words of a command line, with a thumbprint that begins with "-" tied to its option.

    One in 64 does (base64url, RFC 4648), and argparse would take it for an option.
    """
    tied: list[str] = []
    for word in words:
        if tied and _LIKE_AN_OPTION.fullmatch(word) and tied[-1].startswith("--"):
            tied[-1] += f"={word}"
        else:
            tied.append(word)
    return tied


def main(arguments: list[str] | None = None, *, interrupts: Interrupts | None = None) -> int:
    """Carry out a command line; returns the exit code.

    interrupts: told when Ctrl-C has something to interrupt.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        options = _understood(given)
        if interrupts is not None:
            interrupts.begin()
        code = _carry_out(options)
        sys.stdout.flush()  # here, where it can be said that it failed
    except CameradError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The program that reads our output has ended. The output has not arrived, so the exit code
        # must not look like a verdict.
        return 128 + signal.SIGPIPE
    except OSError as error:
        _complain(_told(error))
        return EX_IOERR
    except Exception as error:  # noqa: BLE001 - no failure may have the exit code of a verdict
        if interrupts is not None and interrupts.came:
            return INTERRUPTED
        for line in traceback.format_exc().splitlines():
            _say(printable(line))
        _say(
            f"camerad: {type(error).__name__}: this is a mistake in camerad, so there is no "
            "result; please report it with the lines above"
        )
        return EX_SOFTWARE
    return code


def _understood(given: list[str]) -> argparse.Namespace:
    try:
        return make_parser(next(iter(given), None)).parse_args(_with_thumbprints(given))
    except SystemExit:
        sys.stdout.flush()  # a help that cannot be written was not given
        raise


def _told(error: OSError) -> CameradError:
    """The error of the system, where no function nearer to it has named it."""
    from camerad.base import storage_errors  # noqa: PLC0415 - slow to import

    if error.filename == OUTPUT:
        return CameradError(f"{OUTPUT}: {error.strerror}; the output is not complete")
    if error.filename is not None:
        return storage_errors.explain("go on", str(error.filename), error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return CameradError(f"the system refused something that is needed: {error} (in {where})")


def _carry_out(options: argparse.Namespace) -> int:
    """Call the command's function; its module is imported now."""
    module, _, function = options.run.partition(":")
    try:
        run = getattr(importlib.import_module(f"camerad.cli.{module}"), function)
        code: int = run(options)
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the library {error.name} is missing, which only a camera has (README.md, "
            "'Installing', says how to set one up), or an office's server: install camerad with "
            "its extra 'office', as docs/office.md says",
            EX_CONFIG,
        ) from error
    return code


def _complain(error: CameradError) -> None:
    """One line for each mistake, without control characters of file names and foreign texts."""
    mistakes = error.mistakes if isinstance(error, ConfigError) else (error,)
    _say("camerad: " + "\n".join(printable(one) for one in mistakes))


def _say(line: str) -> None:
    """Print to standard error; where nothing arrives there, the exit code says what there is."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def run(options: argparse.Namespace) -> int:
    """Run the camera until it is told to end."""
    # The other commands need none of this.
    from camerad.base.backports import without_backports  # noqa: PLC0415

    with without_backports():
        from camerad import config  # noqa: PLC0415
        from camerad.base import journal, process  # noqa: PLC0415

    process.share_one_heap()
    process.use_small_pages()
    settings = config.load(options.config)
    journal.set_up(logging.DEBUG if options.verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    with without_backports():
        from camerad.daemon.early_start import EarlyStart  # noqa: PLC0415 - a mistake above costs no slow imports

        early = EarlyStart(settings)
        # Slow to import, and meanwhile a press is remembered already.
        import asyncio  # noqa: PLC0415

        from camerad.daemon.app import App  # noqa: PLC0415

    return asyncio.run(App(settings, early=early).run())


def check_config(options: argparse.Namespace) -> int:
    """Name every mistake in a configuration."""
    from camerad import config  # noqa: PLC0415

    path = options.file
    mistakes = config.check_file(path)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)  # noqa: T201
    if not mistakes:
        print(f"{path}: in order")  # noqa: T201
        if not config.load(path).recipients:
            print(  # noqa: T201
                f"{path}: no recipients, so the camera will not record: name the office's public "
                "keys; 'camerad keys new' makes a pair"
            )
    return EX_CONFIG if mistakes else 0


def print_version(_: argparse.Namespace) -> int:
    """Print the version."""
    print(_VERSION)  # noqa: T201
    return 0
