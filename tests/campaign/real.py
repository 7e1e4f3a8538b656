"""Debian's own libcamera, started and stopped a hundred times, and recording for half an hour.

No picture that libcamera delivered is lost. What the machine was too slow for, libcamera did not
deliver: it is stated in the recording, and reported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.campaign.table import say
from tests.real import on_the_real_camera
from tests.real.film import Shown, shown
from tests.system.gaps import opened
from tests.system.harness import BodyCamera

SECONDS: Final = 1.0
"""Of each of the short recordings."""
LOOK_SECONDS: Final = 60.0
BITRATE: Final = 1_000_000
"""Of pictures that only their numbers matter of: half an hour is 225 MB."""


def campaign(workspace: Path, starts: int, minutes: float) -> int:
    """So many short recordings, then a long one. Prints what was found; returns how much."""
    with on_the_real_camera(workspace, bitrate=BITRATE, max_bitrate=2 * BITRATE) as camera:
        child = camera.capture_pid
        short = [_judged(camera, camera.record(SECONDS)) for _ in range(starts)]
        restarted = camera.capture_pid != child
        camera.press("main", 1.3)
        camera.wait(stage="recording")
        for _ in range(max(1, round(minutes * 60 / LOOK_SECONDS))):
            camera.pass_time(min(LOOK_SECONDS, minutes * 60))
            assert camera.state["stage"] == "recording"
        long = _judged(camera, camera.stop())
    findings = [found for one in (*short, long) for found in one.findings]
    if restarted:
        findings.append("the capture process was restarted")
    for what, several in ((f"{starts} starts", short), (f"{minutes:g} minutes", [long])):
        say(
            f"real: {what}: {sum(one.pictures for one in several)} pictures, none lost but "
            f"{sum(one.missing for one in several)} that the machine was too slow for, in "
            f"{sum(one.gaps for one in several)} stated gaps"
        )
    say(f"real: {len(findings)} findings")
    for found in findings:
        say(f"  {found}")
    return len(findings)


def _judged(camera: BodyCamera, recording: dict[str, object]) -> Shown:
    path = opened(camera, recording)
    try:
        return shown(path, recording)
    finally:
        Path(path).unlink()
