"""Data protection makes a report at the desk, looks at it, prints it and takes it along."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect
from report_year import SyntheticYear

from camerad.container.keys import KeyRing
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE
from camerad.office.report.figures import (
    Cell,
    Coverage,
    Figure,
    FigureGroup,
    PeopleFrom,
    ReportFigures,
    Unit,
)
from camerad.office.report.report_days import ReportPeriod, days_in
from camerad.office.report.report_sources import OfficeRecords
from camerad.office.report.report_statement import check_report
from camerad.office.report.report_table import write_table
from camerad.store.locations import office_place
from tests.browser.person import NARROW, SCREENSHOTS, WIDE, person
from tests.unit.office.desk.desk_scene import DeskScene, free_origin

FLAGS: Final = ("--ignore-certificate-errors",)
"""The authority of a test is nobody's."""
NAME: Final = "camerad-report-2025-01-01-2025-02-28"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    """An office, and two months of it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        made = DeskScene(tmp_path_factory.mktemp("desk"), origin=free_origin())
        key = made.office.office_key
        root = tmp_path_factory.mktemp("year")
        year = SyntheticYear(
            root, date(2024, 12, 31), 66, cameras=7, self_view_rate=0.5, share_led=0.5, key=key
        )
        year.tally()
        shutil.copytree(year.root, made.directory, dirs_exist_ok=True)
        made.clock.reboot()
        with made:
            made.add("dpo", DeskRole.DATA_PROTECTION)
            yield made
    time.tzset()


def signed_in(page: Any, scene: DeskScene) -> None:
    cookie = {"name": COOKIE, "value": scene.signed_in("dpo").cookie, "url": scene.origin}
    page.context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Strict"}])
    page.goto(scene.origin)
    page.get_by_role("link", name=re.compile("^(Bericht|Report)$")).click()


def test_a_report_is_made_looked_at_printed_and_taken_along(
    chromium: Browser, scene: DeskScene, tmp_path: Path
) -> None:
    with person(
        chromium, scene.origin, "desk-report", size=WIDE, scheme="light", language="de-DE"
    ) as officer:
        officer.origin = scene.origin
        page = officer.page
        signed_in(page, scene)
        expect(page.get_by_role("heading", name="Bericht")).to_be_visible()
        page.get_by_label("Erster Tag").fill("2025-01-01")
        page.get_by_label("Letzter Tag").fill("2025-02-28")
        page.get_by_text("Von Hand gezählte Werte").click()
        page.get_by_label("Personen, die Kameras trugen").fill("12")
        first = page.get_by_role("group", name="Im Dienst mit Kamera")
        first.get_by_label("Dienststunden").fill("1040")
        first.get_by_label("Übergriffe auf Beschäftigte").fill("9")
        page.get_by_label("Anlässe").fill("Parken")
        officer.sees("form")
        page.get_by_role("button", name="Bericht erstellen").click()
        expect(page.locator("#told")).to_contain_text("Doppelpunkt")
        page.get_by_label("Anlässe").fill("Parken: 40\nLärm: 17")
        page.get_by_label("Befragungen").fill("31 von 40 fühlen sich sicherer")
        page.get_by_role("button", name="Bericht erstellen").click()
        expect(page.get_by_role("heading", name="Der Bericht ist da")).to_be_visible()
        officer.sees("made")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="In neuem Tab öffnen").click()
        report = opened.value
        # Before it is there, nothing can be loaded again.
        report.wait_for_load_state()
        heard: list[str] = []
        report.on("console", lambda message: heard.append(message.text))
        report.reload()
        expect(report.get_by_role("heading", name="Auf einen Blick")).to_be_visible()
        expect(report.get_by_text("31 von 40 fühlen sich sicherer")).to_be_visible()
        expect(report.get_by_text("zum Sichten ausgegebene Stunden")).to_be_visible()
        plots = report.locator(".plots img")
        expect(plots).to_have_count(2)
        report.screenshot(path=SCREENSHOTS / "desk-report-tab.png", full_page=True)
        printed = report.pdf(prefer_css_page_size=True)
        (SCREENSHOTS / "desk-report.pdf").write_bytes(printed)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) in range(2, 8)
        assert heard == [], "its sandbox forbids nothing that it needs"
        for ending in (".html", ".csv", ".jws"):
            with page.expect_download() as saved:
                page.get_by_role("link", name=f"{NAME}{ending}").click()
            assert saved.value.suggested_filename == f"{NAME}{ending}"
            saved.value.save_as(tmp_path / f"{NAME}{ending}")
        assert officer.said == []
    place = office_place(scene.directory)
    ring = KeyRing([scene.office.office_key.public])
    records = OfficeRecords(scene.state, place, ring, days_in(None))
    found = check_report(str(tmp_path / f"{NAME}.html"), records)
    assert found.problems == () and found.statement is not None
    assert [one.who for one in scene.kinds("report_made")] == ["dpo"]


def test_it_fits_a_phone_in_the_dark_and_says_what_is_wrong(
    chromium: Browser, scene: DeskScene
) -> None:
    with person(
        chromium, scene.origin, "desk-report-phone", size=NARROW, scheme="dark", language="en-GB"
    ) as officer:
        officer.origin = scene.origin
        # The browser itself says that an answer was a refusal.
        officer.forgives = ("Failed to load resource",)
        page = officer.page
        signed_in(page, scene)
        page.get_by_label("First day").fill("2025-02-01")
        page.get_by_label("Last day").fill("2025-01-01")
        page.get_by_text("Figures counted by hand").press("Enter")
        page.get_by_text("Compare with an earlier report").press("Enter")
        page.get_by_role("button", name="Make the report").press("Enter")
        expect(page.locator("#told")).to_contain_text("not before the first one")
        officer.sees("wrong")
        page.get_by_label("Last day").fill("2025-02-28")
        for label, name, content in (
            ("Table", "r.csv", b"figures"),
            ("Signature", "r.jws", b"a.b.c"),
        ):
            chosen: Any = {"name": name, "mimeType": "text/plain", "buffer": content}
            page.get_by_label(label).set_input_files(files=[chosen])
        page.get_by_role("button", name="Make the report").press("Enter")
        expect(page.locator("#told")).to_contain_text("not as this office signed it")
        assert json.loads(page.evaluate("JSON.stringify(window.frames.length)")) == 0


def test_its_table_is_guarded_as_the_desk_s_own_are(chromium: Browser, scene: DeskScene) -> None:
    parts = ["=1", "stop;=1", "a,  +1", "a\t@x", "a|-1", 'a;"=1', "'=1", " \t=1", "\r=1", "\n"]
    parts += ["a;\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "a;\ufeff=1", "Az. 7-2", "a;b", "a,b"]
    first = last = date(2025, 1, 31)
    one = Cell(first, last, 9.0, count=9)
    group, code = FigureGroup.RECORDINGS, "recordings_by_reason"
    figures = tuple(Figure(group, code, Unit.COUNT, one, (), part) for part in parts)
    covers = Coverage(None, 0, 0, 0, 0, 0, 0, "", {})
    table = write_table(
        ReportFigures(ReportPeriod(first, last), "UTC", (), PeopleFrom.SHIFTS, figures, covers)
    )
    with person(
        chromium, scene.origin, "desk-report-table", size=WIDE, scheme="light", language="de-DE"
    ) as officer:
        said = officer.page.evaluate(
            "async (rows) => (await import('/page/csv.js')).csvOf(['part'], rows, ',')",
            [[one] for one in parts],
        )
    _, *desk_s = csv.reader(io.StringIO(said.removeprefix("\ufeff"), newline=""))
    _, *report_s = csv.reader(io.StringIO(table.decode(), newline=""))
    assert [row[2] for row in report_s] == [row[0] for row in desk_s]
