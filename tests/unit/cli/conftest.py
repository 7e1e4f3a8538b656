"""A device and an office for the commands of the evidence desk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# The recordings that the unit tests of evidence make.
from desk_helpers import KEY, ONE, TWO, Camera, office
from sealed_helpers import WALL_US

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.cli import main
from camerad.store.locations import Holding, place_of


@dataclass(frozen=True)
class Said:
    """What a command said. code: its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Desk = Callable[..., Said]


def set_clock(monkeypatch: pytest.MonkeyPatch, days: int = 0) -> None:
    """The office's computer knows the time: an hour, and so many days, after the recordings."""
    wall_us = WALL_US + DAY // 24 + days * DAY
    now = Moment((days + 1) * DAY, wall_us, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch)


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """Runs `camerad` with these arguments, as a user who has no settings yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CAMERAD_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CAMERAD_SOCKET", str(tmp_path / "control.sock"))
    monkeypatch.setattr("camerad.config.policies.ETC", tmp_path / "etc")
    monkeypatch.setattr("camerad.base.process.forbid_dumps", lambda: None)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        try:
            code = main.main(
                [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments]
            )
        except SystemExit as error:
            code = int(error.code or 0)
        found = capsys.readouterr()
        return Said(code, found.out, found.err)

    return run


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The device's public key, from where it was enrolled."""
    path = tmp_path / "cam.pem"
    path.write_text(KEY.public.pem)
    return path


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The office's private key."""
    path = tmp_path / "office.key"
    path.write_text(f"{office()}\n")
    return path


@pytest.fixture
def archive(camera: Camera, tmp_path: Path) -> Path:
    """An office's directory with one recording."""
    camera.put(ONE, marks=(SECOND // 2,))
    camera.offload(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def known_archive(camera: Camera, tmp_path: Path, desk: Desk, key: Path) -> Path:
    """An office's directory with two recordings of one camera, which its ledger knows."""
    camera.put(ONE)
    camera.put(TWO)
    camera.offload(tmp_path / "archive")
    assert desk("evidence", "purge", tmp_path / "archive", "--key", key).code == 0
    return tmp_path / "archive"


@pytest.fixture
def holding(archive: Path) -> Holding:
    (found,) = place_of(str(archive)).holdings
    return found


@pytest.fixture
def verified(desk: Desk, key: Path) -> Callable[..., Said]:
    def run(what: object, *more: object) -> Said:
        return desk("evidence", "verify", what, "--key", key, *more)

    return run
