"""What is measured, how long, and on which pictures."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

log: Final = logging.getLogger("bench")
"""Tells the person at the terminal how far it is."""

CLIP: Final = "vtest.avi"

WIDTH: Final = 1280
HEIGHT: Final = 720
LORES_WIDTH: Final = 320
LORES_HEIGHT: Final = 240
FPS: Final = 30
PERIOD_US: Final = 1_000_000 / FPS
BITRATE: Final = 6_000_000
MAX_BITRATE: Final = 8_000_000
THREADS: Final = 1
GROUP_FRAMES: Final = 30
"""Pictures from key frame to key frame."""

ATTEMPTS: Final = 3
"""How often a measurement is tried whose processes are replaced in the middle of it."""

PRE_EVENT_SECONDS: Final = 10
"""The buffer in which CPU time and loss are measured."""
MEMORY_SECONDS: Final = 30
"""The buffer in which memory is measured."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    rounds: of the CPU measurement, each with every subject once. slices, slice_seconds: of which
    each subject is measured so many in each state; all together as long as the footage, which
    starts over after 10 s, so that every subject gets the same pictures. display_seconds: how long
    the front display is watched. starts, first_presses, presses, holds: how many of them, the first
    beside picamera2's and the second alone. kills: turns, in each of
    which several recordings are killed. fill_seconds: how long the 30 s buffer is filled before
    memory is looked at; the arena is in memory from the start, whatever it holds. wake_seconds: how
    long each state is watched for wakes. pairs: how often
    checking and opening a recording are measured beside their peers. long_hours: of the recording
    with which their memory is measured.
    """

    rounds: int
    slices: int
    slice_seconds: float
    display_seconds: float
    starts: int
    first_presses: int
    presses: int
    holds: int
    kills: int
    fill_seconds: float
    wake_seconds: float
    pairs: int
    long_hours: int


FULL: Final = Effort(
    rounds=6,
    slices=5,
    slice_seconds=2.0,
    display_seconds=30.0,
    starts=7,
    first_presses=50,
    presses=50,
    holds=5,
    kills=3,
    fill_seconds=MEMORY_SECONDS + 3.0,
    wake_seconds=20.0,
    pairs=5,
    long_hours=4,
)
QUICK: Final = Effort(
    rounds=1,
    slices=3,
    slice_seconds=1.0,
    display_seconds=6.0,
    starts=2,
    first_presses=5,
    presses=8,
    holds=1,
    kills=1,
    fill_seconds=4.0,
    wake_seconds=10.0,
    pairs=3,
    long_hours=1,
)


class BenchError(Exception):
    """Error raised when something cannot be measured; one line for a person."""


class ProcessEndedError(BenchError):
    """Error raised when a process has ended that is being measured, as when the daemon replaces a
    child of its."""


def repeated(what: str, attempt: Callable[[Path], _T], work: Path) -> _T:
    """What `attempt` measures, in a new folder below `work`. If a process ends meanwhile, say so
    and measure all of it again, `ATTEMPTS` times in all; raises ProcessEndedError after the last.
    """
    for number in range(1, ATTEMPTS + 1):
        folder = Path(tempfile.mkdtemp(dir=work))
        try:
            return attempt(folder)
        except ProcessEndedError as error:
            if number == ATTEMPTS:
                raise
            said = "\n  ".join([f"{what} is repeated: {error}", *getattr(error, "__notes__", ())])
            log.warning("%s", said)
    raise AssertionError("it returns or raises before")


def footage(clip: str = CLIP) -> str:
    """The folder of the pictures, ready for the sensor. Raises BenchError if they cannot be had."""
    path = _ask("hw_mocks.clips", "path", clip)
    return _ask("hw_mocks.footage", path, f"{WIDTH}x{HEIGHT}", f"{LORES_WIDTH}x{LORES_HEIGHT}")


def _ask(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(f"no footage: `{' '.join(command[1:])}` failed")
    return done.stdout.strip()


def answer(found: dict[str, Any]) -> None:
    """Print a process's answer, one JSON object, for whoever started it."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
