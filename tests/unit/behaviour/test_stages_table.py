"""The stages by example: the table as officers are taught it, and the cases that need care."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from camerad.behaviour import stages
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import (
    Condition,
    Cue,
    CueKind,
    IllegalEvent,
    Intent,
    Rules,
    ShowSelfView,
    ShowStatus,
    Stage,
    StartRecording,
    State,
)

SECOND = 1_000_000
TIMEOUT_US = 60 * SECOND
NO_BUFFER = Rules(frozenset(), TIMEOUT_US)
SELF_VIEW_BUFFER = Rules(frozenset({Stage.SELF_VIEW}), TIMEOUT_US)
SHOWN, HIDDEN = ShowSelfView(True), ShowSelfView(False)
MUTABLE = Rules(frozenset(), TIMEOUT_US, may_mute=True)

STARTED, STOPPED = Cue(CueKind.STARTED), Cue(CueKind.STOPPED)
CUT_OFF = Cue(CueKind.CUT_OFF)
REFUSED, READY = Cue(CueKind.REFUSED), Cue(CueKind.READY)
VIEW_ON, VIEW_OFF = Cue(CueKind.SELF_VIEW_ON), Cue(CueKind.SELF_VIEW_OFF)
STORAGE_FAILED = Cue(CueKind.STORAGE_FAILED)
RECORDING_FAILED = Cue(CueKind.RECORDING_FAILED)
CUT_OFF, CAMERA_DOWN = Cue(CueKind.CUT_OFF), Cue(CueKind.CAMERA_DOWN)
WORDS = ShowStatus(True)


class Camera:
    """A state machine, its time, and the effects of the last event."""

    def __init__(self, rules: Rules = SELF_VIEW_BUFFER) -> None:
        self.rules = rules
        self.now_us = 0
        self.state = stages.initial(rules, 0)
        self.effects: list[stages.Effect] = []

    def take(self, event: stages.Event) -> list[stages.Effect]:
        self.now_us = event.at_us
        self.state, effects = stages.step(self.state, event, self.rules)
        self.effects = list(effects)
        return self.effects

    def pass_time(self, seconds: float) -> list[stages.Effect]:
        return self.take(stages.Tick(self.now_us + round(seconds * SECOND)))

    def want(self, intent: Intent, ago_us: int = 0) -> list[stages.Effect]:
        edge_us = self.now_us - ago_us
        return self.take(stages.Intended(self.now_us, intent, edge_us, "button:main"))

    def go_on(self) -> list[stages.Effect]:
        """A recording that was cut off is to go on."""
        return self.take(stages.Intended(self.now_us, Intent.RECORD, self.now_us, CONTINUED))

    def raise_(self, condition: Condition) -> list[stages.Effect]:
        return self.take(stages.Raised(self.now_us, condition))

    def clear(self, condition: Condition) -> list[stages.Effect]:
        return self.take(stages.Cleared(self.now_us, condition))

    def ready(self) -> list[stages.Effect]:
        return self.take(stages.Ready(self.now_us))

    def wiped(self) -> list[stages.Effect]:
        return self.take(stages.Wiped(self.now_us))

    def opened(self) -> list[stages.Effect]:
        return self.take(stages.Opened(self.now_us, "20260101-0001"))

    def closed(self) -> list[stages.Effect]:
        return self.take(stages.Closed(self.now_us))

    def failed(self) -> list[stages.Effect]:
        return self.take(stages.Failed(self.now_us, "no space left on device"))

    def shut_down(self) -> list[stages.Effect]:
        return self.take(stages.Shutdown(self.now_us))

    @property
    def stage(self) -> Stage:
        return self.state.stage

    @property
    def due_us(self) -> int | None:
        return stages.deadline(self.state, self.rules)


def camera_in(stage: Stage, rules: Rules = SELF_VIEW_BUFFER) -> Camera:
    """A camera that has come to `stage` as an officer would bring it there."""
    camera = Camera(rules)
    if stage is Stage.STARTING:
        return camera
    camera.ready()
    if stage is Stage.SELF_VIEW:
        camera.want(Intent.ESCALATE)
    if stage in (Stage.RECORDING, Stage.STOPPING):
        camera.want(Intent.RECORD)
        camera.opened()
    if stage is Stage.STOPPING:
        camera.want(Intent.STOP)
    assert camera.stage is stage
    return camera


# ------------------------------------------------------------------------------------- the table

TABLE = """
            escalate  record stop ask  toggle_self_view de_escalate mark toggle_mute show_status
starting    self_view record -    -    self_view        -           -    -           status
idle        self_view record -    -    self_view        -           -    -           status
self_view   record    record -    -    idle             idle        -    -           -
recording   mark      -      stop tell display          -           mark mute        -
stopping    self_view record -    -    self_view        -           -    -           -
"""
_HEAD, *_ROWS = (line.split() for line in TABLE.strip().splitlines())
CELLS = [
    (Stage(row[0]), Intent(intent), None if cell == "-" else cell)
    for row in _ROWS
    for intent, cell in zip(_HEAD, row[1:], strict=True)
]
LEADS_TO = {
    "self_view": Stage.SELF_VIEW,
    "record": Stage.RECORDING,
    "idle": Stage.IDLE,
    "stop": Stage.STOPPING,
}


def test_the_table_covers_every_stage_and_intent() -> None:
    assert len(CELLS) == len(Stage) * len(Intent) == len({cell[:2] for cell in CELLS})


@pytest.mark.parametrize(("stage", "intent", "outcome"), CELLS)
def test_what_an_intent_means_is_what_the_table_says(
    stage: Stage, intent: Intent, outcome: str | None
) -> None:
    assert stages.outcome(stage, intent) == outcome


@pytest.mark.parametrize(("stage", "intent", "outcome"), CELLS)
def test_an_intent_leads_where_the_table_says(
    stage: Stage, intent: Intent, outcome: str | None
) -> None:
    camera = camera_in(stage)
    camera.want(intent)
    for answer in {
        Stage.STARTING: [camera.ready],
        Stage.SELF_VIEW: [camera.wiped] if camera.state.wiping else [],
        Stage.STOPPING: [camera.closed] if camera.stage is Stage.STOPPING else [],
    }.get(stage, []):
        answer()
    rests_in = Stage.IDLE if stage in (Stage.STARTING, Stage.STOPPING) else stage
    assert camera.stage is LEADS_TO.get(outcome or "", rests_in)


def test_an_intent_without_meaning_changes_nothing() -> None:
    for stage, intent, outcome in CELLS:
        if outcome is None:
            camera = camera_in(stage)
            before = camera.state
            assert camera.want(intent) == []
            assert camera.state == before


# --------------------------------------------------------------------------------- mute, status


def decided(intent: Intent, began: Stage, edge_us: int = 0) -> stages.Intended:
    """A gesture whose press began in that stage is decided only now."""
    return stages.Intended(0, intent, edge_us, "button:display", began)


@pytest.mark.parametrize("intent", [Intent.TOGGLE_SELF_VIEW, Intent.ESCALATE, Intent.TOGGLE_MUTE])
@pytest.mark.parametrize("now", [Stage.STOPPING, Stage.IDLE, Stage.SELF_VIEW])
def test_a_press_in_a_recording_that_is_over_when_it_is_decided_means_nothing(
    intent: Intent, now: Stage
) -> None:
    camera = camera_in(now)
    before = camera.state
    assert camera.take(decided(intent, Stage.RECORDING)) == []
    assert camera.state == before


# --------------------------------------------------------------------------------- conditions

REFUSING = {
    Condition.CAMERA_DOWN,
    Condition.STORAGE_FAILED,
    Condition.STORAGE_READ_ONLY,
    Condition.STORAGE_FULL,
    Condition.LEDGER_FAILED,
    Condition.NO_RECIPIENTS,
    Condition.UNPROVISIONED,
}
BEFORE_RECORDING = [Stage.STARTING, Stage.IDLE, Stage.SELF_VIEW, Stage.STOPPING]


@pytest.mark.parametrize("condition", [c for c in Condition if c in REFUSING])
@pytest.mark.parametrize("stage", BEFORE_RECORDING)
def test_whatever_makes_a_recording_impossible_refuses_it_and_says_so_at_once(
    stage: Stage, condition: Condition
) -> None:
    camera = camera_in(stage)
    camera.raise_(condition)
    before = camera.state
    told = [REFUSED, Cue(stages.CUES[condition])]
    words = stage in (Stage.STARTING, Stage.IDLE)
    assert camera.want(Intent.RECORD) == [*told, *([WORDS] if words else [])]
    assert camera.state == replace(before, status_on=words)


@pytest.mark.parametrize("condition", [c for c in Condition if c not in REFUSING])
def test_no_other_condition_refuses_or_ends_a_recording(condition: Condition) -> None:
    camera = camera_in(Stage.IDLE)
    camera.raise_(condition)
    assert StartRecording("button:main", 0, False) in camera.want(Intent.RECORD)
    camera.clear(condition)
    camera.raise_(condition)
    assert camera.stage is Stage.RECORDING


@pytest.mark.parametrize("stage", Stage)
def test_that_a_recording_was_cut_off_is_told_also_in_words(stage: Stage) -> None:
    camera = camera_in(stage)
    before = camera.state
    words = [WORDS] if stage in (Stage.STARTING, Stage.IDLE) else []
    assert camera.take(stages.CutOff(camera.now_us)) == [CUT_OFF, *words]
    assert replace(camera.state, status_on=False, status_at_us=0) == before


@pytest.mark.parametrize("condition", sorted(stages.REFUSES_START, key=lambda one: one.value))
@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE, Stage.SELF_VIEW])
def test_a_recording_that_cannot_go_on_was_cut_off_and_the_wearer_is_told(
    stage: Stage, condition: Condition
) -> None:
    camera = camera_in(stage)
    camera.raise_(condition)
    before = camera.state
    if stage is Stage.STARTING and condition is Condition.CAMERA_DOWN:
        assert camera.go_on() == []
        # It was up for a moment: nothing is waited for any more.
        assert CUT_OFF in camera.ready()
        assert camera.stage is Stage.IDLE
        return
    assert camera.go_on()[0] == CUT_OFF
    assert replace(camera.state, status_on=False, status_at_us=0) == before


@pytest.mark.parametrize("condition", sorted(stages.REFUSES_START, key=lambda one: one.value))
def test_what_makes_it_impossible_later_is_told_with_its_end(condition: Condition) -> None:
    camera = camera_in(Stage.STARTING)
    camera.go_on()
    told = [Cue(stages.CUES[condition])]
    waits = condition is Condition.CAMERA_DOWN
    assert camera.raise_(condition) == (told if waits else [CUT_OFF, *told])
    assert camera.state.goes_on is waits


# ------------------------------------------------------------------------------------- mistakes

ILLEGAL: list[tuple[Stage, stages.Event]] = [
    (Stage.STOPPING, stages.Failed(0, "", closing=True)),
    (Stage.STARTING, stages.Closed(0)),
    (Stage.IDLE, stages.Ready(0)),
    (Stage.IDLE, stages.Opened(0, "id")),
    (Stage.IDLE, stages.Failed(0, "")),
    (Stage.SELF_VIEW, stages.Wiped(0)),
    (Stage.RECORDING, stages.Closed(0)),
    (Stage.RECORDING, stages.Wiped(0)),
]


@pytest.mark.parametrize(("stage", "event"), ILLEGAL)
def test_an_illegal_event_raises_and_leaves_the_state_as_it_was(
    stage: Stage, event: stages.Event
) -> None:
    camera = camera_in(stage)
    before = camera.state
    with pytest.raises(IllegalEvent, match=f"cannot happen in stage {stage.value}"):
        camera.take(event)
    assert camera.state == before


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="recording is not a stage with a pre-event buffer"):
        Rules(frozenset({Stage.RECORDING}), TIMEOUT_US)
    with pytest.raises(ValueError, match="self_view_timeout_us: 0 is not a positive time"):
        Rules(frozenset(), 0)
    with pytest.raises(ValueError, match="reminder_us"):
        Rules(frozenset(), TIMEOUT_US, reminder_us=-1)
    with pytest.raises(ValueError, match="status_us"):
        Rules(frozenset(), TIMEOUT_US, status_us=0)


def test_an_illegal_event_names_the_wipe_under_way() -> None:
    wiping = State(Stage.SELF_VIEW, 0, wiping=True)
    with pytest.raises(IllegalEvent, match="self_view, wiping"):
        stages.step(wiping, stages.Closed(0), NO_BUFFER)
