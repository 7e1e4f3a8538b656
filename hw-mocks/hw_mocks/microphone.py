"""The simulated microphone: a process that hears, and through which a program hears.

    python -m hw_mocks.microphone FOLDER ORDER

FOLDER is its own (see `hw_mocks.pulse`). ORDER is a JSON object: what is to be heard
(`hw_mocks.sound.sound_of`), "epoch_us": media time of frame 0 (now), "rate": samples per second
(48000), "ppm": how much too fast the microphone's clock runs, in parts per million (0).

It prints a line when it can be opened and knows what holds in its world, and then lives until it is
told to end or its parent ends. Samples leave it in real time by its own clock: the one with the
number n is what is heard n / (rate * (1 + ppm / 1e6)) seconds after the start, and it is handed on
within 10 ms of that.

The world (`hw_mocks.bus`, role ``microphone``) tells it of three faults: ``microphone_gone``, it is
unplugged; ``microphone_hangs``, it neither gives samples nor lets itself be opened or closed; and
``microphone_silent``, its capsule is broken, and every sample is zero. What would be heard
meanwhile is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from hw_mocks.boot import end_with_parent
from hw_mocks.bus import WorldClient, now_us
from hw_mocks.priority import go_first, run_at_once
from hw_mocks.pulse import PulseError, PulseServer
from hw_mocks.sound import Sound, SoundError, sound_of

ROLE: Final = "microphone"
RATE: Final = 48_000
BLOCK_SECONDS: Final = 0.01
_FULL: Final = 32767


class Fault(StrEnum):
    """What can be wrong with it; all last until a time."""

    GONE = "microphone_gone"
    HANGS = "microphone_hangs"
    SILENT = "microphone_silent"


class Feeder:
    """Hands on what a microphone with a clock of its own hears.

    epoch_us: media time that is 0 seconds of `sound`. start_us: media time of the first sample.
    """

    def __init__(
        self, sound: Sound, epoch_us: int, start_us: int, rate: int = RATE, ppm: float = 0.0
    ) -> None:
        self._sound = sound
        self._rate = rate * (1 + ppm * 1e-6)
        self._start = (start_us - epoch_us) / 1_000_000
        self._epoch_us = epoch_us
        self._given = 0

    def until(self, at_us: int) -> bytes:
        """The samples since the last call that are over at media time `at_us`, 16 bits each."""
        seconds = (at_us - self._epoch_us) / 1_000_000 - self._start
        due = max(self._given, int(seconds * self._rate))
        numbers = np.arange(self._given, due)
        self._given = due
        heard = self._sound.heard(self._start + numbers / self._rate)
        return np.rint(np.clip(heard, -1, 1) * _FULL).astype("<i2").tobytes()


class Microphone:
    """Server, feeder and faults; `run` until `end`."""

    def __init__(self, server: PulseServer, feeder: Feeder) -> None:
        self._server = server
        self._feeder = feeder
        # No threading.Event: a signal's handler that sets it waits for the lock that the wait() it
        # interrupts may hold.
        self._ended = False
        self._until_us: dict[Fault, int] = {}

    def obey(self, message: Mapping[str, Any]) -> None:
        """Do what one message of the world says: ``{"fault": name, "until_us": int}``.

        Raises ValueError for a name that is no fault.
        """
        if "fault" in message:
            self._until_us[Fault(message["fault"])] = int(message["until_us"])

    def end(self) -> None:
        """Let `run` return; may be called from a signal handler, whatever that interrupts."""
        self._ended = True

    def run(self) -> None:
        """Hear. Raises PulseError if the server ends."""
        gone = hangs = False
        while True:
            time.sleep(BLOCK_SECONDS)
            if self._ended:
                return
            at_us = now_us()
            samples = self._feeder.until(at_us)
            if hangs != self._holds(Fault.HANGS, at_us):
                hangs = not hangs
                (self._server.freeze if hangs else self._server.thaw)()
            if hangs:
                continue
            if gone != self._holds(Fault.GONE, at_us):
                gone = not gone
                (self._server.unplug if gone else self._server.plug_in)()
            if not gone:
                silent = self._holds(Fault.SILENT, at_us)
                self._server.write(bytes(len(samples)) if silent else samples, at_us)

    def _holds(self, fault: Fault, at_us: int) -> bool:
        return self._until_us.get(fault, 0) > at_us


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hw_mocks.microphone")
    parser.add_argument("folder", type=Path)
    parser.add_argument("order", type=json.loads)
    chosen = parser.parse_args(arguments)
    order = chosen.order
    end_with_parent()
    go_first()
    rate = int(order.get("rate", RATE))
    try:
        sound = sound_of(order)
        server = PulseServer(chosen.folder, rate)
    except (SoundError, PulseError) as error:
        sys.stderr.write(f"microphone: {error}\n")
        return 1
    try:
        start_us = now_us()
        epoch_us = int(order.get("epoch_us", start_us))
        feeder = Feeder(sound, epoch_us, start_us, rate, float(order.get("ppm", 0.0)))
        microphone = Microphone(server, feeder)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: microphone.end())
        world = WorldClient.from_environment(ROLE, microphone.obey)
        if world is not None:
            # What it heard before it knew of a fault would be in its pipe when it is opened.
            world.wait_ready()
        print(json.dumps({"ready": True, "pid": os.getpid(), "server": server.pid}), flush=True)
        # Now that what takes a processor for a while is behind it. The server went back to where
        # programs are when it started.
        run_at_once()
        run_at_once(server.pid)
        microphone.run()
        if world is not None:
            world.close()
    except PulseError as error:
        sys.stderr.write(f"microphone: {error}\n")
        return 1
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
