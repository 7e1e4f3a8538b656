"""A body camera whose control socket other users of the machine do their worst to."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.system.harness import BodyCamera
from tests.waiting import DEADLINE

ROOT: Final = Path(__file__).parents[2]
FIRST_UID: Final = 60_600
"""Of users that no machine has (60578 to 61183 are nobody's, systemd.io/UIDS-GIDS)."""
START_SECONDS: Final = DEADLINE


@dataclass
class Fuzzed:
    """What all of them did and found."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    findings: list[str] = field(default_factory=list)


class Fuzzers:
    """`members` users in the socket's group and one outside of it; begun at once, ended by time."""

    def __init__(
        self, camera: BodyCamera, seed: int, seconds: float, members: int, roles: Sequence[str]
    ) -> None:
        self._seconds = seconds
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        command = [*sudo, sys.executable, "-m", "tests.system.control_fuzz"]
        command += ["--socket", camera.control, "--seconds", str(seconds)]
        who = [["--roles", ",".join(roles)]] * members + [["--outside"]]
        self._processes = [
            subprocess.Popen(
                [*command, "--seed", str(seed + number), "--uid", str(FIRST_UID + number), *words],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number, words in enumerate(who)
        ]

    @property
    def running(self) -> bool:
        """Whether one of them is still at it."""
        return any(process.poll() is None for process in self._processes)

    def __enter__(self) -> Fuzzers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate(timeout=START_SECONDS)

    def finish(self) -> Fuzzed:
        """Wait for all of them."""
        total = Fuzzed()
        for process in self._processes:
            out, err = process.communicate(timeout=self._seconds + START_SECONDS)
            assert process.returncode == 0, err
            told: dict[str, Any] = json.loads(out)
            total.counts.update(told["counts"])
            total.findings += told["findings"]
        return total
