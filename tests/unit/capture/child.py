"""The capture process as the controller starts it, with the controller's end of its socket."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from camerad.base import process
from camerad.stream import frame, wire
from camerad.stream.newest import FrameReader
from tests.waiting import until

DEADLINE = 20.0
SETTINGS: dict[str, Any] = {
    "width": 640,
    "height": 360,
    "fps": 30,
    "lores_width": 160,
    "lores_height": 96,
    "bitrate": 2_000_000,
    "max_bitrate": 4_000_000,
    "encoder": "auto",
    "encoder_threads": 1,
    "key_interval_us": 1_000_000,
}
HARDWARE = {"HW_MOCKS_ENCODER": ""}
"""The environment of a board with a hardware encoder; without it, libx264 encodes."""
TUNABLES = "glibc.malloc.tcache_count=0"


@dataclass(frozen=True)
class Packet:
    header: wire.MessageHeader
    body: bytes
    arrived_us: int


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Child:
    """`python -m camerad.capture`. Use `running` to get one."""

    def __init__(
        self, environment: dict[str, str], settings: dict[str, Any], frame_bytes: int
    ) -> None:
        self.near, theirs = socket.socketpair()
        self.frame_fd = frame.create(frame_bytes)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "camerad.capture"),
                *("--settings", json.dumps(SETTINGS | settings)),
                *("--socket-fd", str(theirs.fileno()), "--frame-fd", str(self.frame_fd)),
            ],
            pass_fds=(theirs.fileno(), self.frame_fd),
            env={
                **os.environ,
                "GLIBC_TUNABLES": TUNABLES,
                "HW_MOCKS_ENCODER": "none",
                **environment,
            },
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        # As the controller is: before all else on the machine, as far as it lets this user.
        with contextlib.suppress(PermissionError, FileNotFoundError):
            os.setpriority(os.PRIO_PROCESS, self.pid, process.CAMERA_NICE)
            Path(f"/proc/{self.pid}/autogroup").write_text(str(process.CAMERA_NICE))
        self.changed = threading.Condition()
        self.packets: list[Packet] = []
        self.units: list[Packet] = []
        """Access units of sound."""
        self.messages: list[tuple[wire.MessageKind, dict[str, Any]]] = []
        self.closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self.near.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                header = wire.unpack(self._exactly(wire.HEADER.size))
                body = self._exactly(header.length)
                with self.changed:
                    if header.kind is wire.MessageKind.PACKET:
                        self.packets.append(Packet(header, body, now_us()))
                    elif header.kind is wire.MessageKind.SOUND:
                        self.units.append(Packet(header, body, now_us()))
                    else:
                        self.messages.append((header.kind, wire.parse_body(body)))
                    self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that comes over the socket."""
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), (what, self.messages[-3:])

    def of(self, kind: wire.MessageKind) -> list[dict[str, Any]]:
        return [body for known, body in self.messages if known is kind]

    def hello(self) -> dict[str, Any]:
        self.until(lambda: bool(self.of(wire.MessageKind.HELLO)), "hello")
        return self.of(wire.MessageKind.HELLO)[0]

    def tell(self, name: str, **arguments: int | bool | str) -> None:
        self.near.sendall(wire.command(name, **arguments))

    def arm(self, epoch: int, packets: int = 1) -> None:
        """Arm, and wait for so many packets."""
        self.tell("arm", epoch=epoch)
        self.until(lambda: len(self.under(epoch)) >= packets, f"{packets} under epoch {epoch}")

    def under(self, epoch: int) -> list[Packet]:
        return [packet for packet in self.packets if packet.header.epoch == epoch]

    def carried_out(self) -> None:
        """Wait until all commands so far are carried out. That is done in their order, so a frame
        is shared after that. The self-view has to be off, and is off again."""
        reader = FrameReader(self.frame_fd)
        known = reader.number
        self.tell("view", on=True)
        until(lambda: reader.number > known, DEADLINE, "a frame is shared")
        self.tell("view", on=False)
        until(lambda: reader.newest_us == 0, DEADLINE, "it is overwritten")

    def beats(self, count: int) -> None:
        """Wait for so many more beats."""
        known = len(self.of(wire.MessageKind.BEAT))
        self.until(lambda: len(self.of(wire.MessageKind.BEAT)) >= known + count, f"{count} beats")

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns exit status and what it said on stderr."""
        _, errors = self.process.communicate(timeout=DEADLINE)
        self._reader.join(DEADLINE)
        return self.process.returncode, errors


@contextlib.contextmanager
def running(
    environment: dict[str, str] | None = None, frame_bytes: int = 1 << 20, **settings: Any
) -> Iterator[Child]:
    """A child that is gone at the end, whatever happened."""
    child = Child(environment or {}, settings, frame_bytes)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(signal.SIGCONT)
            child.process.kill()
        child.process.wait(DEADLINE)
        if child.process.stderr is not None:
            child.process.stderr.close()
        # Closed alone, it would not wake who reads from it.
        with contextlib.suppress(OSError):
            child.near.shutdown(socket.SHUT_RDWR)
        child._reader.join(DEADLINE)
        assert not child._reader.is_alive(), "somebody reads from a socket that is shut down"
        child.near.close()
        os.close(child.frame_fd)


def found(pid: int, needles: set[bytes]) -> set[bytes]:
    """Which of `needles`, of the same length each, are anywhere in memory that `pid` can write."""
    length = len(next(iter(needles)))
    starts = np.zeros(1 << 16, bool)
    starts[[int.from_bytes(needle[:2], "little") for needle in needles]] = True
    seen: set[bytes] = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) .w", line)
            if match is None:
                continue
            first, end = int(match[1], 16), int(match[2], 16)
            for start in range(first, end, 1 << 24):
                try:
                    memory.seek(start)
                    data = memory.read(min(end - start, (1 << 24) + length))
                except OSError:
                    continue
                for odd in (0, 1):
                    pairs = np.frombuffer(data, np.uint16, (len(data) - odd) // 2, odd)
                    places = np.flatnonzero(starts[pairs]) * 2 + odd
                    seen |= {data[at : at + length] for at in places} & needles
    return seen
