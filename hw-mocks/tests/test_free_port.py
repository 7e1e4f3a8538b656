"""A port that was given to one is given to nobody else."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from hw_mocks import free_port as ports
from hw_mocks.free_port import HOST, free_port

ASKS = "from hw_mocks.free_port import free_port; print(*(free_port() for _ in range(50)))"


def test_processes_that_ask_at_once_are_given_different_ports() -> None:
    command = [sys.executable, "-c", f"{ASKS}; print(flush=True); input()"]
    asking = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    given = [free_port() for _ in range(50)]
    for one in asking:
        assert one.stdout is not None
        given += [int(port) for port in one.stdout.readline().split()]
    for one in asking:
        one.communicate("\n")
    # Four processes and this one, 50 each.
    assert len(given) == len(set(given)) == 250


def test_a_port_is_given_once_and_only_if_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", port)
        monkeypatch.setattr(ports, "END", port + 1)
        with pytest.raises(RuntimeError, match=f"from {port} to {port} is free"):
            free_port()
    assert free_port() == port
    with pytest.raises(RuntimeError, match="no port"):
        free_port()
    # Whom it was given to can listen there.
    socket.create_server((HOST, port)).close()
