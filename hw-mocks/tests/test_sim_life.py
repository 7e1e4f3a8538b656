"""bodycam-sim, with a stand-in for the daemon: how it starts, ends, and what it refuses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
import sim_support
import yaml
from sim_support import Sim, alive, environment
from waiting import DEADLINE, until

from hw_mocks.office import DEMONSTRATION_RECIPIENT


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


def test_what_outlives_the_simulator_is_killed_and_named(
    start: Callable[..., Sim], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its output stays open then, and whoever closes that would wait for ever."""
    sim = start()
    sim.ready()
    with open(f"/proc/{sim.process.pid}/fd/2", "w") as output:
        left = subprocess.Popen(["sleep", "3600"], stderr=output)
    monkeypatch.setattr(sim_support, "LAST_SECONDS", 0.5)
    with pytest.raises(AssertionError, match=f"left these, .*{left.pid}: 'sleep 3600'"):
        sim.stop(signal.SIGKILL)
    assert left.wait(DEADLINE) == -signal.SIGKILL


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
    buttons = sim.ask("GET", "/api/board")[1]["buttons"]
    assert [(button["name"], button["gpio"]) for button in buttons] == [("main", 6)]
    assert sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.01})[0] == 200
    assert sim.stop() == 0


def test_where_nobody_is_named_recordings_are_sealed_to_the_demonstration_key(
    tmp_path: Path, start: Callable[..., Sim]
) -> None:
    sim = start()
    sim.ready()
    derived = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())
    assert derived["recipients"] == [DEMONSTRATION_RECIPIENT]
    assert sum("demonstration key" in line for line in sim.lines) == 1
    # The private half, which everybody has, is the one that opens them.
    office = Path(__file__).parents[1] / "demo-office.txt"
    secret = office.read_text(encoding="ascii").splitlines()[-1]
    assert str(pyrage.x25519.Identity.from_str(secret).to_public()) == DEMONSTRATION_RECIPIENT
    assert sim.stop() == 0


@pytest.mark.parametrize("recipients", [[], [DEMONSTRATION_RECIPIENT]])
def test_a_configuration_that_says_who_can_open_recordings_is_left_alone(
    tmp_path: Path, start: Callable[..., Sim], recipients: list[str]
) -> None:
    (tmp_path / "camerad.yaml").write_text(f"policy: generic\nrecipients: {recipients}\n")
    sim = start()
    sim.ready()
    derived = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())
    assert derived["recipients"] == recipients
    assert not any("demonstration key" in line for line in sim.lines)
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
        stack.enter_context(urllib.request.urlopen(facts["url"] + "/api/events", timeout=DEADLINE))
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
    sim.process.wait(DEADLINE)
    until(lambda: not alive(daemon))
    sim.close()


def test_a_daemon_that_does_not_come_up_ends_the_simulator_with_its_exit_code(
    start: Callable[..., Sim],
) -> None:
    sim = start(HW_MOCKS_STANDIN="fail")
    assert sim.process.wait(DEADLINE) == 69
    sim.close()
    assert "the stand-in cannot start" in sim.lines
    assert any("exit code 69 before it was up" in line for line in sim.lines)
    assert not any("Traceback" in line for line in sim.lines)


def test_a_daemon_that_asks_for_a_reboot_is_started_again_as_after_one(
    start: Callable[..., Sim], tmp_path: Path
) -> None:
    sim = start(HW_MOCKS_STANDIN=f"reboot:{tmp_path / 'rebooted'}")
    sim.ready()
    sim.says("the board reboots")
    assert (tmp_path / "rebooted").exists()
    sim.reaches("idle")
    assert sim.ask("GET", "/api/board")[1]["daemon"]["pid"] == sim.facts()["daemon_pid"]
    assert sim.stop() == 0


def test_a_daemon_that_dies_is_shown_as_off_with_all_lights_dark(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    until(lambda: sim.state()["lights"]["green"])
    os.kill(sim.facts()["daemon_pid"], signal.SIGKILL)
    sim.reaches("off")
    state = until(lambda: (s := sim.state())["lights"]["green"] is False and s)
    assert not state["ready"]
    assert state["recording"] is None
    status, answer = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.01})
    assert (status, "ended" in answer["error"]) == (409, True)
    assert sim.ask("GET", "/api/recordings")[0] == 503
    assert sim.ask("GET", "/api/board")[1]["daemon"] == {"pid": None, "exit_code": -9}
    assert sim.stop() == 0


def test_a_board_whose_battery_is_empty_is_off_until_its_charger_comes(
    start: Callable[..., Sim], tmp_path: Path
) -> None:
    sim = start(HW_MOCKS_STANDIN=f"empty:{tmp_path / 'was empty'}")
    sim.ready()
    for name in ("battery_critical", "hot"):
        sim.ask("POST", "/api/fault", {"name": name, "seconds": 300})
    os.kill(sim.facts()["daemon_pid"], signal.SIGTERM)

    def told() -> dict[str, Any]:
        return dict(sim.ask("GET", "/api/state")[1])

    until(lambda: told()["stage"] == "off")
    assert told()["empty"] is True
    sim.says("the board is off: the battery is at 2 %")
    # Whatever else is done, it stays off.
    sim.ask("POST", "/api/fault", {"name": "battery_critical", "seconds": 0})
    sim.ask("POST", "/api/fault", {"name": "battery_critical", "seconds": 300})
    assert sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.05})[0] == 409
    assert sim.ask("POST", "/api/fault", {"name": "daemon_killed"})[0] == 409
    assert (told()["stage"], told()["empty"]) == ("off", True)

    sim.ask("POST", "/api/fault", {"name": "docked", "seconds": 300})
    # It may have started by the time somebody looks.
    assert told()["stage"] in ("starting", "idle")
    assert told()["empty"] is False
    sim.reaches("idle")
    assert not (sim.state_dir / "run" / "power-off").exists()
    # It has charged, and is as hot as before.
    supply = sim.state_dir / "board/sys/class/power_supply"
    assert (supply / "BAT0/capacity").read_text() == "87\n"
    assert sim.stop() == 0


def test_a_daemon_that_is_killed_is_started_again_in_the_same_world(
    start: Callable[..., Sim],
) -> None:
    sim = start()
    sim.ready()
    before = sim.facts()
    children = Path(f"/proc/{before['daemon_pid']}/task/{before['daemon_pid']}/children")
    left = list(map(int, children.read_text().split()))
    fault = {"name": "daemon_killed", "seconds": 0.2}
    status, answer = sim.ask("POST", "/api/fault", fault)
    assert (status, answer["killed"]) == (200, before["daemon_pid"])
    status, refused = sim.ask("POST", "/api/fault", fault)
    assert (status, refused) == (409, {"error": "no daemon is running"})
    stages = set()

    def another() -> dict[str, Any] | None:
        stages.add(sim.ask("GET", "/api/state")[1]["stage"])
        return now if (now := sim.facts())["daemon_pid"] != answer["killed"] else None

    facts = until(another)
    # It comes back by itself, so it is not off; and nobody is told that it records at a press.
    assert stages == {"starting"}
    assert not any(alive(pid) for pid in [answer["killed"], *left])
    assert facts["started_us"] - answer["at_us"] >= 200_000
    assert facts["epoch_us"] == before["epoch_us"]
    sim.reaches("idle")
    assert sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.01})[0] == 200
    assert not any("has ended" in line for line in sim.lines)
    assert sim.stop() == 0
    assert not alive(facts["daemon_pid"])


def test_a_press_that_nobody_sees_the_end_of_is_said_to_be_one(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    os.kill(sim.facts()["daemon_pid"], signal.SIGKILL)
    status, answer = sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.5})
    assert (status, answer) == (
        409,
        {"error": "the daemon had not opened its buttons, or had ended"},
    )
    assert sim.stop() == 0


# ---------------------------------------------------------------------------------- what it refuses


def refused(*arguments: str, **variables: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "hw_mocks.sim", "--port", "0", *arguments]
    done = subprocess.run(
        command,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


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


def test_two_simulators_do_not_share_a_state_directory(start: Callable[..., Sim]) -> None:
    sim = start()
    sim.ready()
    code, said = refused("--state-dir", str(sim.state_dir))
    assert code == 69
    assert "in use by another bodycam-sim" in said
    assert sim.state()["ready"]


@pytest.mark.parametrize("variables", [set(), {"TMPDIR"}], ids=["short", "long"])
def test_long_paths_of_the_state_directory_and_of_tmpdir_are_no_obstacle(
    tmp_path: Path, start: Callable[..., Sim], variables: set[str]
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    sim = start(deep, **dict.fromkeys(variables, str(deep)))
    sim.ready()
    assert sim.state()["ready"]
    runtime = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())["device"]
    assert len(runtime["runtime_dir"]) <= 80
    assert sim.stop() == 0
    assert not Path(runtime["runtime_dir"]).exists()
