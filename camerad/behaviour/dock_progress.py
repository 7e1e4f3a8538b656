"""Progress of the upload, as a camera in its dock shows it.

The upload process (`camerad.dock`) reports its progress to the daemon, and repeats it every few
seconds. Rules of this file:

1. A report counts in the dock, while nothing is kept. Outside the dock nothing is shown.
2. A recording that begins voids it: not everything is uploaded any more.
3. After `SILENCE_US` without a report the upload counts as failed. So a process that has died
   leaves no valid report behind.

Pure. Times are media time in microseconds.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.events import Condition
from camerad.behaviour.state import State

REPEAT_SECONDS: Final = 10.0
"""How often the process repeats its report."""
SILENCE_US: Final = 30 * SECOND
"""How long a report counts, and how long the first one may take: a slow board needs some ten
seconds to start the process."""


class HandoverState(Enum):
    """State of the upload."""

    WAITING = "waiting"
    """No upload just now, and recordings are left: the camera is in use, its network comes up, or
    the office asked to wait."""
    HANDING_OVER = "handing_over"
    HANDED_OVER = "handed_over"
    """The office has acknowledged every recording on the camera."""
    FAILED = "failed"
    """It fails, and a technician is needed; it is retried all the same."""


class HandoverTrouble(Enum):
    """Why the upload fails."""

    NETWORK = "network"
    """The office's server cannot be reached."""
    CERTIFICATE = "certificate"
    """The server that answers cannot prove that it is the office's."""
    REGISTER = "register"
    """The office does not take this camera's signature."""
    OFFICE = "office"
    """The office's server answers, and accepts nothing."""
    RECORDINGS = "recordings"
    """The office takes some recordings, and others not."""
    CAMERA = "camera"
    """Something at the camera itself: its card, its daemon."""
    SILENT = "silent"
    """The upload process sends no report. It does not report this itself."""


class HandoverProgress(msgspec.Struct, frozen=True):
    """A progress report. total: recordings of this attempt. done: those of them that the office has
    acknowledged. trouble: why, if it has failed."""

    state: HandoverState
    done: int = 0
    total: int = 0
    trouble: HandoverTrouble | None = None


NOT_HEARD: Final = HandoverProgress(HandoverState.WAITING)
SILENT: Final = HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.SILENT)


class DockWord(msgspec.Struct, frozen=True):
    """The last report. since_us: when, or since when a report is awaited; None where none counts.
    word: None before the first."""

    since_us: int | None = None
    word: HandoverProgress | None = None


def follow(heard: DockWord, state: State, now_us: int) -> DockWord:
    """The report as far as it still counts in `state`."""
    if Condition.DOCKED not in state.conditions:
        return DockWord()
    if state.keeping or heard.since_us is None:
        return DockWord(now_us)
    return heard


def hear(heard: DockWord, word: HandoverProgress, now_us: int) -> DockWord:
    """Take a report. heard: as `follow` has it now."""
    return heard if heard.since_us is None else replace(heard, since_us=now_us, word=word)


def shown(heard: DockWord, now_us: int) -> HandoverProgress | None:
    """The progress to show; None where there is none."""
    if heard.since_us is None:
        return None
    if now_us - heard.since_us >= SILENCE_US:
        return SILENT
    return heard.word or NOT_HEARD


def silent_at_us(heard: DockWord) -> int | None:
    """When the progress that is shown changes without a report."""
    return None if heard.since_us is None else heard.since_us + SILENCE_US
