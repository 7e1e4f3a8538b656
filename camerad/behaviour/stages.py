"""The stages of the camera, and everything that moves it from one to another.

Rules of this file
------------------
1. It is pure. The same state and event give the same answer; time is an argument.
2. What the camera decides is decided here, as far as possible by the tables below. The picture in
   docs/stages.md is drawn from them and `step` (`python -m camerad.behaviour.diagram`).
3. An event that cannot happen in a state raises IllegalEvent. States are immutable, so the state
   is as it was.
4. The lights are a function of the new state (`camerad.behaviour.signals.look`) and are set before
   the first effect is carried out; effects are carried out in their order.
5. Conditions are facts reported from outside: nothing here raises or clears one.

Theory of operation
-------------------
The machine proper is `Stage`: three stages that officers know (idle, self-view, recording) and two
in which the camera waits for itself (starting, stopping). Beside it stand, as data of their own
and not multiplied into it:

- *Conditions.* They shape signals, and two things more: a few refuse a start (REFUSES_START), and
  a few end a recording because there is nowhere left to keep it (ENDS_RECORDING). A camera that
  goes down does not end a recording: its absence is a gap in it. Docked is shown, no more.
- *Cut off.* If the camera's last life ended in a recording that does not go on, whoever wears it
  still believes that it records. That is told when it is known, and changes nothing else.
- *Armed.* Whether the ring is fed. True exactly where the rules arm the stage, and from the start
  of a recording until it is closed. Wiping, it is False.
- *Wiping.* A Wipe is under way. Leaving self-view without a recording darkens the display at once,
  but the stage stays self_view until the answer comes: nobody sees idle before the buffer is gone.
  A press in between records at once; what was there before the press is gone or going.
- *Muted.* The wearer has switched the sound of the recording off, where the policy lets them. It
  belongs to that recording: every one begins unmuted, and whoever mutes is reminded of it. What
  the microphone heard before the decision stays.
- *Status.* For a moment the display tells the wearer of battery, storage and clock. In idle only:
  whatever leaves idle ends it.
- *Remembered.* While the camera waits for itself, an intent cannot be carried out, so it is
  remembered, and carried out when the wait is over. What is remembered is always a single intent,
  the one that leads from idle to where all of them together lead: two escalations are one record,
  and a stop takes it back.
- *Ending.* A shutdown has been asked for. What is open is closed, what is to be wiped is wiped,
  then the camera ends. Until then it refuses starts and says so.

Two tables say what follows: INTENTS for what people want, EVENTS for what happens by itself. Both
lead to an Outcome, and each outcome is one short function. What is refused is refused where it is
asked, in the same step, with a cue: a refused press is never remembered, and one that is remembered
is refused the moment a condition makes it impossible.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from camerad.behaviour.events import (
    Arm,
    Cleared,
    Closed,
    Condition,
    Cue,
    CueKind,
    CutOff,
    Disarm,
    Effect,
    End,
    Event,
    Failed,
    Intended,
    Intent,
    Mark,
    Mute,
    Opened,
    Raised,
    Ready,
    ShowSelfView,
    ShowStatus,
    Shutdown,
    Stage,
    StartRecording,
    StopRecording,
    Tick,
    Wipe,
    Wiped,
)
from camerad.behaviour.state import Rules, State
from camerad.behaviour.tables import (
    ARMABLE,
    CUES,
    ENDS_RECORDING,
    EVENTS,
    INTENTS,
    KEEPING,
    LEADS_TO,
    REFUSES_START,
    REMEMBERED_AS,
    SAID_AGAIN,
    Outcome,
)
from camerad.errors import CameradError

__all__ = [
    "ARMABLE",
    "CUES",
    "ENDS_RECORDING",
    "EVENTS",
    "INTENTS",
    "KEEPING",
    "REFUSES_START",
    "SAID_AGAIN",
    "Arm",
    "Cleared",
    "Closed",
    "Condition",
    "Cue",
    "CueKind",
    "CutOff",
    "Disarm",
    "Effect",
    "End",
    "Event",
    "Failed",
    "IllegalEvent",
    "Intended",
    "Intent",
    "Mark",
    "Mute",
    "Opened",
    "Outcome",
    "Raised",
    "Ready",
    "Rules",
    "ShowSelfView",
    "ShowStatus",
    "Shutdown",
    "Stage",
    "StartRecording",
    "State",
    "StopRecording",
    "Tick",
    "Wipe",
    "Wiped",
    "deadline",
    "initial",
    "outcome",
    "step",
]


class IllegalEvent(CameradError):  # noqa: N818 - it names what is wrong: the event
    """Error raised when an event cannot happen in the state it is said to have happened in."""

    def __init__(self, state: State, event: Event) -> None:
        wiping = ", wiping" if state.wiping else ""
        super().__init__(
            f"{type(event).__name__} cannot happen in stage {state.stage.value}{wiping}: {event}"
        )


Result: TypeAlias = tuple[State, tuple[Effect, ...]]


def initial(rules: Rules, now_us: int) -> State:
    """The state of a camera that has just been switched on."""
    del rules  # nothing is armed before the camera delivers
    return State(Stage.STARTING, now_us)


def outcome(stage: Stage, intent: Intent) -> str | None:
    """What the table makes of `intent` in `stage`, or None: it means nothing there.

    While the camera waits for itself this is what idle makes of it, because that comes next.
    """
    return INTENTS[stage].get(intent)


def deadline(state: State, rules: Rules) -> int | None:
    """When the next Tick is due, or None: only an event changes anything."""
    if state.stage is Stage.SELF_VIEW and not state.wiping:
        return state.entered_us + rules.self_view_timeout_us
    if state.stage is Stage.RECORDING:
        return state.reminded_us + rules.reminder_us
    if state.status_on:
        return state.status_at_us + rules.status_us
    return None


def step(state: State, event: Event, rules: Rules) -> Result:
    """The state after `event`, and the effects to carry out, in their order.

    Raises IllegalEvent if the event cannot happen in this state.
    """
    match event:
        case Intended():
            return _intended(state, event, rules)
        case Raised():
            return _raised(state, event)
        case Cleared():
            return _cleared(state, event)
        case CutOff():
            return state, () if state.ended else (Cue(CueKind.CUT_OFF),)
        case Tick(at_us):
            due = deadline(state, rules)
            if due is None or at_us < due:
                return state, ()
    return _happened(state, event, rules)


# --------------------------------------------------------------------------- what people want


def _intended(state: State, event: Intended, rules: Rules) -> Result:
    means = INTENTS[state.stage].get(event.intent)
    # Starting a recording waits for no wipe; everything else does.
    remember = state.waiting and not (state.stage is Stage.SELF_VIEW and means is Outcome.RECORD)
    if remember:
        means = INTENTS[LEADS_TO[state.remembered]].get(event.intent)
    if means is Outcome.RECORD and not state.can_record:
        return state, (Cue(CueKind.REFUSED),)
    if means is None or state.ending:
        return state, ()
    if remember:
        return _remember(state, means, event)
    match means:
        case Outcome.RECORD:
            return _start(state, event.at_us, event.edge_us, event.source, rules)
        case Outcome.SELF_VIEW:
            return _show(state, event.at_us, rules)
        case Outcome.IDLE:
            return _leave(state)
        case Outcome.STOP:
            return _stop(state, event.at_us, "stop")
        case Outcome.MARK:
            return state, (Mark(event.edge_us), Cue(CueKind.MARKED))
        case Outcome.MUTE:
            return _mute(state, event.at_us, rules)
        case Outcome.STATUS:
            return _status(state, event.at_us)
        case _:
            return _display(state, not state.display_on)


def _remember(state: State, means: Outcome, event: Intended) -> Result:
    if means not in REMEMBERED_AS:
        return state, ()
    remembered = replace(
        state,
        remembered=REMEMBERED_AS[means],
        remembered_us=event.edge_us,
        remembered_source=event.source,
    )
    return remembered, ()


# ------------------------------------------------------------------------------- conditions


def _raised(state: State, event: Raised) -> Result:
    condition = event.condition
    if condition in state.conditions:
        return state, ()
    cue = CUES.get(condition)
    ends = condition in ENDS_RECORDING and state.stage is Stage.RECORDING
    told = any(CUES.get(one) is cue for one in state.conditions) and not ends
    state = replace(state, conditions=state.conditions | {condition})
    effects: tuple[Effect, ...] = () if cue is None or told else (Cue(cue),)
    if condition in REFUSES_START and state.remembered is Intent.RECORD:
        state = _forget(state)
        effects += (Cue(CueKind.REFUSED),)
    if ends:
        state, stopping = _stop(state, event.at_us, condition.value)
        effects = stopping + effects  # first what matters, then the telling
    return state, effects


def _cleared(state: State, event: Cleared) -> Result:
    could = state.can_record
    state = replace(state, conditions=state.conditions - {event.condition})
    if could or not state.can_record:
        return state, ()
    if state.stage is Stage.RECORDING:
        return state, (Cue(CueKind.STILL_RECORDING),)  # the camera is back: it goes on
    if state.stage in ARMABLE:
        return state, (Cue(CueKind.READY),)
    return state, ()


# ---------------------------------------------------------------------- what happens by itself


def _happened(state: State, event: Event, rules: Rules) -> Result:
    if state.ended:
        return state, ()
    follows = EVENTS[state.stage].get(type(event))
    if follows is None or (isinstance(event, Wiped) and not state.wiping):
        raise IllegalEvent(state, event)
    state, first = _note(state, event)
    match follows:
        case Outcome.REST:
            state, then = _rest(state, event.at_us, rules)
        case Outcome.IDLE:
            state, then = _leave(state)
        case Outcome.STOP:
            state, then = _stop(state, event.at_us, "shutdown")
        case Outcome.REMIND:
            state, then = _remind(state, event.at_us, rules)
        case Outcome.STATUS_OVER:
            state, then = _status_over(state)
        case Outcome.END:
            state, then = _end(state)
        case _:
            then = ()
    return state, first + then


def _note(state: State, event: Event) -> Result:
    """What an event says about the world, before anything follows from it."""
    match event:
        case Wiped():
            return replace(state, wiping=False), ()
        case Opened(_, recording_id):
            return replace(state, recording_id=recording_id), ()
        case Failed():
            told = state.conditions & ENDS_RECORDING
            return state, () if told else (Cue(CueKind.STORAGE_FAILED),)
        case Shutdown():
            refused = state.remembered is Intent.RECORD
            state = replace(_forget(state), ending=True)
            return state, (Cue(CueKind.REFUSED),) if refused else ()
        case _:
            return state, ()


# --------------------------------------------------------------------------------- the outcomes


def _start(state: State, at_us: int, edge_us: int, trigger: str, rules: Rules) -> Result:
    """Record: footage first, the display last."""
    pre_event = state.armed and state.stage in rules.armed_in
    display_on = state.display_on and rules.display_in_recording
    state, over = _status_over(state)
    effects = (
        *_arming(state, wanted=True),
        StartRecording(trigger, edge_us, pre_event),
        Cue(CueKind.STARTED),
        *_say_again(state, Outcome.RECORD),
        *over,
        *_showing(state, wanted=display_on),
    )
    state = replace(
        _forget(state),
        stage=Stage.RECORDING,
        entered_us=at_us,
        reminded_us=at_us,
        armed=True,
        display_on=display_on,
        recording_id=None,
        muted=False,
    )
    return state, effects


def _stop(state: State, at_us: int, reason: str) -> Result:
    """End the recording. The ring is fed on: the last pictures of it are still to come."""
    effects = (
        StopRecording(reason, at_us),
        *_showing(state, wanted=False),
        Cue(CueKind.STOPPED),
    )
    return replace(state, stage=Stage.STOPPING, entered_us=at_us, display_on=False), effects


def _rest(state: State, at_us: int, rules: Rules) -> Result:
    """The wait is over."""
    if state.remembered is Intent.RECORD:
        edge_us, source = state.remembered_us, state.remembered_source
        return _start(state, at_us, edge_us, source, rules)
    # A recording may have overtaken a wipe and be over before the answer: then idle waits for it.
    stage = Stage.SELF_VIEW if state.wiping else Stage.IDLE
    armed = stage is Stage.IDLE and stage in rules.armed_in and not state.ending
    effects = (*_arming(state, wanted=armed), *_showing(state, wanted=False))
    was = state.stage
    state = replace(
        state,
        stage=stage,
        entered_us=at_us,
        armed=armed,
        display_on=False,
        recording_id=None,
        muted=False,
    )
    if state.wiping:
        return state, effects
    if state.ending:
        return state, (*effects, End())
    if state.remembered is Intent.ESCALATE:
        state, then = _show(_forget(state), at_us, rules)
        return state, effects + then
    if was is Stage.STARTING and state.can_record:
        effects += (Cue(CueKind.READY),)
    if was is Stage.STARTING and rules.status_at_ready:
        state, then = _status(state, at_us)
        effects += then
    return state, effects


def _show(state: State, at_us: int, rules: Rules) -> Result:
    armed = Stage.SELF_VIEW in rules.armed_in
    state, over = _status_over(state)
    effects = (
        *_arming(state, wanted=armed),
        *over,
        *_showing(state, wanted=True),
        Cue(CueKind.SELF_VIEW_ON),
        *_say_again(state, Outcome.SELF_VIEW),
    )
    state = replace(state, stage=Stage.SELF_VIEW, entered_us=at_us, armed=armed, display_on=True)
    return state, effects


def _leave(state: State) -> Result:
    """Dark at once; idle shows when Wiped answers."""
    if state.wiping:
        return state, ()
    effects = (*_showing(state, wanted=False), Wipe(), Cue(CueKind.SELF_VIEW_OFF))
    return replace(state, armed=False, wiping=True, display_on=False), effects


def _display(state: State, on: bool) -> Result:
    return replace(state, display_on=on), _showing(state, wanted=on)


def _mute(state: State, at_us: int, rules: Rules) -> Result:
    if not rules.may_mute:
        return state, (Cue(CueKind.REFUSED),)
    on = not state.muted
    return replace(state, muted=on), (
        Mute(on, at_us),
        Cue(CueKind.MUTED if on else CueKind.UNMUTED),
    )


def _status(state: State, at_us: int) -> Result:
    """Asked for again, it stays that much longer."""
    effects = () if state.status_on else (ShowStatus(True),)
    return replace(state, status_on=True, status_at_us=at_us), effects


def _status_over(state: State) -> Result:
    if not state.status_on:
        return state, ()
    return replace(state, status_on=False, status_at_us=0), (ShowStatus(False),)


def _remind(state: State, at_us: int, rules: Rules) -> Result:
    """A late Tick does not shift the next reminder, and reminders that were missed are one."""
    periods = (at_us - state.reminded_us) // rules.reminder_us
    state = replace(state, reminded_us=state.reminded_us + periods * rules.reminder_us)
    # Without a camera "still recording" would be a lie.
    down = Condition.CAMERA_DOWN in state.conditions
    cue = Cue(CueKind.CAMERA_DOWN if down else CueKind.STILL_RECORDING)
    muted = (Cue(CueKind.MUTED),) if state.muted else ()
    return state, (cue, *muted, *_say_again(state, Outcome.REMIND))


def _end(state: State) -> Result:
    state, over = _status_over(state)
    return replace(state, armed=False), (*_arming(state, wanted=False), *over, End())


def _forget(state: State) -> State:
    return replace(state, remembered=None, remembered_us=0, remembered_source="")


def _arming(state: State, *, wanted: bool) -> tuple[Effect, ...]:
    if state.armed == wanted:
        return ()
    return (Arm() if wanted else Disarm(),)


def _showing(state: State, *, wanted: bool) -> tuple[Effect, ...]:
    return () if state.display_on == wanted else (ShowSelfView(wanted),)


def _say_again(state: State, what: Outcome) -> tuple[Effect, ...]:
    kinds = dict.fromkeys(CUES[one] for one in SAID_AGAIN[what] if one in state.conditions)
    return tuple(map(Cue, kinds))
