"""A deadline over everything that is said to a mail server or a webhook.

A timeout of the standard library counts each wait by itself, so a peer that sends one byte now and
then holds a thread for ever. Here the whole conversation has an end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deadline(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut a connection down after so many seconds, so that whatever waits for it fails with
    OSError. connection: the socket in use, which may be made meanwhile; None if there is none."""

    def end() -> None:
        there = connection()
        if there is not None:
            with contextlib.suppress(OSError):
                # Below TLS, which another thread may be in the middle of.
                socket.socket.shutdown(there, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
