"""The office's real server, in a process of its own, behind a network that can be pulled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from hw_mocks.free_port import free_port
from hw_mocks.sim.relay import HOST, Relay

from camerad.config.office_section import Office
from camerad.container.keys import PublicKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_key_file import load_public_key
from tests.waiting import DEADLINE

PATIENCE: Final = DEADLINE
_T = TypeVar("_T")


class OfficeServer:
    """An office below `root`, with one camera in its register, and `others` by their names.
    `directory`: the office's."""

    def __init__(self, root: Path, camera: PublicKey, name: str, **others: PublicKey) -> None:
        self.root = root
        self.directory = root / "directory"
        self.config = root / "office.yaml"
        self.log = root / "log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.relay = self._on_loop(_relay(self._port))
        root.mkdir(parents=True, exist_ok=True)
        register = root / "cameras.json"
        known = [
            RegisteredCamera(name, key.thumbprint, key.jwk, None, None, None, "")
            for name, key in {name: camera, **others}.items()
        ]
        camera_register.write(str(register), Register(tuple(known)))
        command = ["office", "init", str(self.directory), "--config", str(self.config)]
        command += ["--office-key", str(root / "office.pem"), "--register", str(register)]
        command += ["--url", f"https://{HOST}:{self.relay.port}"]
        subprocess.run([sys.executable, "-m", "camerad", *command], check=True, capture_output=True)
        settings = yaml.safe_load(self.config.read_text())
        settings["listen"] = {"host": HOST, "port": self._port}  # behind the network
        settings["receive"]["reserve_gib"] = 0
        self.config.write_text(yaml.safe_dump(settings))

    @property
    def section(self) -> Office:
        """The section ``office`` of the camera's configuration."""
        key = load_public_key(str(self.root / "office.pem"))
        assert key is not None
        authority = self.root / "office-tls" / "authority.pem"
        url = f"https://{HOST}:{self.relay.port}"
        return Office(url, authority.read_text(), key.jwk["x"], 1000)

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "camerad", "office", "serve", "--config"]
            self._process = subprocess.Popen([*command, self.config], stderr=log, stdout=log)
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self._port), 1):
                return
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the office does not listen"
            time.sleep(0.02)

    @property
    def port(self) -> int:
        """Where the server itself listens, whatever the network does."""
        return self._port

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def plug(self, after: int | None = None) -> None:
        """Plug the network in; see `Relay.plug`."""
        self._loop.call_soon_threadsafe(self.relay.plug, after)

    def pull(self) -> None:
        """Pull the network."""
        self._loop.call_soon_threadsafe(self.relay.pull)

    def close(self) -> None:
        """End the server in order, and the network. The server must not have said anything of a
        mistake of ours."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(PATIENCE) == 0, self.log.read_text()
        self._on_loop(self.relay.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        said = self.log.read_text() if self.log.exists() else ""
        assert "Traceback" not in said, said

    def _on_loop(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


async def _relay(port: int) -> Relay:
    made = Relay(port)
    await made.start()
    return made


def environment() -> dict[str, str]:
    """Of a program that is not to find this user's own keys."""
    return {**os.environ, "XDG_CONFIG_HOME": os.devnull}
