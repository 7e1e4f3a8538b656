"""The test of the campaign: a mistake is planted for each promise, and its check finds it.

One camera plays a short scene for each: first without a mistake, when no check may find anything,
then with it. What the mistakes are is in ``bugs/sitecustomize.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.campaign.faults import judged
from tests.campaign.scenes import stage
from tests.campaign.sequences import RECORD_SECONDS, STOP_SECONDS, Fault, Press, Sequence
from tests.campaign.table import say

_SELF_VIEW: Final = (Press(0.2, "main", 0.1), Press(1.6, "display", 0.1))
_RECORD: Final = (Press(0.2, "main", RECORD_SECONDS), Press(2.4, "main", STOP_SECONDS))
_MARKED: Final = (*_RECORD[:1], Press(2.4, "main", 0.1), Press(3.3, "main", STOP_SECONDS))


def _scene(presses: tuple[Press, ...], *faults: tuple[float, str, dict[str, float]]) -> Sequence:
    whole = tuple(Fault(at, {"name": name, **more}, None) for at, name, more in faults)
    seconds = presses[-1].at + presses[-1].seconds + 0.5
    return Sequence(0, "planted", presses, whole, seconds)


SCENES: Final = {
    "P1": _scene(_SELF_VIEW),
    "P2": _scene(_SELF_VIEW),
    "P3": _scene(_RECORD),
    "P4": _scene(_RECORD),
    "P5": _scene(_MARKED),
    "P7": _scene(_RECORD),
    "P8": _scene(_RECORD, (1.8, "camera_cancel", {"count": 3})),
    "P9": _scene(_RECORD),
    "P10": _scene(_MARKED, (2.4, "display_kill", {})),
    # Last, since the daemon begins anew.
    "P6": _scene(_RECORD[:1] + _MARKED[1:2], (3.4, "daemon_killed", {"seconds": 0.1})),
}


def campaign(directory: Path) -> list[str]:
    """Every mistake in turn; what was not found, or found where there was none."""
    missed: list[str] = []
    with stage(directory) as on:
        for scene in (SCENES["P8"], SCENES["P10"]):
            found = judged(on.play(scene)).findings
            missed += [f"nothing is planted, and {promise}: {text}" for promise, text in found]
        for promise, scene in SCENES.items():
            on.bug.write_text(promise)
            one = judged(on.play(scene))
            on.bug.write_text("")
            texts = [text for found, text in one.findings if found == promise]
            say(f"{promise}: {texts[0][:200] if texts else 'NOT FOUND'}")
            if not texts:
                missed.append(f"{promise} was broken, and found was only {one.findings}")
    return missed
