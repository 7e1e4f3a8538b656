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
from desk_helpers import KEY, ONE, Camera, office

from camerad.base.clock import SECOND
from camerad.cli import main


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
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path / "state")


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
