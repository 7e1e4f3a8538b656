"""`camerad update`: what units, RAUC and technicians call."""

from __future__ import annotations

import json
import os
import re
import shutil
import socketserver
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camerad.base.errors import (
    EX_CONFIG,
    EX_IOERR,
    EX_REBOOT,
    EX_SOFTWARE,
    EX_TEMPFAIL,
    EX_USAGE,
    StorageError,
)
from camerad.behaviour.update import CameraStatus, UpdatePhase
from camerad.cli import main, update
from camerad.update import image_version
from camerad.update.errors import UpdateNotNowError
from camerad.update.updater import Updater
from camerad_image import updates
from tests.unit.answering import Answering, served
from tests.unit.cli.conftest import Desk
from tests.unit.update.scene import NEW, Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The system whose commands run is the one that is installed in a test."""
    release = {"IMAGE_VERSION": NEW}
    monkeypatch.setattr(image_version.platform, "freedesktop_os_release", lambda: release)
    made = Scene(tmp_path)
    (tmp_path / "system.conf").write_text(updates.system_conf("camerad-debian-all"))
    (tmp_path / "cmdline").write_text("rauc.slot=A")
    return made


def places(scene: Scene) -> list[object]:
    root = scene.root
    return [
        *("--boot", root / "boot", "--data", root / "data"),
        *("--conf", root / "system.conf", "--cmdline", root / "cmdline"),
    ]


class Status(Answering):
    """Answers as the daemon does to GET /status."""

    def get(self) -> None:
        self.answer(200, {"stage": "idle", "conditions": ["docked"]})


@pytest.fixture
def socket(scene: Scene) -> Iterator[Path]:
    """A daemon's, in its dock."""
    path = scene.root / "control.sock"
    with served(socketserver.ThreadingUnixStreamServer(str(path), Status)):
        yield path


def doctor(folder: Path, *failing: tuple[str, str], out: str | None = None) -> Path:
    """A program that reports these failing, or prints `out`."""
    results = [{"check": "clock", "finding": "clock_rtc", "status": "warn"}]
    results += [{"check": check, "finding": what, "status": "fail"} for check, what in failing]
    report = "for people\n" + json.dumps({"results": results}) if out is None else out
    path = folder / "doctor"
    path.write_text(f"#!/bin/sh\ncat <<'REPORT'\n{report}\nREPORT\nexit 1\n")
    path.chmod(0o755)
    return path


def test_a_trial_from_its_beginning_to_its_end(scene: Scene, socket: Path, desk: Desk) -> None:
    where = places(scene)
    scene.install()
    assert desk("update", "try", *where, "--socket", socket).code == 0
    (scene.root / "cmdline").write_text("ro rauc.slot=B quiet")
    assert desk("update", "boot", *where).out == "trying\n"
    well = ["--doctor", doctor(scene.root)]
    said = desk("update", "confirm", *where, "--socket", socket, *well)
    assert (said.code, said.out) == (0, "confirmed\n")
    assert scene.card.primary == "B"
    # Afterwards there is nothing to confirm, in either slot.
    assert desk("update", "confirm", *where, "--socket", socket).code == 0
    # The card's FAT partition is not mounted when somebody asks.
    shutil.rmtree(scene.root / "boot")
    assert f"update to {NEW} in slot B: confirmed" in desk("update", "status", *where).out


def test_a_trial_that_fails_ends_with_the_code_that_the_unit_reboots_for(
    scene: Scene, socket: Path, desk: Desk
) -> None:
    where = places(scene)
    scene.install()
    desk("update", "try", *where, "--socket", socket)
    (scene.root / "cmdline").write_text("rauc.slot=B")
    desk("update", "boot", *where)
    ill = ["--doctor", doctor(scene.root, ("camera", "camera_dark"))]
    said = desk("update", "confirm", *where, "--socket", socket, *ill)
    assert said.code == EX_REBOOT
    assert "camera: camera_dark" in said.err
    assert scene.card.primary == "A"
    (scene.root / "cmdline").write_text("rauc.slot=A")
    assert desk("update", "boot", *where).out == "fell_back\n"


def crash(_updates: Updater, _slot: str, _version: str, _seconds: float) -> UpdatePhase:
    raise ZeroDivisionError


def unwritable(_updates: Updater, _slot: str, _version: str, _seconds: float) -> UpdatePhase:
    raise StorageError("cannot be written")


@pytest.mark.parametrize(
    ("failure", "code"), [(crash, EX_SOFTWARE), (unwritable, EX_IOERR)], ids=["crash", "storage"]
)
def test_a_command_that_fails_in_a_trial_fails_the_trial_and_outside_of_one_reboots_nothing(
    scene: Scene,
    socket: Path,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    failure: Callable[[Updater, str, str, float], UpdatePhase],
    code: int,
) -> None:
    where = [*places(scene), "--socket", socket]
    scene.install()
    monkeypatch.setattr(Updater, "confirm_trial", failure)
    assert desk("update", "confirm", *where).code == code, "slot A starts by default"
    (scene.root / "cmdline").write_text("rauc.slot=B")
    said = desk("update", "confirm", *where)
    assert said.code == EX_REBOOT
    assert "the system on trial cannot be judged" in said.err
    # Which slot starts by default cannot be told.
    shutil.rmtree(scene.root / "boot")
    assert desk("update", "confirm", *where).code == code


def test_a_trial_that_fails_while_somebody_uses_the_camera_ends_with_a_code_that_reboots_nothing(
    scene: Scene, socket: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(_updates: Updater, _slot: str, _version: str, _seconds: float) -> UpdatePhase:
        raise UpdateNotNowError("the camera does not start anew now")

    scene.install()
    monkeypatch.setattr(Updater, "confirm_trial", used)
    (scene.root / "cmdline").write_text("rauc.slot=B")
    said = desk("update", "confirm", *places(scene), "--socket", socket)
    assert (said.code, "does not start anew now" in said.err) == (EX_TEMPFAIL, True)


def test_the_unit_reboots_for_a_failed_trial_and_for_nothing_else_that_the_command_says() -> None:
    unit = Path(updates.__file__).parents[1] / "files/etc/systemd/system"
    text = (unit / "camerad-update-confirm.service").read_text()
    (line,) = (one for one in text.splitlines() if one.startswith("SuccessExitStatus="))
    codes = {int(code) for code in line.removeprefix("SuccessExitStatus=").split()}
    assert EX_REBOOT not in codes
    assert {EX_USAGE, EX_IOERR, EX_TEMPFAIL, EX_CONFIG} <= codes


def test_without_a_daemon_nothing_is_tried(scene: Scene, desk: Desk) -> None:
    scene.install()
    said = desk("update", "try", *places(scene), "--socket", scene.root / "none")
    assert said.code == EX_TEMPFAIL
    assert "its daemon does not answer" in said.err


def test_rauc_is_answered_with_a_word_or_told_why_not(scene: Scene, desk: Desk) -> None:
    where = places(scene)
    assert desk("update", "slot", *where, "get-primary").out == "A\n"
    assert desk("update", "slot", *where, "get-state", "B").out == "bad\n"
    said = desk("update", "slot", *where, "set-primary", "B")
    assert (said.code, said.out) == (EX_IOERR, "")
    assert "camerad update install" in said.err
    assert desk("update", "slot", *where, "set-state", "A", "good").out == ""


def test_an_installation_has_a_bus_and_mounts_of_its_own(
    scene: Scene, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def execvp(program: str, words: list[str]) -> None:
        assert program == words[0]
        started.append(words)
        raise SystemExit(0)

    monkeypatch.delenv(update.BUS, raising=False)
    monkeypatch.setattr(os, "execvp", execvp)
    monkeypatch.setattr(sys, "argv", ["camerad", "update", "install", "x.raucb"])
    desk("update", "install", "x.raucb", *places(scene))
    (words,) = started
    assert words[:5] == ["unshare", "--mount", "--", "dbus-run-session", "--"]
    assert words[-4:] == ["camerad", "update", "install", "x.raucb"]


def test_a_bundle_that_is_not_there_is_refused(
    scene: Scene, socket: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(update.BUS, "unix:path=/nowhere")
    said = desk("update", "install", "x.raucb", *places(scene), "--socket", socket)
    assert said.code == EX_CONFIG
    assert "no such file" in said.err


def test_what_the_daemon_says_is_all_that_counts(socket: Path, tmp_path: Path) -> None:
    assert update.ask_camera(str(socket)) == CameraStatus("idle", ("docked",))
    assert update.ask_camera(str(tmp_path / "none")) is None


@pytest.mark.parametrize("out", ["", "{}", "[]", "for people", '{"results": [{}]}'])
def test_a_doctor_without_a_report_has_examined_nothing_and_the_log_says_why(
    tmp_path: Path, out: str, caplog: pytest.LogCaptureFixture
) -> None:
    program = doctor(tmp_path, out=out)
    assert update.run_doctor(str(program)) is None
    assert f"{program}: there is no report of the doctor: " in caplog.text
    assert update.run_doctor(str(tmp_path / "none")) is None
    assert "FileNotFoundError" in caplog.text


def test_what_fails_is_told_by_names_that_do_not_change(tmp_path: Path) -> None:
    program = doctor(tmp_path, ("display", "display_dark"))
    assert update.run_doctor(str(program)) == ("display: display_dark",)


def test_the_doctor_s_unit_leaves_its_report_where_the_program_looks() -> None:
    files = Path(updates.__file__).parents[1] / "files"
    doctor = main.make_parser().parse_args(["update", "try"]).doctor
    program = files / doctor.lstrip("/")
    assert os.access(program, os.X_OK)
    unit = (files / "etc/systemd/system/camerad-update-doctor.service").read_text()
    (report,) = re.findall(r"(?m)^ExecStart=-.* doctor .*--save (\S+)$", unit)
    assert f"cat {report}" in program.read_text()
    assert "User=camerad\n" in unit, "as the daemon's own; another one finds other things"
    assert f"RuntimeDirectory={Path(report).parent.name}\n" in unit
