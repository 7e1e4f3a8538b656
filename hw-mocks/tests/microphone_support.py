"""A running simulated microphone, and the real ALSA library reading it in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import DEADLINE, in_time

from hw_mocks.pulse import DEVICE, write_files

RATE = 48_000
LISTEN = """
import sys, time
import av
container = av.open(sys.argv[1], format="alsa", options={"sample_rate": "48000", "channels": "1"})
print("open", flush=True)
try:
    for packet in container.demux():
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        sys.stdout.write(f"{now} {bytes(packet).hex()}\\n")
        sys.stdout.flush()
except OSError as error:
    print("lost", error.errno, flush=True)
"""


@dataclass
class Hearing:
    """A microphone process. environment: for programs that are to find it."""

    process: subprocess.Popen[str]
    folder: Path
    environment: dict[str, str]
    server: int
    """Process id of its sound server."""


@contextlib.contextmanager
def microphone(folder: Path, order: dict[str, Any], **variables: str) -> Iterator[Hearing]:
    """A microphone that can be opened; gone at the end."""
    environment = {**os.environ, **write_files(folder, RATE), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "hw_mocks.microphone", str(folder), json.dumps(order)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        with in_time(process, "the microphone can be opened"):
            line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Hearing(process, folder, environment, json.loads(line)["server"])
    finally:
        process.send_signal(signal.SIGTERM)
        with in_time(process, "the microphone has ended, as it was told"):
            process.wait()
        process.stdout.close()
        process.stderr.close()


class Listener:
    """Reads the microphone as a program would: with ALSA, through FFmpeg."""

    def __init__(self, hearing: Hearing) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, DEVICE],
            env=hearing.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.changed = threading.Condition()
        self.said: list[str] = []
        """Lines that are no samples."""
        self.arrivals: list[tuple[int, int]] = []
        """Media time at which samples arrived, and how many there were by then."""
        self.samples = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at_us, _, data = line.partition(" ")
            with self.changed:
                if at_us.isdigit():
                    self.samples += bytes.fromhex(data)
                    self.arrivals.append((int(at_us), len(self.samples) // 2))
                else:
                    self.said.append(line.strip())
                self.changed.notify_all()
        with self.changed:
            self.said.append("ended")
            self.changed.notify_all()

    def until(self, condition: Any, timeout: float = DEADLINE) -> None:
        """Wait for a condition of what was heard."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout), (self.said, len(self.samples))

    def hear(self, seconds: float) -> None:
        """Wait for so many more seconds of sound."""
        wanted = len(self.samples) + round(seconds * RATE) * 2
        self.until(lambda: len(self.samples) >= wanted)

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        # A file that is closed while a thread reads from it waits for that thread, for ever.
        assert not self._thread.is_alive(), "what the listener said is still open"
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def listening(hearing: Hearing) -> Iterator[Listener]:
    """A listener that is gone at the end."""
    listener = Listener(hearing)
    try:
        yield listener
    finally:
        listener.close()
