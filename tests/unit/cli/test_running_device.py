"""The desk's commands on a device whose daemon runs: what it answers is what they end with."""

from __future__ import annotations

import fcntl
import os
import socketserver
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, Camera

from camerad.base.errors import EX_IOERR, EX_NOPERM, EX_SOFTWARE, EX_TEMPFAIL, EX_USAGE
from tests.unit.answering import Answering, served
from tests.unit.cli.conftest import Desk


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Says whose it is, and refuses all else. posts, gets: what it answers to either."""

    daemon_threads = True
    posts: tuple[int, object]
    gets: tuple[int, object]


class Handler(Answering):
    server: Daemon

    def post(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*self.server.posts)

    def get(self) -> None:
        self.answer(*self.server.gets)


@pytest.fixture
def daemon(camera: Camera, tmp_path: Path) -> Iterator[Daemon]:
    """The daemon of a device that has a recording."""
    camera.put(ONE)
    claim = os.open(camera.recordings, os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    server = Daemon(str(tmp_path / "control.sock"), Handler)
    server.gets = 200, {"thumbprint": KEY.public.thumbprint}
    server.posts = 200, {}
    with served(server):
        yield server
    os.close(claim)


REFUSALS = pytest.mark.parametrize(
    ("status", "code"),
    [(403, EX_NOPERM), (429, EX_TEMPFAIL), (503, EX_IOERR), (409, EX_USAGE), (500, EX_SOFTWARE)],
    ids=["not this user", "too often", "storage", "cannot be", "mistake"],
)


@REFUSALS
def test_why_a_daemon_refuses_is_the_exit_code(
    status: int, code: int, daemon: Daemon, desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "stick").mkdir()
    daemon.posts = status, {"error": "this is why"}
    for words in (
        ("evidence", "hold", ONE, "--reason", "a file", "--who", "Beck"),
        ("evidence", "release", ONE, "--who", "Beck"),
        ("evidence", "purge"),
        ("offload", tmp_path / "stick", "--same-disk"),
    ):
        said = desk(*words)
        assert (said.code, said.out) == (code, ""), words
        assert said.err.endswith("camerad: this is why\n")


@REFUSALS
def test_why_a_daemon_does_not_say_whose_it_is_is_the_exit_code(
    status: int, code: int, daemon: Daemon, desk: Desk
) -> None:
    daemon.gets = status, {"error": "this is why"}
    said = desk("evidence", "purge")
    assert (said.code, "does not say which device it is: this is why" in said.err) == (code, True)
