"""The office of a fleet: the production server (`camerad office serve`) in a process of its own."""

from __future__ import annotations

import datetime
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml
from camerad.container.keys import PublicKey
from camerad.container.recording_files import SUFFIX
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_key_file import load_public_key

from hw_mocks.free_port import free_port

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 600.0
"""A busy machine may take long to start it; one that has ended is not waited for."""
END_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.02
_UNIT: Final = Path(__file__).parents[3] / "systemd" / "office" / "camerad-office.service"


class FleetOfficeError(Exception):
    """Error raised when the office does not do what it is told; one line for a person."""


class FleetOffice:
    """An office below `root`. cameras: names and public keys of its register.

    listens: its port; any that is free if None. port: where cameras reach it, if that is not where
    it listens, as with a network between. desk: whether people reach it too. receive: settings of
    the section of that name.
    """

    def __init__(
        self,
        root: Path,
        cameras: Iterable[tuple[str, PublicKey]],
        listens: int | None = None,
        port: int | None = None,
        *,
        desk: bool = False,
        **receive: int,
    ) -> None:
        self.root = root
        self.directory: Final = root / "directory"
        self.config: Final = root / "office.yaml"
        self.public_key: Final = root / "office.pub.pem"
        self.log: Final = root / "office.log"
        self.peak_megabytes = 0.0
        self._listens: Final = listens or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url: Final = f"https://{HOST}:{port or self._listens}"
        self._desk_port: Final = free_port() if desk else None
        self._make(cameras, receive)

    def _make(self, cameras: Iterable[tuple[str, PublicKey]], receive: dict[str, int]) -> None:
        self.root.mkdir(parents=True)
        register, key = self.root / "cameras.json", self.root / "office.pem"
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        known = [
            RegisteredCamera(name, public.thumbprint, public.jwk, None, None, None, now)
            for name, public in cameras
        ]
        camera_register.write(str(register), Register(tuple(known)))
        command = ["office", "init", str(self.directory), "--config", str(self.config)]
        command += ["--office-key", str(key), "--register", str(register), "--url", self.url]
        done = subprocess.run(
            [sys.executable, "-m", "camerad", *command], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise FleetOfficeError(done.stderr.strip())
        settings = yaml.safe_load(self.config.read_text())
        settings["listen"] = {"host": HOST, "port": self._listens}
        settings["receive"] |= {"reserve_gib": 0, **receive}
        if self._desk_port is not None:
            settings["desk"] = {"url": self.desk, "host": HOST, "port": self._desk_port}
        self.config.write_text(yaml.safe_dump(settings))
        public = load_public_key(str(key))
        assert public is not None
        self.public_key.write_text(public.pem)
        self._key = public

    @property
    def listens(self) -> int:
        """The port of this machine at which the server listens."""
        return self._listens

    @property
    def desk(self) -> str:
        """Where its people work: the page's address. Passkeys belong to a name."""
        return f"https://localhost:{self._desk_port}"

    @property
    def certificate(self) -> tuple[Path, Path, Path]:
        """Of the authority and of the server, and the server's private key, in PEM."""
        made = self.root / "office-tls"
        tls = yaml.safe_load(self.config.read_text())["tls"]
        own, key = Path(tls["certificate"]), Path(tls["key"])
        return made / "authority.pem", self.root / own, self.root / key

    def section(self, mbit_per_second: int) -> dict[str, Any]:
        """The section ``office`` of a camera's configuration."""
        return {
            "url": self.url,
            "ca": self.certificate[0].read_text(),
            "key": self._key.jwk["x"],
            "mbit_per_second": mbit_per_second,
        }

    # ------------------------------------------------------------------ the process

    def start(self, later_seconds: int = 0) -> None:
        """Start the server, and wait until it listens. later_seconds: how far its machine's clocks
        are ahead. Raises FleetOfficeError if it does not come up."""
        later = ["hw_mocks.later", str(later_seconds)] if later_seconds else []
        set_by_unit = re.findall(r"^Environment=(\w+)=(\S+)$", _UNIT.read_text(), re.MULTILINE)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", *later, "camerad", "office", "serve"),
                    *("--config", self.config),
                ],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **dict(set_by_unit)},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        while True:
            if all(map(_listens, filter(None, (self._listens, self._desk_port)))):
                return
            if self._process.poll() is not None or time.monotonic() > until:
                raise FleetOfficeError(f"the office does not start; {self.log} says why")
            time.sleep(_LOOK_SECONDS)

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return self._process.pid

    def look(self) -> None:
        """Note how much memory its process has had so far."""
        if self._process is not None and self._process.poll() is None:
            self.peak_megabytes = max(self.peak_megabytes, peak_megabytes(self._process.pid))

    def kill(self) -> None:
        """End it as a crash would."""
        self.look()
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """End it in order; returns its exit status."""
        self.look()
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    # ------------------------------------------------------------------ what it has

    def bytes_of(self, kid: str, name: str) -> int:
        """What it has of a camera's recordings: whole ones, and what came of others. kid:
        thumbprint of its key."""
        whole = self.directory.glob(f"{name}*/recordings/*{SUFFIX}")
        coming = (self.directory / "office" / "incoming").glob(f"{kid}/*/content")
        return sum(_size(path) for path in (*whole, *coming))

    def refused(self) -> list[Path]:
        """What it did not take, and keeps apart."""
        return sorted((self.directory / "office" / "quarantine").glob(f"*/*{SUFFIX}"))

    def verify(
        self, keys: Iterable[Path], *more: str, directory: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Check everything there. keys: the cameras' public ones. more: arguments besides.
        directory: of one of several servers."""
        named = [word for key in keys for word in ("--key", str(key))]
        command = ["evidence", "verify", str(directory or self.directory), *named]
        return self.run(*command, "--office-key", str(self.public_key), *more)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the desk's, on a computer of the office's."""
        return subprocess.run(
            [sys.executable, "-m", "camerad", *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_CONFIG_HOME": os.devnull},
        )


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had: ``VmHWM`` of proc_pid_status(5)."""
    try:
        said = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", said, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was given its place just now
        return 0
