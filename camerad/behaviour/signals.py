"""Lights, vibration and tones: a function of the state, and a table of cues.

Rules of this file
------------------
1. Six states of the lights, each with one meaning. Green, steady: nothing is recorded, and it can
   be. In idle one press begins self-view and the next records, or a hold records at once; in
   self-view a press records. Green, blinking: the same, and the display says what is the matter.
   Green, flashing: the same, and in its dock nothing is left to do. Red, steady: footage is made
   that is kept. Amber, steady: a recording would be refused. Amber, blinking: the camera is at
   work; wait.
2. Red is steady exactly while footage is made that is kept, and dark otherwise: from the press to
   the stop, and not while a slow card stores what was made. It never blinks: a blink has dark
   instants, and in them the camera would record without showing it.
3. Green is a promise. It is lit in idle and self-view, which the display tells apart, and dark
   wherever a recording would be refused. Amber is steady wherever it would, unless the camera has
   ended and shows nothing. Amber that blinks never stands for a refusal: beside green the camera
   can record, and alone, while it starts or stores a recording, requests are remembered.
4. Eight rhythms, each with one meaning (`Rhythm`). A cue says what happened; a table says which
   rhythm tells it. Causes are told by the words of the display. Every gesture in a recording is
   answered by how it records: four short strokes are felt exactly where it does.
5. No rhythm becomes another one by adding, losing or exchanging its last stroke, but for the two
   single strokes, which differ by their whole length. None that is told while nothing is recorded
   becomes `Rhythm.RECORDS` by losing a stroke. docs/signals.md has the figures.
6. A cue is true when it is felt, also that a recording has no sound, or no pictures
   (`HOW_IT_RECORDS`, `WHILE_RECORDING`).
7. A cue is felt before it is heard. Showing the display makes no sound: a tone would not
   de-escalate.

Officers know these signals from other cameras: green for standby and red for recording from NetCo's
(Duisburg); steady green, flashing green for a low battery and amber for "cannot record"
from Axis W100 and W120; short ones while it records and long ones at the stop from Axon Body 4. The
codes of the causes (`Detail.FULL`) count like those of Axon Body 2: three for storage, four quick
for the battery, five quick for the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.stages import ARMABLE, CUES, Condition, Cue, CueKind, Stage, State


class Pattern(msgspec.Struct, frozen=True):
    """How one output behaves in time.

    steps: (on, milliseconds), one after the other; without steps it is off. repeat: from the
    beginning for ever; otherwise it is off after the last step. One step that repeats is steady.
    """

    steps: tuple[tuple[bool, int], ...]
    repeat: bool


OFF: Final = Pattern((), repeat=False)
ON: Final = Pattern(((True, 1000),), repeat=True)
BLINK: Final = Pattern(((True, 500), (False, 500)), repeat=True)
FLASH: Final = Pattern(((True, 200), (False, 2800)), repeat=True)


class Indication(msgspec.Struct, frozen=True):
    """The three lights."""

    green: Pattern
    red: Pattern
    amber: Pattern


class Sounding(msgspec.Struct, frozen=True):
    """One cue. hertz: pitch of the tone, 0 where there is none."""

    vibration: Pattern
    tone: Pattern
    hertz: int


ATTENTION: Final = frozenset(
    {
        Condition.BATTERY_CRITICAL,
        Condition.LIGHT_DOWN,
        Condition.BATTERY_LOW,
        Condition.BATTERY_UNKNOWN,
        Condition.STORAGE_STALLED,
        Condition.STORAGE_LOW,
        Condition.CLOCK_UNTRUSTED,
        Condition.CAMERA_COVERED,
        Condition.DISPLAY_DOWN,
        Condition.MICROPHONE_DOWN,
        Condition.HOT,
        Condition.PROVISION_REFUSED,
        Condition.OFFICE_DISPUTED,
    }
)
"""Conditions for which green blinks while the camera is ready."""

IN_DOCK: Final[Mapping[HandoverState, tuple[Pattern, Pattern]]] = {
    HandoverState.WAITING: (ON, BLINK),
    HandoverState.HANDING_OVER: (ON, BLINK),
    HandoverState.HANDED_OVER: (FLASH, OFF),
    HandoverState.FAILED: (BLINK, OFF),
}
"""Green and amber while the camera is docked and has an office to upload to: a press records, and
as long as amber blinks the camera is to be left there. Only a finished upload looks like a camera
that has nothing to do."""


def indication(state: State) -> Indication:
    """The lights in `state`. They are set before any effect of reaching it is carried out."""
    if state.ended:
        return Indication(OFF, OFF, OFF)
    amber = OFF if state.can_record else ON
    if state.making:
        return Indication(OFF, ON, amber)
    if not state.can_record:
        return Indication(OFF, OFF, amber)
    if state.stage in (Stage.STARTING, Stage.STOPPING):
        return Indication(OFF, OFF, BLINK)
    return Indication(_ready(state), OFF, amber)


def in_dock(lights: Indication, handover: HandoverState | None) -> Indication:
    """The lights of a camera in its dock. handover: state of the upload; None: there is none.

    Only where docked is all that they show: every other condition goes first.
    """
    if handover is None or lights.green is not FLASH:
        return lights
    green, amber = IN_DOCK[handover]
    return replace(lights, green=green, amber=amber)


def on_shift(lights: Indication, *, looking: bool) -> Indication:
    """The lights of a camera that looks for a badge, or whose display has more to say.

    Green alone shows it, and only where it is steady: a badge changes nothing about a promise that
    the camera cannot keep, nor about red.
    """
    return replace(lights, green=BLINK) if looking and lights.green is ON else lights


def _ready(state: State) -> Pattern:
    if state.conditions & ATTENTION:
        return BLINK
    return FLASH if Condition.DOCKED in state.conditions else ON


# ------------------------------------------------------------------------------------------ cues

QUICK_MS: Final = 120
LONG_MS: Final = 800
PAUSE_MS: Final = 120
BETWEEN_MS: Final = 600
"""Rest between two cues. With no more than the pause between strokes, a recording that ends by a
full card would feel like one that is refused twice."""

HIGH: Final = 2400
MIDDLE: Final = 1600
LOW: Final = 500


class Rhythm(Enum):
    """A pattern of strokes: quick (.) and long (-). Quick ones alone: it records. Long ones alone:
    it does not. The others mix both."""

    DONE = "."
    """Done, and nothing is recorded: self-view is on, the camera is ready, a shift begins."""
    RECORDS = "...."
    """It records."""
    LEFT = "-"
    """Self-view is over."""
    NO_RECORDING = "---"
    """It does not record: it is over, is refused, or cannot be. Twice: it was cut off."""
    SILENT = "--.."
    """It records without sound."""
    LIGHT = "...--"
    """A light failed: say aloud that you record."""
    LOOK = ".-."
    """Look at the display."""
    POWER_OFF = "-.-.-"
    """The camera switches off in half a minute."""


class Detail(Enum):
    """How much detail the rhythms carry (`signals.detail`)."""

    BASIC = "basic"
    """Eight rhythms; the display names the cause."""
    FULL = "full"
    """A code of its own for each cause."""


CUE_TABLE: Final[Mapping[CueKind, tuple[Rhythm, int]]] = {
    # actions of the officer
    CueKind.STARTED: (Rhythm.RECORDS, HIGH),
    CueKind.STILL_RECORDING: (Rhythm.RECORDS, 0),
    CueKind.STOPPED: (Rhythm.NO_RECORDING, HIGH),
    CueKind.MARKED: (Rhythm.RECORDS, HIGH),
    CueKind.ASKED: (Rhythm.RECORDS, 0),
    CueKind.MUTED: (Rhythm.SILENT, MIDDLE),
    CueKind.UNMUTED: (Rhythm.RECORDS, HIGH),
    CueKind.REFUSED: (Rhythm.NO_RECORDING, LOW),
    CueKind.SELF_VIEW_ON: (Rhythm.DONE, 0),
    CueKind.SELF_VIEW_OFF: (Rhythm.LEFT, 0),
    CueKind.READY: (Rhythm.DONE, MIDDLE),
    # events without an action
    CueKind.CUT_OFF: (Rhythm.NO_RECORDING, LOW),
    CueKind.RECORDING_FAILED: (Rhythm.NO_RECORDING, LOW),
    # conditions
    CueKind.STORAGE_LOW: (Rhythm.LOOK, MIDDLE),
    CueKind.STORAGE_FULL: (Rhythm.NO_RECORDING, LOW),
    CueKind.STORAGE_FAILED: (Rhythm.NO_RECORDING, LOW),
    CueKind.STORAGE_STALLED: (Rhythm.LOOK, LOW),
    CueKind.NO_RECIPIENTS: (Rhythm.NO_RECORDING, LOW),
    CueKind.BATTERY_LOW: (Rhythm.LOOK, MIDDLE),
    CueKind.BATTERY_CRITICAL: (Rhythm.POWER_OFF, LOW),
    CueKind.CLOCK_UNTRUSTED: (Rhythm.LOOK, MIDDLE),
    CueKind.CAMERA_DOWN: (Rhythm.NO_RECORDING, LOW),
    CueKind.CAMERA_COVERED: (Rhythm.LOOK, MIDDLE),
    CueKind.LIGHT_DOWN: (Rhythm.LIGHT, LOW),
    CueKind.DISPLAY_DOWN: (Rhythm.LOOK, MIDDLE),
    CueKind.MICROPHONE_DOWN: (Rhythm.LOOK, MIDDLE),
    CueKind.HOT: (Rhythm.LOOK, MIDDLE),
    CueKind.SHIFT_BEGUN: (Rhythm.DONE, MIDDLE),
    CueKind.SHIFT_ENDED: (Rhythm.DONE, MIDDLE),
    CueKind.NOT_READY: (Rhythm.NO_RECORDING, LOW),
}
"""The rhythm of each cue, and the pitch in hertz of a tone in the same rhythm; 0: no tone."""

HOW_IT_RECORDS: Final = frozenset(
    {
        CueKind.STILL_RECORDING,
        CueKind.MARKED,
        CueKind.ASKED,
        CueKind.UNMUTED,
        # The sound stays on: it records, as it did.
        CueKind.REFUSED,
        # An earlier one was cut off, and a press has begun another.
        CueKind.CUT_OFF,
        # One short stroke would say that nothing is recorded.
        CueKind.SHIFT_BEGUN,
        CueKind.SHIFT_ENDED,
    }
)
"""Cues that in a recording say how it records: with sound, without, or without pictures. A start
keeps its cue: that of the microphone follows it."""

WHILE_RECORDING: Final[Mapping[CueKind, tuple[Rhythm, int]]] = {
    CueKind.MICROPHONE_DOWN: (Rhythm.SILENT, MIDDLE),
    # The next recording would be refused; this one goes on.
    CueKind.STORAGE_FAILED: (Rhythm.LOOK, LOW),
    CueKind.NO_RECIPIENTS: (Rhythm.LOOK, LOW),
}
"""Replacements of other cues while pictures are being recorded."""

TWICE: Final = frozenset({CueKind.CUT_OFF, CueKind.RECORDING_FAILED})
"""Cues played twice, as no press caused them; in a recording another rhythm replaces them."""

CODES: Final[Mapping[CueKind, str]] = {
    CueKind.STARTED: "..",
    CueKind.STILL_RECORDING: "..",
    CueKind.STOPPED: "-",
    CueKind.MARKED: "..",
    CueKind.ASKED: "..",
    CueKind.MUTED: "..-",
    CueKind.UNMUTED: "..-..",
    CueKind.REFUSED: "---",
    CueKind.SELF_VIEW_ON: ".",
    CueKind.SELF_VIEW_OFF: "-.",
    CueKind.READY: ".-",
    CueKind.CUT_OFF: "--..",
    CueKind.RECORDING_FAILED: "...--",
    # "-" at the end: worse
    CueKind.STORAGE_LOW: "...",
    CueKind.STORAGE_FULL: "...-",
    CueKind.STORAGE_FAILED: "...--",
    CueKind.STORAGE_STALLED: "...-.",
    CueKind.NO_RECIPIENTS: "--.",
    CueKind.BATTERY_LOW: "....",
    CueKind.BATTERY_CRITICAL: "....-",
    CueKind.CLOCK_UNTRUSTED: ".....",
    CueKind.CAMERA_DOWN: "-.-",
    CueKind.CAMERA_COVERED: "-.-.",
    CueKind.LIGHT_DOWN: "-..",
    CueKind.DISPLAY_DOWN: "-...",
    CueKind.MICROPHONE_DOWN: "-....",
    CueKind.HOT: ".-.",
    CueKind.SHIFT_BEGUN: ".--",
    CueKind.SHIFT_ENDED: "--.-",
    # refused, and one long more
    CueKind.NOT_READY: "----",
}
"""The strokes of each cue with `Detail.FULL`, for those who have learned them."""

ANSWERS: Final = frozenset(
    {
        CueKind.STARTED,
        CueKind.STOPPED,
        CueKind.MARKED,
        CueKind.ASKED,
        CueKind.MUTED,
        CueKind.UNMUTED,
        CueKind.REFUSED,
        CueKind.SELF_VIEW_ON,
        CueKind.SELF_VIEW_OFF,
        CueKind.CUT_OFF,
        CueKind.RECORDING_FAILED,
    }
)
"""Cues that answer a press, and the cue that a recording is over: they interrupt the cue being
played."""


def takes_pictures(state: State) -> bool:
    """Whether pictures are being recorded, as a rhythm that says so requires."""
    return state.stage is Stage.RECORDING and Condition.CAMERA_DOWN not in state.conditions


def lacks_sound(state: State) -> bool:
    """Whether a recording that should have sound has none: muted, or the microphone is broken."""
    return state.muted or Condition.MICROPHONE_DOWN in state.conditions


def rhythm(kind: CueKind, state: State) -> Rhythm:
    """The rhythm of a cue in `state`."""
    return _told(kind, state)[0]


def _told(kind: CueKind, state: State) -> tuple[Rhythm, int]:
    pictures = takes_pictures(state)
    if state.stage is Stage.RECORDING and kind in HOW_IT_RECORDS:
        if not pictures:
            return Rhythm.NO_RECORDING, LOW
        heard = kind not in (CueKind.STILL_RECORDING, CueKind.ASKED)  # those are for the hand alone
        if lacks_sound(state):
            return Rhythm.SILENT, MIDDLE if heard else 0
        return Rhythm.RECORDS, HIGH if heard else 0
    if state.stage is Stage.RECORDING and kind is CueKind.MUTED and not pictures:
        return Rhythm.NO_RECORDING, LOW  # that is worse than no sound
    return (WHILE_RECORDING if pictures else CUE_TABLE).get(kind, CUE_TABLE[kind])


def still_news(kind: CueKind, state: State) -> bool:
    """Whether a cue that has waited, or was cut short, is still to be played in `state`: it is
    true, and the wearer does not know it yet. Actions done, and ends, stay news."""
    causes = [condition for condition, cue in CUES.items() if cue is kind]
    if causes:
        return not state.conditions.isdisjoint(causes)
    recording = state.stage is Stage.RECORDING
    match kind:
        case CueKind.READY:  # in a recording it shows, and a press has shown it
            return state.stage in ARMABLE and state.can_record
        case CueKind.STILL_RECORDING:
            return takes_pictures(state)
        case CueKind.MARKED | CueKind.ASKED:
            return recording
        case CueKind.MUTED:
            return recording and state.muted
        case CueKind.UNMUTED:
            return recording and not state.muted
        case CueKind.STOPPED | CueKind.RECORDING_FAILED | CueKind.CUT_OFF:
            return not recording  # another one has begun
        case CueKind.SELF_VIEW_ON:
            return state.stage is Stage.SELF_VIEW and not state.wiping
        case CueKind.SELF_VIEW_OFF:
            return state.stage in (Stage.IDLE, Stage.SELF_VIEW) and not state.display_on
        case CueKind.NOT_READY:
            starting = state.stage is Stage.STARTING  # takes long, and no condition refuses a press
            return starting or (not state.can_record and not recording)
        case CueKind.REFUSED:
            return recording or not state.can_record
        case _:
            return True


_Effect = TypeVar("_Effect")


def told_once(effects: Iterable[_Effect], state: State, detail: Detail) -> list[_Effect]:
    """The effects of one moment, without cues that would repeat one another.

    state: the one that they lead to.
    """
    effects = list(effects)
    if detail is Detail.FULL:
        return effects
    left: list[_Effect] = []
    heard: set[Rhythm] = set()
    for one in effects:
        if isinstance(one, Cue):
            felt = rhythm(one.kind, state)
            if felt in heard and one.kind not in TWICE:
                continue
            heard.add(felt)
        left.append(one)
    return left


def strokes(code: str) -> Pattern:
    """The pattern of `code`: quick (.) and long (-), with a pause after each."""
    steps: list[tuple[bool, int]] = []
    for stroke in code:
        steps += [(True, LONG_MS if stroke == "-" else QUICK_MS), (False, PAUSE_MS)]
    return Pattern(tuple(steps), repeat=False)


def sounding(kind: CueKind, state: State, detail: Detail) -> Sounding:
    """How a cue feels and sounds in `state`."""
    if detail is Detail.FULL:
        vibration, hertz = strokes(CODES[kind]), CUE_TABLE[kind][1]
    else:
        told, hertz = _told(kind, state)
        once = strokes(told.value)
        twice = kind in TWICE and told is Rhythm.NO_RECORDING
        again = ((False, BETWEEN_MS), *once.steps) if twice else ()
        vibration = replace(once, steps=(*once.steps, *again))
    return Sounding(vibration, vibration if hertz else OFF, hertz)
