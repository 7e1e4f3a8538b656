"""Several servers of one office on this machine, each with its own directory, and what cuts them
off: from PostgreSQL, from the store of replicas, by a kill and by a pause."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from hw_mocks.fleet.fleet_office import HOST, FleetOffice
from hw_mocks.fleet.fleet_run import Fleet
from hw_mocks.sim.relay import Relay
from postgresql import PostgreSQL
from s3_engines import ACCESS, REGION, SECRET, S3Engine

from camerad.container.keys import KeyRing, PublicKey
from camerad.ledger.entries import read_lines
from camerad.ledger.recording_entries import Deleted, Received

READY: Final = "ready: cameras reach"
PATIENCE: Final = 90.0


class DatabaseRelay(Relay):
    """A relay to PostgreSQL's socket."""

    def __init__(self, database: PostgreSQL) -> None:
        super().__init__(0)
        self._socket: Final = database.directory / ".s.PGSQL.5432"

    async def _reach_next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._socket)


class Server:
    """One of the servers. office: whose settings it has, but for its directory. store: with
    the bucket."""

    def __init__(
        self,
        office: FleetOffice,
        number: int,
        port: int,
        *,
        database: PostgreSQL,
        store: tuple[S3Engine, str],
    ) -> None:
        engine, bucket = store
        self.root: Final = office.root / f"server-{number}"
        self.directory: Final = self.root / "directory" if number else office.directory
        self.log: Final = self.root / "log"
        self.database: Final = DatabaseRelay(database)
        self.store: Final = Relay(urlsplit(engine.endpoint).port or 0)
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self.root.mkdir()
        if number:
            (self.directory / "office").mkdir(parents=True)
            shutil.copy(office.directory / "office" / "id", self.directory / "office" / "id")
        credentials = self.root / "credentials"
        credentials.write_text(
            f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        )
        credentials.chmod(0o600)
        settings: dict[str, Any] = yaml.safe_load(office.config.read_text())
        for name in ("office_key", "register"):
            settings[name] = str(office.root / settings[name])
        for name in ("certificate", "key"):
            settings["tls"][name] = str(office.root / settings["tls"][name])
        url = f"postgresql+psycopg://camerad@{HOST}:{self.database.port}/index"
        s3 = {"endpoint": f"http://{HOST}:{self.store.port}", "bucket": bucket}
        s3 |= {"region": REGION, "credentials": str(credentials)}
        settings |= {
            "directory": str(self.directory),
            "listen": {"host": HOST, "port": port},
            "several_servers": True,
            "index": {"url": url},
            "second_copy": {"s3": s3},
        }
        self.config: Final = self.root / "office.yaml"
        self.config.write_text(yaml.safe_dump(settings))
        self.direct: Final = self.root / "direct.yaml"
        """The same settings without a relay, for commands."""
        settings["index"]["url"] = database.url("index")
        self.direct.write_text(yaml.safe_dump(settings))

    async def open(self) -> None:
        """Begin to relay, and start."""
        for one in (self.database, self.store):
            await one.start()
            one.plug()
        self.start()

    def start(self) -> None:
        """Start it, if it does not run."""
        if self._process is None:
            self._starts += 1
            command = [sys.executable, "-m", "camerad", "office", "serve", "--config", self.config]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log)

    async def ready(self) -> None:
        """Return when it serves; it is started again as by the service manager."""
        async with asyncio.timeout(PATIENCE):
            while self.said.count(READY) < self._starts:
                if self._process is not None and self._process.poll() is not None:
                    self._process, self._starts = None, self.said.count(READY)
                    self.start()
                await asyncio.sleep(0.05)

    @property
    def said(self) -> str:
        """What is in its log."""
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self, *, on: bool) -> None:
        """Stop it where it is, or let it go on."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def stop(self) -> int:
        """End it in order; returns its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(PATIENCE)
        self._process = None
        return status

    async def close(self) -> None:
        """End it and its relays."""
        self.pause(on=False)
        self.kill()
        for one in (self.database, self.store):
            await one.stop()


class ServerCuts:
    """What interrupts servers and cameras, one after another, each drawn from a seed."""

    KINDS: Final = ("killed", "paused", "without database", "without store", "undocked", "network")

    def __init__(self, servers: Sequence[Server], fleet: Fleet, relay: Relay, seed: int) -> None:
        self._servers = servers
        self._fleet = fleet
        self._relay = relay
        self._chance = random.Random(seed)
        self._left: list[str] = []

    async def once(self) -> None:
        """One interruption, and its end."""
        if not self._left:  # each kind comes as often as the others
            self._left = self._chance.sample(self.KINDS, len(self.KINDS))
        kind, server = self._left.pop(), self._chance.choice(self._servers)
        await asyncio.sleep(self._chance.uniform(0, 1))
        await self._begin(kind, server)
        await asyncio.sleep(self._chance.uniform(0.1, 3))
        await self._end(server)

    async def _begin(self, kind: str, server: Server) -> None:
        if kind == "killed":
            await asyncio.to_thread(server.kill)
        elif kind == "paused":
            server.pause(on=True)
        elif kind == "without database":
            server.database.pull()
        elif kind == "without store":
            server.store.pull()
        elif kind == "network":
            self._relay.pull()
        else:
            for one in self._fleet.cameras:
                one.daemon.dock(False)

    async def _end(self, server: Server) -> None:
        server.pause(on=False)
        for one in (server.database, server.store, self._relay):
            one.plug()
        server.start()
        for camera in self._fleet.cameras:
            if not camera.done:
                camera.daemon.dock(False)
                camera.daemon.dock(True)

    async def mend(self) -> None:
        """Have all servers serve."""
        for one in self._servers:
            await self._end(one)
            await one.ready()


def files_of(server: Server) -> dict[str, bytes]:
    """What its directory has of cameras, and of the office's ledger and log."""
    patterns = ("*-*/*/*", "*-*/device.jwk", "office/ledger/*", "office/log/*", "office/id")
    return {
        str(path.relative_to(server.directory)): path.read_bytes()
        for pattern in patterns
        for path in server.directory.glob(pattern)
        if path.is_file()
    }


def ids_of(kind: type[Received | Deleted], directory: Path, key: PublicKey) -> list[str]:
    """The recordings that entries of a kind in an office's ledger are about, in their order."""
    lines = [
        one
        for path in sorted((directory / "office" / "ledger").glob("*.jws"))
        for one in read_lines(path.read_bytes(), KeyRing([key]))
    ]
    facts = [one.entry.facts for one in lines if one.entry is not None]
    assert len(facts) == len(lines)
    return [one.id for one in facts if isinstance(one, kind)]
