"""What a running camera answers to `camerad status`, `press`, `metrics` and `shift`, and badges."""

from __future__ import annotations

import json
import socket
import socketserver
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import (
    EX_CANTCREAT,
    EX_NOPERM,
    EX_TEMPFAIL,
    EX_UNAVAILABLE,
    EX_USAGE,
    ControlError,
)
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.cli import camera
from camerad.control.client import request
from camerad.evidence.badge_drawing import BORDER, draw_badge
from tests.unit.answering import Answering, served

from .conftest import Desk
from .qr_codes import qr_picture, read_qr

STATUS: dict[str, Any] = {
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
PAGE = """\
stage       recording (not ready)
recording   R1, 12.3 s, muted
storage     92 minutes of recording left
battery     61 %, 88 minutes of recording left, docked
clock       synchronised
shift       W-0815
handover    12 of 30 handed over
expiring    R0 is flagged, and will be deleted unless it is held
conditions  storage_low
policy      generic
"""
FORBIDDEN = {"error": "this user may not read here"}
NO_STATUS = "camerad: the camera does not tell its status: this user may not read here\n"
BUSY = "camerad: the shift was not changed: it records\n"
STRANGE = "does not answer as a camera's daemon does"


class Daemon(socketserver.ThreadingUnixStreamServer):
    """A daemon that gives one answer, and keeps what it was asked."""

    daemon_threads = True
    asked: list[tuple[str, Any]]
    answer: tuple[int, bytes]


class Handler(Answering):
    server: Daemon

    def post(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(content or b"null")))
        self.say(*self.server.answer)

    def get(self) -> None:
        self.server.asked.append((self.path, None))
        self.say(*self.server.answer)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    server = Daemon(str(tmp_path / "control.sock"), Handler)
    server.asked = []
    with served(server):
        yield server


@pytest.mark.parametrize(
    ("words", "status", "answer", "code", "said"),
    [
        ("status", 200, STATUS, 0, PAGE),
        ("status --json", 200, STATUS, 0, json.dumps(STATUS) + "\n"),
        ("status", 403, FORBIDDEN, EX_NOPERM, NO_STATUS),
        ("status --json", 403, FORBIDDEN, EX_NOPERM, NO_STATUS),
        ("press escalate", 202, STATUS, 0, "recording\n"),
        (
            *("press record", 409, {"refused": "camera_down"}, EX_TEMPFAIL),
            "camerad: record was refused: camera_down; 'camerad status' shows what holds\n",
        ),
        ("shift start --wearer W-0815", 200, {}, 0, "W-0815 wears the camera now\n"),
        ("shift end", 200, {}, 0, "the camera has no wearer now\n"),
        ("shift end", 409, {"refused": "it records"}, EX_TEMPFAIL, BUSY),
        ("shift end", 429, {"error": "it records"}, EX_TEMPFAIL, BUSY),
        ("shift end", 403, {"error": "it records"}, EX_NOPERM, BUSY),
        ("shift end", 500, {"error": "it records"}, EX_UNAVAILABLE, BUSY),
        ("metrics", 200, b"camerad_ready 1\n", 0, "camerad_ready 1\n"),
        ("metrics", 403, FORBIDDEN, EX_NOPERM, "may not read here"),
        ("metrics", 500, b"[]", EX_UNAVAILABLE, STRANGE),
        ("metrics", 500, b"\xff", EX_UNAVAILABLE, STRANGE),
        ("metrics", 200, b"\xff", EX_UNAVAILABLE, STRANGE),
    ],
)
def test_an_answer_becomes_a_sentence_and_an_exit_code(
    daemon: Daemon, desk: Desk, *, words: str, status: int, answer: Any, code: int, said: str
) -> None:
    daemon.answer = (status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    found = desk(*words.split())
    assert found.code == code
    assert (found.err if code else found.out) == said or said in found.err
    assert (found.out if code else found.err) == ""
    if code:
        assert found.err.count("\n") == 1


def test_each_command_asks_for_its_own(daemon: Daemon, desk: Desk) -> None:
    daemon.answer = (200, b"{}")
    for words in ("shift start --wearer W-0815", "shift end", "metrics", "press mark"):
        desk(*words.split())
    assert daemon.asked == [
        ("/shift", {"wearer": "W-0815"}),
        ("/shift", {"wearer": None}),
        ("/metrics", None),
        ("/intents/mark", None),
    ]


def test_what_is_held_from_before_a_press_is_said_until_something_is_recorded(
    daemon: Daemon, desk: Desk
) -> None:
    idle = STATUS | {"stage": "idle", "recording": None, "muted": False}
    daemon.answer = (200, json.dumps(idle).encode())
    assert "pre-event   9.5 s held\n" in desk("status").out


def test_whose_socket_it_is_is_told_to_who_may_not_open_it(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    def refuse(_self: object, path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    said = desk("status", "--socket", "/run/camerad/control.sock")
    assert (said.code, "join the group that owns it" in said.err) == (EX_NOPERM, True)


@pytest.mark.parametrize("there", ["nothing", "left by a killed daemon", "something else"])
def test_no_daemon_is_one_sentence(desk: Desk, tmp_path: Path, there: str) -> None:
    class Other(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example ESMTP\r\n")

    path, told = str(tmp_path / "s"), f"what listens at {tmp_path}/s {STRANGE}"
    if there == "something else":
        with served(socketserver.UnixStreamServer(path, Other)):
            said = desk("status", "--socket", path)
    else:
        told = f"camerad: no daemon listens at {path}: "
        if there != "nothing":
            with socket.socket(socket.AF_UNIX) as killed:
                killed.bind(path)
        said = desk("status", "--socket", path)
        assert "--socket" in said.err
    assert (said.code, told in said.err, said.err.count("\n")) == (EX_UNAVAILABLE, True, 1)


def test_a_daemon_that_hangs_is_said_with_how_long_it_was_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "s"))
        hanging.listen()
        with pytest.raises(ControlError, match=r"did not answer within 0\.05 s: .*journalctl"):
            request(str(tmp_path / "s"), "GET", "/status", timeout=0.05)


def test_what_status_says_of_handing_over_stands_in_the_documents() -> None:
    """Whoever looks there searches for the words that were just read."""
    table = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert set(camera.HANDOVER_TROUBLES) == {one.value for one in HandoverTrouble}
    for trouble, words in camera.HANDOVER_TROUBLES.items():
        assert f"| {words} (`{trouble}`) |" in table
        failed = {"state": "failed", "done": 0, "total": 1, "trouble": trouble}
        said = camera.format_handover(failed)
        assert said == f"does not work: {words}; see 'sudo camerad doctor --only office'"


# ----------------------------------------------------------------------------------------- badges


def test_an_id_that_no_camera_would_take_is_wrong_usage_and_asks_no_daemon(
    daemon: Daemon, desk: Desk
) -> None:
    said = desk("shift", "start", "--wearer", "W 0815")
    assert (said.code, "1 to 32 letters, digits" in said.err) == (EX_USAGE, True)
    said = desk("shift", "badge", "W\n1")
    assert (said.code, "is no wearer's id" in said.err) == (EX_USAGE, True)
    assert daemon.asked == []


def test_a_badge_is_what_the_camera_reads_and_a_file_that_is_there_stays(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "badge.svg"
    assert desk("shift", "badge", "W-0815", "--output", path).code == 0
    drawing = path.read_text()
    assert read_qr(drawing) == "camerad:wearer:W-0815"
    # A border of four modules, as the standard asks for, and sides in millimetres.
    picture = qr_picture(drawing)
    assert picture[:BORDER].min() == picture[:, :BORDER].min() == 255
    assert 'width="99mm"' in drawing and 'height="99mm"' in drawing
    said = desk("shift", "badge", "W-1", "--output", path)
    assert (said.code, "cannot be written: File exists" in said.err) == (EX_CANTCREAT, True)
    assert path.read_text() == drawing
    assert "<title>W-0815</title>" in desk("shift", "badge", "W-0815").out
    # The longest is of version 4: 33 modules and the border are 123 mm, half a sheet of A4.
    assert b'width="123mm"' in draw_badge("x" * 32)
