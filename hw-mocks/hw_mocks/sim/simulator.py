"""The simulator as a whole: from the command line's options to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from camerad.base.errors import EX_OSERR, EX_SOFTWARE
from camerad.behaviour.scene import COVERS, GRAVITY
from camerad.config import Settings, load
from camerad.control.client import request
from camerad.hardware import from_settings

from hw_mocks.office import DEMONSTRATION_RECIPIENT
from hw_mocks.panel import Panel
from hw_mocks.priority import REALTIME_VARIABLE
from hw_mocks.sim import SimError
from hw_mocks.sim.about import about_buttons, about_faults, about_policy, about_rhythms
from hw_mocks.sim.board import Board, NotNow, Wiring
from hw_mocks.sim.board_power import BoardPower
from hw_mocks.sim.control import ControlClient
from hw_mocks.sim.desk import Desk
from hw_mocks.sim.dock import Dock
from hw_mocks.sim.doctor import Doctor
from hw_mocks.sim.film import hold_footage, prepare_footage
from hw_mocks.sim.hearing import Hearing, sound_order
from hw_mocks.sim.listening import LOOPBACK, Guests, bind, is_private
from hw_mocks.sim.loudspeaker import Loudspeaker
from hw_mocks.sim.process import DaemonProcess
from hw_mocks.sim.server import Server
from hw_mocks.sim.setup import (
    DEMONSTRATION_POLICY,
    Machine,
    StateDir,
    command,
    derive_configuration,
    leaves_recipients_out,
    load_configuration,
    shipped_configuration,
)
from hw_mocks.sim.upload import Upload

FAULT_SECONDS: Final = 3600.0
"""How long a fault holds that is there from before the start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see `hw_mocks.sim.__main__`.

    `browse`: whether the page is opened in this desktop's browser, if there is one. `footage`: name
    of a clip or a file; None leaves the sensor to its own devices. `config`: None is the shipped
    one. `host`: an address of this machine; beyond loopback guests need a token, and TLS (see
    `hw_mocks.sim.listening`). `port`: 0 is any free one. `daemon`: the module that is run, another
    one only in tests.
    `sound`: what the microphone hears; None: there is none. `sound_ppm`: how much too fast its
    clock runs. `doctor`: arguments of ``camerad doctor``, which then runs in place of the daemon.
    `faults`: that hold from before the start. `office`: whether there is one behind the dock.
    `camera`: "simulated", or "real" for Debian's libcamera (see `hw_mocks.virtualcamera`).
    """

    state_dir: Path
    footage: str | None = "vtest.avi"
    config: Path | None = None
    host: str = LOOPBACK
    port: int = 8480
    platform: str = "vc4"
    page: bool = True
    browse: bool = False
    daemon: str = "camerad"
    sound: str | None = None
    sound_ppm: float = 0.0
    doctor: tuple[str, ...] | None = None
    faults: tuple[str, ...] = ()
    office: bool = False
    camera: str = "simulated"


def _browse(url: str) -> bool:
    """Show the page in the desktop's browser. Without a desktop there is none to be opened: what
    runs in a terminal would take this one, and knows no JavaScript."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def say(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


class Simulator:
    """Runs one body camera. `url` is known once `run` has bound its port."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.url = ""
        self._end = asyncio.Event()
        self._interrupted = 0
        self._exit_code = 0
        self._erasing = False
        self._erased = 0
        self._guests: Guests | None = None
        self._process: DaemonProcess | Doctor | None = None
        self._control: ControlClient | None = None
        self._server: Server | None = None
        self._dock: Dock | None = None

    async def run(self) -> int:
        """Run until SIGINT or SIGTERM, or `end`; returns the exit code.

        Raises SimError if something that it needs is missing or in use.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError):  # not the main thread
                loop.add_signal_handler(number, self.end)
        async with contextlib.AsyncExitStack() as parts:
            listener = self._bind()
            parts.callback(listener.close)
            settings = load_configuration(self.options.config or shipped_configuration())
            state = StateDir(self.options.state_dir)
            parts.callback(state.close)
            footage = await self._footage(settings)
            if footage is not None:
                parts.callback((await hold_footage(footage)).close)
            if self.options.doctor is None:
                say(f"bodycam-sim: the body camera comes up at {self.url}/")
            elif {"--interactive", "--bring-up"} & set(self.options.doctor):
                say(f"bodycam-sim: the board, with the buttons to press, is at {self.url}/")
            while not self._end.is_set():
                async with contextlib.AsyncExitStack() as life:
                    await self._start(life, listener.dup(), settings, state, footage)
                    await self._end.wait()
                    if self.options.doctor is None:
                        say("bodycam-sim: ending")
                if self._erasing:
                    self._erase(state)
        return self._exit_code

    def erase(self, state: StateDir) -> None:
        """End the camera, delete all that it and its office have, and start a new one. Raises
        NotNow where that might delete what is somebody else's."""
        if not state.is_own:
            raise NotNow(
                f"bodycam-sim neither made {state.root} nor found it empty, and deletes nothing in "
                "it: end bodycam-sim and delete by hand what is its"
            )
        self._erasing = True
        self._end.set()

    def _erase(self, state: StateDir) -> None:
        self._erasing = False
        try:
            state.erase()
        except OSError as error:
            say(f"bodycam-sim: {error.filename} cannot be deleted: {error.strerror}")
        else:
            self._erased += 1
            say("bodycam-sim: everything is deleted; a new camera comes up")
        if not self._interrupted:
            self._end.clear()

    def end(self) -> None:
        """End in order; a second time, kill the daemon."""
        self._interrupted += 1
        self._end.set()
        if self._interrupted > 1 and self._process is not None:
            self._process.kill()

    def _bind(self) -> socket.socket:
        host = self.options.host
        listener = bind(host, self.options.port)
        self._guests = None if is_private(listener) else Guests(host)
        scheme = "http" if self._guests is None else "https"
        if self._guests is None:
            host = listener.getsockname()[0]  # this one `Host` may say, whatever name it has
        named = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{named}:{listener.getsockname()[1]}"
        return listener

    async def _footage(self, settings: Settings) -> Path | None:
        if self.options.footage is None:
            return None
        return await prepare_footage(self.options.footage, settings.camera)

    async def _start(
        self,
        parts: contextlib.AsyncExitStack,
        listener: socket.socket,
        settings: Settings,
        state: StateDir,
        footage: Path | None,
    ) -> None:
        panel = Panel(state.root / "board")
        parts.callback(panel.close)
        policy = DEMONSTRATION_POLICY if self.options.config is None else None
        recipient = None
        if leaves_recipients_out(settings):
            recipient = DEMONSTRATION_RECIPIENT
            say(
                "bodycam-sim: the configuration names no recipients; recordings are sealed to the "
                "demonstration key, which hw-mocks/demo-office.txt opens"
            )

        def tell() -> None:
            self._tell(state, environment, footage)

        power = BoardPower(state.runtime, tell, self._changed, say)
        office = await self._office(parts, state) if self.options.office else None
        wiring = Wiring.of(settings)
        board = Board(
            wiring,
            state.world,
            state.clock,
            self._daemon_pid,
            self._changed,
            files=state.root / "board",
            power=power,
            dock=self._dock,
        )
        derived = derive_configuration(
            settings, state, panel, board, policy=policy, recipient=recipient, office=office
        )
        try:
            await board.world.start()
        except OSError as error:
            raise SimError(f"{state.world}: cannot listen: {error.strerror}", EX_OSERR) from None
        parts.push_async_callback(board.world.stop)
        board.timepiece.start()
        parts.callback(board.timepiece.stop)
        parts.callback(board.gauges.stop)
        camera = settings.camera
        try:
            upload = Upload(
                (camera.width, camera.height),
                (camera.lores_width, camera.lores_height),
                camera.fps,
                sound=self.options.sound is not None,
            )
        except OSError as error:
            raise SimError(f"no memory for pictures: {error.strerror}", EX_OSERR) from None
        parts.callback(upload.forget)
        machine = Machine(self.options.platform, footage, state, upload.memory.path)
        environment = machine.environment()
        if self.options.camera == "real" and footage is not None:
            # Needs OpenCV, which no other part of the simulator does.
            from hw_mocks import virtualcamera

            preloaded = environment.get("LD_PRELOAD", "")
            environment |= virtualcamera.environment(
                state.root / "camera", footage, camera.fps, preloaded
            )
        # Before anything that may have them: a microphone that is silent has never heard anything.
        for name in self.options.faults:
            board.fault(name, FAULT_SECONDS)
        if self.options.sound is not None:
            hearing = Hearing(state.sound, environment)
            parts.push_async_callback(hearing.stop)
            order = sound_order(
                self.options.sound, self.options.footage, settings.camera.fps, environment
            )
            order["visitor"] = str(upload.sound.path)
            if self.options.doctor is not None:
                # Only for whoever listens to it: what is recorded is judged by what else is heard.
                order["speaker"] = str(state.speaker)
            environment |= await hearing.start({**order, "ppm": self.options.sound_ppm})

        def ended(code: int) -> None:
            if self._end.is_set() or not power.ended(code):
                self._ended(code)

        process = self._make_process(derived, environment, ended)
        self._process = process
        if isinstance(process, DaemonProcess):
            power.process = process
        self._control = ControlClient(state.control, self._changed)
        about = {
            "platform": self.options.platform,
            "footage": self.options.footage,
            "state_dir": str(state.root),
            "config": str(derived),
            "buttons": about_buttons(settings),
            "rhythms": about_rhythms(settings),
            "gravity": [condition.value for condition in GRAVITY],
            "covers": {one.value: other.value for one, other in COVERS.items()},
            "policy": about_policy(load(derived)),
            "faults": about_faults(settings, environment, office=self._dock is not None),
        }
        desk = Desk(state.root / "desk", state.card, self._desk_changed)
        desk.start()
        parts.push_async_callback(desk.stop)
        self._server = Server(
            listener=listener,
            board=board,
            control=self._control,
            panel=panel,
            daemon=process,
            desk=desk,
            upload=upload,
            erase=partial(self.erase, state) if self.options.doctor is None else None,
            erased=self._erased,
            guests=self._guests,
            dock=self._dock,
            loudspeaker=Loudspeaker(state.speaker, from_settings.announcements(settings)),
            about=about,
            page=self.options.page,
        )
        # Ended in the opposite order: the page goes first, the world outlives the daemon.
        parts.push_async_callback(process.stop)
        await process.start()
        self._control.start()
        parts.push_async_callback(self._control.stop)
        await self._server.start()
        parts.push_async_callback(self._server.stop)
        tell()
        if self.options.doctor is not None:
            return
        greeting = asyncio.get_running_loop().create_task(self._greet(state.control))
        parts.callback(greeting.cancel)

    async def _office(
        self, parts: contextlib.AsyncExitStack, state: StateDir
    ) -> dict[str, Any] | None:
        """Have a dock there; returns the section ``office`` of the camera's configuration. None
        where the office cannot be made: the camera comes up without it."""
        self._dock = None
        dock = Dock(state.root / "office", state.control, state.configuration, say, self._changed)
        try:
            section = await dock.prepare()
        except SimError as error:
            say(f"bodycam-sim: there is no office: {error}")
            return None
        self._dock = dock
        parts.push_async_callback(dock.stop)
        await dock.start()
        return section

    def _make_process(
        self, configuration: Path, environment: dict[str, str], ended: Callable[[int], None]
    ) -> DaemonProcess | Doctor:
        """What runs on the board."""
        environment = {**environment, REALTIME_VARIABLE: "1"}
        if self.options.doctor is None:
            return DaemonProcess(command(self.options.daemon, configuration), environment, ended)
        line = command(self.options.daemon, configuration, "doctor")
        return Doctor([*line, *self.options.doctor], environment, ended)

    def _tell(self, state: StateDir, environment: dict[str, str], footage: Path | None) -> None:
        """Write down what a program needs to know of this simulator."""
        facts = {
            "url": self.url,
            "pid": os.getpid(),
            "daemon_pid": self._daemon_pid(),
            "started_us": None if self._process is None else self._process.started_us,
            "control": str(state.control),
            "footage": None if footage is None else str(footage),
            "epoch_us": int(environment["HW_MOCKS_EPOCH_US"]),
        }
        # Never half of it: whoever reads sees the daemon before or this one.
        path = state.root / "sim.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(facts) + "\n")
        os.replace(beside, path)

    async def _greet(self, control: Path) -> None:
        assert self._control is not None
        await self._control.answered.wait()
        if self._dock is not None:
            _, identity = await asyncio.to_thread(request, str(control), "GET", "/identity")
            self._dock.open(identity)
        if self.options.page:
            address = f"{self.url}/"
            if self._guests is not None:
                address = self._guests.address(self.url)
                say(self._guests.welcome(self.url))
            browsing = self.options.browse and await asyncio.to_thread(_browse, address)
            to_do = "your browser shows it" if browsing else "open that"
            say(
                f"bodycam-sim: the body camera is at {self.url}/ - {to_do}, and press its big "
                "button. Ctrl-C ends it"
            )
        else:
            say(f"bodycam-sim: the body camera is at {self.url}/api/state")

    def _daemon_pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def _changed(self) -> None:
        if self._server is not None:
            self._server.changed()

    def _desk_changed(self) -> None:
        if self._server is not None:
            self._server.desk_changed()

    def _ended(self, code: int) -> None:
        self._changed()
        if self.options.doctor is not None:
            self._exit_code = code if code >= 0 else EX_SOFTWARE
            self._end.set()
        if self._end.is_set():
            return
        assert self._control is not None
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        if self._control.answered.is_set():
            # Not started again: whoever tests the daemon wants to see that it ended.
            say(f"bodycam-sim: the daemon has ended {how}; end this with Ctrl-C and start again")
            return
        say(f"bodycam-sim: the daemon ended {how} before it was up; what it said stands above")
        self._exit_code = code if code > 0 else EX_SOFTWARE
        self._end.set()
