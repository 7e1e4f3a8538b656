"""The production daemon on simulated hardware, started, pressed, watched and ended."""

from __future__ import annotations

import contextlib
import grp
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hw_mocks import pulse
from hw_mocks.bus import Message
from hw_mocks.disk import DISK_VARIABLE
from hw_mocks.office import DEMONSTRATION_RECIPIENT
from hw_mocks.world import WorldThread

from tests.bench.machine import children, locked_bytes, now_us
from tests.bench.plan import (
    BITRATE,
    FPS,
    HEIGHT,
    LORES_HEIGHT,
    LORES_WIDTH,
    MAX_BITRATE,
    THREADS,
    WIDTH,
    BenchError,
    ProcessEndedError,
)

MAIN_BUTTON: Final = 17
DISPLAY_BUTTON: Final = 27
GREEN: Final = 22
RED: Final = 23
PRESS_SECONDS: Final = 0.1

_READY_SECONDS: Final = 20.0
_ANSWER_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.005
_END_SECONDS: Final = 12.0
MICROPHONE_RATE: Final = 48_000
"""Samples per second, camerad's own default."""
PANEL: Final = (320, 240, 16)
"""The front display: width, height, bits per pixel."""

CAPTURE: Final = "camerad.capture"
SELF_VIEW: Final = "camerad.selfview"


class Camera:
    """One camerad and its board, below the new directory `root`; a context manager.

    policy, pre_event: its policy, and the section pre_event of its configuration. witness: have
    the simulated card report every fdatasync, which costs the daemon a little time for each.
    set_up: whether it knows who may open a recording; without, it refuses every press that records.
    sound: whether it has a microphone, a simulated one that hears its own clapper; without one it
    is configured to have none, for a device that is missing is looked for once a second.

    panel: the memory that its front display shows, a descriptor. epoch_us: when the sensor exposed
    its frame number 0. started_us, ready_us, control_us: when the process was started, when the
    daemon told its service manager that it is ready, and when its control socket was there. Raises
    BenchError, with the end of the daemon's log, where the daemon does not do what it should.
    """

    def __init__(
        self,
        root: Path,
        footage: str,
        policy: str,
        pre_event: dict[str, Any] | None = None,
        *,
        witness: bool = False,
        sound: bool = False,
        set_up: bool = True,
    ) -> None:
        root.mkdir()
        self.root = root
        self.recordings = root / "state" / "recordings"
        self.epoch_us = now_us()
        self.started_us = self.ready_us = self.control_us = 0
        self.world = WorldThread(root / "world.sock")
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(root / "notify.sock"))
        self._notify.settimeout(_LOOK_SECONDS)
        self.panel = os.memfd_create("fb0", os.MFD_CLOEXEC)
        self._configuration = root / "camerad.yaml"
        self._sound = sound
        self._recipients = [DEMONSTRATION_RECIPIENT] if set_up else []
        self._microphone: subprocess.Popen[bytes] | None = None
        # JSON is YAML.
        self._configuration.write_text(json.dumps(self._document(policy, pre_event)))
        self._environment = {
            **os.environ,
            # As its unit has it in the image.
            "PYTHONOPTIMIZE": "2",
            "GPIOZERO_PIN_FACTORY": "simulated",
            "HW_MOCKS_PLATFORM": "pisp",
            "HW_MOCKS_FOOTAGE": footage,
            "HW_MOCKS_EPOCH_US": str(self.epoch_us),
            "HW_MOCKS_WORLD": str(self.world_socket),
            "NOTIFY_SOCKET": str(root / "notify.sock"),
        }
        if sound:
            self._environment |= pulse.write_files(root / "pulse", MICROPHONE_RATE)
        if witness:
            self._environment[DISK_VARIABLE] = str(root / "state")
        self._witness = witness
        self._buffered = pre_event is not None

    @property
    def configuration(self) -> Path:
        """The file."""
        return self._configuration

    def configure(self, **sections: dict[str, Any]) -> None:
        """Add to its configuration, before it is started. sections: settings, by section."""
        document = json.loads(self._configuration.read_text())
        for name, settings in sections.items():
            document[name] = {**document.get(name, {}), **settings}
        self._configuration.write_text(json.dumps(document))

    @property
    def world_socket(self) -> Path:
        """Where the daemon's simulated hardware meets the world."""
        return self.root / "world.sock"

    def _document(self, policy: str, pre_event: dict[str, Any] | None) -> dict[str, Any]:
        width, height, depth = PANEL
        os.ftruncate(self.panel, width * height * depth // 8)
        sysfs = self.root / "fb0"
        sysfs.mkdir()
        synchronised = self.root / "synchronised"
        synchronised.touch()
        (sysfs / "virtual_size").write_text(f"{width},{height}\n")
        (sysfs / "bits_per_pixel").write_text(f"{depth}\n")
        (sysfs / "stride").write_text(f"{width * depth // 8}\n")
        return {
            "policy": policy,
            "recipients": self._recipients,
            **({"pre_event": pre_event} if pre_event else {}),
            "device": {
                "state_dir": str(self.root / "state"),
                "runtime_dir": str(self.root / "run"),
                "socket_group": grp.getgrgid(os.getgid()).gr_name,
            },
            "camera": {
                "width": WIDTH,
                "height": HEIGHT,
                "fps": FPS,
                "lores_width": LORES_WIDTH,
                "lores_height": LORES_HEIGHT,
                "bitrate": BITRATE,
                "max_bitrate": MAX_BITRATE,
                "encoder": "software",
                "encoder_threads": THREADS,
            },
            "self_view": {
                "timeout_seconds": 3600,
                "device": f"/proc/{os.getpid()}/fd/{self.panel}",
                "sysfs": str(sysfs),
            },
            "clock": {"synchronised": str(synchronised)},
            "microphone": {"enabled": self._sound, "device": pulse.DEVICE},
        }

    # ------------------------------------------------------------------------------------ life

    def __enter__(self) -> Self:
        self.world.__enter__()
        # The kernel ends the daemon if this process is killed.
        command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m"]
        command += ["hw_mocks.boot", "camerad"] if self._witness else ["camerad"]
        try:
            if self._sound:
                self._start_microphone()
            with (self.root / "log").open("wb") as log:
                self.started_us = now_us()
                self._process = subprocess.Popen(
                    [*command, "run", "--config", str(self._configuration)],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._wait_ready()
            if self._buffered and not locked_bytes(self.controller):
                # Its log says how much memory the kernel must let it lock.
                raise self._failure("camerad has no pre-event buffer")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start_microphone(self) -> None:
        order = {"kind": "clapper", "every": FPS, "fps": FPS, "epoch_us": self.epoch_us}
        command = [sys.executable, "-m", "hw_mocks.microphone", str(self.root / "pulse")]
        self._microphone = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command, json.dumps(order)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._microphone.stdout is not None
        # It says so once it can be opened, and ends without a word if it cannot.
        if not self._microphone.stdout.readline():
            raise BenchError("the simulated microphone did not start; what it said stands above")

    def _wait_ready(self) -> None:
        limit_us = self.started_us + round(_READY_SECONDS * 1e6)
        control = self.root / "run" / "control.sock"
        while not (self.ready_us and self.control_us):
            if now_us() > limit_us:
                raise self._failure(f"camerad is not ready after {_READY_SECONDS:g} s")
            with contextlib.suppress(TimeoutError):
                if not self.ready_us and self._notify.recv(4096).startswith(b"READY=1"):
                    self.ready_us = now_us()
            if not self.control_us and control.exists():
                self.control_us = now_us()
            elif self.ready_us:
                time.sleep(_LOOK_SECONDS)
            self.alive()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if isinstance(error, ProcessEndedError):
            error.add_note("\n  ".join(["what camerad said:", *self._said()]))
        if process is not None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._microphone is not None:
            assert self._microphone.stdout is not None
            self._microphone.terminate()
            self._microphone.wait()
            self._microphone.stdout.close()
        self._notify.close()
        os.close(self.panel)
        self.world.__exit__(None, None, None)

    def kill(self) -> int:
        """Kill the controller, which takes the others with it; when, microseconds of boot time."""
        assert self._process is not None
        at_us = now_us()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return at_us

    def alive(self) -> None:
        """Raise BenchError if the daemon has ended."""
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise self._failure(f"camerad has ended with exit code {code}")

    def _failure(self, what: str) -> BenchError:
        return BenchError("\n  ".join([what, *self._said()]))

    def _said(self) -> list[str]:
        """The end of the daemon's log."""
        return (self.root / "log").read_text(errors="replace").splitlines()[-12:]

    # ------------------------------------------------------------------------------- processes

    @property
    def controller(self) -> int:
        """Process id of the controller."""
        assert self._process is not None
        return self._process.pid

    def child(self, module: str) -> int:
        """Process id of the child that runs `module`. Raises ProcessEndedError where none does."""
        for pid, arguments in children(self.controller).items():
            if module in arguments:
                return pid
        raise ProcessEndedError(f"camerad runs no {module}")

    @property
    def camera_pids(self) -> list[int]:
        """Controller and capture."""
        return [self.controller, self.child(CAPTURE)]

    # --------------------------------------------------------------------------------- control

    def request(self, method: str, target: str) -> Any:
        """Ask the control socket; the JSON that it answers."""
        connection = _Connection(self.root / "run" / "control.sock")
        try:
            connection.request(method, target)
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(f"the control socket does not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise self._failure(f"{method} {target}: {response.status} {body}")
        return body

    def press_display(self) -> None:
        """From idle to self-view as an officer does it, which asks nothing of the control socket.
        Returns when the press is over."""
        self.end_press(*self.begin_press(DISPLAY_BUTTON, PRESS_SECONDS))

    def self_view(self) -> None:
        """From idle to self-view."""
        self.request("POST", "/intents/toggle_self_view")

    def stop(self) -> None:
        """Stop the recording; returns when it is closed, which the red light says."""
        mark = len(self.world.reports)
        self.request("POST", "/intents/stop")
        self.light(RED, False, mark)

    # ----------------------------------------------------------------------------------- board

    def press(self, seconds: float = PRESS_SECONDS) -> tuple[int, int]:
        """Press the main button, and return when it is released and at rest.

        Its first edge, microseconds of boot time, and the mark for `light` and `wait`: the number
        of reports before it.
        """
        name, mark = self.begin_press(MAIN_BUTTON, seconds)
        return self.end_press(name, mark), mark

    def begin_press(self, gpio: int, seconds: float) -> tuple[str, int]:
        """Have a button pressed for so long, and return at once: its name, and the mark."""
        name, mark = f"bench {next(self._numbers)}", len(self.world.reports)
        order = {"gpio": gpio, "seconds": seconds, "bounce": True, "id": name}
        self.world.tell("pins", {"press": order})
        return name, mark

    def end_press(self, name: str, mark: int) -> int:
        """Wait until that press is over; its first edge, microseconds of boot time."""
        over = self.wait(lambda _, message: message.get("pressed") == name, mark, "a press")
        return int(over["down_us"])

    def light(self, gpio: int, on: bool, mark: int) -> int:
        """When, after `mark`, an output changed to on or off."""
        report = self.wait(
            lambda _, message: message.get("pin") == gpio and message["level"] == int(on),
            mark,
            f"GPIO{gpio} {'on' if on else 'off'}",
        )
        return int(report["at_us"])

    def wait(self, wanted: Any, mark: int, what: str) -> Message:
        """The first report after `mark` that is wanted."""
        try:
            return self.world.wait_for(wanted, _ANSWER_SECONDS, start=mark)
        except TimeoutError:
            raise self._failure(f"{what} did not come in {_ANSWER_SECONDS:g} s") from None

    def record(self) -> int:
        """From self-view to recording by a press; its edge. Returns with the red light on."""
        edge_us, mark = self.press()
        self.light(RED, True, mark)
        return edge_us

    def newest(self) -> Path:
        """The newest recording, sealed."""
        files = sorted(self.recordings.glob("*.tar"), key=lambda path: path.stat().st_ctime_ns)
        if not files:
            raise self._failure("there is no recording")
        return files[-1]


class _Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("camerad", timeout=_ANSWER_SECONDS)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_ANSWER_SECONDS)
        self.sock.connect(self._path)
