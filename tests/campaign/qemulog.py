"""A disk whose every write QEMU logs, as a file: what `blocklog.served` is, with QEMU's own log.

``qemu-storage-daemon`` shows the file by FUSE and logs what it is asked for by ``blklogwrites``.
Whoever uses it has to say what time it is: see `logwrites`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.campaign.blocklog import now_us
from tests.campaign.logwrites import PLACE, WORD, Part, converted

PROGRAM: Final = "qemu-storage-daemon"
_SECTOR: Final = 512
_SECONDS: Final = 60


def missing() -> str | None:
    """What this machine lacks; None: nothing."""
    return None if shutil.which(PROGRAM) else f"not installed: {PROGRAM} (qemu-utils)"


@contextlib.contextmanager
def served(image: Path, directory: Path, log: Path) -> Iterator[Path]:
    """The disk, as a file; it shows `image`, and changes it. The log, as `blocklog` keeps one, is
    there once this has ended.

    Raises CalledProcessError if QEMU does not come up.
    """
    directory.mkdir()
    disk, number, own = directory / "disk", directory / "pid", directory / "log"
    for path in (disk, own):
        path.touch()
    nodes = (
        f"driver=file,node-name=below,filename={image},cache.no-flush=on",
        f"driver=file,node-name=log,filename={own},cache.no-flush=on",
        "driver=blklogwrites,node-name=logged,file=below,log=log,log-super-update-interval=1",
    )
    command = [PROGRAM, "--daemonize", "--pidfile", str(number)]
    for node in nodes:
        command += ["--blockdev", node]
    shown = f"type=fuse,id=disk,node-name=logged,mountpoint={disk},writable=on"
    subprocess.run([*command, "--export", shown], check=True, timeout=_SECONDS)
    server = os.pidfd_open(int(number.read_text()))
    try:
        yield disk
    finally:
        signal.pidfd_send_signal(server, signal.SIGTERM)
        with selectors.DefaultSelector() as over:
            over.register(server, selectors.EVENT_READ)
            ended = over.select(_SECONDS)
        os.close(server)
        assert ended, f"{PROGRAM} does not end"
    converted(own, [Part(0, image.stat().st_size)], log)


def tell(disk: Path) -> int:
    """Write the time to a disk that is served, and return it: microseconds of CLOCK_BOOTTIME.

    Where the file is closed again, QEMU flushes the disk.
    """
    at_us = now_us()
    descriptor = os.open(disk, os.O_WRONLY)
    try:
        os.pwrite(descriptor, (WORD + str(at_us).encode()).ljust(_SECTOR, b"\0"), PLACE)
    finally:
        os.close(descriptor)
    return at_us
