"""The production client of a camera (`python -m camerad.dock`), as its service manager runs it: a
process that is started, ended, and that tells in words what it does (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from hw_mocks.office import DEMONSTRATION_RECIPIENT

END_SECONDS: Final = 10.0
_STATUS: Final = "STATUS="


class Uploader:
    """The client of one camera. directory: of its configuration, its log and its sockets.

    state: the camera's state directory. office: section of that name.
    """

    def __init__(self, directory: Path, name: str, state: Path, office: dict[str, Any]) -> None:
        self._config = directory / "camerad.yaml"
        self.log: Final = directory / "uploader.log"
        settings = {
            "policy": "generic",
            "recipients": [DEMONSTRATION_RECIPIENT],
            "device": {
                "id": name,
                "state_dir": str(state),
                "runtime_dir": str(directory),
            },
            "office": office,
        }
        self._config.write_text(yaml.safe_dump(settings))
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._address = str(directory / "notify")
        self._told.bind(self._address)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = ""
        self.starts = 0

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.running:
            return
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "camerad.dock", "--config", self._config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": self._address},
            )

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return self._process.pid

    def status(self) -> str:
        """What it said last that it does; "not running" if it does not run."""
        with contextlib.suppress(BlockingIOError):
            while said := self._told.recv(4096).decode(errors="replace"):
                for line in said.splitlines():
                    if line.startswith(_STATUS):
                        self._said = line.removeprefix(_STATUS)
        return self._said if self.running else "not running"

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def close(self) -> None:
        """End it, and listen to it no more."""
        self.stop()
        self._told.close()
