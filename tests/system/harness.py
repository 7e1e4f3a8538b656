"""A body camera in a test: bodycam-sim with the production daemon, driven as a person would.

Everything goes through the simulator's JSON and the files that it leaves; nothing in here knows the
daemon's code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.system import simulator_copies
from tests.system.simulator_copies import Copy
from tests.waiting import DEADLINE, until

PATIENCE: Final = DEADLINE
"""Seconds after which what has to come is given up. How soon it has to come is judged by instants
that the hardware notes, and not by whoever waits for it, whom a machine may hold up."""
CALM_SECONDS: Final = 1.1
"""A hold that may end a recording comes so long after any other contact: a tenth more than a
second."""
ALONE_US: Final = 400_000
"""The press that ends one is alone for so long."""
_PAUSE: Final = 0.05
"""Seconds between two looks at the state, whose shortest news is half a blink: as long as ten. To
look costs 2.5 ms of a processor: fifty times a second that is more than a whole camera in idle."""


def now_us() -> int:
    """Media time: microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: Any


class BodyCamera:
    """A running simulator. Use `body_camera` to get one."""

    def __init__(self, url: str, state_dir: Path, log: Path) -> None:
        self.url = url
        self.state_dir = state_dir
        self.log = log
        facts = json.loads((state_dir / "sim.json").read_text())
        self.daemon_pid: int = facts["daemon_pid"]
        self.control: str = facts["control"]
        self.footage = Path(facts["footage"])
        self.epoch_us: int = facts["epoch_us"]

    def ask(self, method: str, path: str, body: object | None = None) -> Reply:
        """One request; an error status is an answer too."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Reply(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, json.load(error))

    @property
    def state(self) -> dict[str, Any]:
        body: dict[str, Any] = self.ask("GET", "/api/state").body
        return body

    @property
    def recordings(self) -> list[dict[str, Any]]:
        """Newest first: by the number in their ids, whatever the clock said.

        Waits for a card that hangs for some seconds.
        """

        def listed() -> Reply | None:
            reply = self.ask("GET", "/api/recordings")
            return reply if reply.status == 200 else None

        body = until(listed, PATIENCE, "the recordings are listed").body
        return sorted(body, key=lambda one: int(one["id"].split("-")[1]), reverse=True)

    def press(self, button: str = "main", seconds: float = 0.1) -> dict[str, Any]:
        """Press and release; the answer has `down_us` and `up_us`."""
        reply = self.ask("POST", "/api/press", {"button": button, "seconds": seconds})
        assert reply.status == 200, reply
        body: dict[str, Any] = reply.body
        self.touched_us = max(self.touched_us, int(body["up_us"]))
        return body

    touched_us = 0
    """When a button was let go last."""

    def press_stop(self) -> dict[str, Any]:
        """Hold the big button, let go as it is felt, and press once; the answer has `down_us` of
        the hold, and `decided_us`, when it is certain that the recording is to end."""
        self.pass_time(max(0.0, (self.touched_us - now_us()) / 1e6 + CALM_SECONDS))
        held = self.press("main", 2.3)
        self.pass_time(0.4)
        answer = self.press()
        return {**held, "decided_us": answer["up_us"] + ALONE_US}

    def stop_once(self) -> None:
        """Press the stop, and wait until it is decided: a hold after that would record again. What
        a fault keeps from stopping goes on after 5 s, and may be asked again."""
        self.press_stop()
        with contextlib.suppress(AssertionError):
            until(lambda: self.state["stage"] != "recording", 5, "it stops")

    def press_and_hold(self, button: str = "display", seconds: float = 1.2) -> None:
        """A press, and a second one that is held."""
        self.press(button)
        self.press(button, seconds)

    def fault(self, name: str, seconds: float | None = None, **more: Any) -> None:
        body: dict[str, Any] = {"name": name, **more}
        if seconds is not None:
            body["seconds"] = seconds
        reply = self.ask("POST", "/api/fault", body)
        assert reply.status == 200, reply

    def wait(self, seconds: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """Wait until the state has these values; returns it."""

        def look() -> dict[str, Any] | None:
            state = self.state
            return state if all(state[name] == value for name, value in wanted.items()) else None

        return until(look, seconds, lambda: f"{wanted}; it is {self.state}", pause=_PAUSE)

    def wait_for_condition(self, condition: str, *, holds: bool, seconds: float = PATIENCE) -> None:
        until(
            lambda: (condition in self.state["conditions"]) is holds,
            seconds,
            lambda: f"{condition}: {holds}; it is {self.state}",
            pause=_PAUSE,
        )

    def record(self, seconds: float) -> dict[str, Any]:
        """A recording from idle by holding the button, `seconds` long; returns its listing."""
        self.press("main", 1.3)
        self.wait(stage="recording")
        self.pass_time(seconds)
        return self.stop()

    def stop(self) -> dict[str, Any]:
        """End the recording, and wait until the camera is idle; returns the newest one."""
        self.press_stop()
        self.wait(stage="idle")
        return self.recordings[0]

    def pass_time(self, seconds: float) -> None:
        """Let real time pass: what is tested is what the camera does in it."""
        end_us = now_us() + round(seconds * 1e6)
        until(lambda: now_us() >= end_us, seconds + 5, "time passes")

    @property
    def capture_pid(self) -> int | None:
        """Process id of the capture process that runs now."""
        return self.child("camerad.capture")

    def child(self, module: str) -> int | None:
        """Process id of the daemon's child that runs `module`."""
        for thread in os.listdir(f"/proc/{self.daemon_pid}/task"):
            try:
                children = Path(f"/proc/{self.daemon_pid}/task/{thread}/children").read_text()
            except FileNotFoundError:
                continue
            for pid in children.split():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                        return int(pid)
        return None

    def frame_at(self, at_us: int) -> float:
        """The frame number, with a fraction, that the sensor exposes at a media time (30 fps)."""
        return (at_us - self.epoch_us) * 30 / 1e6


OF_MAKE_RUN: Final = Path(__file__).parents[2] / "hw-mocks" / "bodycam.yaml"
UNHURRIED = {"preset": "two-buttons", "display": {"double_press_ms": 1000}}
"""On a busy machine a second press is asked for later than a hand would make it."""
SMALL: Final = {"width": 640, "height": 360}
SHIPPED: Final = {"width": 1280, "height": 720}
"""Sizes of the picture. Of all that a simulated camera costs the machine, two thirds are for making
and encoding pictures of the shipped size, which is for tests of the pictures themselves."""


def configuration(directory: Path, policy: str = "generic", **sections: Any) -> Path:
    """A configuration file with these sections; the shipped defaults for everything else but the
    size of the picture: `SMALL`, unless the section `camera` says another one."""
    path = directory / "camerad.yaml"
    sections["camera"] = {**SMALL, **sections.get("camera", {})}
    path.write_text(yaml.safe_dump({"policy": policy, **sections}))
    return path


def of_make_run(directory: Path, **sections: Any) -> Path:
    """The configuration of `make run`'s camera, with these sections, and `SMALL` pictures unless
    the section `camera` says another size."""
    own: dict[str, Any] = yaml.safe_load(OF_MAKE_RUN.read_text())
    camera = {**own["camera"], **sections.pop("camera", {})}
    return configuration(directory, **{**own, **sections, "camera": camera})


@contextlib.contextmanager
def body_camera(
    directory: Path,
    config: Path,
    *,
    footage: str = "vtest.avi",
    platform: str = "vc4",
    environment: dict[str, str] | None = None,
    ready: bool = True,
    page: bool = False,
    prefix: Sequence[str] = (),
    options: Sequence[str] = (),
    python: str | None = None,
) -> Iterator[BodyCamera]:
    """A body camera that is ready, unless told not to wait; ended in order afterwards.

    page: whether the simulator serves its web page. prefix: the command that the simulator's is
    handed to, as its last arguments. options: more of the simulator's own, such as --sound clapper.
    python: the interpreter of simulator and daemon, if it is another one than this.
    """
    state_dir, log = directory / "state", directory / "log"
    words = ["--footage", footage, "--config", str(config)]
    words += ["--port", "0", "--state-dir", str(state_dir), "--platform", platform]
    words += [*options] if page else ["--no-page", *options]
    with log.open("wb") as output:
        process: Copy | subprocess.Popen[bytes]
        # What is read from the environment while a module is imported is told no copy.
        if environment or prefix or python or not simulator_copies.possible():
            process = subprocess.Popen(
                [*prefix, python or sys.executable, "-m", "hw_mocks.sim", *words],
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        else:
            process = simulator_copies.start(words, log, os.environ)
        try:

            def url() -> str | None:
                assert process.poll() is None, log.read_text()
                with contextlib.suppress(FileNotFoundError, ValueError):
                    facts = json.loads((state_dir / "sim.json").read_text())
                    return str(facts["url"])
                return None

            camera = BodyCamera(until(url, PATIENCE, "the simulator serves"), state_dir, log)
            if ready:
                camera.wait(stage="idle", ready=True)
            yield camera
        except BaseException:
            sys.stderr.write(log.read_text())
            raise
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)
    said = log.read_text()
    assert "Traceback" not in said, said
    assert process.returncode == 0, said
