"""``camerad manual`` and ``camerad completion``, made from the parsers.

The manual is one page of man(7), the completion a script for bash.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from camerad import __version__
from camerad.base.text import printable
from camerad.cli.main import make_parser

Parser = argparse.ArgumentParser
_COMPLETION = """\
# Completion of camerad for bash, made by 'camerad completion'.
_camerad() {
    local path=camerad word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in -*) ;; *) [ -n "${_camerad_words[$path $word]+set}" ] && path="$path $word" ;; esac
    done
    COMPREPLY=($(compgen -W "${_camerad_words[$path]}" -- "${COMP_WORDS[COMP_CWORD]}"))
}
declare -gA _camerad_words=(
%s)
complete -o default -F _camerad camerad
"""  # noqa: E501 - of another language


def print_manual(_: argparse.Namespace) -> int:
    """Print the page of the manual of every command."""
    sys.stdout.write(manual(make_parser()))
    return 0


def print_completion(_: argparse.Namespace) -> int:
    """Print the script for bash."""
    words = [
        f"    [{path!r}]={' '.join(_words(parser))!r}\n"
        for path, parser in _tree("camerad", make_parser())
    ]
    sys.stdout.write(_COMPLETION % "".join(words))
    return 0


def manual(top: Parser) -> str:
    """The page of the manual."""
    lines = [f'.TH CAMERAD 1 "" "camerad {__version__}"', ".SH NAME"]
    lines += [f"camerad \\- {_roff(top.description or '')}", ".SH COMMANDS"]
    for path, parser in _tree("camerad", top):
        lines += [f".SS {_roff(path)}", ".nf", _roff(_usage(path, parser)), ".fi"]
        if parser.description:
            lines += [".PP", _roff(parser.description)]
        for one in parser._actions:  # noqa: SLF001 - argparse has no public face for them
            if isinstance(one, (argparse._SubParsersAction, argparse._HelpAction)):  # noqa: SLF001
                continue
            if one.help == argparse.SUPPRESS:
                continue
            called = ", ".join(one.option_strings) or str(one.metavar or one.dest)
            if one.option_strings and one.nargs != 0:
                called += f" {one.metavar or one.dest.upper()}"
            # Its texts have places such as %(default)s.
            said = parser._get_formatter()._expand_help(one) if one.help else ""  # noqa: SLF001
            lines += [".TP", f".B {_roff(called)}", _roff(said)]
        if parser.epilog:
            lines += [".PP", ".nf", _roff(parser.epilog), ".fi"]
    return "\n".join(line for line in lines if line) + "\n"


def _tree(path: str, parser: Parser) -> Iterator[tuple[str, Parser]]:
    """A parser and all below it, each with the words that lead there."""
    yield path, parser
    for name, below in _below(parser).items():
        yield from _tree(f"{path} {name}", below)


def _below(parser: Parser) -> dict[str, Parser]:
    for one in parser._actions:  # noqa: SLF001
        if isinstance(one, argparse._SubParsersAction):  # noqa: SLF001
            return dict(one.choices)
    return {}


def _words(parser: Parser) -> Iterator[str]:
    yield from _below(parser)
    for one in parser._actions:  # noqa: SLF001
        yield from (word for word in one.option_strings if word.startswith("--"))
        if one.choices is not None and not one.option_strings and not _below(parser):
            yield from map(str, one.choices)


def _usage(path: str, parser: Parser) -> str:
    return printable(" ".join(parser.format_usage().split()).removeprefix("usage: ")) or path


def _roff(text: str) -> str:
    """Text that roff prints as it is: backslashes, dashes, and lines that begin like requests."""
    shown = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(
        f"\\&{line}" if line.startswith((".", "'")) else line for line in shown.splitlines()
    )
