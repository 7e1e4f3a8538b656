"""What others' programs need for the same files: ``rclone copy``, over TLS on loopback, to a
directory behind ``rclone serve webdav`` and to a bucket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw_mocks.free_port import free_port

from tests.bench.plan import BenchError

TRANSFERS: Final = 4
"""Files at once, as rclone does if nobody says otherwise."""
PATIENCE: Final = 300.0
_ENVIRONMENT: Final = {
    # Without authorities and identities that this machine has for others.
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "RCLONE_CONFIG": os.devnull,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: of the authority, and of the server with its key."""

    authority: Path
    server: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go. name: as rclone has it. options: that it needs for that."""

    name: str
    options: tuple[str, ...]


@contextmanager
def webdav(directory: Path, certificate: Certificate) -> Iterator[tuple[Target, int]]:
    """A server of a new directory, and its process id."""
    port = free_port()
    directory.mkdir()
    serve = ["rclone", "serve", "webdav", "--addr", f"127.0.0.1:{port}"]
    serve += ["--cert", str(certificate.server), "--key", str(certificate.key), str(directory)]
    options = ("--webdav-url", f"https://127.0.0.1:{port}")
    with subprocess.Popen(serve, env=_ENVIRONMENT, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            options += ("--ca-cert", str(certificate.authority))
            yield Target(":webdav:", options), server.pid
        finally:
            server.kill()
            shutil.rmtree(directory)


def bucket(name: str, endpoint: str, key_id: str, secret: str, authority: Path) -> Target:
    """A bucket of SeaweedFS."""
    options = ["--s3-provider", "SeaweedFS", "--s3-endpoint", endpoint, "--s3-region", "us-east-1"]
    options += ["--s3-access-key-id", key_id, "--s3-secret-access-key", secret]
    options += ["--s3-no-check-bucket", "--ca-cert", str(authority)]
    return Target(f":s3:{name}", tuple(options))


@dataclass(frozen=True, slots=True)
class Copied:
    """seconds: of the clock; cpu_s: of a processor, of the copying processes."""

    seconds: float
    cpu_s: float


def copy(source: Path, *targets: Target, sync: Path | None = None) -> Copied:
    """Copy all recordings below a directory, to all targets at once; then synchronise the file
    system of `sync`. Raises BenchError."""
    how = ("--include", "*.tar", "--retries", "1", "--transfers", str(TRANSFERS))
    commands = [["rclone", "copy", str(source), one.name, *how, *one.options] for one in targets]
    began, before = time.monotonic(), os.times()
    running = [
        subprocess.Popen(
            command,
            env=_ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    try:
        for one in running:
            _, said = one.communicate(timeout=PATIENCE)
            if one.returncode:
                raise BenchError(f"rclone copy failed: {said.strip()[-300:]}")
    except subprocess.TimeoutExpired:
        raise BenchError(f"rclone copy takes longer than {PATIENCE:.0f} s") from None
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
                one.wait()
    if sync is not None:
        subprocess.run(["sync", "-f", sync], check=True)
    seconds, after = time.monotonic() - began, os.times()
    spent = after.children_user + after.children_system
    return Copied(seconds, spent - before.children_user - before.children_system)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise BenchError("rclone serve webdav does not listen") from None
            time.sleep(0.05)
