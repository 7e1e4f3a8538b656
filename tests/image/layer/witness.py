"""Says at which time the card had come how far: writes the time to the card itself.

    witness.py FOLDER RESULT

A log of the card's writes, taken outside, knows their order and no time. So every few hundredths of
a second, and whenever the simulated card reports that a sync has returned, a sector between the
table of partitions and the first of them is written, past every cache: what stands before it in the
log was asked for before that time, and what stands behind it was asked for later.

For the simulated hardware this is the world (`hw_mocks.bus`), with its socket in FOLDER. What it
reports of syncs is kept as lines of JSON, and so is what the scenario says of itself: on the result
disk, in START/witness of RESULT, to the end of the start, in whatever way that comes.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import selectors
import socket
import sys
import time
from pathlib import Path

CARD = "/dev/disk/by-id/virtio-card"
PLACE = 1 << 20
"""Byte of the card; the first partition begins behind it (`camerad_image.layout.ALIGN`)."""
SECTOR = 512
WORD = b"image-test time "
PERIOD = 0.025
WORLD = "world.sock"
REPORTS = "reports.jsonl"


class Witness:
    """Answers whoever connects, and writes marks."""

    def __init__(self, folder: Path, kept: Path) -> None:
        # Never closed: udev would look for partitions anew, and what is mounted would be gone.
        self._card = os.open(CARD, os.O_WRONLY | os.O_DIRECT)
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._reports = (kept / REPORTS).open("a", buffering=1)
        self._selector = selectors.DefaultSelector()
        self._server = socket.socket(socket.AF_UNIX)
        before = os.umask(0)  # the daemon is another user
        self._server.bind(str(folder / WORLD))
        os.umask(before)
        self._server.listen()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._heard: dict[socket.socket, bytes] = {}

    def mark(self) -> None:
        """Write the time, in microseconds of CLOCK_BOOTTIME as it was before that."""
        now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        text = WORD + str(now_us).encode()
        self._page[:SECTOR] = text + bytes(SECTOR - len(text))
        os.pwrite(self._card, memoryview(self._page)[:SECTOR], PLACE)

    def hear(self, client: socket.socket) -> None:
        """Keep what a client says."""
        data = b""
        with contextlib.suppress(ConnectionError):
            data = client.recv(1 << 16)
        if not data:
            self._selector.unregister(client)
            del self._heard[client]
            client.close()
            return
        *lines, self._heard[client] = (self._heard[client] + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "hello" in said:
                client.sendall(b'{"ready": true}\n')
            elif "synced" in said or "phase" in said:
                self._reports.write(line.decode() + "\n")

    def serve(self) -> None:
        """Until the machine is off."""
        while True:
            for key, _ in self._selector.select(PERIOD):
                if key.fileobj is self._server:
                    client, _ = self._server.accept()
                    self._heard[client] = b""
                    self._selector.register(client, selectors.EVENT_READ)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self.hear(key.fileobj)
            self.mark()


def start() -> str:
    """Which start this is, by the kernel's command line."""
    words = Path("/proc/cmdline").read_text().split()
    return next(one.partition("=")[2] for one in words if one.startswith("image-test.start="))


def main() -> None:
    folder, kept = Path(sys.argv[1]), Path(sys.argv[2]) / start() / "witness"
    folder.mkdir(exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    witness = Witness(folder, kept)
    witness.mark()
    os.write(1, b"the witness is there\n")
    # What vouches for the time on a camera in its dock (systemd-timesyncd.service(8)).
    synchronised = Path("/run/systemd/timesync/synchronized")
    synchronised.parent.mkdir(parents=True, exist_ok=True)
    synchronised.touch()
    witness.serve()


if __name__ == "__main__":
    main()
