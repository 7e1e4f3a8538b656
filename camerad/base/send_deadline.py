"""A deadline over everything that is said to a mail server.

A timeout of the standard library counts each wait by itself, so a peer that sends one byte now and
then holds a thread for ever. Here the whole conversation has an end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

_AGAIN_SECONDS: Final = 1.0
"""While TLS begins, one socket takes the place of another, and neither can be shut down."""


@contextlib.contextmanager
def deadline(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut a connection down after so many seconds, so that whatever waits for it fails with
    OSError, and each that takes its place after that. connection: the socket in use, which may be
    made meanwhile; None if there is none."""
    over = threading.Event()

    def end() -> None:
        left = seconds
        while not over.wait(left):
            left = _AGAIN_SECONDS
            there = connection()
            if there is not None:
                with contextlib.suppress(OSError):
                    # Below TLS, which another thread may be in the middle of.
                    socket.socket.shutdown(there, socket.SHUT_RDWR)

    threading.Thread(target=end, daemon=True).start()
    try:
        yield
    finally:
        over.set()
