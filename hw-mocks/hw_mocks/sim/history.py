"""The last minutes of the camera, for whoever begins to watch in the middle of them."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

KEPT_US: Final = 300_000_000
EVERY_US: Final = 1_000_000
"""How finely the filling of the pre-event buffer is noted."""

_EACH: Final = ("stage", "ready", "conditions", "muted", "microphone")
"""What makes a moment whenever it changes."""

Moment = dict[str, Any]


class History:
    """What the page draws its timeline of: moments, oldest first.

    A moment is {"at_us": media time in microseconds, "stage", "ready", "conditions", "muted",
    "microphone", "recording": as in the state, "held": seconds in the pre-event buffer}. Between
    two of them the camera stayed as the first one says, but for what fills and grows.
    """

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque()

    def note(self, at_us: int, state: dict[str, Any]) -> Moment:
        """Take a state in; returns its moment, whether it is kept or adds nothing."""
        moment = {
            "at_us": at_us,
            "stage": state["stage"],
            "ready": state["ready"],
            "conditions": state["conditions"],
            "muted": state["muted"],
            "microphone": state["microphone"],
            "recording": state["recording"],
            "held": state["pre_event_seconds"],
        }
        last = self._moments[-1] if self._moments else None
        if last is None or _tells_more(moment, last):
            self._moments.append(moment)
        # The one that the kept time begins in stays.
        while len(self._moments) > 1 and self._moments[1]["at_us"] < at_us - KEPT_US:
            self._moments.popleft()
        return moment

    def moments(self) -> list[Moment]:
        """All that is kept."""
        return list(self._moments)


def _tells_more(moment: Moment, last: Moment) -> bool:
    same = all(moment[key] == last[key] for key in _EACH)
    if not same or _identity(moment) != _identity(last):
        return True
    grown: bool = moment["held"] != last["held"] or moment["recording"] != last["recording"]
    return grown and int(moment["at_us"]) - int(last["at_us"]) >= EVERY_US


def _identity(moment: Moment) -> str | None:
    recording = moment["recording"]
    return None if recording is None else recording["id"]
