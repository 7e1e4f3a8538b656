"""`camerad doctor` as a technician meets it; its parts are tried in tests/unit/doctor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_USAGE, CameradError
from camerad.cli import doctor as command
from camerad.cli import main
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.runner import Examination
from tests.unit.cli.conftest import Desk

FINE = CheckResult(
    "uptime", FindingId.UPTIME, {"seconds": 60, "count": 0, "hours": 0, "minutes": 1}
)
DARK = CheckResult("camera", FindingId.CAMERA_BLACK, {"luma": 16})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    """What an examination finds, in place of one."""
    findings = [FINE]

    async def run(self: Examination) -> AsyncIterator[CheckResult]:
        for finding in findings:
            self.begins(finding.check, 1, len(findings))
            yield finding

    monkeypatch.setattr(Examination, "run", run)
    return findings


@pytest.mark.usefixtures("found")
def test_where_all_is_well_it_says_so_and_ends_with_nothing(desk: Desk) -> None:
    said = desk("doctor", "--language", "de")
    assert said.code == 0
    assert "Laufzeit" in said.out
    assert said.out.endswith("\n1 in Ordnung, 0 Warnungen, 0 Fehler, 0 nicht geprüft\n")
    assert said.err == ""


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("variables", "german"),
    [
        ({"LANG": "de"}, True),
        ({"LANG": "de_AT.UTF-8@euro"}, True),
        ({"LC_ALL": "", "LC_MESSAGES": "de_DE", "LANG": "en_GB.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "den_NO"}, False),
        ({"LANG": "xx/../de"}, False),
        ({}, False),
    ],
)
def test_the_computer_s_language_need_not_be_installed_on_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], german: bool
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("Laufzeit" in desk("doctor").out) is german


def test_what_failed_is_told_with_its_cure_and_by_the_exit_code(
    desk: Desk, found: list[CheckResult]
) -> None:
    found.append(DARK)
    said = desk("doctor", "--language", "en")
    assert said.code == 1
    assert "fix: Remove the cover" in said.out


def test_json_is_one_object_and_nothing_else(desk: Desk, found: list[CheckResult]) -> None:
    found.append(DARK)
    said = desk("doctor", "--json")
    assert (said.code, said.json["exit_code"]) == (1, 1)
    assert [one["finding"] for one in said.json["results"]] == ["uptime", "camera_black"]
    assert said.err == ""


@pytest.mark.usefixtures("found")
def test_a_report_is_saved_in_a_file_that_was_not_there(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    said = desk("doctor", "--save", path, "--language", "en")
    assert said.code == 0
    assert f"saved in {path}" in said.out
    assert json.loads(path.read_text().splitlines()[-1])["counts"]["ok"] == 1
    before = path.read_bytes()
    again = desk("doctor", "--save", path)
    assert again.code == EX_CANTCREAT
    assert "not overwritten" in again.err
    assert path.read_bytes() == before
    assert desk("doctor", "--save", tmp_path / "no" / "where").code == EX_CANTCREAT


def test_a_report_that_came_to_nothing_leaves_no_file(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "camerad.cli.doctor", None)
    said = desk("doctor", "--save", tmp_path / "report.txt")
    assert said.code == EX_CONFIG
    assert "which only a camera has" in said.err
    assert not (tmp_path / "report.txt").exists()


def test_what_went_wrong_is_said_although_the_report_s_file_is_gone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.txt"

    async def fail(*_: object) -> None:
        path.unlink()
        raise CameradError("no camera answers")

    monkeypatch.setattr(command, "_examine", fail)
    said = desk("doctor", "--save", path)
    assert said.code != 0 and "no camera answers" in said.err


@pytest.mark.usefixtures("found")
def test_colour_and_progress_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main.main(["doctor", "--language", "en"]) == 0
    said = capsys.readouterr()
    assert "\x1b[32mok" in said.out
    assert "[1/1] since boot" in said.err
    assert said.err.endswith("\r\x1b[K")
    monkeypatch.setenv("NO_COLOR", "1")
    main.main(["doctor", "--language", "en"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("chosen", ["camera,teeth", "", " , "])
def test_a_check_that_does_not_exist_is_refused_with_those_that_do(desk: Desk, chosen: str) -> None:
    said = desk("doctor", "--only", chosen)
    assert said.code == EX_USAGE
    assert "microphone" in said.err


def test_with_a_wrong_configuration_everything_else_is_untested(desk: Desk, tmp_path: Path) -> None:
    config = tmp_path / "camerad.yaml"
    config.write_text("policy: atlantis\n")
    said = desk("doctor", "--config", config, "--json", "--language", "en")
    results = {one["check"]: one for one in said.json["results"]}
    assert (said.code, said.json["device"]) == (1, None)
    assert results["configuration"]["finding"] == "configuration_wrong"
    assert f"camerad config check {config}" in results["configuration"]["cure"]
    assert results["uptime"]["status"] == "ok"
    others = {
        one["status"] for name, one in results.items() if name not in ("uptime", "configuration")
    }
    assert others == {"not_tested"}


def test_chosen_checks_are_made_and_no_others(desk: Desk, tmp_path: Path) -> None:
    config = tmp_path / "camerad.yaml"
    state = tmp_path / "state" / "recordings"
    state.mkdir(parents=True)
    device = f"{{state_dir: {tmp_path / 'state'}, runtime_dir: {tmp_path}}}"
    config.write_text(f"policy: generic\ndevice: {device}\n")
    said = desk(
        "doctor", "--config", config, "--only", "recipients,uptime,key,ledger,clock", "--json"
    )
    assert [one["finding"] for one in said.json["results"]] == [
        "configuration_ok",
        "daemon_stopped",
        "recipients_none",
        "key_none",
        "ledger_none",
        "clock_unknown"
        if not os.path.exists("/run/systemd/timesync/synchronized")
        else "clock_synchronised",
        "uptime",
    ]
