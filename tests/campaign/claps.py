"""Sound and picture stay together for as long as it takes until a drift would show.

Half of the time nothing happens: a crystal that is 200 ppm wrong, if nobody minded it, would part
sound from picture by 40 ms in 200 seconds. In the other half one trouble follows another.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

from tests.campaign.table import say
from tests.system import clapping
from tests.system.harness import SHIPPED, UNHURRIED, body_camera, configuration

BETWEEN_SECONDS: Final = 8.0
"""Quiet behind each trouble."""
TROUBLE_SECONDS: Final = 13.0
"""What a trouble takes on average, with the quiet behind it."""
BITRATE: Final = 1_000_000
"""Of the pictures, which show a scene that nobody looks at: ten minutes are 75 MB."""


def campaign(workspace: Path, minutes: float, ppm: float, seed: int) -> int:
    """One recording of so many minutes, with a microphone whose clock is `ppm` too fast.

    Prints what was found; returns the number of findings.
    """
    rounds = max(1, round(minutes * 30 / TROUBLE_SECONDS / len(clapping.TROUBLES)))
    troubles = list(clapping.TROUBLES) * rounds
    Random(seed).shuffle(troubles)
    config = configuration(
        workspace,
        "generic",
        sound={"may_mute": True},
        buttons=UNHURRIED,
        camera={**SHIPPED, "bitrate": BITRATE, "max_bitrate": 2 * BITRATE},
    )
    options = ("--sound", "clapper", "--sound-ppm", f"{ppm:g}")
    with body_camera(workspace, config, options=options) as camera:
        claps = clapping.record(camera, minutes * 30, troubles, BETWEEN_SECONDS)
    for line in claps.lines():
        say(line)
    findings = claps.findings()
    say(f"claps: {minutes:g} minutes, {ppm:+g} ppm, {len(findings)} findings")
    for one in findings:
        say(f"  {one}")
    return len(findings)
