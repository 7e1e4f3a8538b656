"""Makes the parsers of the table of command lines, ``command_lines.txt``."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from camerad.cli.defaults import (
    DEFAULT_CARD,
    DEFAULT_CONFIG,
    DEFAULT_DATA,
    config_home,
    default_state,
)

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
