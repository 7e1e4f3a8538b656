"""Assigns a pooled camera to a wearer for the length of a shift.

Rules of this file
------------------
1. It is pure, like the stage machine beside which it runs: the camera's own state is an argument
   and is never changed from here.
2. Nothing here keeps a recording from starting. Without a shift a recording names no wearer.
3. A wrong name is worse than none. A shift ends by itself when its time is over, when the camera
   is docked, and when it is not known after a reboot how long it has lasted.
4. A recording has one wearer. While one is kept, no shift begins or ends; what would have ended it
   by itself ends it when the recording is closed. That holds over a restart of the daemon, after
   which a recording goes on.

Theory of operation
-------------------
A shift begins because a program of the control socket asks for it, or because the wearer shows
their badge to the camera. The camera looks for badges for a stated time, once it is first idle
after its start, and again each time it is undocked; a press ends that, and so does leaving idle in
any other way, and a shift. It sees pictures then, keeps none, and shows by its green light that it
looks.

A wearer on a shift is reminded when the camera would refuse a press: they wear it, and rely on it.
A recording that runs has a reminder of its own (`camerad.behaviour.stages`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from camerad.behaviour.badge import is_wearer, wearer_on
from camerad.behaviour.stages import ARMABLE, CUES, REFUSES_START, Condition, Cue, CueKind, Stage
from camerad.behaviour.state import State as Camera


class Source(StrEnum):
    """How a shift began."""

    CONTROL = "control"
    """A program, through the control socket."""
    BADGE = "badge"
    """A badge that was shown to the camera."""


class ShiftEndReason(StrEnum):
    """Why a shift ended."""

    ENDED = "ended"
    """A program asked for it."""
    RELIEVED = "relieved"
    """Another one began."""
    TIME = "time"
    """It has lasted as long as a shift may."""
    DOCKED = "docked"
    UNKNOWN_TIME = "unknown_time"
    """The machine was restarted, and the time that has passed is unknown."""


class Refusal(StrEnum):
    """Why a request was refused."""

    RECORDING = "a recording is running, and keeps its wearer: stop it first"
    NO_SHIFT = "there is no shift that could end"
    NO_WEARER = "that is no wearer's id"


class ShiftRules(msgspec.Struct, frozen=True):
    """longest_us: a shift ends by itself after this time. reminder_us: time between two reminders
    that the camera is not ready. badge_us: how long the camera looks for a badge; 0: never.
    dock_us: how long the camera stays in a dock before that ends the shift: a cradle in a car is a
    dock, too.

    Raises ValueError where a time is negative, or one of the first two is 0.
    """

    longest_us: int
    reminder_us: int
    badge_us: int = 0
    dock_us: int = 0

    def __post_init__(self) -> None:
        if self.longest_us <= 0 or self.reminder_us <= 0 or min(self.badge_us, self.dock_us) < 0:
            raise ValueError(f"not all of these are times: {self}")


class Shift(msgspec.Struct, frozen=True):
    """wearer: the id that was assigned. began_us: media time, negative if that was before the
    machine was started."""

    wearer: str
    began_us: int
    source: Source


class ShiftState(msgspec.Struct, frozen=True):
    """shift: the present one. due: reason that has ended it already but for a recording.
    looking_until_us: badges are looked for until then, None: they are not. to_look: look for badges
    from the next idle on. docked: as last seen. home_us: when the dock ends the shift that came
    into it; None: it does not. was_docked: whether it ever was since the start.
    reminded_us: since when the camera is not ready, or the last reminder; None: no reminder is
    due."""

    shift: Shift | None = None
    due: ShiftEndReason | None = None
    looking_until_us: int | None = None
    to_look: bool = True
    docked: bool = False
    home_us: int | None = None
    was_docked: bool = False
    reminded_us: int | None = None

    @property
    def looking(self) -> bool:
        """Whether badges are looked for."""
        return self.looking_until_us is not None


# ---------------------------------------------------------------------------------------- events


class ShiftLook(msgspec.Struct, frozen=True):
    """The camera's state may have changed, or time has passed. pressed: a button was pressed, with
    or without effect."""

    at_us: int
    pressed: bool = False


class BeginShift(msgspec.Struct, frozen=True):
    """A program names the wearer from now on."""

    at_us: int
    wearer: str


class EndShift(msgspec.Struct, frozen=True):
    """A program ends the shift."""

    at_us: int


class BadgeSeen(msgspec.Struct, frozen=True):
    """A QR code is before the camera. text: its content, unchecked."""

    at_us: int
    text: str


class ShiftKnown(msgspec.Struct, frozen=True):
    """The ledger has a shift that has not ended. began_us: media time; None if unknown. due: reason
    that had ended it already but for a recording. goes_on: that recording was cut off, and is to go
    on."""

    at_us: int
    wearer: str
    source: Source
    began_us: int | None
    due: ShiftEndReason | None = None
    goes_on: bool = False


Event: TypeAlias = ShiftLook | BeginShift | EndShift | BadgeSeen | ShiftKnown

# --------------------------------------------------------------------------------------- effects


class ShiftBegan(msgspec.Struct, frozen=True):
    """Write down that a shift has begun."""

    shift: Shift


class ShiftOver(msgspec.Struct, frozen=True):
    """Write down that a shift has ended."""

    why: ShiftEndReason


class ShiftRefused(msgspec.Struct, frozen=True):
    """The request is refused."""

    why: Refusal


Effect: TypeAlias = ShiftBegan | ShiftOver | ShiftRefused | Cue
Result: TypeAlias = tuple[ShiftState, tuple[Effect, ...]]


def step(state: ShiftState, event: Event, camera: Camera, rules: ShiftRules) -> Result:
    """The state after `event`, and the effects to carry out, in their order. camera: its present
    state."""
    at_us = event.at_us
    if isinstance(event, ShiftLook) and event.pressed:
        state = replace(state, looking_until_us=None)
    state, effects = _look(state, at_us, camera, rules)
    match event:
        case BeginShift(wearer=wearer):
            state, then = _asked(state, Shift(wearer, at_us, Source.CONTROL), camera)
        case BadgeSeen(text=text):
            state, then = _seen(state, at_us, text)
        case EndShift():
            state, then = _end(state, camera)
        case ShiftKnown():
            state, then = _known(state, event)
            if not event.goes_on:
                # It may have lasted too long already.
                state, late = _over(state, at_us, camera, rules)
                then += late
        case _:
            then = ()
    state, reminders = _remind(state, at_us, camera, rules)
    return state, effects + then + reminders


def deadline(state: ShiftState, camera: Camera, rules: ShiftRules) -> int | None:
    """When the next Look is due, or None: only an event changes anything."""
    due = []
    if state.shift is not None and not _keeps(camera):
        due.append(state.shift.began_us + rules.longest_us)
        if state.home_us is not None:
            due.append(state.home_us)
    if state.looking_until_us is not None:
        due.append(state.looking_until_us)
    if state.reminded_us is not None:
        due.append(state.reminded_us + rules.reminder_us)
    return min(due, default=None)


# --------------------------------------------------------------------------- what happens by itself


def _look(state: ShiftState, at_us: int, camera: Camera, rules: ShiftRules) -> Result:
    """Apply the camera's state, and the time that has passed."""
    docked = Condition.DOCKED in camera.conditions
    if docked and not state.docked and state.shift is not None:
        state = replace(state, home_us=at_us + rules.dock_us)
    if docked and state.home_us is not None and at_us >= state.home_us:
        state = replace(state, due=ShiftEndReason.DOCKED, home_us=None)
    elif state.docked and not docked:
        # A wearer who undocks in mid-recording goes on wearing it; one who had stopped has brought
        # it back.
        recording = camera.stage is Stage.RECORDING or camera.goes_on
        due = None if recording else state.due
        state = replace(state, due=due, home_us=None, to_look=True)
    state = replace(state, docked=docked, was_docked=state.was_docked or docked)
    state, ended = _over(state, at_us, camera, rules)
    return _whether_to_look(state, at_us, camera, rules), ended


def _keeps(camera: Camera) -> bool:
    """Whether a recording keeps its wearer: one that was cut off and waits to go on does, too."""
    return camera.keeping or camera.goes_on


def _over(state: ShiftState, at_us: int, camera: Camera, rules: ShiftRules) -> Result:
    """End the shift if it has to end, and no recording runs."""
    if state.shift is None or _keeps(camera):
        return state, ()
    why = state.due
    if why is None and at_us - state.shift.began_us >= rules.longest_us:
        why = ShiftEndReason.TIME
    return (state, ()) if why is None else _close(state, why)


def _whether_to_look(
    state: ShiftState, at_us: int, camera: Camera, rules: ShiftRules
) -> ShiftState:
    until_us = state.looking_until_us
    idle = camera.stage is Stage.IDLE and not state.docked and not camera.ending
    if until_us is not None and (not idle or at_us >= until_us):
        return replace(state, looking_until_us=None)
    if not idle or not state.to_look:
        return state
    wanted = rules.badge_us > 0 and state.shift is None
    return replace(
        state,
        to_look=False,
        looking_until_us=at_us + rules.badge_us if wanted else None,
    )


def _remind(state: ShiftState, at_us: int, camera: Camera, rules: ShiftRules) -> Result:
    """Remind the wearer of a camera that would refuse a press again and again, and say why."""
    ready = camera.keeping or (camera.stage in ARMABLE and camera.can_record)
    if state.shift is None or state.docked or ready or camera.ending:
        return replace(state, reminded_us=None), ()
    if state.reminded_us is None:
        return replace(state, reminded_us=at_us), ()  # its own cue has said so just now
    periods = (at_us - state.reminded_us) // rules.reminder_us
    if periods <= 0:
        return state, ()
    state = replace(state, reminded_us=state.reminded_us + periods * rules.reminder_us)
    matter = camera.conditions & REFUSES_START
    causes = dict.fromkeys(cue for condition, cue in CUES.items() if condition in matter)
    return state, (Cue(CueKind.NOT_READY), *map(Cue, causes))


# ------------------------------------------------------------------------------- what people want


def _asked(state: ShiftState, shift: Shift, camera: Camera) -> Result:
    if not is_wearer(shift.wearer):
        return state, (ShiftRefused(Refusal.NO_WEARER),)
    if _keeps(camera):
        return state, (ShiftRefused(Refusal.RECORDING),)
    return _begin(state, shift)


def _seen(state: ShiftState, at_us: int, text: str) -> Result:
    wearer = wearer_on(text)
    if wearer is None or not state.looking:
        return state, ()
    return _begin(state, Shift(wearer, at_us, Source.BADGE))


def _end(state: ShiftState, camera: Camera) -> Result:
    if state.shift is None:
        return state, (ShiftRefused(Refusal.NO_SHIFT),)
    if _keeps(camera):
        return state, (ShiftRefused(Refusal.RECORDING),)
    return _close(state, ShiftEndReason.ENDED)


def _known(state: ShiftState, known: ShiftKnown) -> Result:
    if state.shift is not None:
        return state, ()  # a newer one began while the ledger could not be opened
    if known.began_us is None:
        return state, (ShiftOver(ShiftEndReason.UNKNOWN_TIME),)
    # The next wearer may be another one. Only a program begins a shift in the dock.
    docked = state.was_docked and (known.began_us < 0 or known.source is Source.BADGE)
    due = ShiftEndReason.DOCKED if docked else known.due
    if due is not None and not known.goes_on:
        return state, (ShiftOver(due),)
    shift = Shift(known.wearer, known.began_us, known.source)
    return replace(state, shift=shift, due=due, looking_until_us=None, to_look=False), ()


def _begin(state: ShiftState, shift: Shift) -> Result:
    relieved: tuple[Effect, ...] = (
        () if state.shift is None else (ShiftOver(ShiftEndReason.RELIEVED),)
    )
    state = replace(
        state, shift=shift, due=None, home_us=None, looking_until_us=None, to_look=False
    )
    return state, (*relieved, ShiftBegan(shift), Cue(CueKind.SHIFT_BEGUN))


def _close(state: ShiftState, why: ShiftEndReason) -> Result:
    state = replace(state, shift=None, due=None, home_us=None)
    return state, (ShiftOver(why), Cue(CueKind.SHIFT_ENDED))
