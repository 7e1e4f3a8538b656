"""bodycam-sim, with a stand-in for the daemon: what it serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from camerad.config import load
from sim_support import Sim, running, to_idle
from waiting import DEADLINE, until

from hw_mocks.sim.about import about_faults
from hw_mocks.sim.faults import DOCK, FAULTS
from hw_mocks.sim.server import PAGE, PAGE_FILES

LONG = b"1" + b"0" * 3999


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running(tmp_path_factory.mktemp("sim")) as made:
        yield made


# ----------------------------------------------------------------------------------- what it serves


def test_the_state_has_exactly_the_promised_fields(sim: Sim) -> None:
    to_idle(sim)
    assert sim.state() == {
        "stage": "idle",
        "ready": True,
        "empty": False,
        "lights": {"red": False, "green": True, "amber": False},
        "display": False,
        "sound": False,
        "vibration": False,
        "conditions": ["clock_untrusted"],
        "muted": False,
        "shift": None,
        "looking_for_badge": False,
        "handover": None,
        "cut_off": False,
        "awaits_answer": None,
        "microphone": "off",
        "recording": None,
        "pre_event_seconds": 1.5,
        "hands": {},
        "office": None,
    }


def test_of_a_daemon_that_does_not_answer_nothing_is_said_but_what_its_pins_show(sim: Sim) -> None:
    to_idle(sim)
    daemon = sim.facts()["daemon_pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        silent = until(lambda: (said := sim.state())["stage"] == "unknown" and said)
        assert (silent["ready"], silent["conditions"], silent["recording"]) == (False, [], None)
        assert silent["lights"] == {"red": False, "green": True, "amber": False}
    finally:
        os.kill(daemon, signal.SIGCONT)
    sim.reaches("idle")


def test_a_press_answers_when_it_is_released_and_moves_the_camera_on(sim: Sim) -> None:
    to_idle(sim)
    began = time.monotonic()
    status, answer = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.1})
    assert status == 200
    assert time.monotonic() - began >= 0.1
    assert 100_000 <= answer["up_us"] - answer["down_us"] < 200_000
    assert answer["edges"][0] == {"closed": True, "at_us": answer["down_us"]}
    sim.reaches("self_view")
    assert until(lambda: sim.state()["display"])
    sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.05})
    state = until(lambda: (s := sim.state())["stage"] == "recording" and s["lights"]["red"] and s)
    assert not state["lights"]["green"]
    assert state["sound"]
    assert state["vibration"]
    assert set(state["recording"]) == {
        *("id", "seconds", "pre_event_seconds", "since_us", "trigger", "marks")
    }
    assert state["microphone"] == "on"
    assert state["recording"]["id"] == "r1"


def test_the_recordings_are_the_daemons(sim: Sim) -> None:
    status, recordings = sim.ask("GET", "/api/recordings")
    assert status == 200
    fields = {"id", "path", "started", "seconds", "pre_event_seconds", "frames", "gaps"}
    fields |= {"sound", "sound_gaps"}
    fields |= {"marks", "continues", "state", "reason", "acknowledged"}
    assert [set(recording) for recording in recordings] == [fields]


def test_the_display_is_what_the_framebuffer_holds(sim: Sim) -> None:
    to_idle(sim)
    for stage, brightness in (("idle", range(5)), ("self_view", range(250, 256))):
        sim.reaches(stage)
        status, data = sim.raw("GET", "/api/display.jpg")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert (status, picture.shape) == (200, (240, 320))
        assert int(picture.mean()) in brightness
        sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})


def test_events_tell_every_stage_and_the_newest_state(sim: Sim) -> None:
    to_idle(sim)
    host, port = sim.facts()["url"].removeprefix("http://").split(":")
    stages: list[str] = []
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        connection.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        with connection.makefile("rb") as stream:

            def hear(stage: str) -> dict[str, Any]:
                while True:
                    line = stream.readline()
                    assert line
                    if line.startswith(b"data: "):
                        state: dict[str, Any] = json.loads(line[6:])
                        stages.append(state["stage"])
                        if state["stage"] == stage:
                            return state

            hear("idle")
            for stage in ("self_view", "recording"):
                sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
                hear(stage)
            # While recording its length is told anew, without any event of the daemon.
            first = hear("recording")["recording"]["seconds"]
            until(lambda: hear("recording")["recording"]["seconds"] >= first + 0.5)
    assert list(dict.fromkeys(stages)) == ["idle", "self_view", "recording"]


def test_a_press_that_is_over_when_the_daemon_gets_round_to_it_is_none_the_less_one(
    tmp_path: Path,
) -> None:
    """As on a machine that is busy: the level of its pin no longer says so."""
    with running(tmp_path, HW_MOCKS_STANDIN="late") as sim:
        for stage in ("self_view", "recording", "idle"):
            sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
            sim.reaches(stage)


def test_the_board_lists_its_parts(sim: Sim) -> None:
    _, board = sim.ask("GET", "/api/board")
    main, display = board["buttons"]
    assert (main["name"], main["gpio"]) == ("main", 17)
    assert (display["name"], display["gpio"]) == ("display", 27)
    # As config/camerad.yaml says of the preset two-buttons: two seconds end a recording.
    stop = {"gesture": "hold_press", "seconds": 2.0, "in": ["recording"], "intent": "stop"}
    assert stop in main["gestures"]
    # Held in a recording, the display button does nothing, so nothing is told of it there.
    (hold,) = (one for one in display["gestures"] if one["gesture"] == "hold")
    assert hold["in"] == ["idle", "starting"]
    # What policies/generic.yaml allows: half a minute, in self-view only.
    policy = {"name": "generic", "pre_event_seconds": 30.0, "armed_in": ["self_view"]}
    assert board["policy"] == policy | {"sound": True, "may_mute": True}
    # No office is behind its dock.
    offered = [name for name, kind in FAULTS.items() if kind.role != DOCK]
    assert [fault["name"] for fault in board["faults"]] == offered
    assert board["daemon"] == {"pid": sim.facts()["daemon_pid"], "exit_code": None}


@pytest.mark.parametrize(
    ("camera", "environment", "offered"),
    [
        ("", {}, True),
        ("", {"HW_MOCKS_PLATFORM": "pisp"}, False),
        ("", {"HW_MOCKS_ENCODER": "none"}, False),
        ("camera: {encoder: software}\n", {}, False),
    ],
)
def test_nobody_is_offered_a_fault_that_does_nothing_here(
    camera: str, environment: dict[str, str], offered: bool, tmp_path: Path
) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text(f"policy: generic\n{camera}")
    names = {fault["name"] for fault in about_faults(load(path), environment)}
    left_out = set(FAULTS) - names
    encoders = {"encoder_error", "encoder_empty", "encoder_hang"}
    assert left_out == {"network_gone"} | (set() if offered else encoders)
    with_office = {one["name"] for one in about_faults(load(path), environment, office=True)}
    assert with_office == names | {"network_gone"}


def test_a_fault_that_does_nothing_here_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, HW_MOCKS_ENCODER="none") as sim:
        status, said = sim.raw("POST", "/api/fault", {"name": "encoder_hang", "seconds": 1})
        error = {"error": "encoder_hang: the camera uses no hardware encoder"}
        assert (status, json.loads(said)) == (409, error)
        status, said = sim.raw("POST", "/api/fault", {"name": "network_gone", "seconds": 1})
        assert (status, json.loads(said)) == (
            409,
            {"error": "network_gone: the camera has no office"},
        )
        assert sim.ask("POST", "/api/fault", {"name": "camera_stall", "seconds": 0})[0] == 200


def test_the_page_and_its_parts_come_from_here_and_nowhere_else(sim: Sim) -> None:
    _, html = sim.raw("GET", "/")
    assert b"/page/page.js" in html
    parts = [path.name for path in PAGE.iterdir() if path.suffix in PAGE_FILES]
    assert len(parts) > 10
    for name in parts:
        status, text = sim.raw("GET", f"/page/{name}")
        assert status == 200
        assert b"http://" not in text.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in text
    for name in ("__init__.py", "..%2fserver.py", "nothing.js"):
        assert sim.raw("GET", f"/page/{name}")[0] == 404


@pytest.mark.parametrize("folder", ["/page/", "/api/films/"])
# Longer than a name may be, of another kind, no name at all, and from outside.
@pytest.mark.parametrize("name", ["x" * 600, "x" * 600 + ".mp4", "a%00b.mp4", "..%2f..%2fx.mp4"])
def test_a_name_that_is_made_up_is_not_found(sim: Sim, folder: str, name: str) -> None:
    assert sim.ask("GET", folder + name)[0] == 404


# ------------------------------------------------------------------------------------------- faults


def test_every_fault_is_taken(sim: Sim) -> None:
    # The stand-in of the daemon has no display, and no office.
    without = {"display_crash", "display_kill", "network_gone"}
    for name in FAULTS:
        status, answer = sim.ask("POST", "/api/fault", {"name": name, "seconds": 0})
        assert status == (409 if name in without else 200), answer
    sim.reaches("idle")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/press", b"{", "not JSON"),
        ("/api/press", [], "no JSON object"),
        ("/api/press", {"button": "other", "seconds": 1}, "main, display"),
        ("/api/press", {"button": "main"}, "either"),
        ("/api/press", {"button": "main", "seconds": 1, "down": True}, "either"),
        ("/api/press", {"button": "main", "seconds": "1"}, "0.001 to 3600"),
        ("/api/press", {"button": "main", "seconds": True}, "0.001 to 3600"),
        ("/api/press", {"button": "main", "seconds": 0}, "0.001 to 3600"),
        ("/api/press", b'{"button": "main", "seconds": NaN}', "0.001 to 3600"),
        ("/api/press", {"button": "main", "down": 1}, "neither true nor false"),
        ("/api/press", {"button": "main", "second": 1}, "unknown"),
        ("/api/fault", {"name": "rain"}, ", ".join(FAULTS)),
        ("/api/fault", {"name": ["rain"]}, "camera_stall"),
        ("/api/fault", {"name": "camera_stall", "seconds": -1}, "0 to 3600"),
        ("/api/fault", {"name": "camera_cancel", "count": -1}, "whole number"),
        ("/api/fault", {"name": "button_stuck", "button": []}, "main, display"),
        ("/api/fault", {"name": "light_dead", "light": "blue"}, "red, green, amber"),
        ("/api/press", b"x" * 5000, "size"),
        # Deeper than any parser goes; longer than any float; no text that can be sent.
        ("/api/press", b"[" * 4000, "nested too deeply"),
        ("/api/press", b'{"button": "main", "seconds": 1' + b"0" * 4000 + b"}", "0.001 to 3600"),
        (
            "/api/fault",
            b'{"name": "camera_cancel", "count": 1' + b"0" * 4000 + b"}",
            "whole number",
        ),
        ("/api/press", b'{"\\ud800": 1}', "unknown"),
    ],
)
def test_wrong_requests_are_answered_with_what_is_right(
    sim: Sim, path: str, body: Any, words: str
) -> None:
    status, answer = sim.ask("POST", path, body)
    assert status == (413 if words == "size" else 400)
    assert words in answer["error"]
    assert sim.state()["ready"]


def test_a_path_that_is_not_there_is_answered_as_json(sim: Sim) -> None:
    assert sim.ask("GET", "/api/weather")[0] == 404
    assert sim.ask("GET", "/api/press")[0] == 405
    assert sim.ask("GET", "/api/edges?after=noon")[0] == 400
