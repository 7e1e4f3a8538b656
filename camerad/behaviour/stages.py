"""The stages of the camera, and all transitions between them.

Rules of this file
------------------
1. It is pure. The same state and event give the same answer; time is an argument.
2. The camera's decisions are made here, as far as possible by the tables below. The picture in
   docs/stages.md is drawn from them and `step` (`python -m generators.stage_diagram`).
3. An event that cannot happen in a state raises IllegalEvent. States are immutable, so the state
   is as it was.
4. The lights are a function of the new state (`signals.indication`) and are set before the first
   effect is carried out; effects are carried out in their order.
5. Conditions are facts reported from outside: nothing here raises or clears one.

Theory of operation
-------------------
The machine proper is `Stage`: three stages that officers know (idle, self-view, recording) and two
in which the camera waits for itself (starting, stopping). Beside it stand, as data of their own
and not multiplied into it:

- *Conditions.* They shape signals, and two things more: a few refuse a start (REFUSES_START), and
  a few end a recording because there is nowhere left to keep it (ENDS_RECORDING). A camera that
  goes down does not end a recording: its absence is a gap in it. Docked is shown, no more.
- *Given up.* A camera that does not come back after every repair does end it: red would say for
  hours that footage is being kept. Repair goes on, and a press records again once it is back.
- *Cut off.* If the camera's last run ended in a recording that does not go on, the wearer still
  believes that it records, and is told. One that is to go on waits while the camera starts, also
  for a sensor that is down. Every other refusal, or a camera that is given up, cuts it off.
- *Armed.* Whether the ring is fed. True exactly where the rules arm the stage, and from the start
  of a recording until it is closed. Wiping, it is False.
- *Wiping.* A Wipe is under way. Leaving self-view without a recording darkens the display at once,
  but the stage stays self_view until the answer comes: idle never shows before the buffer is gone.
  A press in between records at once; the buffer from before the press is gone or going.
- *Display.* On in self-view, and in a recording whatever the way into it, where the rules want it:
  people recognise it better than a light. Its button switches it off for that recording; the next
  one begins with it again.
- *Muted.* The wearer has switched the sound of the recording off, where the policy lets them. It
  belongs to that recording: every one begins unmuted, and a wearer who mutes is reminded of it.
  Sound from before the decision stays.
- *Status.* For a moment the display shows the wearer conditions, battery, storage and clock: on
  request, and when a press is refused. While the camera starts and in idle only, since elsewhere
  the person opposite reads it; leaving idle ends it. Causes of cues felt in a recording could not
  be read there: the idle behind it shows them, if any condition still holds.
- *Storing.* A recording that was stopped has all its footage, at the stop or after the post-event
  time, and the card is storing it. Red is out from then on, for no person is filmed.
- *Earlier.* A recording is closed by the storage, which may take its time. A press meanwhile
  records at once: both recordings read their own part of the ring. Stopping, the camera waits for
  all of them.
- *Remembered.* While the camera waits for itself, an intent that does not record cannot be carried
  out, nor can any while it starts. So a single intent is remembered, and carried out when the wait
  is over: the one that leads from idle to the result of all of them together. A stop takes it back.
- *Hands.* A gesture belongs to the stage in which its press began, and may be decided when that
  stage is over: its recording has ended, or another one has begun. A gesture that led to a
  recording from there still does, and one that led to self-view from idle still does while the
  camera is idle or waits for itself. Every other has no meaning then: a press for the display of a
  recording does not open the self-view. Only while the camera waits for itself presses add up, so
  the second one leads from the self-view that the first has opened, whether or not the wait was
  over first.
- *Ending.* A shutdown has been asked for. Recordings are closed, the buffer is wiped, then the
  camera ends. Until then it refuses starts with a cue.

Two tables hold the consequences: INTENTS for wishes of people, EVENTS for events without one. Both
lead to an Outcome, each one short function in `camerad.behaviour.outcomes`. A refusal happens in
the same step as the request, with a cue: a refused press is never remembered, and one that is
remembered is refused the moment a condition makes it impossible.
"""

from __future__ import annotations

from msgspec.structs import replace

from camerad.base.errors import CameradError
from camerad.behaviour import outcomes
from camerad.behaviour.events import (
    CONTINUED,
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
    GivenUp,
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
from camerad.behaviour.outcomes import Result
from camerad.behaviour.state import Rules, State
from camerad.behaviour.tables import (
    ARMABLE,
    CUES,
    ENDS_RECORDING,
    EVENTS,
    IN_WORDS,
    INTENTS,
    KEEPING,
    LEADS_TO,
    REFUSES_START,
    REMEMBERED_AS,
    SAID_AGAIN,
    Outcome,
)

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
    "GivenUp",
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
    "is_failure",
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


def initial(rules: Rules, now_us: int) -> State:
    """The state of a camera that has just been switched on."""
    del rules  # nothing is armed before the camera delivers
    return State(Stage.STARTING, now_us)


def outcome(stage: Stage, intent: Intent) -> str | None:
    """The outcome of `intent` in `stage` by the table, or None: it has no meaning there.

    While the camera waits for itself this is the outcome in idle, because that comes next.
    """
    return INTENTS[stage].get(intent)


def deadline(state: State, rules: Rules) -> int | None:
    """When the next Tick is due, or None: only an event changes anything."""
    if state.stage is Stage.SELF_VIEW and not state.wiping:
        return state.entered_us + rules.self_view_timeout_us
    if state.stage is Stage.RECORDING:
        return state.reminded_us + rules.reminder_us
    if state.stage is Stage.STOPPING and not state.storing:
        return state.entered_us + rules.post_event_us
    if state.status_on:
        return state.status_at_us + rules.status_us
    return None


def is_failure(event: Event) -> bool:
    """Whether a recording that this event ends has failed: it could not go on, or nothing came."""
    return isinstance(event, Failed) or (isinstance(event, Closed) and event.failed)


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
            return outcomes.cut_off(state, event.at_us)
        case GivenUp():
            return _given_up(state, event)
        case Tick(at_us):
            due = deadline(state, rules)
            if due is None or at_us < due:
                return state, ()
    return _happened(state, event, rules)


# --------------------------------------------------------------------------- what people want


def _intended(state: State, event: Intended, rules: Rules) -> Result:
    intent = _still_wanted(state, event)
    if intent is None:
        return state, ()
    means = INTENTS[state.stage].get(intent)
    if means is Outcome.STATUS and not state.ending:
        return outcomes.tell_status(state, event.at_us)  # nothing waits for it
    starting = state.stage is Stage.STARTING
    if state.waiting and (starting or means is not Outcome.RECORD):
        means = INTENTS[LEADS_TO[state.remembered]].get(intent)
    if starting and event.source == CONTINUED and intent is Intent.RECORD:
        means = Outcome.RECORD  # also if a press asked for one before
        if state.remembered is Intent.RECORD:
            event = replace(event, edge_us=state.remembered_us)
    # Starting a recording waits for no wipe and no file; everything else does.
    remember = state.waiting and (starting or means is not Outcome.RECORD)
    wanted = means is Outcome.RECORD or (
        state.goes_on and intent in (Intent.RECORD, Intent.ESCALATE)
    )
    if wanted and not state.can_record:
        return _cannot(state, event)
    if means is None or state.ending:
        return state, ()
    if remember:
        return _remember(state, means, event)
    match means:
        case Outcome.RECORD:
            return outcomes.start(state, event.at_us, event.edge_us, event.source, rules)
        case Outcome.SELF_VIEW:
            return outcomes.show(state, event.at_us, rules)
        case Outcome.IDLE:
            return outcomes.leave(state)
        case Outcome.STOP:
            return outcomes.stop(state, event.at_us, "stop", rules.post_event_us)
        case Outcome.MARK:
            return state, (Mark(event.edge_us), Cue(CueKind.MARKED))
        case Outcome.TELL:
            return state, (Cue(CueKind.ASKED),)
        case Outcome.MUTE:
            return outcomes.mute(state, event.at_us, rules)
        case _:
            return outcomes.switch_display(state, not state.display_on)


def _cannot(state: State, event: Intended) -> Result:
    """Refuse a recording that cannot begin. One that goes on waits for a camera that starts."""
    if event.source != CONTINUED:
        return outcomes.refuse(state, event.at_us)
    matter = state.conditions & REFUSES_START
    if state.stage is Stage.STARTING and not state.ending and matter == {Condition.CAMERA_DOWN}:
        return _remember(state, Outcome.RECORD, event)
    return outcomes.cut_off(state, event.at_us)


def _still_wanted(state: State, event: Intended) -> Intent | None:
    """The intent of a gesture now that it is decided; None: its stage is over."""
    began, now = event.began, state.stage
    another = now is Stage.RECORDING and event.edge_us < state.entered_us
    if began is None or (began is now and not another):
        return event.intent
    means = INTENTS[began].get(event.intent)
    if means is Outcome.RECORD:
        return Intent.RECORD
    added_up = began in (Stage.STARTING, Stage.STOPPING) and now is Stage.SELF_VIEW
    as_from_idle = means is Outcome.SELF_VIEW and INTENTS[now].get(event.intent) is means
    return event.intent if added_up or as_from_idle else None


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
    state = outcomes.owe_words(state, {condition})
    effects: tuple[Effect, ...] = () if cue is None or told else (Cue(cue),)
    waits = state.goes_on and condition is Condition.CAMERA_DOWN
    if condition in REFUSES_START and state.remembered is Intent.RECORD and not waits:
        state, dropped = outcomes.drop(state)
        effects = dropped + effects
    if ends:
        state, stopping = outcomes.stop(state, event.at_us, condition.value)
        effects = stopping + effects  # first the stop, then its cue
    return state, effects


def _cleared(state: State, event: Cleared) -> Result:
    if event.condition not in state.conditions:
        return state, ()
    could = state.can_record
    left = state.conditions - {event.condition}
    state = replace(state, conditions=left, words_due=state.words_due and bool(left & IN_WORDS))
    if state.stage is Stage.RECORDING and event.condition is Condition.CAMERA_DOWN:
        return state, outcomes.goes_on(state)  # even if the next one is refused
    if could or not state.can_record:
        return state, ()
    if state.stage is Stage.RECORDING:
        return state, outcomes.goes_on(state)
    if state.stage in ARMABLE:
        return state, (Cue(CueKind.READY),)
    return state, ()


# ---------------------------------------------------------------------- what happens by itself


def _given_up(state: State, event: GivenUp) -> Result:
    if state.goes_on:
        return outcomes.drop(state)
    if state.stage is not Stage.RECORDING:
        return state, ()
    state, stopping = outcomes.stop(state, event.at_us, Condition.CAMERA_DOWN.value)
    down = Condition.CAMERA_DOWN in state.conditions  # else it came back as it was given up
    return state, (*stopping, *([Cue(CueKind.CAMERA_DOWN)] if down else ()))


def _happened(state: State, event: Event, rules: Rules) -> Result:
    if state.ended:
        return state, ()
    follows = EVENTS[state.stage].get(type(event))
    if isinstance(event, Failed) and event.closing:
        follows = Outcome.BREAK_OFF if state.stage is Stage.RECORDING else None
    if follows is None or (isinstance(event, Wiped) and not state.wiping):
        raise IllegalEvent(state, event)
    state, first = _note(state, event)
    match follows:
        case Outcome.REST:
            state, then = outcomes.rest(state, event.at_us, rules)
        case Outcome.IDLE:
            state, then = outcomes.leave(state)
        case Outcome.STOP:
            reason = event.reason if isinstance(event, Shutdown) else "shutdown"
            state, then = outcomes.stop(state, event.at_us, reason)
        case Outcome.REMIND:
            state, then = outcomes.remind(state, event.at_us, rules)
        case Outcome.STATUS_OVER:
            state, then = outcomes.end_status(state)
        case Outcome.STORE:
            state, then = replace(state, storing=True), ()
        case Outcome.BREAK_OFF:
            state, then = outcomes.break_off(state, event.at_us)
        case Outcome.END:
            state, then = outcomes.end(state)
        case _:
            then = ()
    return state, first + then


def _note(state: State, event: Event) -> Result:
    """Apply an event's facts to the state, before its outcome."""
    match event:
        case Wiped():
            return replace(state, wiping=False), ()
        case Opened(_, recording_id):
            return replace(state, recording_id=recording_id), ()
        case Failed():
            told = state.conditions & ENDS_RECORDING
            return state, () if told else (Cue(CueKind.RECORDING_FAILED),)
        case Shutdown():
            wanted = state.remembered is Intent.RECORD
            state, dropped = outcomes.drop(state) if wanted else (outcomes.forget(state), ())
            return replace(state, ending=True), dropped
        case _:
            return state, ()
