"""The `camerad` command: reads a command line, and has its function carry it out.

The table of command lines, ``command_lines.txt``, makes the parsers.

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
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
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
from camerad.cli.console import CommandError
from camerad.cli.defaults import (
    DEFAULT_CARD,
    DEFAULT_CONFIG,
    DEFAULT_DATA,
    config_home,
    default_state,
)
from camerad.cli.terminal import INTERRUPTED, OUTPUT, Interrupts

_VALUE: Final = re.compile("<([A-Za-z_ ]+)>")
_INSTALLED: Final = "or that of an installed camera, here %(default)s"


def add_commands(top: argparse.ArgumentParser, command: str | None = None) -> None:
    """Add every command to a parser. command: the one that will be given, if it is known: then it
    alone. A parsed line has the function to call as `run`, as ``module:function``."""
    blocks = dict(_blocks())
    if any(name.partition(" ")[0] == command for name in blocks):
        blocks = {
            name: block
            for name, block in blocks.items()
            if name[0] == "+" or name.partition(" ")[0] == command
        }
    groups: dict[str, Any] = {"": top.add_subparsers(required=True, metavar="COMMAND")}
    epilogs = {"": ""}
    for heading, block in blocks.items():
        if heading[0] == "+":
            continue
        words, _, run = heading.partition(" > ")
        above, _, name = words.rpartition(" ")
        epilog = "\n".join(line[2:] for line in block if line[0] == ";")
        parser = groups[above].add_parser(
            name,
            help=block[0],
            description=" ".join(line[2:] for line in block if line[0] == ":") or None,
            epilog=epilog or epilogs[above] or None,
            formatter_class=argparse.RawDescriptionHelpFormatter
            if epilog
            else argparse.HelpFormatter,
        )
        if run:
            _add_arguments(parser, _expanded(block[1:], blocks))
            parser.set_defaults(run=run)
        else:
            groups[words] = parser.add_subparsers(required=True, metavar="ACTION")
            epilogs[words] = f"Its exit codes: camerad {words} --help" if epilog else ""


def _blocks() -> Iterator[tuple[str, list[str]]]:
    """Each block's heading and lines; what goes on in further lines is one."""
    text = files("camerad.cli").joinpath("command_lines.txt").read_text(encoding="utf-8")
    for block in text.split("\n\n"):
        if block.startswith("#"):
            continue
        heading, *lines = block.splitlines()
        joined: list[str] = []
        for line in lines:
            if line.startswith(" " * 12):
                joined[-1] += f" {line.strip()}"
            else:
                joined.append(line[4:])
        yield heading, joined


def _expanded(lines: list[str], blocks: Mapping[str, list[str]]) -> Iterator[str]:
    """The arguments among a block's lines, with those of the blocks that it names."""
    for line in lines:
        if line.startswith("+ "):
            yield from _expanded(blocks[line], blocks)
        elif line[0] not in ":;":
            yield line


def _add_arguments(parser: argparse.ArgumentParser, lines: Iterator[str]) -> None:
    group: argparse._MutuallyExclusiveGroup | None = None
    for line in lines:
        mark, _, rest = line.partition(" ") if line[0] == "|" else ("", "", line)
        if not mark:
            group = None
        elif group is None:
            group = parser.add_mutually_exclusive_group(required=mark == "|!")
        spec, _, text = rest.partition("  ")
        names, *marks = spec.split(" ")
        more = _read_marks(names, marks)
        text = argparse.SUPPRESS if text == "SUPPRESS" else _filled(text)
        (group or parser).add_argument(*names.split(","), help=text, **more)


def _read_marks(names: str, marks: list[str]) -> dict[str, Any]:
    """The arguments of `argparse.ArgumentParser.add_argument` beside names and help."""
    more: dict[str, Any] = {}
    option = names.startswith("-")
    for mark in marks:
        match mark[0]:
            case "!":
                more["required"] = True
            case "=":
                more["default"] = _filled(mark[1:]) or None
            case "{":
                more["choices"] = _filled(mark[1:-1]).replace(" ", "").split(",")
            case ":":
                more["type"] = _TYPES[mark[1:]]
            case ">":
                more["dest"] = mark[1:]
            case "*" | "+" | "?":
                pass
            case _:
                more["metavar"] = mark
        if mark in ("*", "!*") and option:
            more |= {"action": "append", "default": []}
        elif mark in ("*", "+", "?"):
            more["nargs"] = mark
    if "type" in more and "default" in more:
        more["default"] = more["type"](more["default"])
    if option and not more.keys() & {"metavar", "choices", "default"}:
        more["action"] = "store_true"
    return more


def _filled(text: str) -> str:
    return _VALUE.sub(lambda found: _VALUES[found[1]](), text)


# ------------------------------------------------------------------------- values of the table


def _socket() -> str:
    from camerad.control.client import default_socket  # noqa: PLC0415 - not for every command

    return default_socket()


def _intents() -> str:
    from camerad.behaviour.stages import Intent  # noqa: PLC0415

    return ", ".join(intent.value for intent in Intent)


def _grounds() -> str:
    from camerad.ledger.people_entries import GROUNDS  # noqa: PLC0415

    return ", ".join(GROUNDS)


def _recipients() -> str:
    from camerad.container.redaction import CopyRecipient  # noqa: PLC0415

    return ", ".join(CopyRecipient)


def _languages() -> str:
    from camerad.base.words import languages  # noqa: PLC0415

    return ", ".join(languages())


def _choosable() -> str:
    from camerad.doctor.checks import BEFORE, CHECKS  # noqa: PLC0415

    return ", ".join(one for one in CHECKS if one not in BEFORE)


def _of_the_system(name: str) -> str:
    from camerad.update import backend  # noqa: PLC0415

    return str(getattr(backend, name))


def _ready_seconds() -> str:
    from camerad.update.updater import READY_SECONDS  # noqa: PLC0415

    return str(READY_SECONDS)


_VALUES: Final[Mapping[str, Callable[[], str]]] = {
    "state": default_state,
    "socket": _socket,
    "home": config_home,
    "card": lambda: DEFAULT_CARD,
    "data": lambda: DEFAULT_DATA,
    "config": lambda: DEFAULT_CONFIG,
    "default": lambda: "; default: %(default)s",
    "computer": lambda: "; default: this computer's",
    "installed state": lambda: f"; default: $CAMERAD_STATE {_INSTALLED}",
    "installed socket": lambda: f"; default: $CAMERAD_SOCKET {_INSTALLED}",
    "CAMERAD_SOCKET": lambda: os.environ.get("CAMERAD_SOCKET", ""),
    "intents": _intents,
    "grounds": _grounds,
    "languages": _languages,
    "recipients": _recipients,
    "checks": _choosable,
    "conf": lambda: _of_the_system("SYSTEM_CONF"),
    "cmdline": lambda: _of_the_system("CMDLINE"),
    "ready": _ready_seconds,
}


def _from_one(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _checks(text: str) -> frozenset[str]:
    from camerad.doctor.checks import CHECKS  # noqa: PLC0415

    chosen = frozenset(one.strip() for one in text.split(",") if one.strip())
    unknown = sorted(chosen - set(CHECKS))
    if unknown or not chosen:
        known = ", ".join(CHECKS)
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or text!r}: none of {known}")
    return chosen


_TYPES: Final[Mapping[str, Callable[[str], Any]]] = {
    "from_one": _from_one,
    "checks": _checks,
    "int": int,
    "float": float,
}


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
            "'Installing', says how to set one up), an office's server or a desk that redacts: "
            "install camerad with its extra 'office' (docs/office.md) or 'redaction' "
            "(docs/redaction.md)",
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
