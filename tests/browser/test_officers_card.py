"""The officer's card fits the pocket: two sides of A6 in each language, as a browser prints it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from generators import officers_card
from playwright.sync_api import Browser

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize("language", officers_card.LANGUAGES)
def test_a_card_fits_two_sides(chromium: Browser, language: str) -> None:
    pdf = officers_card.printed(chromium, officers_card.card(language), language)
    assert officers_card.sides(pdf) == 2
    # A6 across is 148 mm x 105 mm, in points of 1/72 inch; a browser rounds to its pixels.
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf)
    assert box is not None
    for number, millimetres in enumerate((148, 105), 1):
        assert float(box[number]) == pytest.approx(millimetres / 25.4 * 72, abs=1)


def test_a_card_that_says_more_takes_another_side(chromium: Browser) -> None:
    more = officers_card.card("de") + "| • | noch ein Zeichen |\n" * 8
    assert officers_card.sides(officers_card.printed(chromium, more, "de")) == 3


@pytest.mark.parametrize("language", officers_card.LANGUAGES)
def test_the_letters_are_large_enough_and_every_word_of_the_card_is_printed(
    chromium: Browser, language: str
) -> None:
    text = officers_card.card(language)
    sheet = chromium.new_page()
    sheet.set_content(officers_card.page(text, language))
    smallest = sheet.evaluate(
        "Math.min(...[...document.querySelectorAll('h1,h2,p,td')]"
        ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
    )
    # A point is 4/3 of a browser's pixel.
    assert smallest >= 10.5 * 4 / 3 - 0.01
    shown = re.findall(r"\w+", sheet.inner_text("body"))
    assert shown == re.findall(r"\w+", text)
    sheet.close()


@pytest.mark.parametrize(
    "text", ["```\ncode\n```\n", "| a |\nno row\n", "> said\n", "| a |\n| b |\n"]
)
def test_what_would_be_printed_otherwise_than_it_was_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither table|ruler"):
        officers_card.page(f"# Card\n\n## Part\n\n{text}", "en")


def test_the_command_writes_the_card_as_a_pdf(tmp_path: Path) -> None:
    # A process of its own: one has one playwright.
    command = [sys.executable, "-m", "generators.officers_card", "en", str(tmp_path / "card.pdf")]
    paths = os.pathsep.join([str(officers_card.DOCS), os.environ.get("PYTHONPATH", "")])
    subprocess.run(command, check=True, timeout=60, env={**os.environ, "PYTHONPATH": paths})
    assert officers_card.sides((tmp_path / "card.pdf").read_bytes()) == 2


def test_no_card_of_three_sides_is_written(
    chromium: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = officers_card.card("en") + "| • | another rhythm |\n" * 8
    pdf = officers_card.printed(chromium, long, "en")
    assert officers_card.save(pdf, tmp_path / "card.pdf") == 1
    assert "3 sides" in capsys.readouterr().err
    assert not (tmp_path / "card.pdf").exists()
