"""A world as on a machine that is busy: it is there, and says what holds only after a while."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

from hw_mocks.bus import Message, decode, encode


class LateWorld(socketserver.ThreadingUnixStreamServer):
    """Whoever joins is told what holds for its role from `go_on` on. joined: their roles."""

    daemon_threads = True
    # Whoever has not been told by then is of a test that has failed.
    patience = 30.0

    def __init__(self, path: Path, held: dict[str, Message]) -> None:
        self.held = held
        self.joined: list[str] = []
        self.told = threading.Event()
        self.connections: list[socket.socket] = []
        super().__init__(str(path), _Mock)

    def go_on(self) -> None:
        """It is no longer held up."""
        self.told.set()


class _Mock(socketserver.StreamRequestHandler):
    server: LateWorld

    def handle(self) -> None:
        greeting = decode(self.rfile.readline())
        assert greeting is not None
        role = greeting["hello"]
        self.server.connections.append(self.connection)
        self.server.joined.append(role)
        # The mock may not have waited.
        with contextlib.suppress(ConnectionError):
            if self.server.told.wait(self.server.patience):
                self.wfile.write(encode(self.server.held[role]) + encode({"ready": True}))
            while self.rfile.readline():
                pass


@contextlib.contextmanager
def late_world(path: Path, **held: Message) -> Iterator[LateWorld]:
    """A world at `path` in which this holds, by role; gone at the end."""
    with LateWorld(path, held) as world:
        thread = threading.Thread(target=world.serve_forever, args=(0.01,), name="late-world")
        thread.start()
        try:
            yield world
        finally:
            world.go_on()
            world.shutdown()
            thread.join(world.patience)
            for connection in world.connections:
                with contextlib.suppress(OSError):  # that mock has parted already
                    connection.shutdown(socket.SHUT_RDWR)
