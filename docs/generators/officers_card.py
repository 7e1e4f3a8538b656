"""Prints the officer's card: `python -m generators.officers_card LANGUAGE FILE.pdf`.

Two sides of A6, for a pocket: docs/officer-de.md or docs/officer-en.md through a browser (Debian's
chromium, driven by playwright). Each section is a side of ten rows, in letters that can be read by
a torch, with the lamps in their colours. What the cards are written in is a little of Markdown:
headings, paragraphs, tables and bold. A line of another form is an error, so that nothing is
printed otherwise than it was meant.

Exit codes: 0 it is written; 1 it does not fit two sides, and nothing is written.
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
POINTS: Final = 10.5
"""Size of the letters; a newspaper's are eight and a half to nine."""
SIDES: Final = 2
LAMPS: Final = {
    "green": ("grün", "green"),
    "amber": ("gelb", "amber"),
    "red": ("rot", "red"),
}
"""The first word of a row that is about a lamp, by its colour."""
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")
_PAGE: Final = re.compile(rb"/Type\s*/Page\b(?!s)")
"""One in a PDF for each page (ISO 32000-1, 7.7.3.3)."""
_STYLE: Final = f"""
@page {{ size: 148mm 105mm; margin: 2mm 4mm }}
body {{ margin: 0; font: {POINTS}pt/1.1 sans-serif; color: #000 }}
h1 {{ display: inline; font-size: 13pt; margin: 0 3mm 0 0 }}
header p {{ display: inline; font-size: 12pt }}
h2 {{ font-size: {POINTS}pt; margin: 0.5mm 0 }}
section + section {{ break-before: page }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border-top: 0.2mm solid #000; padding: 0.35mm 1mm; text-align: left }}
th {{ position: absolute; opacity: 0 }}
td:first-child {{ width: 28mm; font-weight: bold }}
.strokes {{ white-space: nowrap; font-size: 13pt; line-height: 1 }}
.green, .amber, .red {{ border-left: 6mm solid }}
.green {{ border-left-color: #0a0 }}
.amber {{ border-left-color: #fa0 }}
.red {{ border-left-color: #d00 }}
.blinks {{ border-left-style: double }}
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
    return f"<section><h2>{_inline(title)}</h2>{''.join(_blocks(rest))}</section>"


def _blocks(text: str) -> Iterator[str]:
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.splitlines()
        if all(line.startswith("|") for line in lines):
            yield _table(lines)
        elif block.startswith("# "):
            yield f"<h1>{_inline(block[2:])}</h1>"
        elif len(lines) == 1 and re.match(r"[*\w]", block):
            yield f"<p>{_inline(block)}</p>"
        else:
            raise ValueError(f"neither table, heading nor a line of text: {lines[0]!r}")


def _table(lines: list[str]) -> str:
    head, ruler, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if set("".join(ruler)) != {"-"}:
        raise ValueError(f"the second line of a table is its ruler, not {lines[1]!r}")
    made = [f"<tr>{''.join(f'<th>{_inline(cell)}</th>' for cell in head)}</tr>"]
    for sign, *cells in rows:
        others = "".join(f"<td>{_inline(cell)}</td>" for cell in cells)
        made.append(f'<tr><td class="{_kind(sign)}">{_inline(sign)}</td>{others}</tr>')
    return f"<table>{''.join(made)}</table>"


def _kind(sign: str) -> str:
    """How the sign of a row is drawn: as a lamp of its colour, or as strokes."""
    words = sign.strip(" *").split()
    if words[0] in ("•", "▬"):
        return "strokes"
    colour = next((one for one, names in LAMPS.items() if words[0] in names), "")
    return f"{colour} blinks" if colour and len(words) > 1 else colour


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
    """Write a card that fits its two sides; returns the exit code."""
    if sides(pdf) != SIDES:
        sys.stderr.write(f"the card takes {sides(pdf)} sides: something has to go\n")
        return 1
    file.write_bytes(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
