"""How handing over goes, as a camera in its dock shows it: whose word counts, and for how long.

The process that hands recordings over (`camerad.dock`) tells the daemon how far it is, and says it
again every few seconds. Rules of this file:

1. Its word counts in the dock, while nothing is kept. Outside the dock there is nothing to tell.
2. A recording that begins makes it void: not everything is handed over any more.
3. If it says nothing for `SILENCE_US`, it does not work. So a process that has died leaves no word
   behind.

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
"""How often the process says its word again."""
SILENCE_US: Final = 30 * SECOND
"""How long a word counts, and how long the first one may take: a board of the slow kind needs some
ten seconds to start the process."""


class HandoverState(Enum):
    """Where handing over is."""

    WAITING = "waiting"
    """Nothing is handed over just now, and not everything was: the camera is in use, its network
    comes up, or the office asked to wait."""
    HANDING_OVER = "handing_over"
    HANDED_OVER = "handed_over"
    """The office has acknowledged every recording on the camera."""
    FAILED = "failed"
    """It does not work, and somebody has to look at it; it is tried again all the same."""


class HandoverTrouble(Enum):
    """Why it does not work."""

    NETWORK = "network"
    """The office's server cannot be reached."""
    CERTIFICATE = "certificate"
    """What answers does not show that it is the office's server."""
    REGISTER = "register"
    """The office does not take this camera's signature."""
    OFFICE = "office"
    """The office's server answers, and takes nothing."""
    RECORDINGS = "recordings"
    """The office takes some recordings, and others not."""
    CAMERA = "camera"
    """Something at the camera itself: its card, its daemon."""
    SILENT = "silent"
    """The process that hands over says nothing. It does not say this itself."""


class HandoverProgress(msgspec.Struct, frozen=True):
    """A word about it. total: recordings of this attempt. done: those of them that the office has
    acknowledged. trouble: why, if it has failed."""

    state: HandoverState
    done: int = 0
    total: int = 0
    trouble: HandoverTrouble | None = None


NOT_HEARD: Final = HandoverProgress(HandoverState.WAITING)
SILENT: Final = HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.SILENT)


class DockWord(msgspec.Struct, frozen=True):
    """What was heard. since_us: when, or since when a word is waited for; None where none counts.
    word: None as long as none came."""

    since_us: int | None = None
    word: HandoverProgress | None = None


def follow(heard: DockWord, state: State, now_us: int) -> DockWord:
    """What still counts of it in `state`."""
    if Condition.DOCKED not in state.conditions:
        return DockWord()
    if state.keeping or heard.since_us is None:
        return DockWord(now_us)
    return heard


def hear(heard: DockWord, word: HandoverProgress, now_us: int) -> DockWord:
    """Take a word. heard: as `follow` has it now."""
    return heard if heard.since_us is None else replace(heard, since_us=now_us, word=word)


def shown(heard: DockWord, now_us: int) -> HandoverProgress | None:
    """What is to be shown; None where there is nothing to tell."""
    if heard.since_us is None:
        return None
    if now_us - heard.since_us >= SILENCE_US:
        return SILENT
    return heard.word or NOT_HEARD


def silent_at_us(heard: DockWord) -> int | None:
    """When what is shown changes by itself."""
    return None if heard.since_us is None else heard.since_us + SILENCE_US
