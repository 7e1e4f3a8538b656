"""The report at the desk: the same bytes as of the command, written down, one at a time, and taken
along only by the person who made it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from report_year import SyntheticYear

from camerad.cli.main import main
from camerad.office.desk import oversight_routes
from camerad.office.desk.people import DeskRole
from camerad.office.report.report_maker import make_report

from .desk_scene import MINUTE, Answer, Browser, DeskScene

FIRST, LAST = "2025-01-01", "2025-01-31"
NAME = f"camerad-report-{FIRST}-{LAST}"


@pytest.fixture(scope="module", autouse=True)
def in_utc() -> Iterator[None]:
    """The days of a report are those of the computer's zone."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    """An office, and its January."""
    made = DeskScene(tmp_path_factory.mktemp("desk"))
    key = made.office.office_key
    root = tmp_path_factory.mktemp("year")
    year = SyntheticYear(root, date(2024, 12, 31), 40, cameras=7, self_view_rate=0.4, key=key)
    year.tally()
    shutil.copytree(year.root, made.directory, dirs_exist_ok=True)
    made.clock.reboot()  # the ledger's last entry was written by another boot
    with made:
        made.add("dpo", DeskRole.DATA_PROTECTION)
        made.add("super", DeskRole.SUPERVISOR)
        yield made


def asked(**more: object) -> dict[str, object]:
    return {"first": FIRST, "last": LAST, "language": "en", "form": {}} | more


def make(tab: Browser, **more: object) -> Answer:
    return tab.ask("POST", "/api/report", asked(**more))


def fetch(tab: Browser, report: str, ending: str, more: str = "") -> Answer:
    return tab.ask("GET", f"/api/report/{report}/{NAME}{ending}{more}")


def test_it_has_the_bytes_of_the_command_and_check_finds_them_right(
    scene: DeskScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tab = scene.signed_in("dpo")
    said = make(tab, form={"wearers": 12, "with_camera": {"hours": 100, "assaults": 9}}).said
    assert said["files"] == [f"{NAME}{ending}" for ending in (".html", ".csv", ".jws")]
    form = tmp_path / "form.yaml"
    form.write_text("wearers: 12\nwith_camera:\n  hours: 100\n  assaults: 9\n")
    config = write_settings(scene, tmp_path)
    out = tmp_path / "out"
    command = ["office", "report", "--config", str(config)]
    period = ["--from", FIRST, "--to", LAST, "--language", "en"]
    assert main([*command, *period, "--typed", str(form), "-o", str(out)]) == 0
    taken = tmp_path / "taken"
    taken.mkdir()
    for ending in (".html", ".csv", ".jws"):
        got = fetch(tab, said["report"], ending, "?save")
        assert got.headers["Content-Disposition"] == f'attachment; filename="{NAME}{ending}"'
        assert got.body == (out / f"{NAME}{ending}").read_bytes(), ending
        (taken / f"{NAME}{ending}").write_bytes(got.body)
    capsys.readouterr()
    assert main([*command, "--check", str(taken / f"{NAME}.html")]) == 0
    assert "as the office signed it" in capsys.readouterr().out
    table = taken / f"{NAME}.csv"
    table.write_bytes(table.read_bytes().replace(b"shifts", b"shifty", 1))
    assert main([*command, "--check", str(taken / f"{NAME}.html")]) == 2


def write_settings(scene: DeskScene, tmp_path: Path) -> Path:
    """What the command reads to find the same office."""
    settings = scene.office.settings
    config = tmp_path / "office.yaml"
    config.write_text(
        f"url: {settings.url}\ndirectory: {settings.directory}\nregister: {settings.register}\n"
        f"office_key: {settings.office_key}\n"
        f"tls:\n  certificate: {settings.tls.certificate}\n  key: {settings.tls.key}\n"
    )
    return config


def test_who_made_which_is_written_down_before_anybody_has_it(scene: DeskScene) -> None:
    before = len(scene.kinds("report_made"))
    assert make(scene.signed_in("super")).status == 200
    (one,) = scene.kinds("report_made")[before:]
    assert (one.who, one.first, one.last, one.language) == ("super", FIRST, LAST, "en")
    scene.index.refresh()
    rows = scene.signed_in("dpo").ask("GET", "/api/entries?kind=report_made").said["rows"]
    assert rows[0]["who"] == "super" and rows[0]["reason"] == f"{FIRST} – {LAST}"


def test_who_was_given_a_camera_s_recordings_is_found_also_of_deleted_ones(
    scene: DeskScene,
) -> None:
    """What a data subject asks: the recordings are long gone, and the ledger is not."""
    scene.index.refresh()
    tab = scene.signed_in("dpo")
    rows = tab.ask("GET", "/api/entries?camera=camera&kind=viewed&who=k.clerk").said["rows"]
    assert rows and {one["reason"] for one in rows} == {"12/26"}
    about = f"/api/entries?camera=camera&recording={rows[-1]['recording']}"
    kinds = {one["kind"] for one in tab.ask("GET", about).said["rows"]}
    assert {"received", "viewed", "deleted"} <= kinds
    for other in ("camera=another", "camera=camera&wearer=nobody"):
        assert tab.ask("GET", f"/api/entries?{other}").said["rows"] == []


def test_its_page_is_in_a_sandbox_and_everything_else_as_any_answer(scene: DeskScene) -> None:
    tab = scene.signed_in("dpo")
    page = fetch(tab, make(tab).said["report"], ".html")
    assert page.headers["Content-Security-Policy"] == oversight_routes.POLICY
    assert "sandbox;" in oversight_routes.POLICY and "script" not in oversight_routes.POLICY
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Content-Disposition" not in page.headers
    assert b"<script" not in page.body


def test_nobody_gets_another_s_report_nor_an_older_one_of_their_own(scene: DeskScene) -> None:
    mine, theirs = scene.signed_in("dpo"), scene.signed_in("super")
    report = make(mine).said["report"]
    assert fetch(theirs, report, ".html").why == "not_there"
    assert fetch(mine, "A" * 32, ".html").why == "not_there"
    assert fetch(mine, report, ".pem").why == "not_there"
    again = make(mine).said["report"]
    assert fetch(mine, report, ".csv").why == "not_there"
    assert fetch(mine, again, ".csv").status == 200
    for _ in range(3):
        scene.clock.advance(21 * MINUTE)
        got = fetch(mine, again, ".csv")
    assert got.why == "not_there", "an hour is over"


def test_one_is_made_at_a_time_and_whoever_else_asks_hears_that(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*how: object) -> dict[str, bytes]:
        begun.set()
        assert go_on.wait(20)
        return make_report(*how)  # type: ignore[arg-type]

    monkeypatch.setattr(oversight_routes, "make_report", slow)
    first = threading.Thread(target=make, args=(scene.signed_in("dpo"),))
    first.start()
    try:
        assert begun.wait(20)
        refused = make(scene.signed_in("super"))
        assert (refused.status, refused.why) == (503, "report_busy")
        assert scene.signed_in("super").ask("GET", "/api/me").said["id"] == "super"
    finally:
        go_on.set()
        first.join(20)
    assert make(scene.signed_in("super")).status == 200


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"first": LAST, "last": FIRST}, "report_period"),
        ({"first": "1999-01-01"}, "report_period"),
        ({"last": "2999-12-31"}, "report_not_yet"),
        ({"language": "fr"}, "not_understood"),
        ({"first": "2025-13-01"}, "not_understood"),
        ({"form": {"wearers": -1}}, "report_form"),
        ({"form": {"with_camera": {"assaults": 10_000_001}}}, "report_form"),
        ({"form": {"occasions": {"a\nb": 3}}}, "report_form"),
        ({"form": {"surveys": ["x" * 201]}}, "report_form"),
        ({"form": {"nothing": 3}}, "report_form"),
        ({"earlier": {"name": "../x", "table": "", "signature": ""}}, "not_understood"),
        ({"earlier": {"name": "x.csv", "table": "a", "signature": "b"}}, "report_earlier"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written_down(
    scene: DeskScene, more: dict[str, object], why: str
) -> None:
    before = len(scene.kinds("report_made"))
    assert make(scene.signed_in("dpo"), **more).why == why
    assert len(scene.kinds("report_made")) == before


def test_an_earlier_report_is_compared_with_if_the_office_signed_it(scene: DeskScene) -> None:
    tab = scene.signed_in("dpo")
    report = make(tab).said["report"]
    table, signature = (fetch(tab, report, one).body.decode() for one in (".csv", ".jws"))
    earlier = {"name": f"{NAME}.csv", "table": table, "signature": signature}
    compared = make(tab, earlier=earlier).said["report"]
    assert b"Compared with 1 January 2025" in fetch(tab, compared, ".html").body
    changed = earlier | {"table": table.replace("shifts", "shifty", 1)}
    assert make(tab, earlier=changed).why == "report_earlier"


def test_only_so_many_are_kept(scene: DeskScene) -> None:
    routes = oversight_routes.ReportRoutes(scene.desk._parts)
    for number in range(oversight_routes.MOST_REPORTS + 5):
        routes._keep(f"person-{number}", {})
    assert len(routes._kept) == oversight_routes.MOST_REPORTS
