"""A real PostgreSQL for tests: in a directory of its own, on a Unix socket, for nobody else."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

PATIENCE: Final = 60.0
USER: Final = "camerad"
_CREATE: Final = "CREATE DATABASE index LOCALE_PROVIDER icu ICU_LOCALE 'en' TEMPLATE template0"
_SETTINGS: Final = (
    *("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("max_connections=40", "shared_buffers=32MB", "autovacuum=off", "jit=off"),
)


class PostgreSQL:
    """Runs between `start` and `stop`. It refuses to be root's, so a test that is root's gives it
    away."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert programs, "there is no PostgreSQL here: hw-mocks/prepare.sh installs Debian's"
        self._programs = programs[-1].parent
        self._as: dict[str, Any] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="camerad-postgresql-"))
        if os.geteuid() == 0:
            them = pwd.getpwnam("postgres")
            os.chown(self.directory, them.pw_uid, them.pw_gid)
            self._as = {"user": them.pw_uid, "group": them.pw_gid, "extra_groups": []}
        self.data = self.directory / "data"
        self._log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            how = ("-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
            self._run("initdb", "-D", self.data, *how)
        except BaseException:
            self.close()
            raise

    def url(self, name: str) -> str:
        """Of a database, as SQLAlchemy has it."""
        return f"postgresql+psycopg://{USER}@/{name}?host={self.directory}"

    def make(self) -> str:
        """The database, empty; returns its address. Texts are ordered in it as people do, unless a
        column says otherwise. One has to be closed before the next."""
        with self.connect("postgres") as connection:
            there = connection.execute("SELECT FROM pg_database WHERE datname = 'index'")
            if there.fetchone() is None:
                connection.execute(_CREATE)
        with self.connect("index") as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url("index")

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """A connection of one's own, without transactions."""
        where = {"dbname": name, "user": USER, "host": str(self.directory)}
        return psycopg.connect(**where, autocommit=True)  # type: ignore[arg-type]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command: list[str | Path] = [self._programs / "postgres", "-D", self.data]
        command += ["-k", self.directory]
        for setting in _SETTINGS:
            command += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.directory, **self._as
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError as error:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, error
                time.sleep(0.02)
            else:
                return

    def stop(self, *, at_once: bool = True) -> None:
        """End it, whoever is connected. at_once: what it was told last may be lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and remove all that it had."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            check=False,
            capture_output=True,
            cwd=self.directory,
            **self._as,
        )
        assert done.returncode == 0, done.stderr.decode()
