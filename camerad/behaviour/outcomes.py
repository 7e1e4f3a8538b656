"""Carries out each outcome: the new state, and the effects that lead there.

One short function for each outcome of the tables (`camerad.behaviour.tables`).
`camerad.behaviour.stages` chooses the outcome of an intent or an event, and explains the states.
Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from msgspec.structs import replace

from camerad.behaviour.events import (
    Arm,
    Condition,
    Cue,
    CueKind,
    Disarm,
    Effect,
    End,
    Intent,
    Mute,
    ShowSelfView,
    ShowStatus,
    Stage,
    StartRecording,
    StopRecording,
    Wipe,
)
from camerad.behaviour.state import Rules, State
from camerad.behaviour.tables import CUES, IN_WORDS, SAID_AGAIN, TELLS_STATUS, Outcome

Result: TypeAlias = tuple[State, tuple[Effect, ...]]
"""The state afterwards, and the effects to carry out, in their order."""


def start(state: State, at_us: int, edge_us: int, trigger: str, rules: Rules) -> Result:
    """Record: footage first, the display last. The person facing the camera is to see that it
    records, from whatever stage it began. A recording that is still being closed is closed beside
    it."""
    pre_event = state.armed and state.stage in rules.armed_in
    display_on = rules.display_in_recording
    state, over = end_status(state)
    effects = (
        *_arming(state, wanted=True),
        StartRecording(trigger, edge_us, pre_event),
        Cue(CueKind.STARTED),
        *_say_again(state, Outcome.RECORD),
        *over,
        *_showing(state, wanted=display_on),
    )
    state = replace(
        forget(state),
        stage=Stage.RECORDING,
        entered_us=at_us,
        reminded_us=at_us,
        armed=True,
        display_on=display_on,
        recording_id=None,
        storing=False,
        muted=False,
        earlier=state.stage is Stage.STOPPING,
    )
    return state, effects


def stop(state: State, at_us: int, reason: str, post_event_us: int = 0) -> Result:
    """End the recording, `post_event_us` after `at_us`. The ring is fed on: its last pictures are
    still to come."""
    effects = (
        StopRecording(reason, at_us + post_event_us),
        *_showing(state, wanted=False),
        Cue(CueKind.STOPPED if reason == "stop" else CueKind.CUT_OFF),
    )
    state = replace(
        state,
        stage=Stage.STOPPING,
        entered_us=at_us,
        storing=post_event_us == 0,
        display_on=False,
    )
    return state, effects


def break_off(state: State, at_us: int) -> Result:
    """The recording has failed, and a file is still being closed."""
    effects = _showing(state, wanted=False)
    state = replace(state, stage=Stage.STOPPING, entered_us=at_us, storing=True, display_on=False)
    return state, effects


def rest(state: State, at_us: int, rules: Rules) -> Result:
    """The wait is over: the remembered intent follows, or idle, or the end that was asked for."""
    dropped: tuple[Effect, ...] = ()
    if state.goes_on and not state.can_record:
        state, dropped = drop(state)
    if state.remembered is Intent.RECORD:
        edge_us, source = state.remembered_us, state.remembered_source
        return start(state, at_us, edge_us, source, rules)
    # A recording may have overtaken a wipe and be over before the answer: then idle waits for it.
    stage = Stage.SELF_VIEW if state.wiping else Stage.IDLE
    armed = stage is Stage.IDLE and stage in rules.armed_in and not state.ending
    effects = (*dropped, *_arming(state, wanted=armed), *_showing(state, wanted=False))
    was = state.stage
    state = replace(
        state,
        stage=stage,
        entered_us=at_us,
        armed=armed,
        display_on=False,
        recording_id=None,
        storing=False,
        muted=False,
        earlier=False,
    )
    if state.wiping:
        return state, effects
    if state.ending:
        return state, (*effects, End())
    if state.remembered is Intent.ESCALATE:
        state, then = show(forget(state), at_us, rules)
        return state, effects + then
    if was is Stage.STARTING and state.can_record:
        effects += (Cue(CueKind.READY),)
    if state.words_due or (was is Stage.STARTING and rules.status_at_ready):
        state, then = tell_status(state, at_us)
        effects += then
    return state, effects


def show(state: State, at_us: int, rules: Rules) -> Result:
    """Switch the self-view on, and arm the ring where the rules want it in self-view."""
    armed = Stage.SELF_VIEW in rules.armed_in
    state, over = end_status(state)
    effects = (
        *_arming(state, wanted=armed),
        *over,
        *_showing(state, wanted=True),
        Cue(CueKind.SELF_VIEW_ON),
        *_say_again(state, Outcome.SELF_VIEW),
    )
    state = replace(state, stage=Stage.SELF_VIEW, entered_us=at_us, armed=armed, display_on=True)
    return state, effects


def refuse(state: State, at_us: int) -> Result:
    """Signal that nothing is recorded, and why, as at the beginning of the self-view. The display
    shows it in words, where the person opposite does not read them."""
    told = (Cue(CueKind.REFUSED), *_say_again(state, Outcome.SELF_VIEW))
    if state.stage not in TELLS_STATUS or state.ended:
        return state, told
    state, words = tell_status(state, at_us)
    return state, told + words


def drop(state: State) -> Result:
    """The remembered recording cannot begin: the wearer who pressed is refused, and one who
    believes that a recording goes on is told that it does not."""
    told = CueKind.CUT_OFF if state.goes_on else CueKind.REFUSED
    return forget(state), (Cue(told),)


def cut_off(state: State, at_us: int) -> Result:
    """The camera's last run ended in a recording, and that does not go on. The display shows it
    without being asked where the wearer alone reads it."""
    if state.ended:
        return state, ()
    if state.stage not in TELLS_STATUS:
        return state, (Cue(CueKind.CUT_OFF),)
    state, words = tell_status(state, at_us)
    return state, (Cue(CueKind.CUT_OFF), *words)


def leave(state: State) -> Result:
    """Dark at once; idle shows when Wiped answers."""
    if state.wiping:
        return state, ()
    effects = (*_showing(state, wanted=False), Wipe(), Cue(CueKind.SELF_VIEW_OFF))
    return replace(state, armed=False, wiping=True, display_on=False), effects


def switch_display(state: State, on: bool) -> Result:
    """Switch the display on or off; the stage stays."""
    return replace(state, display_on=on), _showing(state, wanted=on)


def mute(state: State, at_us: int, rules: Rules) -> Result:
    """Switch the sound of the recording off or on again, if the rules allow it."""
    if not rules.may_mute:
        return state, (Cue(CueKind.REFUSED),)
    on = not state.muted
    state = replace(state, muted=on)
    if on:
        return state, (Mute(on, at_us), Cue(CueKind.MUTED))
    return state, (Mute(on, at_us), Cue(CueKind.UNMUTED), *_no_sound(state))


def tell_status(state: State, at_us: int) -> Result:
    """Have the display show conditions, battery, storage and clock; asked again, for longer."""
    effects = () if state.status_on else (ShowStatus(True),)
    return replace(state, status_on=True, status_at_us=at_us, words_due=False), effects


def owe_words(state: State, told: Collection[Condition]) -> State:
    """The state in which these conditions have just been signalled. In a recording their words
    cannot be read."""
    due = state.keeping and not IN_WORDS.isdisjoint(told)
    return replace(state, words_due=True) if due else state


def end_status(state: State) -> Result:
    """The moment in which the display shows the status is over, if it was one."""
    if not state.status_on:
        return state, ()
    return replace(state, status_on=False, status_at_us=0), (ShowStatus(False),)


def remind(state: State, at_us: int, rules: Rules) -> Result:
    """A late Tick does not shift the next reminder, and reminders that were missed are one."""
    periods = (at_us - state.reminded_us) // rules.reminder_us
    state = replace(state, reminded_us=state.reminded_us + periods * rules.reminder_us)
    state = owe_words(state, state.conditions.intersection(SAID_AGAIN[Outcome.REMIND]))
    told = _say_again(state, Outcome.REMIND)
    # Without a camera "still recording" would be a lie: the cue of that comes instead, as the
    # first.
    if Condition.CAMERA_DOWN not in state.conditions:
        told = (Cue(CueKind.STILL_RECORDING), *told)
    muted = (Cue(CueKind.MUTED),) if state.muted else ()
    return state, (told[0], *muted, *told[1:])


def goes_on(state: State) -> tuple[Effect, ...]:
    """A recording that is open goes on; the cue also says if it lacks sound or pictures."""
    return (Cue(CueKind.STILL_RECORDING), *_no_sound(state))


def end(state: State) -> Result:
    """Nothing is open any more: the camera ends."""
    state, over = end_status(state)
    return replace(state, armed=False), (*_arming(state, wanted=False), *over, End())


def forget(state: State) -> State:
    """The state without the intent that is remembered."""
    return replace(state, remembered=None, remembered_us=0, remembered_source="")


def _arming(state: State, *, wanted: bool) -> tuple[Effect, ...]:
    if state.armed == wanted:
        return ()
    return (Arm() if wanted else Disarm(),)


def _showing(state: State, *, wanted: bool) -> tuple[Effect, ...]:
    return () if state.display_on == wanted else (ShowSelfView(wanted),)


def _no_sound(state: State) -> tuple[Effect, ...]:
    muted = (Cue(CueKind.MUTED),) if state.muted else ()
    down = Condition.MICROPHONE_DOWN
    return (*muted, *((Cue(CUES[down]),) if down in state.conditions else ()))


def _say_again(state: State, what: Outcome) -> tuple[Effect, ...]:
    kinds = dict.fromkeys(CUES[one] for one in SAID_AGAIN[what] if one in state.conditions)
    return tuple(map(Cue, kinds))
