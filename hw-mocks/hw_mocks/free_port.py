"""A port for a server that is started later, which nobody else takes meanwhile.

A port that the kernel chose for somebody who only asked for its number is free again at once. Until
the server listens, the kernel may give it to anybody else. So ports are taken from below those that
the kernel gives away by itself (ip(7), ip_local_port_range). Each belongs to the process that asked
until that ends: it keeps a socket with the port's name, which only one can have (unix(7)).
"""

from __future__ import annotations

import os
import socket
from typing import Final

HOST: Final = "127.0.0.1"
FIRST: Final = 20_000
END: Final = 32_768
"""Where the kernel's own begin, unless somebody has changed that."""
_STRIDE: Final = 101
"""Processes begin to look so far from each other: most find a port at the first look."""


def free_port() -> int:
    """A port at which nobody listens, and that nobody else is given.

    Raises RuntimeError if there is none left.
    """
    begin = os.getpid() * _STRIDE
    for step in range(END - FIRST):
        port = FIRST + (begin + step) % (END - FIRST)
        if _is_ours(port):
            return port
    raise RuntimeError(f"no port from {FIRST} to {END - 1} is free: end what listens there")


def _is_ours(port: int) -> bool:
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0hw-mocks-port-{port}")
        socket.create_server((HOST, port)).close()
    except OSError:  # somebody else's, or somebody listens there
        name.close()
        return False
    name.detach()  # open until this process ends
    return True
