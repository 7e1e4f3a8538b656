"""A device and an office for the commands of the evidence desk."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from camerad import cli

# The recordings that the unit tests of evidence make.
sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))


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
    monkeypatch.setattr("camerad.process.forbid_dumps", lambda: None)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        try:
            code = cli.main(
                [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments]
            )
        except SystemExit as error:
            code = int(error.code or 0)
        found = capsys.readouterr()
        return Said(code, found.out, found.err)

    return run
