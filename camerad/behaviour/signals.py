"""What the camera shows and how it feels: a function of the state, and a table of cues.

Rules of this file
------------------
1. Red is steady exactly while footage is being kept, and dark otherwise. It never blinks: a blink
   has dark instants, and in them the camera would record without showing it.
2. Green is a promise: press, and it records. It is lit in idle and self-view, which the display
   tells apart, and dark wherever a press would be refused. Blinking, it asks for attention.
3. Amber says that a press would be refused; blinking, not yet; flashing twice, that the camera has
   not been set up.
4. A cue is felt before it is heard. What an officer must tell apart by touch alone differs in its
   vibration. Showing the display makes no sound: a tone would not de-escalate.
5. In its dock green says how handing over to the office's server goes, where nothing else is the
   matter. Lit with a dark instant: leave it there. Flashing: all is handed over, nothing to do.
   Blinking, as whatever wants attention: ask the display. Steady says none of it, because so does a
   camera that has no contact in its dock.
6. Muted is felt as "still recording" followed by the long one of an end: the picture goes on, the
   sound has stopped. Unmuted is the same with the two short ones of a start behind it.

Officers know these signals from other cameras: green for standby and red for recording from
NetCo's (Duisburg); steady green, flashing green for what runs low and amber for "cannot record"
from Axis W100 and W120; two short at the start, again every two minutes, and one long at the stop
from Axon Body 4; three for storage, four quick for the battery and five quick for the clock from
Axon Body 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.stages import Condition, CueKind, Stage, State


@dataclass(frozen=True, slots=True)
class Pattern:
    """How one output behaves in time.

    steps: (on, milliseconds), one after the other; without steps it is off. repeat: from the
    beginning for ever; otherwise it is off after the last step. One step that repeats is steady.
    """

    steps: tuple[tuple[bool, int], ...]
    repeat: bool


OFF: Final = Pattern((), repeat=False)
ON: Final = Pattern(((True, 1000),), repeat=True)
BLINK: Final = Pattern(((True, 500), (False, 500)), repeat=True)
HURRY: Final = Pattern(((True, 125), (False, 125)), repeat=True)
REST: Final = Pattern(((True, 200), (False, 2800)), repeat=True)
TWICE: Final = Pattern(((True, 120), (False, 120), (True, 120), (False, 1140)), repeat=True)
SEEK: Final = Pattern(((True, 800), (False, 100), (True, 100), (False, 100)), repeat=True)
"""Dark twice in a second: the camera looks for a badge."""
WORK: Final = Pattern(((True, 2600), (False, 400)), repeat=True)
"""The other way round as `REST`: at work in its dock."""
ACKNOWLEDGE: Final = Pattern(((True, 60), (False, 60)), repeat=True)


@dataclass(frozen=True, slots=True)
class Indication:
    """The three lights."""

    green: Pattern
    red: Pattern
    amber: Pattern


@dataclass(frozen=True, slots=True)
class Sounding:
    """One cue. hertz: pitch of the tone, 0 where there is none."""

    vibration: Pattern
    tone: Pattern
    hertz: int


ATTENTION: Final[Mapping[Condition, Pattern]] = {
    Condition.BATTERY_CRITICAL: HURRY,
    Condition.LIGHT_DOWN: BLINK,
    Condition.BATTERY_LOW: BLINK,
    Condition.BATTERY_UNKNOWN: BLINK,
    Condition.STORAGE_STALLED: BLINK,
    Condition.STORAGE_LOW: BLINK,
    Condition.CLOCK_UNTRUSTED: BLINK,
    Condition.DISPLAY_DOWN: BLINK,
    Condition.MICROPHONE_DOWN: BLINK,
    Condition.HOT: BLINK,
    Condition.PROVISION_REFUSED: BLINK,
    Condition.DOCKED: REST,
}
"""What green does while the camera is ready but something is the matter; the first one counts."""

IN_DOCK: Final[Mapping[HandoverState, Pattern]] = {
    HandoverState.WAITING: WORK,
    HandoverState.HANDING_OVER: WORK,
    HandoverState.HANDED_OVER: REST,
    HandoverState.FAILED: BLINK,
}
"""What green does instead of `REST` while the camera is docked and has an office to hand over to.
Only what is known to be handed over looks like a camera that has nothing to do."""


def look(state: State) -> Indication:
    """The lights in `state`. They are set before any effect of reaching it is carried out."""
    if state.ended:
        return Indication(OFF, OFF, OFF)
    amber = OFF if state.can_record else ON
    if amber is ON and Condition.UNPROVISIONED in state.conditions:
        amber = TWICE
    if state.keeping:
        return Indication(OFF, ON, amber)
    if not state.can_record:
        return Indication(OFF, OFF, amber)
    if state.stage is Stage.STARTING:
        return Indication(OFF, OFF, BLINK)
    return Indication(_ready(state), OFF, amber)


def in_dock(look: Indication, handover: HandoverState | None) -> Indication:
    """The lights of a camera in its dock. handover: how handing over goes; None: there is none.

    Only where docked is all that they say: whatever else wants attention goes first.
    """
    if handover is None or look.green is not REST:
        return look
    return replace(look, green=IN_DOCK[handover])


def on_shift(look: Indication, *, looking: bool, acknowledging: bool) -> Indication:
    """The lights of a camera that looks for a badge, or has just read one or been told of a shift.

    Green alone says so, and only where it is lit: a badge changes nothing about a promise that the
    camera cannot keep, nor about red.
    """
    if acknowledging and look.green is not OFF:
        return replace(look, green=ACKNOWLEDGE)
    if looking and look.green is ON:
        return replace(look, green=SEEK)
    return look


def _ready(state: State) -> Pattern:
    for condition, pattern in ATTENTION.items():
        if condition in state.conditions:
            return pattern
    return ON


# ------------------------------------------------------------------------------------------ cues

QUICK_MS: Final = 120
LONG_MS: Final = 600
PAUSE_MS: Final = 120
BETWEEN_MS: Final = 600
"""Rest between two cues. With no more than the pause between strokes, self-view on and a full card
would feel like an empty battery, and a start with a light that failed like sound switched on."""

HIGH: Final = 2400
MIDDLE: Final = 1600
LOW: Final = 500

CUE_TABLE: Final[Mapping[CueKind, tuple[str, int]]] = {
    # what the officer did
    CueKind.STARTED: ("..", HIGH),
    CueKind.STILL_RECORDING: ("..", HIGH),
    CueKind.STOPPED: ("-", HIGH),
    CueKind.MARKED: (".", HIGH),
    CueKind.MUTED: ("..-", MIDDLE),
    CueKind.UNMUTED: ("..-..", MIDDLE),
    CueKind.REFUSED: ("---", LOW),
    CueKind.SELF_VIEW_ON: (".", 0),
    CueKind.SELF_VIEW_OFF: ("-.", 0),
    CueKind.READY: (".-", MIDDLE),
    # what happened without them: it has ended, long, and begins by no hand but theirs, short
    CueKind.CUT_OFF: ("--..", LOW),
    # what is the matter; "-" at the end: worse
    CueKind.STORAGE_LOW: ("...", MIDDLE),
    CueKind.STORAGE_FULL: ("...-", LOW),
    CueKind.STORAGE_FAILED: ("...--", LOW),
    CueKind.STORAGE_STALLED: ("...-.", LOW),
    CueKind.NO_RECIPIENTS: ("--.", LOW),
    CueKind.BATTERY_LOW: ("....", MIDDLE),
    CueKind.BATTERY_CRITICAL: ("....-", LOW),
    CueKind.CLOCK_UNTRUSTED: (".....", MIDDLE),
    CueKind.CAMERA_DOWN: ("-.-", LOW),
    CueKind.LIGHT_DOWN: ("-..", LOW),
    CueKind.DISPLAY_DOWN: ("-...", MIDDLE),
    CueKind.MICROPHONE_DOWN: ("-....", MIDDLE),
    CueKind.HOT: (".-.", MIDDLE),
    # whose camera it is: ready, and one long more; the other way round when nobody's
    CueKind.SHIFT_BEGUN: (".--", MIDDLE),
    CueKind.SHIFT_ENDED: ("--.-", MIDDLE),
    # worn, and a press would be refused: refused, and one long more. The cause follows.
    CueKind.NOT_READY: ("----", LOW),
}
"""Vibration of each cue, quick (.) and long (-), and the pitch in hertz of a tone in the same
rhythm; 0: no tone."""


ANSWERS: Final = frozenset(
    {
        CueKind.STARTED,
        CueKind.STOPPED,
        CueKind.MARKED,
        CueKind.MUTED,
        CueKind.UNMUTED,
        CueKind.REFUSED,
        CueKind.SELF_VIEW_ON,
        CueKind.SELF_VIEW_OFF,
    }
)
"""Cues that a hand on a button waits for: they interrupt whatever else is being told."""


def rhythm(strokes: str) -> Pattern:
    """The pattern of `strokes`: quick (.) and long (-), with a pause after each."""
    steps: list[tuple[bool, int]] = []
    for stroke in strokes:
        steps += [(True, LONG_MS if stroke == "-" else QUICK_MS), (False, PAUSE_MS)]
    return Pattern(tuple(steps), repeat=False)


def sounding(kind: CueKind) -> Sounding:
    """How a cue feels and sounds."""
    strokes, hertz = CUE_TABLE[kind]
    vibration = rhythm(strokes)
    return Sounding(vibration, vibration if hertz else OFF, hertz)
