"""The promises of the design, as far as stages and lights can keep them, as checks of one step.

Each check returns what is wrong with a transition, or None. They are written against the world
(`World`) and in words of their own, so that a mistake in a table cannot excuse itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Final, TypeAlias

from msgspec.structs import fields, replace

from camerad.behaviour import signals, stages
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.signals import Detail, Pattern, Rhythm
from camerad.behaviour.stages import Condition, Cue, CueKind, Intent, Stage, State
from tests.unit.behaviour.space import Transition

Check: TypeAlias = Callable[[Transition], "str | None"]

CANNOT_RECORD = {
    Condition.CAMERA_DOWN,
    Condition.STORAGE_FAILED,
    Condition.STORAGE_READ_ONLY,
    Condition.STORAGE_FULL,
    Condition.LEDGER_FAILED,
    Condition.NO_RECIPIENTS,
    Condition.UNPROVISIONED,
}
NOWHERE_TO_KEEP = {
    Condition.STORAGE_FAILED,
    Condition.STORAGE_READ_ONLY,
    Condition.STORAGE_FULL,
}
SHOWS = (stages.ShowSelfView, stages.ShowStatus)
FEEDS = (stages.Arm, stages.StartRecording, stages.StopRecording, stages.Mark, stages.Mute)


def p1(t: Transition) -> str | None:
    """Nothing is kept outside stage 3, and it is entered only because someone wants it."""
    assert t.after is not None
    starts = [e for e in t.effects if isinstance(e, stages.StartRecording)]
    if t.then.keeping != (t.after.stage in (Stage.RECORDING, Stage.STOPPING)):
        return f"keeping is {t.then.keeping}"
    if starts and not _asked(t):
        return "nobody asked for this recording"
    allowed = t.after.stage in t.rules.armed_in and not t.then.wiping and not t.after.ended
    if t.then.fed and not allowed and not t.then.keeping:
        return "the ring is fed where no policy arms it"
    if (t.then.fed, t.then.shown) != (t.after.armed, t.after.display_on):
        return "the state is mistaken about the ring or the display"
    if any(e.pre_event for e in starts) and (
        not t.world.fed or t.before.stage not in t.rules.armed_in
    ):
        return "footage from before the press is kept without a pre-event buffer"
    return None


def _asked(t: Transition) -> bool:
    if t.before.remembered is Intent.RECORD:
        return not isinstance(t.event, stages.Intended)
    match t.event:
        case stages.Intended(intent=Intent.RECORD):
            return True
        case stages.Intended(intent=Intent.ESCALATE):
            stopping = t.before.stage is Stage.STOPPING
            again = stopping and t.before.remembered is Intent.ESCALATE
            return again or t.before.stage is Stage.SELF_VIEW
        case _:
            return False


def p2(t: Transition) -> str | None:
    """What a self-view left behind is gone before the lights show anything but self-view."""
    assert t.after is not None
    if t.during.seen and t.after.stage not in (Stage.SELF_VIEW, Stage.RECORDING, Stage.STOPPING):
        return "footage of a self-view outlives it"
    if t.then.wiping != t.after.wiping:
        return "the state is mistaken about the wipe"
    if t.after.stage is Stage.SELF_VIEW and t.after.wiping and t.then.fed:
        return "the ring is fed while it is being wiped"
    if t.then.ended and t.then.seen:
        return "the camera ends before it has wiped"
    return None


def p3(t: Transition) -> str | None:
    """Red is on exactly while footage is made that is kept, and a light that fails is told."""
    assert t.after is not None
    shown = signals.indication(t.after)
    red = shown.red
    if t.then.making and not _steady(red):
        return "footage is made without a steady red light"
    if not t.then.making and red.steps:
        return "red without footage"
    if (what := _lights(t.after, shown)) is not None:
        return what
    told = Cue(CueKind.LIGHT_DOWN) in t.effects
    if Condition.LIGHT_DOWN in t.after.conditions - t.before.conditions and not told:
        return "a failed light is not signalled"
    if (
        Condition.LIGHT_DOWN in t.after.conditions
        and not told
        and any(isinstance(e, stages.StartRecording) for e in t.effects)
    ):
        return "a recording starts without light, and nobody is told"
    return None


def _lights(state: State, shown: signals.Indication) -> str | None:
    """The lights promise what a press would do."""
    if state.ended:
        return "an ended camera is lit" if _lit(shown) else None
    refused = bool(state.conditions & CANNOT_RECORD) or state.ending
    if _steady(shown.amber) != refused:
        return "amber is steady, and a press would not be refused; or the other way round"
    at_once = not refused and state.stage in (Stage.IDLE, Stage.SELF_VIEW)
    if bool(shown.green.steps) != at_once:
        return "green is lit, and a press would not record; or the other way round"
    return None


def _lit(shown: signals.Indication) -> bool:
    return any(one.steps for one in (shown.green, shown.red, shown.amber))


def _steady(pattern: Pattern) -> bool:
    return pattern.repeat and bool(pattern.steps) and all(on for on, _ in pattern.steps)


def p5(t: Transition) -> str | None:
    """A press is never lost."""
    assert t.after is not None
    starts = [e for e in t.effects if isinstance(e, stages.StartRecording)]
    refused = Cue(CueKind.REFUSED) in t.effects
    impossible = bool(t.after.conditions & CANNOT_RECORD) or t.after.ending
    if refused and not (impossible or _may_not_mute(t)):
        return "refused without a failed camera or storage, and with someone to seal to"
    wanted = isinstance(t.event, stages.Intended) and t.event.intent is Intent.RECORD
    if (what := _not_going_on(t)) is not None:
        return what
    if wanted and (what := _lost(t, impossible)) is not None:
        return what
    if t.before.remembered is Intent.RECORD:
        if starts and starts[0].at_us != t.before.remembered_us:
            return "a remembered press lost its time"
        over = isinstance(t.event, stages.Ready | stages.Closed | stages.Failed)
        cut_off = _to_go_on(t.before) and Cue(CueKind.CUT_OFF) in t.effects
        if over and not (starts or cut_off):
            return "a remembered press is not acted on"
        taken_back = isinstance(t.event, stages.Intended) and t.event.intent is Intent.STOP
        told = refused or cut_off
        if t.after.remembered is not Intent.RECORD and not (starts or told or taken_back):
            return "a remembered press is forgotten"
    if t.before.stage is Stage.RECORDING and t.after.stage is not Stage.RECORDING:
        return _ended_by_accident(t)
    return None


def _to_go_on(state: State) -> bool:
    """Whether a recording that was cut off waits to go on."""
    return state.remembered is Intent.RECORD and state.remembered_source == CONTINUED


def _not_going_on(t: Transition) -> str | None:
    """A recording that was cut off goes on, waits for its camera, or its end is told."""
    assert t.after is not None
    asked = isinstance(t.event, stages.Intended) and t.event.source == CONTINUED
    if not (asked and t.before.stage is not Stage.RECORDING) and not _to_go_on(t.before):
        return None
    taken_back = isinstance(t.event, stages.Intended) and t.event.intent is Intent.STOP
    goes_on = t.after.stage is Stage.RECORDING or _to_go_on(t.after)
    if goes_on or taken_back or t.before.ended or Cue(CueKind.CUT_OFF) in t.effects:
        return None
    return "a recording does not go on, and nobody is told"


def _may_not_mute(t: Transition) -> bool:
    asked = isinstance(t.event, stages.Intended) and t.event.intent is Intent.TOGGLE_MUTE
    return asked and t.before.stage is Stage.RECORDING and not t.rules.may_mute


def _lost(t: Transition, impossible: bool) -> str | None:
    """What became of a press that asks for a recording at once."""
    assert t.after is not None and isinstance(t.event, stages.Intended)
    edge_us = t.event.edge_us
    starts = [e.at_us for e in t.effects if isinstance(e, stages.StartRecording)]
    if t.before.stage is Stage.RECORDING:
        return None
    if t.event.source == CONTINUED and impossible:
        return None  # no hand waits for an answer; `_not_going_on` says what is owed instead
    if impossible:
        return None if Cue(CueKind.REFUSED) in t.effects else "refused in silence"
    if t.before.stage is not Stage.STARTING:
        return None if starts == [edge_us] else "a press does not record at once"
    if t.before.remembered is Intent.RECORD:
        edge_us = t.before.remembered_us  # the first press counts
    kept = (t.after.remembered, t.after.remembered_us) == (Intent.RECORD, edge_us)
    return None if kept else "a press is forgotten"


def _ended_by_accident(t: Transition) -> str | None:
    match t.event:
        case stages.Intended(intent=Intent.STOP) | stages.Failed() | stages.Shutdown():
            return None
        case stages.GivenUp():
            return None
        case stages.Raised(condition=condition) if condition in NOWHERE_TO_KEEP:
            return None
        case _:
            return "a recording is ended by accident"


def p10(t: Transition) -> str | None:
    """The display serves, it never rules: whatever it does, everything else is the same."""
    assert t.after is not None
    shown = False
    for effect in t.effects:
        shown = shown or isinstance(effect, SHOWS)
        if shown and isinstance(effect, FEEDS):
            return "footage waits for the display"
    honest = _undisplayed(t.after), _footage(t.effects)
    for other in _displayed_otherwise(t.before):
        after, effects = stages.step(other, t.event, t.rules)
        if (_undisplayed(after), _footage(effects)) != honest:
            return "the display changes more than the display"
    return None


@lru_cache(maxsize=4096)
def _displayed_otherwise(state: State) -> tuple[State, ...]:
    """The same state with another display."""
    others = []
    if Condition.DISPLAY_DOWN not in state.conditions:
        others.append(replace(state, conditions=state.conditions | {Condition.DISPLAY_DOWN}))
    if state.display_on:
        others.append(replace(state, display_on=False))
    if state.status_on:
        others.append(replace(state, status_on=False, status_at_us=0))
    return tuple(others)


_DISPLAY: Final = ("display_on", "status_on", "status_at_us", "words_due", "conditions")
_BUT_DISPLAY: Final = attrgetter(*(one.name for one in fields(State) if one.name not in _DISPLAY))
_DISPLAY_DOWN: Final = frozenset({Condition.DISPLAY_DOWN})


def _undisplayed(state: State) -> tuple[object, ...]:
    """Everything in it but the display."""
    return _BUT_DISPLAY(state), state.conditions - _DISPLAY_DOWN


def _footage(effects: tuple[stages.Effect, ...]) -> list[stages.Effect]:
    return [
        effect
        for effect in effects
        if not isinstance(effect, SHOWS) and effect != Cue(CueKind.DISPLAY_DOWN)
    ]


def muting(t: Transition) -> str | None:
    """A recording has its sound unless the wearer, who may, switched it off and was told."""
    assert t.after is not None
    if t.then.muted != t.after.muted:
        return "the state is mistaken about the sound"
    if t.after.muted and not (t.then.keeping and t.rules.may_mute):
        return "muted without a recording, or where that is not allowed"
    if any(isinstance(e, stages.StartRecording) for e in t.effects) and t.after.muted:
        return "a recording begins without sound"
    if t.before.stage is not Stage.RECORDING or t.after.stage is not Stage.RECORDING:
        return None
    asked = isinstance(t.event, stages.Intended) and t.event.intent is Intent.TOGGLE_MUTE
    if (asked and t.rules.may_mute) != (t.after.muted != t.before.muted):
        return "the sound is not what the wearer asked for"
    told = {effect.kind for effect in t.effects if isinstance(effect, Cue)}
    if t.after.muted != t.before.muted:
        expected = CueKind.MUTED if t.after.muted else CueKind.UNMUTED
        return None if expected in told else "the sound is switched in silence"
    reminded = isinstance(t.event, stages.Tick) and bool(told)
    if reminded and (CueKind.MUTED in told) != t.after.muted:
        return "the reminder is wrong about the sound"
    return None


def rhythms(t: Transition) -> str | None:
    """What is felt is true of the camera as it is then."""
    assert t.after is not None
    back = t.before.stage is Stage.RECORDING and _pictures(t.after) and not _pictures(t.before)
    if back and Cue(CueKind.STILL_RECORDING) not in t.effects:
        return "pictures are recorded again, and nobody is told"
    if Cue not in map(type, t.effects):
        return None
    told = signals.told_once(t.effects, t.after, Detail.BASIC)
    felt = [signals.rhythm(e.kind, t.after) for e in told if isinstance(e, Cue)]
    if len(felt) != len(set(felt)):
        return "the same is told twice"
    silent = signals.lacks_sound(t.after) and Rhythm.SILENT not in felt
    if silent and _pictures(t.after) and Rhythm.RECORDS in felt:
        return "it says that it records, and not that it has no sound"
    kinds = [e.kind for e in told if isinstance(e, Cue)]
    return next((what for one in kinds if (what := _lie(one, t.after)) is not None), None)


def _pictures(state: State) -> bool:
    return state.stage is Stage.RECORDING and Condition.CAMERA_DOWN not in state.conditions


OVER: Final = {CueKind.STOPPED, CueKind.CUT_OFF, CueKind.RECORDING_FAILED}
"""What says of a recording that it is over, and of the next one nothing."""


def _lie(kind: CueKind, state: State) -> str | None:
    """What is wrong about a cue in this state."""
    cannot, pictures = _cannot(state), _pictures(state)
    felt = signals.rhythm(kind, state)
    match felt:
        case Rhythm.RECORDS | Rhythm.SILENT if not pictures:
            return "it says that it records, and it does not"
        case Rhythm.NO_RECORDING | Rhythm.LEFT | Rhythm.DONE if pictures:
            return "it says that it does not record, and it does"
        case Rhythm.NO_RECORDING if kind not in OVER and not cannot:
            return "it says that it cannot record, and it can"
        case Rhythm.DONE if kind is CueKind.READY and (cannot or state.keeping):
            return "it says that it can record, and it cannot, or does"
        case _:
            return None


def _cannot(state: State) -> bool:
    return bool(state.conditions & CANNOT_RECORD) or state.ending


GRAVE: Final = {
    Rhythm.NO_RECORDING,
    Rhythm.SILENT,
    Rhythm.LIGHT,
    Rhythm.LEFT,
    Rhythm.POWER_OFF,
}
NEVER_WAIT: Final = {
    CueKind.STARTED,
    CueKind.MARKED,
    CueKind.ASKED,
    CueKind.SHIFT_BEGUN,
    CueKind.SHIFT_ENDED,
}
"""Answers that nothing grave hangs on: what cuts them short is all that is told."""


def news(t: Transition) -> str | None:
    """What has waited is told if it is true by then; what is grave, whenever it is."""
    state = t.after
    assert state is not None
    if state is t.before:
        return None
    return _news(state.stage, state.conditions, state.muted, state.ending, signals.still_news)


@cache
def _news(
    stage: Stage,
    conditions: frozenset[Condition],
    muted: bool,
    ending: bool,
    still: Callable[[CueKind, State], bool],
) -> str | None:
    """The first cue of which that is not so."""
    state = State(stage, 0, conditions, muted=muted, ending=ending)
    for kind in set(CueKind) - NEVER_WAIT:
        felt = signals.rhythm(kind, state)
        # A camera that still starts records nothing, though a press is not refused.
        late = kind is CueKind.NOT_READY and stage is Stage.STARTING
        lie = None if late else _lie(kind, state)
        if still(kind, state) and lie is not None:
            return f"{kind.value} is told late: {lie}"
        if felt in GRAVE and lie is None and _matters(kind, state) and not still(kind, state):
            return f"{kind.value} is forgotten, and holds"
    return None


def _matters(kind: CueKind, state: State) -> bool:
    """Whether what a cue has to say is still so."""
    recording = state.stage is Stage.RECORDING
    match kind:
        case CueKind.MUTED:
            return recording and state.muted
        case CueKind.UNMUTED:
            return recording and not state.muted
        case CueKind.STOPPED | CueKind.RECORDING_FAILED | CueKind.CUT_OFF:
            return not recording
        case CueKind.SELF_VIEW_OFF:
            return state.stage is Stage.IDLE
        case CueKind.REFUSED:
            return _cannot(state) and not recording
        case CueKind.NOT_READY:
            return not recording and (_cannot(state) or state.stage is Stage.STARTING)
        case CueKind.STILL_RECORDING:
            return _pictures(state)
        case _:
            return any(stages.CUES.get(one) is kind for one in state.conditions)


WEARERS: Final = {Stage.STARTING, Stage.IDLE}
"""Stages in which nobody but the wearer looks at the display."""


def refusals(t: Transition) -> str | None:
    """A press that is refused is answered in words where the wearer alone reads them; elsewhere
    none show."""
    assert t.after is not None
    if not t.effects:
        return None
    shows = stages.ShowStatus(True) in t.effects
    asked = isinstance(t.event, stages.Intended)
    refused = asked and Cue(CueKind.REFUSED) in t.effects and t.before.stage in WEARERS
    if refused and not t.after.ended and not (shows or t.before.status_on):
        return "refused without a word"
    if shows and t.after.stage not in WEARERS:
        return "words that the person opposite reads"
    return None


def words(t: Transition) -> str | None:
    """What was told in a recording stands in words on the display once idle is back."""
    assert t.after is not None
    left = t.after.conditions - {Condition.DOCKED}
    if not t.before.words_due and t.before.stage in (Stage.RECORDING, Stage.STOPPING):
        news = t.after.conditions - t.before.conditions - {Condition.DOCKED}
        causes = {stages.CUES[one] for one in left if one in stages.CUES}
        told = {effect.kind for effect in t.effects if isinstance(effect, Cue)}
        again = isinstance(t.event, stages.Tick) and not causes.isdisjoint(told)
        return None if t.after.words_due or not (news or again) else "its words are not owed"
    if not t.before.words_due or not left or t.after.ended or t.after.words_due:
        return None
    shown = t.after.stage is Stage.IDLE and t.after.status_on
    return None if shown else "its words are forgotten"


def gestures(t: Transition) -> str | None:
    """A gesture belongs to the stage in which its press began."""
    assert t.after is not None
    if not isinstance(t.event, stages.Intended) or t.event.began is None:
        return None
    meant = _meant(t.before, t.event.began, t.event)
    if meant is None:
        return None if t.after == t.before and not t.effects else "it does what nobody asked for"
    plain = replace(t.event, intent=meant, began=None)
    if (t.after, t.effects) != stages.step(t.before, plain, t.rules):
        return "what a hand wanted is not done"
    return None


def _meant(now: State, began: Stage, event: stages.Intended) -> Intent | None:
    """What it still means; None: nothing."""
    from_idle = (Stage.STARTING, Stage.IDLE, Stage.STOPPING)
    if now.stage is Stage.RECORDING:
        same = began is Stage.RECORDING and event.edge_us >= now.entered_us
        already = began is not Stage.RECORDING and event.intent is Intent.RECORD
        return event.intent if same or already else None
    if began is now.stage:
        return event.intent
    if began is Stage.RECORDING:
        return None
    if began is Stage.SELF_VIEW:
        records = event.intent in (Intent.ESCALATE, Intent.RECORD)
        return Intent.RECORD if records else None
    if event.intent is Intent.RECORD:
        return Intent.RECORD
    if now.stage is Stage.SELF_VIEW:  # two presses lead there and on, while the camera waits
        return None if began is Stage.IDLE else event.intent
    shows = event.intent in (Intent.ESCALATE, Intent.TOGGLE_SELF_VIEW)
    return event.intent if shows and began in from_idle else None


def status(t: Transition) -> str | None:
    """The status shows where the wearer alone reads it, and not for ever."""
    assert t.after is not None
    if t.then.status != t.after.status_on:
        return "the state is mistaken about the status"
    if t.after.status_on and (t.after.stage not in WEARERS or t.after.ended):
        return "the status shows to the person opposite"
    if t.after.status_on and stages.deadline(t.after, t.rules) is None:
        return "the status shows for ever"
    return None


def legality(t: Transition) -> str | None:
    """What the world cannot bring about is illegal, and what it can is not."""
    if t.wrong is not None:
        return t.wrong
    if t.possible and t.after is None:
        return "illegal, but it can happen"
    twice = isinstance(t.event, stages.Opened) and t.world.opened
    if not t.possible and t.after is not None and not twice and not t.before.ended:
        return "legal, but it cannot happen"
    return None


PROMISES: dict[str, Check] = {
    "P1": p1,
    "P2": p2,
    "P3": p3,
    "P5": p5,
    "P10": p10,
    "mute": muting,
    "status": status,
    "rhythms": rhythms,
    "news": news,
    "refusals": refusals,
    "words": words,
    "gestures": gestures,
}


def broken(check: Check, t: Transition) -> str | None:
    """What `check` finds wrong with `t`, if it can happen."""
    return check(t) if t.possible and t.after is not None else None


def describe(t: Transition, what: str) -> str:
    """A counterexample, for a person."""
    return f"{what}\n  {t.rules}\n  {t.before}\n  {t.event}\n  -> {t.after}\n  {t.effects}"
