"""`camerad office report`: the same period gives the same bytes, and a changed figure is found."""

from __future__ import annotations

import contextlib
import copy
import re
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest import mock

import pytest
from report_year import SyntheticYear
from state_helpers import state_in

from camerad.base.clock import ManualClock
from camerad.base.errors import EX_CONFIG, EX_TEMPFAIL, EX_USAGE
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.office.state.state_tables import camera_readings
from tests.unit.cli.conftest import Desk, Said

FIRST, LAST = "2025-01-01", "2025-02-28"
NAME = f"camerad-report-{FIRST}-{LAST}"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The days of a report are those of the computer's zone."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticYear:
    """Two months of an office."""
    year = SyntheticYear(
        tmp_path_factory.mktemp("made"), date(2024, 12, 31), 66, cameras=7, self_view_rate=0.4
    )
    year.tally()
    return year


@pytest.fixture
def year(desk: Desk, tmp_path: Path, made: SyntheticYear) -> SyntheticYear:
    """The same, of an office that was set up."""
    key = tmp_path / "config/camerad/office.pem"
    key.parent.mkdir(parents=True)
    key.write_bytes(made.key.pem)
    key.chmod(0o600)
    shutil.copytree(made.root, tmp_path / "archive")
    said = desk("office", "init", "archive", "--url", "https://office.example")
    assert said.code == 0, said.err
    found = copy.copy(made)
    found.root = tmp_path / "archive"
    return found


def make(desk: Desk, where: str = "out", *more: object) -> Said:
    return desk(
        *("office", "report", "--from", FIRST, "--to", LAST, "-o", where, "--language", "en"), *more
    )


def test_a_report_is_a_page_a_table_and_a_signature(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    said = make(desk)
    assert said.code == 0, said.err
    names = [f"{NAME}{ending}" for ending in (".html", ".csv", ".jws")]
    assert said.out.splitlines() == [str(Path("out") / name) for name in names]
    page = (tmp_path / "out" / names[0]).read_text()
    assert [
        "There is no control group. No figure here says that cameras caused or prevented anything",
        " no claim of cause.",
    ][1].strip() in page
    assert "1 January 2025 to 28 February 2025" in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "not recorded by this version" in page
    assert not [one for one in year.wearers if one in page]
    assert desk("office", "report", "--check", tmp_path / "out" / names[0]).code == 0
    assert "as the office signed it" in desk("office", "report", "--check", f"out/{names[1]}").out


def test_the_same_period_gives_the_same_bytes(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    for where in ("one", "two"):
        assert make(desk, where).code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("ending", [".html", ".csv"])
def test_a_changed_figure_is_found_and_its_file_is_named(
    desk: Desk, year: SyntheticYear, tmp_path: Path, ending: str
) -> None:
    assert make(desk).code == 0
    path = tmp_path / "out" / (NAME + ending)
    text = path.read_text()
    number = re.search(r"[0-9]{3}", text[text.index("self") :])
    assert number is not None
    path.write_text(text.replace(number[0], "999", 1))
    for named in (".html", ".csv", ".jws"):
        said = desk("office", "report", "--check", tmp_path / "out" / (NAME + named))
        assert said.code == 2
        assert f"{path}: it was changed" in said.out
    path.unlink()
    assert "is not there" in desk("office", "report", "--check", path).out


def test_a_signature_of_somebody_else_is_none(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    assert make(desk).code == 0
    path = tmp_path / "out" / f"{NAME}.jws"
    token = path.read_bytes()
    path.write_bytes(token[:-4] + b"AAAA")
    said = desk("office", "report", "--check", path)
    assert said.code == 2 and "signature" in said.out
    path.unlink()
    said = desk("office", "report", "--check", tmp_path / "out" / f"{NAME}.csv")
    assert said.code == 3 and "no signature beside" in said.err


def test_a_ledger_that_is_another_one_is_found(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    assert make(desk).code == 0
    last = max((year.root / "office" / "ledger").glob("*.jws"))
    with mock.patch("os.fdatasync"):
        for path in (year.root / "office" / "ledger").iterdir():
            path.unlink()
        clock = ManualClock(wall_us=1_740_000_000_000_000)
        with contextlib.closing(Ledger.open(Claim(str(last.parent)), year.key, clock)) as ledger:
            for _ in range(30):
                ledger.rotate()
    said = desk("office", "report", "--check", f"out/{NAME}.html")
    assert said.code == 2 and "another one than the report covers" in said.out


def test_readings_that_came_later_are_a_remark(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    assert make(desk).code == 0
    with contextlib.closing(state_in(year.root)) as state, state.writing() as rows:
        rows.execute(camera_readings.delete().where(camera_readings.c.number == 20))
    said = desk("office", "report", "--check", f"out/{NAME}.html")
    assert said.code == 0 and "remark: there are" in said.out


def test_an_earlier_report_stands_beside_and_has_to_be_the_office_s(
    desk: Desk, year: SyntheticYear, tmp_path: Path
) -> None:
    early = ("office", "report", "--from", FIRST, "--to", "2025-01-31", "--language", "de")
    assert desk(*early, "-o", "early").code == 0
    table = tmp_path / "early" / f"camerad-report-{FIRST}-2025-01-31.csv"
    assert make(desk, "out", "--last-year", table).code == 0
    page = (tmp_path / "out" / f"{NAME}.html").read_text()
    assert "Compared with 1 January 2025 to 31 January 2025" in page
    german = table.with_suffix(".html").read_text()
    assert "Was sich daraus nicht schließen lässt" in german and "1. Januar 2025" in german
    table.write_bytes(table.read_bytes().replace(b"shifts", b"shiftz"))
    said = make(desk, "out", "--last-year", table)
    assert said.code == 3 and "was changed since" in said.err
    page_beside = table.with_suffix(".html")
    said = make(desk, "out", "--last-year", page_beside)
    assert said.code == EX_CONFIG and "no table of a report" in said.err


def test_what_is_typed_in_is_marked(desk: Desk, year: SyntheticYear, tmp_path: Path) -> None:
    form = tmp_path / "form.yaml"
    form.write_text(
        "wearers: 30\nwith_camera: {hours: 2000, assaults: 12}\noccasions: {<parking>: 20}\n"
        'surveys: ["31 of 40 feel safer"]\n'
    )
    assert make(desk, "out", "--typed", form).code == 0
    page = (tmp_path / "out" / f"{NAME}.html").read_text()
    for text in ("Figures counted by hand", "&lt;parking&gt;", "31 of 40 feel safer"):
        assert text in page
    form.write_text("with_camera: {hours: many}\nwearer: 3\n")
    said = make(desk, "out", "--typed", form)
    assert said.code == EX_CONFIG
    assert f"{form}:1: with_camera.hours" in said.err and f"{form}:2: wearer" in said.err


def test_the_empty_form_is_one(desk: Desk, year: SyntheticYear, tmp_path: Path) -> None:
    said = desk("office", "report", "--form")
    (tmp_path / "form.yaml").write_text(said.out)
    assert make(desk, "out", "--typed", "form.yaml").code == 0
    shown = "\n".join(
        line.removeprefix("# ").removeprefix("#")
        for line in said.out.replace("surveys: []", "surveys:").splitlines()[2:]
    )
    (tmp_path / "form.yaml").write_text(shown)
    assert make(desk, "out", "--typed", "form.yaml").code == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--from", FIRST), EX_USAGE, "--to, -o is missing"),
        (("--from", "1.1.2025", "--to", LAST, "-o", "out"), EX_USAGE, "is no day"),
        (("--from", LAST, "--to", FIRST, "-o", "out"), EX_USAGE, "--to is before --from"),
        (("--from", FIRST, "--to", "2999-01-01", "-o", "out"), EX_TEMPFAIL, "is not over"),
        (("--from", FIRST, "--to", "2025-03-09", "-o", "out"), EX_TEMPFAIL, "is still open"),
        (("--check", "nothing.html"), 3, "no signature beside"),
    ],
)
def test_what_cannot_be_done_is_said(
    desk: Desk, year: SyntheticYear, words: tuple[str, ...], code: int, text: str
) -> None:
    said = desk("office", "report", *words)
    assert said.code == code
    assert text in said.err


def test_without_the_key_nothing_is_made(desk: Desk, year: SyntheticYear, tmp_path: Path) -> None:
    (tmp_path / "config/camerad/office.pem").unlink()
    said = make(desk)
    assert said.code == EX_USAGE and "no such key" in said.err
    assert desk("office", "report", "--check", "out/x.html").code == EX_USAGE
