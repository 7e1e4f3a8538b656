"""What the version before has made opens, verifies, is repaired and expires with this one.

`tests/fixtures/version-0.1.tar.xz` was made by camerad 0.1 on the simulated board: a camera whose
power failed while it recorded (`device/`), the office that had taken four recordings over and holds
one (`office/`), and what a camera was told by its first and its next file (`provisioned/`, `boot/`,
`next/`).
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import DAY, ClockSource, ManualClock, Moment
from camerad.cli.main import main
from camerad.container.keys import SigningKey
from camerad.store.recovery import RepairOutcome, repair

FIXTURE = Path(__file__).parents[1] / "fixtures" / "version-0.1.tar.xz"
DEMO_KEY = Path(__file__).parents[2] / "hw-mocks" / "demo-office.txt"
MADE_US = 1_795_859_600_000_000
"""Wall time at which it was made, 2026-11-28, in microseconds."""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What the version before has left."""
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "office.pem").chmod(0o600)
    (tmp_path / "device/identity.pem").chmod(0o600)
    return tmp_path


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the computer's clock so many days after that."""

    def pass_(days: int) -> None:
        moment = Moment(DAY, MADE_US + days * DAY, ClockSource.SYNCHRONISED)
        monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: moment)

    return pass_


@pytest.fixture
def said(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, Any]]:
    """What a command says as JSON, with its exit code."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made / "config"))
    monkeypatch.setattr("camerad.base.process.forbid_dumps", lambda: None)

    def run(*arguments: object) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        out = capsys.readouterr().out
        return code, json.loads(out) if out.startswith(("{", "[")) else out

    return run


def test_its_recordings_verify_as_they_did(
    made: Path, said: Callable[..., tuple[int, Any]]
) -> None:
    key = ("--key", made / "device.pem", "--office-key", made / "office.pem")
    code, found = said("evidence", "verify", made / "office", *key, "--json")
    # One has the gap of a stalled camera, one was recovered after the daemon was killed.
    verdicts = sorted(report["verdict"] for report in found["recordings"])
    assert (code, len(verdicts)) == (1, 4)
    damage = [one for one in found["differences"] if one["severity"] == "not authentic"]
    assert damage == []


def test_its_recordings_open(made: Path, said: Callable[..., tuple[int, Any]]) -> None:
    for path in sorted(made.glob("office/cam-7-*/recordings/*.tar")):
        target = made / f"{path.stem}.mp4"
        key = ("--key", made / "device.pem", "--identity", DEMO_KEY)
        code, _ = said("evidence", "open", path, *key, "--output", target)
        assert code in {0, 1}, path
        assert target.read_bytes()[4:8] == b"ftyp"


def test_what_a_loss_of_power_cut_off_is_repaired(made: Path) -> None:
    recordings = sorted((made / "device/recordings").glob("*.tar"))
    key = SigningKey.from_pem((made / "device/identity.pem").read_bytes())
    outcomes = [repair(str(path), key, ManualClock()).outcome for path in recordings]
    assert outcomes == [RepairOutcome.WHOLE] * 4 + [RepairOutcome.RECOVERED]


def test_all_that_is_not_held_expires(
    made: Path, said: Callable[..., tuple[int, Any]], days_later: Callable[[int], None]
) -> None:
    office = made / "office"
    keys = ("--key", made / "device.pem", "--office-key", made / "office.pem")
    held = next(line for line in said("evidence", "list", office, "--json")[1] if line.get("held"))[
        "id"
    ]
    days_later(400)  # no policy keeps a recording that is not held for longer than 366 days
    said("evidence", "purge", office, *keys)
    left = [path.stem for path in office.glob("cam-7-*/recordings/*.tar")]
    assert left == [held]


def test_a_camera_that_it_set_up_takes_its_office_s_next_file(
    made: Path, said: Callable[..., tuple[int, Any]]
) -> None:
    state = made / "device"
    for one in (made / "next").iterdir():
        shutil.copy(one, made / "boot")
    places = ("--boot", made / "boot", "--data", made / "provisioned", "--state", state)
    code, _ = said("provision", "apply", *places)
    assert code == 0, (made / "boot/camerad-report.txt").read_text()
    assert "bundespolizei" in (made / "provisioned/camerad.yaml").read_text()
