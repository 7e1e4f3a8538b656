"""Chooses the sentence that the camera says aloud: a function of two states.

Rules of this file
------------------
1. It is pure, and it decides only the sentence. Nothing waits for it, and no stage follows from it.
2. What is said is true when it is said. "Picture and sound" only where there is sound; the end of a
   recording only once its file is closed, for until then footage is being kept.
3. Of several sentences that are due at once only the newest matters: one sentence, or none.

German police law asks that a recording be recognisable and told to the person concerned (§ 15c PolG
NRW); further sentences, such as one about the self-view, can be configured.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from camerad.behaviour.signals import lacks_sound
from camerad.behaviour.stages import Stage, State


class Announcement(Enum):
    """One sentence; its audio file is called by this name."""

    RECORDING = "recording"
    """A recording with sound has begun."""
    RECORDING_SILENT = "recording_silent"
    """A recording without sound has begun."""
    MUTED = "muted"
    """It goes on without sound."""
    UNMUTED = "unmuted"
    """It goes on with sound again."""
    ENDED = "ended"
    """It is over."""
    RECORDING_FAILED = "recording_failed"
    """It is over: it could not go on, or no picture of it came."""
    SELF_VIEW = "self_view"
    """The display shows people themselves, and nothing is kept."""
    SELF_VIEW_ARMED = "self_view_armed"
    """The same, with a pre-event buffer running."""
    SELF_VIEW_ENDED = "self_view_ended"
    """The display is dark, and nothing was kept."""


OF_SELF_VIEW: Final = frozenset(
    {Announcement.SELF_VIEW, Announcement.SELF_VIEW_ARMED, Announcement.SELF_VIEW_ENDED}
)
"""Announcements that concern no recording."""


def announcement(
    before: State, after: State, *, sound: bool, self_view: bool, failed: bool = False
) -> Announcement | None:
    """The announcement for the step from `before` to `after`, or None.

    sound: recordings hold sound, unless it is muted or the microphone is known to be down; the
    states say both. self_view: the self-view's beginning and end are announced too. failed: the
    recording ended by a failure.
    """
    if after.stage is Stage.RECORDING:
        if before.stage is not Stage.RECORDING:
            has_sound = sound and not lacks_sound(after)
            return Announcement.RECORDING if has_sound else Announcement.RECORDING_SILENT
        if not sound or lacks_sound(after) == lacks_sound(before):
            return None
        return Announcement.MUTED if lacks_sound(after) else Announcement.UNMUTED
    if self_view:
        if _shown(after) and not _shown(before):
            return Announcement.SELF_VIEW_ARMED if after.armed else Announcement.SELF_VIEW
        if _shown(before) and not _shown(after):
            return Announcement.SELF_VIEW_ENDED
    if before.keeping and not after.keeping:
        return Announcement.RECORDING_FAILED if failed else Announcement.ENDED
    return None


def _shown(state: State) -> bool:
    """Whether self-view is on. While wiping it is over."""
    return state.stage is Stage.SELF_VIEW and not state.wiping
