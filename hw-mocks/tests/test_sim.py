"""bodycam-sim, with a stand-in for the daemon: what it serves, starts, ends and refuses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from hw_mocks.sim.faults import FAULTS

TESTS = Path(__file__).parent
PROGRAM = """
import asyncio, sys
from pathlib import Path
from hw_mocks.sim import process
from hw_mocks.sim.simulator import Options, Simulator
process.END_SECONDS = 1.0
state, config = Path(sys.argv[1]), Path(sys.argv[2])
options = Options(state, footage=None, config=config, port=0, daemon="standin")
async def run():
    return await Simulator(options).run()
sys.exit(asyncio.run(run()))
"""


def until(condition: Callable[[], Any], timeout: float = 10.0) -> Any:
    """The first true value of the condition; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come to hold"
        time.sleep(0.01)
    return value


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def environment(**more: str) -> dict[str, str]:
    paths = [str(TESTS), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


class Sim:
    """A running simulator, as a program sees it."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.state_dir = root / "state"
        config = root / "camerad.yaml"
        if not config.exists():
            config.write_text("policy: generic\nlights:\n  red: {gpio: 5, active_high: false}\n")
        command = [sys.executable, "-c", PROGRAM, str(self.state_dir), str(config)]
        self.process = subprocess.Popen(
            command, env=environment(**variables), stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def facts(self) -> dict[str, Any]:
        path = self.state_dir / "sim.json"
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        facts: dict[str, Any] = json.loads(path.read_text())
        return facts

    def ready(self) -> None:
        def up() -> bool:
            assert self.process.poll() is None, self.lines
            return any("is at http" in line for line in self.lines)

        until(up)

    def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        data = data.encode() if isinstance(data, str) else data
        request = urllib.request.Request(self.facts()["url"] + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = self.raw(method, path, body)
        return status, json.loads(answer)

    def state(self) -> Any:
        return self.ask("GET", "/api/state")[1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(15)
        finally:
            self.close()

    def close(self) -> None:
        """Whatever happened, nothing runs on; safe to call again."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self.reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    made = Sim(tmp_path_factory.mktemp("sim"))
    try:
        made.ready()
        yield made
    finally:
        made.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sim]]:
    """Starts a simulator of this test alone; it is gone at the end, whatever happened."""
    started: list[Sim] = []

    def start(root: Path = tmp_path, **variables: str) -> Sim:
        started.append(Sim(root, **variables))
        return started[-1]

    yield start
    for sim in started:
        sim.close()


def to_idle(sim: Sim) -> None:
    while (stage := sim.state()["stage"]) != "idle":
        sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
        until(lambda before=stage: sim.state()["stage"] != before)


# ----------------------------------------------------------------------------------- what it serves


def test_the_state_has_exactly_the_promised_fields(sim: Sim) -> None:
    to_idle(sim)
    assert sim.state() == {
        "stage": "idle",
        "ready": True,
        "lights": {"red": False, "green": True, "amber": False},
        "display": False,
        "sound": False,
        "vibration": False,
        "conditions": ["clock_untrusted"],
        "recording": None,
        "pre_event_seconds": 1.5,
    }


def test_a_press_answers_when_it_is_released_and_moves_the_camera_on(sim: Sim) -> None:
    to_idle(sim)
    began = time.monotonic()
    status, answer = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.1})
    assert status == 200
    assert time.monotonic() - began >= 0.1
    assert 100_000 <= answer["up_us"] - answer["down_us"] < 200_000
    assert answer["edges"][0] == {"closed": True, "at_us": answer["down_us"]}
    until(lambda: sim.state()["stage"] == "self_view")
    assert until(lambda: sim.state()["display"])
    sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.05})
    state = until(lambda: (s := sim.state())["stage"] == "recording" and s["lights"]["red"] and s)
    assert not state["lights"]["green"]
    assert state["sound"]
    assert state["vibration"]
    assert set(state["recording"]) == {"id", "seconds"}
    assert state["recording"]["id"] == "r1"


def test_latency_is_measured_where_it_happens(sim: Sim) -> None:
    to_idle(sim)
    sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.05})
    until(lambda: sim.state()["stage"] == "self_view")
    press = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.05})[1]

    def red() -> Any:
        _, edges = sim.ask("GET", f"/api/edges?after={press['down_us']}")
        # The red light of this configuration is on when its pin is low.
        return [e for e in edges if e["name"] == "red" and e["level"] == 0 and e["output"]]

    lit = until(red)[0]
    assert lit["pin"] == 5
    assert 0 < lit["at_us"] - press["down_us"] < 100_000
    _, edges = sim.ask("GET", f"/api/edges?after={press['down_us'] - 1}")
    assert next(e for e in edges if e["name"] == "main")["at_us"] == press["down_us"]


def test_a_button_is_held_as_long_as_it_is_held(sim: Sim) -> None:
    status, down = sim.ask("POST", "/api/press", {"button": "display", "down": True})
    assert (status, down["button"], down["down"]) == (200, "display", True)
    _, again = sim.ask("POST", "/api/press", {"button": "display", "down": True})
    assert again["at_us"] is None  # nothing changed
    status, up = sim.ask("POST", "/api/press", {"button": "display", "down": False})
    assert up["at_us"] > down["at_us"]


def test_the_recordings_are_the_daemons(sim: Sim) -> None:
    status, recordings = sim.ask("GET", "/api/recordings")
    assert status == 200
    fields = {"id", "path", "started", "seconds", "pre_event_seconds", "frames", "gaps"}
    assert [set(recording) for recording in recordings] == [fields]


def test_the_display_is_what_the_framebuffer_holds(sim: Sim) -> None:
    to_idle(sim)
    for stage, brightness in (("idle", range(5)), ("self_view", range(250, 256))):
        until(lambda stage=stage: sim.state()["stage"] == stage)
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
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: sim\r\n\r\n")
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


def test_a_listener_that_comes_later_misses_nothing(sim: Sim) -> None:
    # The first listener leaves in idle; the second comes in self-view and sees idle come again.
    to_idle(sim)
    for stages in (["idle"], ["self_view", "recording", "idle"]):
        with urllib.request.urlopen(sim.facts()["url"] + "/api/events", timeout=10) as events:
            for number, stage in enumerate(stages):
                if number:
                    sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
                while (
                    json.loads(events.readline().removeprefix(b"data: ") or "{}")["stage"] != stage
                ):
                    assert events.readline() == b"\n"
                events.readline()
        if stages == ["idle"]:
            sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
            until(lambda: sim.state()["stage"] == "self_view")


def test_the_board_lists_its_parts(sim: Sim) -> None:
    _, board = sim.ask("GET", "/api/board")
    assert board["buttons"] == [{"name": "main", "gpio": 17}, {"name": "display", "gpio": 27}]
    assert [fault["name"] for fault in board["faults"]] == list(FAULTS)
    assert board["daemon"] == {"pid": sim.facts()["daemon_pid"], "exit_code": None}


def test_the_page_and_its_parts_come_from_here_and_nowhere_else(sim: Sim) -> None:
    _, html = sim.raw("GET", "/")
    assert b"/page/page.js" in html
    for name in ("page.css", "page.js", "words.js", "icon.svg"):
        status, text = sim.raw("GET", f"/page/{name}")
        assert status == 200
        assert b"http://" not in text.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in text
    for name in ("__init__.py", "..%2fserver.py", "nothing.js"):
        assert sim.raw("GET", f"/page/{name}")[0] == 404


# ------------------------------------------------------------------------------------------- faults


def test_every_fault_is_taken_or_says_that_it_comes_later(sim: Sim) -> None:
    later = {"battery_low", "battery_critical", "hot", "clock_step"}
    for name in FAULTS:
        status, answer = sim.ask("POST", "/api/fault", {"name": name, "seconds": 0})
        assert status == (501 if name in later else 200), answer
        if name in later:
            assert "later" in answer["error"]


def test_capture_kill_kills_the_capture_process(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    status, answer = sim.ask("POST", "/api/fault", {"name": "capture_kill"})
    assert status == 200
    until(lambda: not alive(answer["killed"]))
    status, answer = sim.ask("POST", "/api/fault", {"name": "capture_kill"})
    assert (status, answer) == (409, {"error": "no capture process is running"})
    assert sim.stop() == 0


def test_a_stuck_button_reads_as_pressed(sim: Sim) -> None:
    to_idle(sim)
    fault = {"name": "button_stuck", "button": "main", "seconds": 0.2}
    status, answer = sim.ask("POST", "/api/fault", fault)
    assert (status, answer["gpio"]) == (200, 17)
    until(lambda: sim.state()["stage"] == "self_view")


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
        ("/api/press", b"x" * 5000, "size"),
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


# ------------------------------------------------------------------------------ how it starts, ends


def test_the_daemon_gets_the_given_configuration_with_paths_of_the_simulator(
    tmp_path: Path, start: Callable[..., Sim]
) -> None:
    (tmp_path / "camerad.yaml").write_text(
        "policy: bremen\ndevice: {id: cam-7, socket_group: nobody-has-this}\n"
        + "buttons:\n  preset: one-button\n  main: {gpio: 6}\n"
    )
    sim = start()
    sim.ready()
    derived = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())
    assert derived["policy"] == "bremen"
    assert derived["device"]["id"] == "cam-7"
    assert derived["device"]["state_dir"] == str(sim.state_dir / "camerad")
    assert derived["buttons"]["main"]["gpio"] == 6
    assert sim.ask("GET", "/api/board")[1]["buttons"] == [{"name": "main", "gpio": 6}]
    assert sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.01})[0] == 200
    assert sim.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_the_daemon_in_order_and_leaves_nothing_behind(
    start: Callable[..., Sim], number: signal.Signals
) -> None:
    sim = start()
    sim.ready()
    facts = sim.facts()
    with contextlib.ExitStack() as stack:
        # A listener must not hold the end up.
        stack.enter_context(urllib.request.urlopen(facts["url"] + "/api/events", timeout=5))
        assert sim.stop(number) == 0
    assert "the stand-in ended in order" in sim.lines
    assert not alive(facts["daemon_pid"])
    assert not (sim.state_dir / "sim.json").exists()
    assert not (sim.state_dir / "run" / "world.sock").exists()


def test_a_daemon_that_does_not_end_is_killed_with_its_children(start: Callable[..., Sim]) -> None:
    sim = start(HW_MOCKS_STANDIN="deaf")
    sim.ready()
    daemon = sim.facts()["daemon_pid"]
    children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
    assert children
    assert sim.stop() == 0
    assert any("did not end" in line for line in sim.lines)
    assert not any(alive(pid) for pid in [daemon, *map(int, children)])


def test_a_simulator_that_is_killed_leaves_no_daemon_behind(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    daemon = sim.facts()["daemon_pid"]
    sim.process.kill()
    sim.process.wait(5)
    until(lambda: not alive(daemon))
    sim.close()


def test_a_daemon_that_does_not_come_up_ends_the_simulator_with_its_exit_code(
    start: Callable[..., Sim],
) -> None:
    sim = start(HW_MOCKS_STANDIN="fail")
    assert sim.process.wait(15) == 69
    sim.close()
    assert "the stand-in cannot start" in sim.lines
    assert any("exit code 69 before it was up" in line for line in sim.lines)
    assert not any("Traceback" in line for line in sim.lines)


def test_a_daemon_that_dies_is_shown_as_off_with_all_lights_dark(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    until(lambda: sim.state()["lights"]["green"])
    os.kill(sim.facts()["daemon_pid"], signal.SIGKILL)
    until(lambda: sim.state()["stage"] == "off")
    state = until(lambda: (s := sim.state())["lights"]["green"] is False and s)
    assert not state["ready"]
    assert state["recording"] is None
    status, answer = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.01})
    assert (status, "ended" in answer["error"]) == (409, True)
    assert sim.ask("GET", "/api/recordings")[0] == 503
    assert sim.ask("GET", "/api/board")[1]["daemon"] == {"pid": None, "exit_code": -9}
    assert sim.stop() == 0


# ---------------------------------------------------------------------------------- what it refuses


def refused(*arguments: str, **variables: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "hw_mocks.sim", "--port", "0", *arguments]
    done = subprocess.run(
        command,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused("--state-dir", str(tmp_path), "--port", str(port))
    assert code == 69
    assert said.startswith(f"bodycam-sim: port {port} of 127.0.0.1 cannot be used: ")
    assert said.count("\n") == 1


def test_footage_that_is_not_there_or_no_film_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam")
    for name, words in (
        (str(tmp_path / "absent.mp4"), "no such file"),
        ("unheard-of", "carphone_pristine.mp4"),
        (str(tmp_path / "letter.mp4"), "letter.mp4"),
    ):
        code, said = refused("--state-dir", str(tmp_path / "state"), "--footage", name)
        assert code == 66
        assert words in said
        assert said.count("\n") == 1


def test_a_configuration_with_mistakes_is_refused_with_all_of_them(tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text("policy: generic\ncamera: {width: 3, wheels: 4}\n")
    code, said = refused("--state-dir", str(tmp_path / "state"), "--config", str(config))
    assert code == 78
    assert "camera.width" in said
    assert "camera.wheels" in said
    code, said = refused("--state-dir", str(tmp_path / "state"), "--config", "/nowhere.yaml")
    assert code == 78
    assert "/nowhere.yaml" in said


def test_a_state_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = refused("--state-dir", str(tmp_path / "file" / "state"))
    assert code == 73
    assert "--state-dir" in said
    assert said.count("\n") == 1


def test_two_simulators_do_not_share_a_state_directory(sim: Sim) -> None:
    code, said = refused("--state-dir", str(sim.state_dir))
    assert code == 69
    assert "in use by another bodycam-sim" in said
    assert sim.state()["ready"]


@pytest.mark.parametrize(
    "arguments", [["--port", "eighty"], ["--port", "65536"], ["--platform", "pi6"], ["--wings"]]
)
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    code, said = refused(*arguments)
    assert code == 64
    assert said.startswith("usage: bodycam-sim")


def test_a_long_path_of_the_state_directory_is_no_obstacle(
    tmp_path: Path, start: Callable[..., Sim]
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    sim = start(deep)
    sim.ready()
    assert sim.state()["ready"]
    runtime = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())["device"]
    assert len(runtime["runtime_dir"]) <= 80
    assert sim.stop() == 0
    assert not Path(runtime["runtime_dir"]).exists()
