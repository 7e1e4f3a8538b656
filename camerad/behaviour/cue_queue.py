"""Orders cues: news in turn, answers to a press at once.

Rules of this file
------------------
1. It is pure. `playing` names the cue that is being played; the player reports its end (`rest`) and
   when the next one may begin (`turn`).
2. An answer to a press begins at once and cuts short the cue being played, with `STILL_MS` of
   stillness between both, which a pause in that cue may have begun. That is well below the 0.1 s in
   which a press is answered (P5).
3. A waiting cue is judged when its turn comes: it is played as it is true then, and not at all if
   it is true no longer, or if the wearer knows by now (`signals.still_news`).
4. A cue that was cut short is played again in the same way. An older answer is not, unless law or
   safety depend on it: it ended, it cannot, it has no sound, a light failed.
5. Cues that feel alike are played once: every waiting cue that feels like the present one goes.
6. At most MAX_WAITING cues wait: the oldest goes. Never one that law or safety depend on.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.behaviour.events import CueKind
from camerad.behaviour.signals import (
    ANSWERS,
    Detail,
    Rhythm,
    rhythm,
    sounding,
    still_news,
)
from camerad.behaviour.state import State

MAX_WAITING: Final = 4
"""More would tell an officer old news."""
STILL_MS: Final = 60
"""Stillness between what an answer cuts short and the answer: half a pause between strokes."""
GRAVE: Final = frozenset(
    {Rhythm.NO_RECORDING, Rhythm.SILENT, Rhythm.LIGHT, Rhythm.LEFT, Rhythm.POWER_OFF}
)
"""Rhythms that law and safety depend on."""


class CueQueue(msgspec.Struct, frozen=True):
    """playing: the present cue, if any. waiting: those behind it, in their order."""

    playing: CueKind | None = None
    waiting: tuple[CueKind, ...] = ()


def add(queue: CueQueue, kind: CueKind, state: State) -> CueQueue:
    """The queue with news behind all that waits; a cue that waits already is not doubled."""
    if kind in queue.waiting:
        return queue
    return replace(queue, waiting=_bounded((*queue.waiting, kind), state))


def answer(queue: CueQueue, kind: CueKind, state: State, detail: Detail) -> CueQueue:
    """The queue in which the answer to a press is played now."""
    cut = queue.playing
    again = cut is not None and (cut not in ANSWERS or grave(cut, state))
    waiting = (cut, *queue.waiting) if cut is not None and again else queue.waiting
    return CueQueue(kind, _bounded(_others(waiting, kind, state, detail), state))


def rest(queue: CueQueue) -> CueQueue:
    """The queue after the present cue has ended."""
    return replace(queue, playing=None)


def turn(queue: CueQueue, state: State, detail: Detail) -> CueQueue:
    """The queue when the next cue may begin: the first that is still news is played now, if any."""
    left = tuple(kind for kind in queue.waiting if still_news(kind, state))
    if not left:
        return CueQueue()
    return CueQueue(left[0], _others(left[1:], left[0], state, detail))


def grave(kind: CueKind, state: State) -> bool:
    """Whether law or safety depend on it."""
    return rhythm(kind, state) in GRAVE


def _others(
    waiting: tuple[CueKind, ...], told: CueKind, state: State, detail: Detail
) -> tuple[CueKind, ...]:
    """The cues that do not feel like the present one."""
    feels = sounding(told, state, detail)
    return tuple(dict.fromkeys(k for k in waiting if sounding(k, state, detail) != feels))


def _bounded(waiting: tuple[CueKind, ...], state: State) -> tuple[CueKind, ...]:
    """As many as may wait, the newest of those that may go."""
    may_go = [kind for kind in waiting if not grave(kind, state)]
    surplus = max(0, len(waiting) - MAX_WAITING)
    gone = may_go[:surplus]
    return tuple(kind for kind in waiting if kind not in gone)
