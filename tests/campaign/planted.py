"""The test of the campaign: a mistake is planted for each promise, and its check finds it.

One camera plays a few short scenes: first one without a mistake, when no check may find anything,
then with them. What the mistakes are is in ``bugs/sitecustomize.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hw_mocks.sim.faults import FAULTS

from tests.campaign.faults import judged
from tests.campaign.scenes import stage
from tests.campaign.sequences import RECORD_SECONDS, Fault, Press, Sequence, stop
from tests.campaign.table import say

_SELF_VIEW: Final = (Press(0.2, "main", 0.1), Press(1.6, "display", 0.1))
_RECORD: Final = (Press(0.2, "main", RECORD_SECONDS), *stop(2.6))
_LONG: Final = (*_RECORD[:1], *stop(4.9))
_MARKED: Final = (*_RECORD[:1], Press(2.4, "main", 0.1), *stop(3.7))


def _scene(
    presses: tuple[Press, ...],
    *faults: tuple[float, str, dict[str, Any]],
    seconds: float = 0,
) -> Sequence:
    whole = tuple(
        Fault(at, {"name": name, **more}, more["seconds"] if FAULTS[name].on_light else None)
        for at, name, more in faults
    )
    seconds = max(seconds, presses[-1].at + presses[-1].seconds + 0.3)
    return Sequence(0, "planted", presses, whole, seconds)


SCENES: Final = (
    (("P1", "P2"), _scene(_SELF_VIEW)),
    # The delay of P5 comes with every press, so there is one of each kind.
    (("P3", "P4", "P5", "P7", "P8"), _scene(_MARKED, (1.8, "camera_cancel", {"count": 2}))),
    (("P3.told",), _scene(_LONG, (1.0, "light_dead", {"light": "red", "seconds": 5.0}))),
    (("P10",), _scene(_RECORD, (1.8, "display_kill", {}))),
    # Last, since the daemon begins anew: P6 is about what ran, P9 about what goes on from it.
    (("P6", "P9"), _scene(_RECORD[:1], (3.9, "daemon_killed", {"seconds": 0.1}), seconds=5.0)),
)
"""Which mistakes are made together: those that do not hide one another. Where a promise can be
broken in more than one way, a name stands behind it."""
WELL: Final = SCENES[1][1]
"""Played without a mistake first."""


def campaign(directory: Path) -> list[str]:
    """All scenes in turn; what was not found, or found where there was none."""
    missed: list[str] = []
    with stage(directory) as on:
        found = judged(on.play(WELL)).findings
        missed += [f"nothing is planted, and {promise}: {text}" for promise, text in found]
        for promises, scene in SCENES:
            on.bug.write_text(" ".join(promises))
            one = judged(on.play(scene))
            on.bug.write_text("")
            for bug in promises:
                promise = bug.partition(".")[0]
                # How busy the machine is does not matter here: what is late is so on purpose.
                told = [*one.findings, *one.excused]
                texts = [text for found_by, text in told if found_by == promise]
                say(f"{bug}: {texts[0][:200] if texts else 'NOT FOUND'}")
                if not texts:
                    missed.append(f"{bug} was broken, and found was only {one.findings}")
    return missed
