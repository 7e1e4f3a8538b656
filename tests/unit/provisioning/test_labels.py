"""Labels for cameras: what is on them, in both languages, and that all of it is on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from longest_words import LONGEST

from camerad.base.words import Words, languages, words_in
from camerad.config.sections import DEVICE_ID
from camerad.container.keys import SigningKey
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.labels import render_labels

ENGLISH = words_in("en")
GERMAN = words_in("de")
KEY = SigningKey.generate().public
MADE = datetime(2026, 11, 26, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
BOTH = pytest.mark.parametrize("words", [*map(words_in, languages())], ids=languages())
COLLECTED = "2026-09-29T22:30:00+00:00"
"""Half past midnight of the next day in Berlin; and no month is longer than this."""


def a_camera(name: str, collected: str = COLLECTED) -> RegisteredCamera:
    return RegisteredCamera(name, KEY.thumbprint, KEY.jwk, None, None, None, collected)


def page_of(words: Words, *names: str) -> str:
    return render_labels(Register(tuple(a_camera(name) for name in names)), words, MADE)


def text_of(page: str) -> str:
    """What a reader sees."""
    body = page[page.index("<body>") :]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            GERMAN,
            ["Etiketten der Kameras, 26.11.2026.", "Seite 1 von 1", "Stand 30.09.2026"],
        ),
        (
            ENGLISH,
            ["Labels of the cameras, 26 November 2026.", "Page 1 of 1", "As of 30 September 2026"],
        ),
    ],
    ids=["de", "en"],
)
def test_labels_speak_the_language_and_write_dates_as_it_does(
    words: Words, said: list[str]
) -> None:
    page = page_of(words, "camera-07")
    assert f'<html lang="{words.language}">' in page
    assert [one for one in said if one not in text_of(page)] == []


def test_a_thumbprint_is_read_in_groups_and_copied_in_one_piece() -> None:
    code = re.search(r"<code>(.*?)</code>", page_of(ENGLISH, "camera-07"))
    assert code is not None
    groups = re.findall(r"<span>(.*?)</span>", code[1])
    assert ("".join(groups), max(map(len, groups))) == (KEY.thumbprint, 4)
    assert re.sub(r"<[^>]*>", "", code[1]) == KEY.thumbprint


def test_what_stands_in_the_register_as_a_day_and_is_none_is_shown_as_it_is() -> None:
    camera = a_camera("camera-07", "yesterday <b>")
    page = render_labels(Register((camera,)), ENGLISH, MADE)
    assert "As of yesterday &lt;b&gt;" in page


@pytest.mark.parametrize("words", [words_in("en"), LONGEST], ids=["en", "longest"])
def test_all_of_every_name_is_on_paper_however_long_it_is(words: Words, tmp_path: Path) -> None:
    chromium = shutil.which("chromium-headless-shell")
    if chromium is None:
        pytest.skip("chromium-headless-shell is not installed")
    names = [letter * length for letter in "Wi0" for length in (1, 9, 14, 15, 22, 23, 44, 63)]
    names.append("Ordnungsamt-Duisburg-Mitte-Streife-2-Kamera-17")
    assert all(re.fullmatch(DEVICE_ID, name) for name in names)
    page = tmp_path / "labels.html"
    page.write_text(page_of(words, *names), encoding="utf-8")
    headless = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"),
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    printed = tmp_path / "labels.pdf"
    subprocess.run(
        [*headless, f"--print-to-pdf={printed}", page.as_uri()],
        capture_output=True,
        timeout=60,
        check=True,
    )
    # 24 are on a page, and there is one more.
    assert re.findall(rb"/Count (\d+)", printed.read_bytes()) == [b"2"]
    # A4 is 210 by 297 mm, which is 595 by 842 points.
    assert re.search(rb"/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]", printed.read_bytes())
    assert cut_off(page, headless) == []


def cut_off(page: Path, headless: list[str]) -> list[str]:
    """The names whose label has more in it than it shows, as a browser lays it out."""
    judge = """<script>
      const cut = [...document.querySelectorAll("section")].filter((label) => {
        const end = label.getBoundingClientRect();
        return [...label.querySelectorAll("h1, svg, p, code")].some((part) => {
          const range = document.createRange();
          range.selectNodeContents(part);
          const box = range.getBoundingClientRect();
          const own = part.getBoundingClientRect();
          return box.right > end.right || box.bottom > end.bottom ||
            (part.tagName === "H1" && box.height > own.height);
        });
      });
      document.title = "cut off: " + cut.map((label) => label.innerText.split("\\n")[0]).join();
    </script>"""
    judged = page.with_name("judged.html")
    judged.write_text(page.read_text().replace("</body>", f"{judge}</body>"))
    done = subprocess.run(
        [*headless, "--dump-dom", judged.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = re.search(r"<title>cut off: (.*?)</title>", done.stdout)
    assert told is not None, done.stdout[:1000]
    return [name for name in told[1].split(",") if name]
