"""Writes a page that is made from the code, or says that it is not what the code makes.

``python -m generators.NAME`` writes the page of that generator. With ``--check`` nothing is
written, and the exit code is 1 if the page is missing or out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

_TABLE: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->\n)", re.DOTALL)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown. A cell is one line, and a bar in it is no border."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in cells)} |" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def with_tables(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """`text` with each table anew that stands between ``<!-- table: NAME -->`` and ``<!-- end of
    table -->``. Raises KeyError for a name that is not among `tables`."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", text)


def run(
    name: str, page: Callable[[str], str], path: Path, arguments: Sequence[str] | None = None
) -> int:
    """The command; returns its exit code.

    name: the generator's. page: makes the page from what it is, "" where there is none. path: where
    it is. arguments: of the command line; None: those of this process.
    """
    command = f"python -m generators.{name}"
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--check", action="store_true", help="only say whether the page is current")
    options = parser.parse_args(arguments)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = page(before)
    if not options.check:
        path.write_text(after, encoding="utf-8")
        return 0
    if after == before:
        return 0
    sys.stderr.write(f"{path} is out of date: run {command}\n")
    return 1
