"""What is wrong is said in one clear message with an exit code.

The programs are started as systemd or a person starts them; what is missing or taken is so below
them, in the simulated hardware and in the kernel.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hw_mocks.world import World

from tests.system import sealed
from tests.system.harness import PATIENCE, configuration, until

pytestmark = pytest.mark.system

BOOT = [sys.executable, "-m", "hw_mocks.boot"]
SIM = [sys.executable, "-m", "hw_mocks.sim", "--no-page"]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="camerad-") as name:
        yield Path(name)


def camera_yaml(directory: Path, text: str | None = None, **sections: Any) -> Path:
    """A configuration for a daemon in `directory`; `text` instead of everything else."""
    sections.setdefault("recipients", [sealed.recipient()])
    device = {
        "state_dir": str(directory / "state"),
        "runtime_dir": str(directory / "run"),
        "socket_group": "root",
        **sections.pop("device", {}),
    }
    if text is None:
        return configuration(
            directory, sections.pop("policy", "generic"), device=device, **sections
        )
    path = directory / "camerad.yaml"
    path.write_text(text)
    return path


def environment(directory: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "GPIOZERO_PIN_FACTORY": "simulated",
        "HW_MOCKS_DISK": str(directory / "state"),
        **more,
    }


def fails(command: list[str], env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and the one line on standard error of a command that must fail by itself."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=PATIENCE, check=False
    )
    return judged(done.returncode, done.stdout, done.stderr)


def judged(code: int, out: str, err: str) -> tuple[int, str]:
    assert "Traceback" not in out + err, err
    # What the daemon does meanwhile is logged beside it.
    lines = [line for line in err.splitlines() if not line.startswith("INFO ")]
    assert len(lines) == 1, err
    assert out == ""
    assert code > 0
    return code, lines[0]


# ------------------------------------------------------------------------------- configuration

MISTAKES = {
    "broken YAML": ("policy: generic\ncamera: [1,\n", ":3"),
    "a tab": ("policy: generic\ncamera:\n\tfps: 30\n", ":3"),
    "no YAML at all": ("\x00\x01\x02", ""),
    "a list": ("- policy\n", ""),
    "a wrong type": ("policy: generic\ncamera:\n  fps: fast\n", ":3: camera.fps"),
    "an unknown key": ("policy: generic\ncamera:\n  colour: red\n", ":3: camera.colour"),
    "an unknown policy": ("policy: atlantis\n", ":1: policy"),
    "no policy": ("camera:\n  fps: 30\n", "policy"),
    "beyond the policy's limit": (
        "policy: bremen\npre_event:\n  seconds: 31\n",
        ":3: pre_event.seconds",
    ),
    "a buffer where there may be none": (
        "policy: nrw-ordnungsamt\npre_event:\n  seconds: 5\n",
        ":3: pre_event.seconds",
    ),
    "a GPIO that there is not": (
        "policy: generic\nbuttons:\n  main:\n    gpio: 99\n",
        ":4: buttons.main.gpio",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_configuration_is_named_with_its_place(
    directory: Path, mistake: str
) -> None:
    text, place = MISTAKES[mistake]
    path = camera_yaml(directory, text)
    code, line = fails([sys.executable, "-m", "camerad", "run", "--config", str(path)])
    assert code == 78
    assert line.startswith(f"camerad: {path}")
    assert place in line


def test_a_configuration_that_is_not_there_is_named(directory: Path) -> None:
    path = directory / "nowhere.yaml"
    code, line = fails([sys.executable, "-m", "camerad", "run", "--config", str(path)])
    assert code == 78
    assert str(path) in line


def test_the_simulator_says_the_same_of_a_mistake(directory: Path) -> None:
    path = camera_yaml(directory, MISTAKES["a wrong type"][0])
    code, line = fails([*SIM, "--port", "0", "--config", str(path), "--state-dir", str(directory)])
    assert code == 78
    assert line.startswith(f"bodycam-sim: {path}:3: camera.fps")


# ------------------------------------------------------------------------------------ hardware


@pytest.mark.parametrize(("gpio", "purpose"), [(17, "buttons.main.gpio"), (None, "red.gpio")])
def test_a_gpio_in_use_is_named(directory: Path, gpio: int | None, purpose: str) -> None:
    path = camera_yaml(directory)
    if gpio is None:
        from camerad.config import load

        gpio = load(path).lights.red.gpio
    env = environment(directory, HW_MOCKS_BUSY_GPIO=str(gpio))
    code, line = fails([*BOOT, "camerad", "run", "--config", str(path)], env)
    assert code == 69
    assert line.startswith(f"camerad: GPIO {gpio} ({purpose}) is already in use")


def in_a_world(
    directory: Path, role: str, fault: str, command: list[str], pass_fds: tuple[int, ...] = ()
) -> tuple[int, str]:
    """`fails`, where a fault holds in the world before the command starts."""

    async def run() -> tuple[int, str]:
        world = World(directory / "world.sock")
        await world.start()
        world.tell(role, {"fault": fault, "until_us": None}, keep=fault)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment(directory, HW_MOCKS_WORLD=str(world.path)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=pass_fds,
            )
            try:
                out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
            except TimeoutError:
                process.kill()
                raise
        finally:
            await world.stop()
        assert process.returncode is not None
        return judged(process.returncode, out.decode(), err.decode())

    return asyncio.run(run())


def test_a_missing_camera_ends_the_capture_process_with_one_line(directory: Path) -> None:
    from camerad.config import load
    from camerad.hardware import from_settings
    from camerad.stream import frame

    settings = from_settings.capture(load(camera_yaml(directory)))
    ours, theirs = socket.socketpair()
    frame_fd = frame.create(1 << 20)
    with ours, theirs:
        command = [sys.executable, "-m", "camerad.capture", "--settings", json.dumps(settings)]
        command += ["--socket-fd", str(theirs.fileno()), "--frame-fd", str(frame_fd)]
        fds = (theirs.fileno(), frame_fd)
        code, line = in_a_world(directory, "sensor", "camera_gone", command, fds)
    os.close(frame_fd)
    assert code == 69
    assert line.startswith("camerad.capture: no camera found")


# ------------------------------------------------------------------------------ files, sockets


def test_a_state_directory_below_a_file_is_refused(directory: Path) -> None:
    (directory / "file").write_text("")
    path = camera_yaml(directory, device={"state_dir": str(directory / "file" / "state")})
    env = environment(directory)
    code, line = fails([*BOOT, "camerad", "run", "--config", str(path)], env)
    assert code == 73
    # What stands in the way, and where to say otherwise.
    assert f"{directory / 'file'}: cannot make the directory" in line
    assert "device.state_dir" in line


def status(directory: Path) -> dict[str, Any] | None:
    """What `camerad status` says; None while there is no daemon that answers."""
    command = [sys.executable, "-m", "camerad", "status", "--json"]
    command += ["--socket", str(directory / "run" / "control.sock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


@pytest.mark.parametrize(
    ("fault", "condition", "says"),
    [
        ("disk_readonly", "storage_read_only", "read-only"),
        ("disk_full", "storage_full", "full"),
        ("disk_error", "storage_failed", "error"),
    ],
)
def test_a_card_that_fails_at_the_very_first_start_is_said_by_a_camera_that_stays(
    directory: Path, fault: str, condition: str, says: str
) -> None:
    """Not an end: whoever picks the camera up must see by its light that it cannot record."""
    path = camera_yaml(directory)
    (directory / "state" / "recordings").mkdir(parents=True)

    async def run() -> str:
        world = World(directory / "world.sock")
        await world.start()
        world.tell("disk", {"fault": fault, "until_us": None}, keep=fault)
        with (directory / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *BOOT,
                *("camerad", "run", "--config", str(path)),
                env=environment(directory, HW_MOCKS_WORLD=str(world.path)),
                stderr=log,
            )
            try:

                def told() -> bool:
                    found = status(directory)
                    return found is not None and condition in found["conditions"]

                await asyncio.to_thread(until, told, PATIENCE, condition)
                found = await asyncio.to_thread(status, directory)
                assert found is not None
                assert not found["ready"]
                process.terminate()
                assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await asyncio.wait_for(process.wait(), PATIENCE)
                await world.stop()
        return (directory / "log").read_text()

    log = asyncio.run(run())
    assert "Traceback" not in log
    first = next(line for line in log.splitlines() if line.startswith("ERROR"))
    assert str(directory / "state") in first
    assert says in first


def test_a_runtime_directory_below_a_file_is_refused(directory: Path) -> None:
    (directory / "file").write_text("")
    path = camera_yaml(directory, device={"runtime_dir": str(directory / "file" / "run")})
    env = environment(directory)
    code, line = fails([*BOOT, "camerad", "run", "--config", str(path)], env)
    assert code == 69
    assert str(directory / "file" / "run") in line


def test_a_group_that_there_is_not_is_named(directory: Path) -> None:
    path = camera_yaml(directory, device={"socket_group": "nobodys-group"})
    env = environment(directory)
    code, line = fails([*BOOT, "camerad", "run", "--config", str(path)], env)
    assert code == 69
    assert "nobodys-group" in line


def test_a_second_daemon_leaves_the_socket_to_the_first(directory: Path) -> None:
    path = camera_yaml(directory)
    (directory / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as first:
        first.bind(str(directory / "run" / "control.sock"))
        first.listen()
        env = environment(directory)
        code, line = fails([*BOOT, "camerad", "run", "--config", str(path)], env)
        assert code == 69
        assert "another camerad listens on" in line
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(directory / "run" / "control.sock"))


def test_a_port_in_use_is_named(directory: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, line = fails([*SIM, "--port", str(port), "--state-dir", str(directory / "s")])
    assert code == 69
    assert line.startswith(f"bodycam-sim: port {port} of 127.0.0.1 cannot be used")


def test_a_state_directory_of_the_simulator_below_a_file_is_refused(directory: Path) -> None:
    (directory / "file").write_text("")
    code, line = fails([*SIM, "--port", "0", "--state-dir", str(directory / "file" / "s")])
    assert code == 73
    assert line.startswith(f"bodycam-sim: {directory / 'file' / 's'} cannot be used")
