"""The command line: one clear message, one exit code, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad import __version__
from camerad.base.errors import (
    EX_CONFIG,
    EX_IOERR,
    EX_NOPERM,
    EX_SOFTWARE,
    EX_TEMPFAIL,
    EX_UNAVAILABLE,
    EX_USAGE,
    ControlError,
)
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.cli import camera, main, terminal
from camerad.control.client import request
from tests.unit.answering import Answering, served

STATUS = {
    "stage": "recording",
    "ready": False,
    "muted": True,
    "conditions": ["storage_low"],
    "recording": {"id": "R1", "seconds": 12.34, "trigger": "button:main"},
    "pre_event_seconds": 9.5,
    "policy": "generic",
    "storage": {"free_bytes": 5_000_000_000, "minutes_left": 92.4},
    "battery": {"percent": 61, "minutes_left": 88, "docked": True},
    "clock": "synchronised",
    "shift": {"wearer": "W-0815", "since_us": 0, "until_us": 1, "source": "badge"},
    "handover": {"state": "handing_over", "done": 12, "total": 30, "trouble": None},
    "expiring": ["R0"],
}


class _Handler(Answering):
    def get(self) -> None:
        self.answer(200, STATUS)

    def post(self) -> None:
        if self.path == "/intents/record":
            self.answer(409, {"refused": "camera_down"})
        else:
            self.answer(202, STATUS)


class _IdleHandler(_Handler):
    def get(self) -> None:
        self.answer(200, STATUS | {"stage": "idle", "recording": None, "muted": False})


class _ForbiddingHandler(_Handler):
    def get(self) -> None:
        self.answer(403, {"error": "this user may not read here"})


@contextlib.contextmanager
def listening(path: Path, handler: type[_Handler]) -> Iterator[str]:
    with served(socketserver.UnixStreamServer(str(path), handler)):
        yield str(path)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[str]:
    with listening(tmp_path / "control.sock", _Handler) as path:
        yield path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["version"]) == 0
    assert capsys.readouterr().out == f"camerad {__version__}\n"
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"camerad {__version__}\n")


def test_the_manual_and_the_completion_name_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main.main(["manual"]) == 0
    page = capsys.readouterr().out
    for words in ("camerad office backup restore", "camerad evidence verify", "camerad doctor"):
        assert f".SS {words}\n" in page
    assert "%(" not in page and ".B \\-\\-with\\-recordings" in page
    if shutil.which("groff") is not None:
        shown = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww"], input=page.encode(), capture_output=True, check=True
        )
        assert (shown.stderr, b"backup restore" in shown.stdout) == (b"", True)
    assert main.main(["completion"]) == 0
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    for typed, offered in (
        ("camerad off", "office offload"),
        ("camerad office backup ", "make check restore --help"),
        ("camerad office backup make /x --with", "--with-recordings"),
        ("camerad evidence verify --j", "--jobs --json"),
        ("camerad press mar", "mark"),
    ):
        words = typed.split(" ")
        ask = (
            f". {tmp_path}/completion; COMP_WORDS=({' '.join(repr(one) for one in words)}); "
            f'COMP_CWORD={len(words) - 1}; _camerad; echo "${{COMPREPLY[@]}}"'
        )
        said = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        assert set(said.stdout.split()) == set(offered.split()), (typed, said.stderr)


def test_status_for_people_and_for_programs(
    daemon: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["status", "--socket", daemon]) == 0
    out = capsys.readouterr().out
    for part in (
        "recording (not ready)",
        "R1, 12.3 s, muted",
        "storage_low",
        "generic",
    ):
        assert part in out
    assert "shift       W-0815" in out
    for part in ("92 minutes", "61 %, 88 minutes", "docked", "synchronised", "R0 is flagged"):
        assert part in out
    assert "handover    12 of 30 handed over" in out
    assert main.main(["status", "--json", "--socket", daemon]) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_what_is_held_from_before_a_press_is_said_until_something_is_recorded(
    daemon: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(tmp_path / "idle.sock", _IdleHandler) as idle:
        assert main.main(["status", "--socket", idle]) == 0
    assert "pre-event   9.5 s held\n" in capsys.readouterr().out
    assert main.main(["status", "--socket", daemon]) == 0
    assert "pre-event" not in capsys.readouterr().out


def test_who_may_not_read_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(tmp_path / "closed.sock", _ForbiddingHandler) as closed:
        for more in ((), ("--json",)):
            assert main.main(["status", *more, "--socket", closed]) == EX_NOPERM
            said = capsys.readouterr()
            assert said.out == ""
            assert said.err == (
                "camerad: the camera does not tell its status: this user may not read here\n"
            )


def test_whose_socket_it_is_is_told_to_who_may_not_open_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_self: object, path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert main.main(["status", "--socket", "/run/camerad/control.sock"]) == EX_NOPERM
    assert "join the group that owns it" in capsys.readouterr().err


def test_press_says_the_stage_it_led_to(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["press", "escalate", "--socket", daemon]) == 0
    assert capsys.readouterr().out == "recording\n"


def test_a_refused_press_says_why(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["press", "record", "--socket", daemon]) == EX_TEMPFAIL
    assert capsys.readouterr().err == (
        "camerad: record was refused: camera_down; 'camerad status' shows what holds\n"
    )


def test_no_daemon_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["status", "--socket", str(tmp_path / "none")]) == EX_UNAVAILABLE
    err = capsys.readouterr().err
    assert err.startswith(f"camerad: no daemon listens at {tmp_path / 'none'}: ")
    assert "--socket" in err
    assert err.count("\n") == 1


def test_a_socket_that_a_killed_daemon_left_is_no_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(left))
    assert main.main(["status", "--socket", str(left)]) == EX_UNAVAILABLE
    assert f"no daemon listens at {left}" in capsys.readouterr().err


def test_something_else_at_the_socket_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Other(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example ESMTP\r\n")

    path = str(tmp_path / "other.sock")
    with served(socketserver.UnixStreamServer(path, Other)):
        assert main.main(["status", "--socket", path]) == EX_UNAVAILABLE
    err = capsys.readouterr().err
    assert f"what listens at {path} does not answer as a camera's daemon does" in err
    assert err.count("\n") == 1


def test_a_daemon_that_hangs_is_said_with_how_long_it_was_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "s"))
        hanging.listen()
        with pytest.raises(ControlError, match=r"did not answer within 0\.05 s: .*journalctl"):
            request(str(tmp_path / "s"), "GET", "/status", timeout=0.05)


@pytest.mark.parametrize("line", [[], ["fly"], ["press", "fly"], ["config"], ["run", "--speed"]])
def test_a_wrong_command_line_is_a_usage_error(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(line)
    assert caught.value.code == EX_USAGE
    assert "usage: camerad" in capsys.readouterr().err


def test_config_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = Path(__file__).parents[3] / "config" / "camerad.yaml"
    assert main.main(["config", "check", str(shipped)]) == 0
    in_order, without = capsys.readouterr().out.splitlines()
    assert in_order == f"{shipped}: in order"
    assert without.startswith(f"{shipped}: no recipients, so the camera will not record")
    good = tmp_path / "good.yaml"
    good.write_text(
        "policy: generic\n"
        "recipients: [age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57]\n"
    )
    assert main.main(["config", "check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: in order\n"
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: atlantis\ncamera: {fps: fast}\ncolour: red\n")
    assert main.main(["config", "check", str(bad)]) == EX_CONFIG
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{bad}:") for line in lines)


def test_run_with_a_bad_configuration_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run", "--config", str(tmp_path / "none.yaml")]) == EX_CONFIG
    assert "none.yaml" in capsys.readouterr().err


def test_an_office_machine_is_told_that_it_cannot_run_a_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "camerad.daemon.early_start", None)
    good = Path(__file__).parents[3] / "config" / "camerad.yaml"
    assert main.main(["run", "--config", str(good)]) == EX_CONFIG
    assert "which only a camera has" in capsys.readouterr().err


def test_a_mistake_of_ours_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("surprise\x1b[2J")

    monkeypatch.setattr(camera, "status", fail)
    assert main.main(["status"]) == EX_SOFTWARE
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("camerad: ValueError: this is a mistake in camerad")
    assert "Traceback" in said
    assert "surprise\\x1b[2J" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/a/b"), "/a/b: cannot go on: Permission denied"),
        (OSError(28, "No space left on device", "standard output"), "standard output: No space"),
        (OSError(24, "Too many open files"), "Too many open files (in test_main.py:"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(camera, "status", fail)
    assert main.main(["status"]) == EX_IOERR
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_an_interrupt_that_became_another_error_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """numpy says ImportError when its import is interrupted."""

    def fail(*_: object, **__: object) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr(camera, "status", fail)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main.main(["status"], interrupts=terminal.Interrupts()) == 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""


def test_output_that_nobody_read_is_no_verdict() -> None:
    """Exit code 0 would be that of an authentic recording."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "camerad", "version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_an_error_is_one_line_whatever_is_named_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a\ncamerad: all is well\x1b[2J")
    assert main.main(["evidence", "show", path]) == 3
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


def test_what_status_says_of_handing_over_stands_in_the_documents() -> None:
    """Whoever looks there searches for the words that were just read."""
    table = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert set(camera.HANDOVER_TROUBLES) == {one.value for one in HandoverTrouble}
    for trouble, words in camera.HANDOVER_TROUBLES.items():
        assert f"| {words} (`{trouble}`) |" in table
        failed = {"state": "failed", "done": 0, "total": 1, "trouble": trouble}
        said = camera.format_handover(failed)
        assert said == f"does not work: {words}; see 'sudo camerad doctor --only office'"
