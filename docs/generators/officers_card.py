"""Prints the officer's card: `python -m generators.officers_card LANGUAGE FILE.pdf`.

One side of A5, across, in two columns: docs/officer-de.md or docs/officer-en.md through a browser
(Debian's chromium, driven by playwright). What the cards are written in is a little of Markdown:
headings, paragraphs, tables, lists and bold. A line of another form is an error, so that nothing is
printed otherwise than it was meant.

Exit codes: 0 it is written; 1 it does not fit one side, and nothing is written.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

DOCS: Final = Path(__file__).parents[2] / "docs"
LANGUAGES: Final = ("de", "en")
POINTS: Final = 8.5
"""Size of the letters. Newspapers print in eight and a half to nine."""
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")
_PAGE: Final = re.compile(rb"/Type\s*/Page\b(?!s)")
"""One in a PDF for each page (ISO 32000-1, 7.7.3.3)."""
_STYLE: Final = f"""
@page {{ size: A5 landscape; margin: 5mm }}
body {{ margin: 0; font: {POINTS}pt/1.2 sans-serif; color: #000; columns: 2; column-gap: 4mm }}
header {{ column-span: all }}
h1 {{ display: inline; font-size: 12pt; margin: 0 3mm 0 0 }}
header p {{ display: inline; font-size: 10pt }}
h2 {{ font-size: 9pt; margin: 1.6mm 0 0.6mm }}
section {{ break-inside: avoid }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border: 0.2mm solid #888; padding: 0.3mm 1mm; text-align: left; vertical-align: top }}
th {{ font-weight: normal; color: #444 }}
.strokes td:first-child {{ white-space: nowrap }}
ul {{ margin: 0; padding-left: 4mm }}
"""


def card(language: str) -> str:
    """The text of a card."""
    return (DOCS / f"officer-{language}.md").read_text(encoding="utf-8")


def page(text: str, language: str) -> str:
    """The card as a page of HTML. Raises ValueError for a line that cannot be printed."""
    head, *sections = re.split(r"(?m)^## ", text)
    body = "".join(_section(section) for section in sections)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><style>{_STYLE}</style>'
        f"<header>{''.join(_blocks(head))}</header>{body}</html>"
    )


def _section(text: str) -> str:
    title, _, rest = text.partition("\n")
    kind = ' class="strokes"' if "\n| •" in rest else ""
    return f"<section{kind}><h2>{_inline(title)}</h2>{''.join(_blocks(rest))}</section>"


def _blocks(text: str) -> Iterator[str]:
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.splitlines()
        if all(line.startswith("|") for line in lines):
            yield _table(lines)
        elif all(line.startswith("- ") for line in lines):
            yield f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"
        elif block.startswith("# "):
            yield f"<h1>{_inline(block[2:])}</h1>"
        elif len(lines) == 1 and re.match(r"[*\w]", block):
            yield f"<p>{_inline(block)}</p>"
        else:
            raise ValueError(f"neither table, list, heading nor a line of text: {lines[0]!r}")


def _table(lines: list[str]) -> str:
    head, ruler, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if set("".join(ruler)) != {"-"}:
        raise ValueError(f"the second line of a table is its ruler, not {lines[1]!r}")
    made = [
        f"<tr>{''.join(f'<{tag}>{_inline(cell)}</{tag}>' for cell in cells)}</tr>"
        for tag, cells in [("th", head), *(("td", row) for row in rows)]
    ]
    return f"<table>{''.join(made)}</table>"


def _inline(text: str) -> str:
    return _BOLD.sub(r"<b>\1</b>", html.escape(text.strip()))


def printed(browser: Browser, text: str, language: str) -> bytes:
    """The card as a PDF, on as many sides as it takes."""
    sheet = browser.new_page()
    try:
        sheet.set_content(page(text, language))
        return sheet.pdf(prefer_css_page_size=True)
    finally:
        sheet.close()


def sides(pdf: bytes) -> int:
    """How many pages a PDF of the browser has."""
    return len(_PAGE.findall(pdf))


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators.officers_card", description=__doc__)
    parser.add_argument("language", choices=LANGUAGES)
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        pdf = printed(browser, card(given.language), given.language)
        browser.close()
    return save(pdf, given.file)


def save(pdf: bytes, file: Path) -> int:
    """Write a card that fits one side; returns the exit code."""
    if sides(pdf) != 1:
        sys.stderr.write(f"the card takes {sides(pdf)} sides: something has to go\n")
        return 1
    file.write_bytes(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
