"""The report, as a council's member opens and prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from report_demo import make_page

from camerad.base.words import words_in
from tests.browser.person import browser, person

SIDES = 7
"""Of A4, at most, with everything that a report can have."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def test_it_is_readable_on_any_screen_and_prints_on_a4(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(make_page(tmp_path, words_in("de")))
    url = path.as_uri()
    with person(
        chromium, url, "report", size=(1280, 900), scheme="light", language="de-DE"
    ) as reader:
        reader.sees("wide")
        reader.page.set_viewport_size({"width": 360, "height": 740})
        reader.sees("narrow")
        plots = reader.page.locator(".plots img")
        assert plots.count() == 2
        for number in range(2):
            assert plots.nth(number).evaluate("one => one.naturalWidth") > 0
        pdf = reader.page.pdf(prefer_css_page_size=True)
        assert [one for one in reader.asked if not one.startswith(("file:", "data:"))] == []
        assert reader.said == []
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf)
    assert 1 < len(boxes) <= SIDES
    for box in boxes:
        for number, millimetres in zip(box, (210, 297), strict=True):
            assert float(number) == pytest.approx(millimetres / 25.4 * 72, abs=1)
