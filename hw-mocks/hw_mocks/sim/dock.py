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
from pathlib import Path
from typing import Any, Final

import yaml
from camerad.office import camera_register
from camerad.office.camera_register import Register, RegisteredCamera
from camerad.office.own_key import load_public_key

from hw_mocks.free_port import free_port
from hw_mocks.sim import SimError
from hw_mocks.sim.process import end_child
from hw_mocks.sim.relay import HOST, Relay

START_SECONDS: Final = 20.0
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


class Dock:
    """The dock and its office, whose directory and files are below `root`.

    control: the camera's control socket. configuration: where the camera's is, when it is docked.
    """

    def __init__(self, root: Path, control: Path, configuration: Path) -> None:
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
        """Make the office; returns the section ``office`` of a camera's configuration."""
        self._root.mkdir(exist_ok=True)
        url = f"https://{HOST}:{self.relay.port}"
        await self._command(
            "office",
            "init",
            str(self.directory),
            *("--config", str(self._config)),
            *("--office-key", str(self.office_key)),
            *("--register", str(self._register)),
            *(() if self._config.exists() else ("--url", url)),
        )
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
        """Start the office. Raises SimError if it does not come up."""
        await self.relay.start()
        self._manager = asyncio.get_running_loop().create_task(self._manage())
        self._office = await self._spawn("camerad", "office", "serve", "--config", self._config)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await _answers(self._port):
                    if self._office.returncode is not None:
                        raise SimError("the office has ended; it says why above", _SOFTWARE)
        except TimeoutError:
            raise SimError("the office does not answer", _SOFTWARE) from None

    def register(self, identity: dict[str, Any]) -> None:
        """Have the office know the camera. identity: as the control socket gives it."""
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
