"""A real office with a desk, its server a process of its own; a real camera's side; and a browser's
way to the desk, on which every byte is seen (`between`)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import yaml
from between import HOST, make_between
from desk_helpers import facts_of, jws
from docked_camera import Dock
from hw_mocks.free_port import free_port
from sealed_helpers import Made

from camerad.container.chain import HEADER_NAME
from tests.waiting import DEADLINE, until


class DeskOffice:
    """Everything is below `root`, and what is the office's below `root/office`."""

    def __init__(self, root: Path) -> None:
        self.dock = Dock(root)
        self.root = root / "office"
        self.server = self.dock.server
        self.between = make_between(root)
        self.origin = self.between.origin
        self.between.desk = free_port()
        settings = yaml.safe_load(self.server.config.read_text())
        settings["desk"] = {"url": self.origin, "host": HOST, "port": self.between.desk}
        self.server.config.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        """Start the server, and wait until its desk answers."""
        self.server.start()

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.between.desk)):
                return True
            return False

        until(answers, DEADLINE, "the desk listens")

    def close(self) -> None:
        """End it in order."""
        self.between.close()
        self.server.close()

    def record(self, recording: Made) -> None:
        """The camera has a recording now."""
        camera, name = self.dock.camera, recording.header.id
        path = camera.recordings / f"{name}.tar"
        path.write_bytes(recording.file)
        with camera.open() as store:
            header = jws.digest(recording.content(HEADER_NAME))
            store.ledger.append("opened", id=name, header=header)
            store.ledger.append("closed", **facts_of(str(path), "closed", own=True))

    def add(self, person: str, *roles: str) -> str:
        """The link for somebody new, as the command prints it."""
        command = ["office", "people", "add", person, "--name", person.title()]
        for role in roles:
            command += ["--role", role]
        done = subprocess.run(
            [sys.executable, "-m", "camerad", *command, "--config", str(self.server.config)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CONFIG_HOME": os.devnull},
        )
        return done.stdout.splitlines()[0]
