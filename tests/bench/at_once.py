"""Twenty recordings checked by one command, several at once and one after the other.

One check alone keeps one processor and a half busy: one thread reads and hashes, another judges.
So two at once cannot be twice as fast on two processors. Beside them: `sha256sum` of the same
files, and a command for each recording, as somebody would ask who does not know that one is
enough.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench import peers
from tests.bench.figures import Figures
from tests.bench.many_recordings import MANY
from tests.bench.plan import BenchError, Effort, log
from tests.bench.sealing import DEVICE_KEY

FILES: Final = 20
FRAGMENTS: Final = 120
"""A minute of each recording."""
JOBS: Final = 2
LIMIT: Final = 1.7

AT_ONCE: Final = f"{FILES} recordings, {JOBS} at once"
ONE_BY_ONE: Final = f"{FILES} recordings, one after the other"
COMMANDS: Final = f"{FILES} recordings, a command for each"
SHA256SUM: Final = f"{FILES} recordings, sha256sum"
GROUP: Final = "reading, s"


def measure(figures: Figures, effort: Effort, footage: str, directory: Path) -> None:
    """Write the recordings into a directory, and check them."""
    log.info("evidence: %d recordings, checked at once", FILES)
    made = peers.run("tests.bench.many_recordings", footage, directory, FILES, FRAGMENTS)
    figures.facts["bytes_of_20_recordings"] = made["bytes"]
    place, key = directory / MANY, directory / DEVICE_KEY
    files = sorted(place.iterdir())
    ways: dict[str, Callable[[], float]] = {
        AT_ONCE: lambda: _checked(place, key, JOBS),
        ONE_BY_ONE: lambda: _checked(place, key, 1),
        SHA256SUM: lambda: _ran(["sha256sum", *files]),
        COMMANDS: lambda: sum(_ran(_command(one, key)) for one in files),
    }
    for number in range(effort.pairs):
        for name in sorted(ways, reverse=bool(number % 2)):
            if name != COMMANDS or number == 0:
                figures.add(GROUP, name, ways[name]())
    name = f"speed of checking {FILES} recordings, {JOBS} at once, of one after the other"
    speed = figures.speed(GROUP, AT_ONCE, ONE_BY_ONE)
    figures.goal(name, speed, LIMIT, "times", at_least=True)


def _checked(place: Path, key: Path, jobs: int) -> float:
    arguments = ("verify", place, "--key", key, "--jobs", jobs)
    return float(peers.run("tests.bench.checking", *arguments)["seconds"])


def _command(path: Path, key: Path) -> list[str | Path]:
    return [sys.executable, "-m", "camerad", "evidence", "verify", path, "--key", key]


def _ran(command: list[str | Path]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(map(str, command))} failed: {done.stdout}")
    return time.monotonic() - began
