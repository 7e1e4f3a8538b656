"""The pin library gets a place for its FIFO, and what keeps it from being loaded is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from camerad.hardware import pins

# As lgpio does when it is imported (lg 0.2.2, lgNotify.c).
LGPIO = """
import os
os.mkfifo(os.path.join(os.environ.get("LG_WD") or ".", ".lgd-nfy0"))
"""
OPENED = """
import gpiozero
from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.hardware.buttons import Buttons, ButtonLine
try:
    Buttons((ButtonLine("main", 17),), print, SystemClock())
except CameradError as error:
    print(error)
"""


def opened(tmp_path: Path, **variables: str) -> str:
    """What is said where buttons are to be opened with that library, in a directory that nobody may
    write: the kernel's own."""
    (tmp_path / "lgpio.py").write_text(LGPIO)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    known = {"GPIOZERO_PIN_FACTORY", pins.PLACE_VARIABLE, pins.RUNTIME_VARIABLE}
    rest = {name: value for name, value in os.environ.items() if name not in known}
    done = subprocess.run(
        [sys.executable, "-c", OPENED],
        cwd="/proc/self/fdinfo",
        env={**rest, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_the_library_makes_its_fifo_in_the_services_own_directory(tmp_path: Path) -> None:
    said = opened(tmp_path, RUNTIME_DIRECTORY=f"{tmp_path}:/elsewhere")
    assert (tmp_path / ".lgd-nfy0").is_fifo()
    assert "lgpio, the GPIO library, finds no GPIO chip" in said


def test_a_place_that_was_named_is_kept(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    opened(tmp_path, LG_WD=str(named), RUNTIME_DIRECTORY=str(tmp_path))
    assert (named / ".lgd-nfy0").is_fifo()
    assert not (tmp_path / ".lgd-nfy0").exists()


def test_what_keeps_the_library_from_being_loaded_is_said(tmp_path: Path) -> None:
    said = opened(tmp_path, LG_WD=str(tmp_path / "none"))
    assert "lgpio, the GPIO library, cannot be loaded: " in said
    assert "LG_WD" in said


@pytest.mark.parametrize("writable", [True, False])
def test_without_a_service_it_is_roots_place_or_one_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writable: bool
) -> None:
    monkeypatch.setattr("os.environ", {})
    monkeypatch.setattr(pins, "_ROOTS_PLACE", str(tmp_path if writable else tmp_path / "none"))
    monkeypatch.setattr("tempfile.tempdir", "/elsewhere")
    pins.set_fifo_directory()
    assert os.environ[pins.PLACE_VARIABLE] == (str(tmp_path) if writable else "/elsewhere")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("raise ImportError", "install python3-lgpio"),
        ("raise OSError('no room')", "cannot be loaded: no room"),
        ("", "finds no GPIO chip"),
    ],
)
def test_each_reason_has_its_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, said: str
) -> None:
    (tmp_path / "lgpio.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    assert said in pins.explain_missing_library()
    sys.modules.pop("lgpio", None)
