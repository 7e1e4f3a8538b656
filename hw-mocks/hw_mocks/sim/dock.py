"""A dock and the office behind it, for a simulated camera: charger and network in one switch.

The office is the real one (``camerad office serve``) in a directory of its own, with the camera in
its register; what hands over is the real client (``python -m camerad.dock``), which a camera's
service manager starts while a charger supplies the board. Between both is a cable that can be
pulled at any byte (`hw_mocks.sim.relay`).
"""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_key_file import load_public_key

from hw_mocks.free_port import free_port
from hw_mocks.progress import waited_for
from hw_mocks.sim import SimError
from hw_mocks.sim.process import end_child
from hw_mocks.sim.relay import HOST, Relay

END_SECONDS: Final = 10.0
_SOFTWARE: Final = 70
PEOPLE: Final = {
    "desk": ("Robin Desk", "desk"),
    "supervisor": ("Kim Supervisor", "supervisor"),
    "lead": ("Alex Lead", "shift_lead"),
    "privacy": ("Sam Privacy", "data_protection"),
    "admin": ("Jo Admin", "administrator"),
}
"""Who works in the demonstration's office: ids, names, and what they are there."""
_NOT_OPEN: Final = {
    "starting": "the office is starting: try again in a moment",
    "ended": "the office has ended: the terminal of bodycam-sim says why",
}


class Dock:
    """The dock and its office, whose directory and files are below `root`.

    control: the camera's control socket. configuration: where the camera's is, when it is docked.
    say: tells the person at the terminal. on_change: called when `state` is another.
    """

    def __init__(
        self,
        root: Path,
        control: Path,
        configuration: Path,
        say: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self.state = "starting"
        """Of the office's server: "starting", "open" or "ended"."""
        self._say = say
        self._on_change = on_change
        self._serving: asyncio.Task[None] | None = None
        self._root = root
        self._control = control
        self._configuration = configuration
        self._office: asyncio.subprocess.Process | None = None
        self._client: asyncio.subprocess.Process | None = None
        self._manager: asyncio.Task[None] | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._inside = False
        self._port = free_port()
        self._desk_port = free_port()
        self._known: set[str] = set()
        self.relay: Final = Relay(self._port)

    @property
    def directory(self) -> Path:
        """The office's directory, for `camerad evidence`."""
        return self._root / "directory"

    @property
    def _config(self) -> Path:
        return self._root / "office.yaml"

    @property
    def _register(self) -> Path:
        return self._root / "cameras.json"

    @property
    def office_key(self) -> Path:
        """The office's private key, of a demonstration."""
        return self._root / "office.pem"

    @property
    def desk(self) -> str:
        """Where the office's people work: a page that this computer alone reaches."""
        return f"http://localhost:{self._desk_port}"

    async def link(self, person: str) -> str:
        """A one-time link by which one of `PEOPLE` comes in. Raises SimError."""
        if self.state != "open":
            raise SimError(_NOT_OPEN[self.state], _SOFTWARE)
        name, role = PEOPLE[person]
        config = ("--config", str(self._config))
        if not self._known:
            listed = await self._command("office", "people", "list", *config)
            self._known = {line.split()[0] for line in listed.splitlines()}
        does = ["link", person]
        if person not in self._known:
            does = ["add", person, "--name", name, "--role", role]
            self._known.add(person)
        said = await self._command("office", "people", *does, *config)
        return said.split()[0]

    async def prepare(self) -> dict[str, Any]:
        """Make the office; returns the section ``office`` of a camera's configuration. Raises
        SimError."""
        self._root.mkdir(exist_ok=True)
        url = f"https://{HOST}:{self.relay.port}"
        made = self._command(
            "office",
            "init",
            str(self.directory),
            *("--config", str(self._config)),
            *("--office-key", str(self.office_key)),
            *("--register", str(self._register)),
            *(() if self._config.exists() else ("--url", url)),
        )
        await waited_for("'camerad office init', which makes the office", made, self._tell)
        settings = yaml.safe_load(self._config.read_text())
        # Each time at other ports, whatever has the former ones now; behind the network.
        settings["url"] = url
        settings["listen"] = {"host": HOST, "port": self._port}
        settings["receive"]["reserve_gib"] = 0
        settings["desk"] = {"url": self.desk, "port": self._desk_port}
        self._config.write_text(yaml.safe_dump(settings))
        key = load_public_key(str(self.office_key))
        assert key is not None
        authority = self._root / "office-tls" / "authority.pem"
        return {"url": url, "ca": authority.read_text(), "key": key.jwk["x"]}

    async def start(self) -> None:
        """Have the dock there: the network, and what starts the camera's client."""
        await self.relay.start()
        self._manager = asyncio.get_running_loop().create_task(self._manage())

    def open(self, identity: dict[str, Any]) -> None:
        """Have the office know the camera, and start its server; the camera waits for neither.
        identity: as the control socket gives it."""
        self._register_camera(identity)
        self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        office = await self._spawn("camerad", "office", "serve", "--config", self._config)
        self._office = office
        what = "the office, without which the camera works meanwhile"
        if await waited_for(what, self._opens(office), self._tell):
            self._is("open")
            self._tell(f"its office keeps recordings in {self.directory}")
            self._tell(f"the office's page is at {self.desk}; the camera's page has the way in")
        code = await office.wait()
        self._is("ended")
        self._tell(f"the office has ended with exit code {code}; the camera works without it")

    def _is(self, state: str) -> None:
        self.state = state
        self._on_change()

    def _tell(self, text: str) -> None:
        self._say(f"bodycam-sim: {text}")

    async def _opens(self, office: asyncio.subprocess.Process) -> bool:
        """Wait until cameras and people reach it; False if it has ended before."""
        while office.returncode is None:
            if await _answers(self._port) and await _answers(self._desk_port):
                return True
        return False

    def _register_camera(self, identity: dict[str, Any]) -> None:
        camera = RegisteredCamera(
            name=identity["device"],
            thumbprint=identity["thumbprint"],
            jwk=identity["jwk"],
            serial=None,
            office=None,
            doctor=None,
            collected=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        camera_register.write(str(self._register), Register((camera,)))

    def docked(self, inside: bool) -> None:
        """The camera was put in, or taken out: the network is there or gone at once, and then its
        service manager starts the client, or ends it."""
        self._inside = inside
        if inside and self._cut is None:
            self.relay.plug()
        elif not inside:
            self.relay.pull()
        self._changed.set()

    def cut(self, seconds: float, bytes_left: int) -> None:
        """The network goes when so many bytes more have gone to the office, for so long."""
        if self._cut is not None:
            self._cut.cancel()
        self._cut = asyncio.get_running_loop().call_later(seconds, self._mend)
        if self._inside and bytes_left:
            self.relay.plug(bytes_left)
        else:
            self.relay.pull()

    def _mend(self) -> None:
        self._cut = None
        if self._inside:
            self.relay.plug()

    async def _manage(self) -> None:
        """What the camera's service manager does: the client runs while a charger is there."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._inside and (self._client is None or self._client.returncode is not None):
                self._client = await self._spawn("camerad.dock", "--config", self._configuration)
            elif not self._inside:
                await end_child(self._client, END_SECONDS)

    async def stop(self) -> None:
        """End the client, the office and the network."""
        if self._cut is not None:
            self._cut.cancel()
        if self._manager is not None:
            self._manager.cancel()
            await asyncio.gather(self._manager, return_exceptions=True)
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await end_child(self._client, END_SECONDS)
        await end_child(self._office, END_SECONDS)
        await self.relay.stop()

    async def _spawn(
        self, module: str, *arguments: object, output: int | None = None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            *map(str, arguments),
            env={**os.environ, "CAMERAD_SOCKET": str(self._control)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output and asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def _command(self, *arguments: str) -> str:
        """What the command printed. Raises SimError."""
        process = await self._spawn("camerad", *arguments, output=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise SimError(said.decode(errors="replace").strip(), _SOFTWARE)
        return said.decode()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        await asyncio.sleep(0.05)
        return False
    writer.close()
    return True
