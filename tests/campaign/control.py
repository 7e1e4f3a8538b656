"""Other users of the machine do their worst to the control socket, for minutes.

Half of the time they may read, and an officer records meanwhile, press by press: none is missed and
none answered late. In the other half they may press too, so that nobody can tell whose presses
counted, and what counts is that the daemon goes on, that nothing beyond pressing came of it, and
that it has not grown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.campaign.table import say
from tests.system import sealed
from tests.system.fuzzing import Fuzzed, Fuzzers
from tests.system.gaps import start_recording
from tests.system.harness import BodyCamera, body_camera, configuration, until
from tests.system.test_control_noise import ANSWER_US, answered_us

MEMBERS: Final = 5
GROWTH_KB: Final = 16 * 1024
"""What the daemon may be larger by at the end: buffers of connections and of recordings that are
used again, and no leak of ten thousand requests, which at 2 KiB each would be more."""
CONFIGURED: Final = frozenset(
    {"shift_begun", "shift_ended", "hold", "release", "acknowledged", "deleted"}
)
"""Kinds of entries that the role `configure` can lead to, and here nothing else."""


def campaign(workspace: Path, minutes: float, seed: int) -> int:
    """Prints what was found; returns the number of findings."""
    os.chmod(workspace, 0o755)  # noqa: S103 - other users are to reach the socket
    findings: list[str] = []
    for number, roles in enumerate((["read"], ["read", "press"])):
        directory = workspace / "-".join(roles)
        directory.mkdir(mode=0o755)
        config = configuration(
            directory,
            "generic",
            camera={"bitrate": 1_000_000, "max_bitrate": 2_000_000},
            access={"press": []} if roles == ["read"] else {},
        )
        seconds = minutes * 30
        with body_camera(directory, config) as camera:
            camera.record(1.0)  # what a first recording loads is no leak
            before = _resident_kb(camera)
            with Fuzzers(camera, seed + 1000 * number, seconds, MEMBERS, roles) as others:
                late = _watch(camera, others, officer=roles == ["read"])
                fuzzed = others.finish()
            found = [*late, *fuzzed.findings, *_judged(camera, before)]
        say(f"{' and '.join(roles)}: {_counted(fuzzed)}")
        findings += found
    say(f"control: {minutes:g} minutes, seed {seed}, {len(findings)} findings")
    for one in findings:
        say(f"  {one}")
    return len(findings)


def _watch(camera: BodyCamera, others: Fuzzers, *, officer: bool) -> list[str]:
    """An officer's presses, or only a look at whether it lives, until the others are done."""
    findings, worst, presses = [], 0, 0
    while others.running:
        if not officer:
            until(lambda: camera.state["stage"] != "off", 10, "the daemon answers")
            camera.pass_time(1.0)
            continue
        start_recording(camera)
        took_us = answered_us(camera)
        camera.stop()
        presses += 4
        worst = max(worst, took_us)
        if took_us >= ANSWER_US:
            findings.append(f"a press was answered after {took_us / 1000:.0f} ms")
    if officer:
        say(f"{presses} presses, the slowest mark felt after {worst / 1000:.0f} ms")
    return findings


def _judged(camera: BodyCamera, before_kb: int) -> list[str]:
    """What the camera is like afterwards."""
    findings = []
    _bring_home(camera)
    shift = _asked(camera)["shift"]
    if shift is not None:
        findings.append(f"somebody without the right began the shift {shift}")
    wrong = set(_kinds(camera)) & CONFIGURED
    if wrong:
        findings.append(f"somebody without the right had the ledger say {sorted(wrong)}")
    grown = _resident_kb(camera) - before_kb
    say(f"the daemon is {grown} kB larger")
    if grown > GROWTH_KB:
        findings.append(f"the daemon grew by {grown} kB")
    return findings


def _bring_home(camera: BodyCamera) -> None:
    """To idle, from wherever others have brought it."""

    def home() -> bool:
        state = camera.state
        if state["stage"] == "recording":
            camera.stop_once()
        elif state["stage"] == "self_view" and state["display"]:
            camera.press("display")
        return state["stage"] == "idle" and bool(state["ready"])

    until(home, 30, "the camera is idle")


def _kinds(camera: BodyCamera) -> Iterator[str]:
    """The kinds of the ledger's entries; its lines are JWS (docs/ledger-format.md, 5)."""
    for path in sorted((camera.state_dir / "camerad" / "ledger").glob("*.jws")):
        for line in path.read_bytes().splitlines():
            yield str(sealed.payload(line).get("kind"))


def _asked(camera: BodyCamera) -> dict[str, Any]:
    command = [sys.executable, "-m", "camerad", "status", "--json", "--socket", camera.control]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _resident_kb(camera: BodyCamera) -> int:
    status = Path(f"/proc/{camera.daemon_pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def _counted(fuzzed: Fuzzed) -> str:
    counts: Sequence[tuple[str, int]] = sorted(fuzzed.counts.items())
    return ", ".join(f"{name} {count}" for name, count in counts)
