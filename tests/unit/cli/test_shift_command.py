"""`camerad shift` and `camerad metrics`."""

from __future__ import annotations

import json
import socketserver
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from camerad.base.errors import EX_CANTCREAT, EX_NOPERM, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE
from camerad.cli import main
from camerad.evidence.badge_drawing import BORDER, MODULE_MM, draw_badge
from tests.unit.answering import Answering, served

SVG = "{http://www.w3.org/2000/svg}"


class Daemon(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    bodies: list[Any]
    answer: tuple[int, bytes]


class Handler(Answering):
    server: Daemon

    def post(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append((self.path, json.loads(self.rfile.read(length))))
        self.say(*self.server.answer)

    def get(self) -> None:
        self.server.bodies.append((self.path, None))
        self.say(*self.server.answer)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    server = Daemon(str(tmp_path / "s"), Handler)
    server.bodies, server.answer = [], (200, b'{"shift": null}')
    with served(server):
        yield server


def run(daemon: Daemon, *words: str) -> int:
    return main.main([*words, "--socket", str(daemon.server_address)])


def test_a_shift_is_begun_and_ended(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(daemon, "shift", "start", "--wearer", "W-0815") == 0
    assert run(daemon, "shift", "end") == 0
    assert daemon.bodies == [("/shift", {"wearer": "W-0815"}), ("/shift", {"wearer": None})]
    assert capsys.readouterr().out == "W-0815 wears the camera now\nnobody wears the camera now\n"


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (409, {"refused": "it records"}, EX_TEMPFAIL),
        (429, {"error": "it records"}, EX_TEMPFAIL),
        (403, {"error": "it records"}, EX_NOPERM),
        (500, {"error": "it records"}, EX_UNAVAILABLE),
    ],
)
def test_a_refusal_says_why_and_by_its_code_what_would_help(
    daemon: Daemon,
    capsys: pytest.CaptureFixture[str],
    status: int,
    answer: dict[str, str],
    code: int,
) -> None:
    daemon.answer = (status, json.dumps(answer).encode())
    assert run(daemon, "shift", "end") == code
    assert capsys.readouterr().err == "camerad: the shift was not changed: it records\n"


def test_an_id_that_no_camera_would_take_is_wrong_usage_and_asks_no_daemon(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(daemon, "shift", "start", "--wearer", "W 0815") == EX_USAGE
    assert daemon.bodies == []
    assert "1 to 32 letters, digits" in capsys.readouterr().err


def test_metrics_are_printed_as_they_come(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answer = (200, b"camerad_ready 1\n")
    assert run(daemon, "metrics") == 0
    assert daemon.bodies == [("/metrics", None)]
    assert capsys.readouterr().out == "camerad_ready 1\n"


@pytest.mark.parametrize(
    ("answer", "said", "code"),
    [
        ((403, b'{"error": "this user may not read here"}'), "may not read here", EX_NOPERM),
        ((500, b"[]"), "does not answer as a camera's daemon does", EX_UNAVAILABLE),
        ((500, b"\xff"), "does not answer as a camera's daemon does", EX_UNAVAILABLE),
        ((200, b"\xff"), "does not answer as a camera's daemon does", EX_UNAVAILABLE),
    ],
)
def test_metrics_that_do_not_come_are_one_sentence(
    daemon: Daemon,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, bytes],
    said: str,
    code: int,
) -> None:
    daemon.answer = answer
    assert run(daemon, "metrics") == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


# ----------------------------------------------------------------------------------------- badges


def rastered(svg: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What the drawing shows, as a library sees it that knows nothing of QR codes: the modules are
    strokes of one path, in a square of `width` millimetres."""
    root = ET.parse(svg).getroot()  # noqa: S314 - our own drawing
    side = int(root.attrib["viewBox"].split()[2]) // MODULE_MM
    dark = np.zeros((side, side), bool)
    path = root.find(f".//{SVG}path[@class='qrline']")
    assert path is not None
    x = y = 0.0
    for move, run_length in _strokes(path.attrib["d"]):
        x, y = (x + move[1], y + move[2]) if move[0] == "m" else (move[1], move[2])
        dark[int(y), int(x) : int(x + run_length)] = True
        x += run_length
    scale = 8
    return np.kron(np.where(dark, 0, 255).astype(np.uint8), np.ones((scale, scale), np.uint8))


def _strokes(path: str) -> Iterator[tuple[tuple[str, float, float], float]]:
    for piece in path.replace("M", "|M").replace("m", "|m").split("|")[1:]:
        start, _, length = piece[1:].partition("h")
        x, y = map(float, start.split()) if " " in start else map(float, start.split("-"))
        yield (piece[0], x, y), float(length)


def test_a_badge_is_what_the_camera_reads(tmp_path: Path) -> None:
    path = tmp_path / "badge.svg"
    assert main.main(["shift", "badge", "W-0815", "--output", str(path)]) == 0
    picture = rastered(path)
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert text == "camerad:wearer:W-0815"
    # A border of four modules, as the standard asks for, and sides in millimetres.
    margin = BORDER * 8
    assert picture[:margin].min() == picture[:, :margin].min() == 255
    root = ET.parse(path).getroot()  # noqa: S314 - our own drawing
    assert root.attrib["width"] == root.attrib["height"] == "99mm"


def test_a_badge_says_whose_it_is_and_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["shift", "badge", "W-0815"]) == 0
    assert "<title>W-0815</title>" in capsys.readouterr().out


def test_what_is_no_id_makes_no_badge(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["shift", "badge", "W\n1"]) == EX_USAGE
    assert "is no wearer's id" in capsys.readouterr().err


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "badge.svg"
    path.write_text("mine")
    assert main.main(["shift", "badge", "W-1", "--output", str(path)]) == EX_CANTCREAT
    assert path.read_text() == "mine"
    assert "cannot be written: File exists" in capsys.readouterr().err


def test_the_longest_id_still_fits_on_the_page() -> None:
    # Version 4, 33 modules and the border: 123 mm, half a sheet of A4.
    assert b'width="123mm"' in draw_badge("x" * 32)
