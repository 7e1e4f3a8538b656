"""The desk's commands on a computer that has only the base package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, Camera, office

from camerad.base.errors import (
    EX_CANTCREAT,
    EX_CONFIG,
    EX_IOERR,
    EX_NOPERM,
    EX_SOFTWARE,
    EX_TEMPFAIL,
    EX_UNAVAILABLE,
    EX_USAGE,
)
from camerad.cli import console, main

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
BROUGHT = {"PIL", "libcamera", "videodev2"}
"""What the system and picamera2 bring to a camera."""
OFFICE_ONLY = {"boto3", "botocore", "mypy_boto3_s3", "urllib3"}
"""What replicas in a bucket need, and its types: boto3, of the extra `office`, brings it."""
DEVICE_ONLY = ("aiohttp", "av", "cv2", "gpiozero", "libcamera", "numpy", "picamera2", "pykms")

SCRIPT = """
import sys
for name in {absent!r}:
    sys.modules[name] = None
from camerad.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("action", ["list", "show", "verify", "open", "export", "hold", "purge"])
def test_no_camera_library_is_needed(tmp_path: Path, action: str) -> None:
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    camera.offload(tmp_path / "office")
    key, private = tmp_path / "cam.pem", tmp_path / "office.key"
    key.write_text(KEY.public.pem)
    private.write_text(f"{office()}\n")
    opening = [ONE, "--key", str(key), "--identity", str(private)]
    more = {
        "list": [],
        "show": [ONE],
        "verify": ["--key", str(key)],
        "open": opening,
        "export": [*opening, "--who", "Desk"],
        "hold": [ONE, "--reason", "Anzeige", "--who", "Desk"],
        "purge": ["--key", str(key), "--trust-clock"],
    }[action]
    done = subprocess.run(
        [
            *(sys.executable, "-c", SCRIPT.format(absent=DEVICE_ONLY)),
            *("evidence", action, *more, "--state", str(tmp_path / "office")),
        ],
        cwd=tmp_path,
        env={"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_cameras_are_set_up_without_any_camera_library(tmp_path: Path) -> None:
    recipient = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
    new = ["--device", "camera-07", "--policy", "generic", "--recipient", recipient]
    for command in (
        ["new", *new, "--output", "07"],
        ["sign", "07/camerad-provision.yaml"],
        ["check", "07/camerad-provision.yaml"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(absent=DEVICE_ONLY), "provision", *command],
            cwd=tmp_path,
            env={"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class _Terminal:
    """Standard error, as it is at a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal
        self.written = ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None: ...


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    stderr = _Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    with console.ProgressBar("verify") as bar:
        bar.set_done(1 << 20, 2 << 20)
        bar.set_label("more")
        bar.advance(1 << 20)
    assert ("more" in stderr.written) is terminal
    assert ("2.00M" in stderr.written) is terminal


CODES = (
    *range(4),
    *(EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE, EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL),
    *(EX_NOPERM, EX_CONFIG),
)
DOCUMENT = Path(__file__).parents[3] / "docs" / "evidence-format.md"


def test_the_help_names_every_exit_code_once(capsys: pytest.CaptureFixture[str]) -> None:
    def help_of(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main.main(["evidence", *words, "--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    for action in ("list", "show", "verify", "open", "export", "hold", "release", "purge"):
        assert "camerad evidence --help" in help_of(action)
    said = help_of()
    missing = [code for code in CODES if not re.search(rf"^ +{code}  |, {code} ", said, re.M)]
    assert not missing


def test_the_format_names_every_verdict() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [code for code in range(4) if f"\n| {code} | " not in text]


def test_all_that_camerad_imports_comes_with_it_or_is_a_camera_s() -> None:
    """What README installs at a desk, docs/office.md for the server, and `make run`: no command
    wants more than that."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    called = {
        "http-message-signatures": "http_message_signatures",
        "opencv-python-headless": "cv2",
        "pyyaml": "yaml",
        "rfc3161-client>=1.0.6": "rfc3161_client",
        "sqlalchemy": "sqlalchemy",
    }
    extras = project["optional-dependencies"]
    declared = {
        called.get(name.lower(), name)
        for extra in (project["dependencies"], *map(extras.get, ("device", "office", "pdf")))
        for name in extra
    }
    declared |= OFFICE_ONLY
    imported = {
        module.partition(".")[0]
        for path in (ROOT / "camerad").rglob("*.py")
        for module in re.findall(r"(?m)^ *(?:import|from) ([\w.]+)(?: import|$)", path.read_text())
    }
    assert imported - declared - set(sys.stdlib_module_names) - {"camerad"} == BROUGHT
    assert "segno" in project["dependencies"]


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{one.name}" for one in DOCUMENTS)])
def test_every_extra_that_is_named_is_there(page: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"(?:camerad|\.)\[(\w+)\]", (ROOT / page).read_text())
    assert set(named) <= set(extras["optional-dependencies"])
