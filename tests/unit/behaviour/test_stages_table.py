"""The stages by example: the table as officers are taught it, and the cases that need care."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from camerad.behaviour import signals, stages
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import (
    Arm,
    Condition,
    Cue,
    CueKind,
    Disarm,
    End,
    IllegalEvent,
    Intent,
    Mark,
    Mute,
    Rules,
    ShowSelfView,
    ShowStatus,
    Stage,
    StartRecording,
    State,
    StopRecording,
    Wipe,
)

SECOND = 1_000_000
TIMEOUT_US = 60 * SECOND
NO_BUFFER = Rules(frozenset(), TIMEOUT_US)
SELF_VIEW_BUFFER = Rules(frozenset({Stage.SELF_VIEW}), TIMEOUT_US)
STANDING_BUFFER = Rules(stages.ARMABLE, TIMEOUT_US)
SHOWN, HIDDEN = ShowSelfView(True), ShowSelfView(False)
DARK_RECORDING = Rules(frozenset(), TIMEOUT_US, display_in_recording=False)
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


# ------------------------------------------------------------------------ idle, self-view, record


def test_the_camera_says_when_it_is_ready() -> None:
    assert camera_in(Stage.STARTING).ready() == [READY]


def test_a_standing_buffer_runs_from_the_first_moment_and_through_self_view() -> None:
    camera = Camera(STANDING_BUFFER)
    assert camera.ready() == [Arm(), READY]
    assert camera.want(Intent.ESCALATE) == [ShowSelfView(True), VIEW_ON]


def test_a_buffer_for_self_view_runs_only_there() -> None:
    camera = camera_in(Stage.IDLE, SELF_VIEW_BUFFER)
    assert not camera.state.armed
    assert camera.want(Intent.ESCALATE) == [Arm(), ShowSelfView(True), VIEW_ON]


def test_a_buffer_for_idle_alone_rests_in_self_view() -> None:
    camera = camera_in(Stage.IDLE, Rules(frozenset({Stage.IDLE}), TIMEOUT_US))
    assert camera.want(Intent.ESCALATE) == [Disarm(), ShowSelfView(True), VIEW_ON]


def test_the_second_press_records_with_what_came_before_it() -> None:
    camera = camera_in(Stage.SELF_VIEW, SELF_VIEW_BUFFER)
    assert camera.want(Intent.ESCALATE) == [StartRecording("button:main", 0, True), STARTED]
    assert camera.state.display_on


def test_without_a_buffer_a_recording_holds_nothing_from_before_the_press() -> None:
    camera = camera_in(Stage.SELF_VIEW, NO_BUFFER)
    assert camera.want(Intent.ESCALATE) == [
        Arm(),
        StartRecording("button:main", 0, False),
        STARTED,
    ]


def test_from_idle_one_intent_records_at_once() -> None:
    camera = camera_in(Stage.IDLE, STANDING_BUFFER)
    assert camera.want(Intent.RECORD) == [StartRecording("button:main", 0, True), STARTED, SHOWN]


def test_a_recording_is_dated_by_the_edge_and_its_end_by_the_decision() -> None:
    camera = camera_in(Stage.IDLE)
    camera.now_us = 10 * SECOND
    # A hold of one second: the hand moved a second before the hold was one.
    assert StartRecording("button:main", 9 * SECOND, False) in camera.want(Intent.RECORD, SECOND)
    assert camera.state.entered_us == 10 * SECOND
    camera.now_us = 20 * SECOND
    assert camera.want(Intent.ESCALATE, 300_000) == [Mark(19_700_000), Cue(CueKind.MARKED)]
    camera.now_us = 30 * SECOND
    assert StopRecording("stop", 30 * SECOND) in camera.want(Intent.STOP, 2 * SECOND)


def test_the_display_goes_dark_in_a_recording_where_the_rules_say_so() -> None:
    camera = camera_in(Stage.SELF_VIEW, DARK_RECORDING)
    assert camera.want(Intent.ESCALATE)[-1] == ShowSelfView(False)


@pytest.mark.parametrize("stage", [one for one in Stage if one is not Stage.RECORDING])
def test_whatever_the_way_into_a_recording_the_display_shows_it(stage: Stage) -> None:
    """Unless the office wants it dark; and what the officer decided in another one is over."""
    for rules, on in ((SELF_VIEW_BUFFER, True), (DARK_RECORDING, False)):
        camera = camera_in(Stage.RECORDING if stage is Stage.STOPPING else stage, rules)
        if stage is Stage.STOPPING:
            camera.want(Intent.TOGGLE_SELF_VIEW)
            camera.want(Intent.STOP)
        camera.want(Intent.RECORD)
        if stage is Stage.STARTING:
            camera.ready()
        assert (camera.stage, camera.state.display_on) == (Stage.RECORDING, on)


def test_the_display_button_only_switches_the_display_in_a_recording() -> None:
    camera = camera_in(Stage.RECORDING)
    for on in (False, True):
        assert camera.want(Intent.TOGGLE_SELF_VIEW) == [ShowSelfView(on)]
        assert camera.stage is Stage.RECORDING


def test_a_stop_darkens_the_display_and_idle_follows_when_the_file_is_closed() -> None:
    camera = camera_in(Stage.SELF_VIEW)
    camera.want(Intent.ESCALATE)
    camera.opened()
    assert camera.state.recording_id == "20260101-0001"
    assert camera.want(Intent.STOP) == [StopRecording("stop", 0), ShowSelfView(False), STOPPED]
    assert camera.closed() == [Disarm()]
    assert camera.state == camera_in(Stage.IDLE).state


def test_a_standing_buffer_goes_on_after_a_recording() -> None:
    camera = camera_in(Stage.STOPPING, STANDING_BUFFER)
    assert camera.closed() == []
    assert camera.state.armed


# ------------------------------------------------------------------------------------- in its time


def test_self_view_falls_back_to_idle_at_its_time_and_not_before() -> None:
    camera = camera_in(Stage.SELF_VIEW)
    assert camera.due_us == TIMEOUT_US
    assert camera.take(stages.Tick(TIMEOUT_US - 1)) == []
    assert camera.take(stages.Tick(TIMEOUT_US)) == [ShowSelfView(False), Wipe(), VIEW_OFF]


def test_the_wearer_is_reminded_every_thirty_seconds() -> None:
    camera = camera_in(Stage.RECORDING)
    reminder = Cue(CueKind.STILL_RECORDING)
    assert camera.due_us == 30 * SECOND
    assert camera.take(stages.Tick(30 * SECOND - 1)) == []
    # A second late; the next one is due a minute after the start all the same.
    assert camera.take(stages.Tick(31 * SECOND)) == [reminder]
    assert camera.due_us == 60 * SECOND
    # The daemon was held up for long: one reminder, not four.
    assert camera.take(stages.Tick(151 * SECOND)) == [reminder]
    assert camera.due_us == 180 * SECOND


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE, Stage.STOPPING])
def test_elsewhere_time_changes_nothing(stage: Stage) -> None:
    camera = camera_in(stage)
    before = camera.state
    assert camera.due_us is None
    assert camera.pass_time(10_000) == []
    assert camera.state == before


# --------------------------------------------------------------------------------- mute, status


def test_the_wearer_switches_the_sound_off_and_on_where_the_policy_lets_them() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.now_us = 10 * SECOND
    # Dated by the decision: what was heard before it may be on the card already.
    assert camera.want(Intent.TOGGLE_MUTE, ago_us=SECOND) == [
        Mute(True, 10 * SECOND),
        Cue(CueKind.MUTED),
    ]
    assert camera.state.muted
    assert camera.want(Intent.TOGGLE_MUTE) == [Mute(False, 10 * SECOND), Cue(CueKind.UNMUTED)]
    assert not camera.state.muted


def test_where_the_policy_forbids_it_the_sound_stays_on_and_the_wearer_is_told() -> None:
    camera = camera_in(Stage.RECORDING)
    before = camera.state
    assert camera.want(Intent.TOGGLE_MUTE) == [REFUSED]
    assert camera.state == before


def test_whoever_has_muted_a_recording_is_reminded_of_it() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.want(Intent.TOGGLE_MUTE)
    assert camera.pass_time(120) == [Cue(CueKind.STILL_RECORDING), Cue(CueKind.MUTED)]


def test_a_muted_recording_stays_so_to_its_end_and_the_next_one_has_sound() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.want(Intent.TOGGLE_MUTE)
    camera.want(Intent.STOP)
    assert camera.state.muted
    assert camera.want(Intent.RECORD) == [StartRecording("button:main", 0, False), STARTED, SHOWN]
    assert not camera.state.muted


def test_a_recording_without_a_microphone_is_told_at_its_start_and_at_every_reminder() -> None:
    camera = camera_in(Stage.IDLE)
    told = Cue(CueKind.MICROPHONE_DOWN)
    assert camera.raise_(Condition.MICROPHONE_DOWN) == [told]
    assert camera.want(Intent.RECORD)[-3:] == [STARTED, told, SHOWN]
    assert camera.pass_time(120) == [Cue(CueKind.STILL_RECORDING), told]
    assert camera.clear(Condition.MICROPHONE_DOWN) == []


def test_whoever_switches_the_sound_on_without_a_microphone_is_told_that_there_is_none() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.want(Intent.TOGGLE_MUTE)
    down = Cue(CueKind.MICROPHONE_DOWN)
    assert camera.raise_(Condition.MICROPHONE_DOWN) == [down]
    assert camera.want(Intent.TOGGLE_MUTE) == [Mute(False, 0), Cue(CueKind.UNMUTED), down]
    assert not camera.state.muted


def test_a_recording_whose_camera_is_back_says_what_it_lacks() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.want(Intent.TOGGLE_MUTE)
    camera.raise_(Condition.CAMERA_DOWN)
    goes_on = [Cue(CueKind.STILL_RECORDING), Cue(CueKind.MUTED)]
    assert camera.clear(Condition.CAMERA_DOWN) == goes_on
    camera.raise_(Condition.MICROPHONE_DOWN)
    camera.raise_(Condition.CAMERA_DOWN)
    assert camera.clear(Condition.CAMERA_DOWN) == [*goes_on, Cue(CueKind.MICROPHONE_DOWN)]


def test_that_the_camera_is_back_is_told_though_the_next_press_would_be_refused() -> None:
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.LEDGER_FAILED)
    camera.raise_(Condition.CAMERA_DOWN)
    assert camera.clear(Condition.CAMERA_DOWN) == [Cue(CueKind.STILL_RECORDING)]
    # That the next one would begin again is told by this one, which records.
    assert camera.clear(Condition.LEDGER_FAILED) == [Cue(CueKind.STILL_RECORDING)]


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


def test_a_hold_that_began_in_a_recording_does_not_stop_the_next_one() -> None:
    camera = camera_in(Stage.RECORDING)
    assert camera.take(decided(Intent.STOP, Stage.RECORDING, camera.state.entered_us - 1)) == []
    assert camera.stage is Stage.RECORDING
    assert STOPPED in camera.take(decided(Intent.STOP, Stage.RECORDING, camera.state.entered_us))


def test_a_press_that_records_from_its_stage_records_from_any() -> None:
    camera = camera_in(Stage.IDLE)  # the self-view has timed out under the finger
    camera.take(decided(Intent.ESCALATE, Stage.SELF_VIEW))
    assert camera.stage is Stage.RECORDING


def test_a_press_for_self_view_counts_when_a_wait_is_over_and_not_once_it_is_shown() -> None:
    camera = camera_in(Stage.IDLE)
    camera.take(decided(Intent.ESCALATE, Stage.STOPPING))
    assert camera.stage is Stage.SELF_VIEW
    # Another button has shown it meanwhile; nobody asked to record.
    assert camera.take(decided(Intent.ESCALATE, Stage.IDLE)) == []
    # The first of two presses has, while a recording was being closed.
    camera.take(decided(Intent.ESCALATE, Stage.STOPPING))
    assert camera.stage is Stage.RECORDING


def test_what_was_felt_in_a_recording_stands_in_words_for_five_seconds_behind_it() -> None:
    camera = camera_in(Stage.RECORDING)
    # Whoever put a file on the card feels nothing of it, and reads it all the same.
    camera.raise_(Condition.PROVISION_REFUSED)
    camera.want(Intent.STOP)
    assert not camera.state.status_on
    assert camera.closed() == [Disarm(), WORDS]
    assert camera.due_us == 5 * SECOND
    assert camera.pass_time(5) == [ShowStatus(False)]
    # Once is enough: the next recording brings nothing new.
    camera.want(Intent.RECORD)
    camera.want(Intent.STOP)
    assert camera.closed() == [Disarm()]


def test_words_that_hold_no_longer_are_not_shown_behind_a_recording() -> None:
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.HOT)
    camera.clear(Condition.HOT)
    camera.want(Intent.STOP)
    assert camera.closed() == [Disarm()]


def test_a_reminder_that_asks_to_look_shows_its_words_behind_the_recording() -> None:
    camera = camera_in(Stage.IDLE)
    camera.raise_(Condition.BATTERY_CRITICAL)
    camera.want(Intent.RECORD)
    camera.pass_time(30)
    camera.want(Intent.STOP)
    assert camera.closed() == [Disarm(), WORDS]


def test_words_wait_for_the_end_of_a_self_view_that_follows_the_recording() -> None:
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.HOT)
    camera.want(Intent.STOP)
    camera.want(Intent.ESCALATE)
    assert WORDS not in camera.closed()
    assert camera.stage is Stage.SELF_VIEW
    camera.want(Intent.DE_ESCALATE)
    assert WORDS in camera.take(stages.Wiped(camera.now_us))


def test_the_status_shows_for_five_seconds_from_the_last_time_it_was_asked_for() -> None:
    camera = camera_in(Stage.IDLE)
    assert camera.want(Intent.SHOW_STATUS) == [ShowStatus(True)]
    assert camera.due_us == 5 * SECOND
    assert camera.take(stages.Tick(4 * SECOND)) == []
    assert camera.want(Intent.SHOW_STATUS) == []
    assert camera.due_us == 9 * SECOND
    assert camera.take(stages.Tick(9 * SECOND)) == [ShowStatus(False)]
    assert camera.state == camera_in(Stage.IDLE).state


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE])
def test_a_press_that_is_refused_is_answered_in_words_for_five_seconds(stage: Stage) -> None:
    camera = camera_in(stage)
    camera.raise_(Condition.STORAGE_FULL)
    told = [REFUSED, Cue(CueKind.STORAGE_FULL)]
    assert camera.want(Intent.RECORD) == [*told, WORDS]
    assert camera.due_us == 5 * SECOND
    # Again, and for longer: it shows already.
    camera.now_us = 4 * SECOND
    assert camera.want(Intent.RECORD) == told
    assert camera.due_us == 9 * SECOND
    assert camera.take(stages.Tick(9 * SECOND)) == [ShowStatus(False)]
    assert camera.stage is stage


@pytest.mark.parametrize("stage", [Stage.SELF_VIEW, Stage.RECORDING, Stage.STOPPING])
def test_a_press_that_is_refused_elsewhere_shows_no_words(stage: Stage) -> None:
    """The person opposite would read them."""
    camera = camera_in(stage)
    camera.raise_(Condition.CAMERA_DOWN)
    camera.want(Intent.RECORD)
    assert WORDS not in camera.effects
    assert not camera.state.status_on


def test_a_camera_that_has_ended_shows_no_words() -> None:
    camera = camera_in(Stage.IDLE)
    camera.shut_down()
    assert camera.want(Intent.RECORD) == [REFUSED]


@pytest.mark.parametrize("remembered", [None, Intent.ESCALATE])
def test_a_camera_that_does_not_start_says_why_and_what_is_remembered_stays(
    remembered: Intent | None,
) -> None:
    camera = camera_in(Stage.STARTING)
    camera.raise_(Condition.CAMERA_DOWN)
    if remembered is not None:
        camera.want(remembered)
    assert camera.want(Intent.SHOW_STATUS) == [WORDS]
    assert camera.state.remembered is remembered
    camera.clear(Condition.CAMERA_DOWN)
    camera.ready()
    # It may still be read in idle, and goes where somebody else is shown.
    assert camera.stage is (Stage.IDLE if remembered is None else Stage.SELF_VIEW)
    assert camera.state.status_on is (remembered is None)


@pytest.mark.parametrize("stage", [Stage.STARTING, Stage.IDLE])
def test_a_shutdown_ends_the_status(stage: Stage) -> None:
    camera = camera_in(stage)
    camera.want(Intent.SHOW_STATUS)
    assert camera.shut_down() == [ShowStatus(False), End()]
    assert camera.want(Intent.SHOW_STATUS) == []


@pytest.mark.parametrize("intent", [Intent.ESCALATE, Intent.RECORD])
def test_the_status_ends_with_idle(intent: Intent) -> None:
    camera = camera_in(Stage.IDLE, STANDING_BUFFER)
    camera.want(Intent.SHOW_STATUS)
    ended = {
        Intent.ESCALATE: [ShowStatus(False), ShowSelfView(True), VIEW_ON],
        # The footage first: no display delays a recording.
        Intent.RECORD: [
            StartRecording("button:main", 0, True),
            STARTED,
            ShowStatus(False),
            SHOWN,
        ],
    }
    assert camera.want(intent) == ended[intent]
    assert not camera.state.status_on


def test_a_camera_on_which_no_gesture_asks_for_the_status_shows_it_when_it_is_ready() -> None:
    camera = Camera(Rules(frozenset(), TIMEOUT_US, status_at_ready=True))
    assert camera.ready() == [READY, ShowStatus(True)]
    # Also, and all the more, where something is the matter.
    camera = Camera(camera.rules)
    camera.raise_(Condition.NO_RECIPIENTS)
    assert camera.ready() == [ShowStatus(True)]
    # Not over what somebody asked for meanwhile.
    camera = Camera(camera.rules)
    camera.want(Intent.ESCALATE)
    assert ShowStatus(True) not in camera.ready()


# --------------------------------------------------------------------------------------- wiping


def test_idle_shows_only_when_the_buffer_is_wiped() -> None:
    camera = camera_in(Stage.SELF_VIEW, STANDING_BUFFER)
    assert camera.want(Intent.DE_ESCALATE) == [ShowSelfView(False), Wipe(), VIEW_OFF]
    assert (camera.stage, camera.state.wiping, camera.state.armed) == (Stage.SELF_VIEW, True, False)
    assert camera.due_us is None
    assert camera.wiped() == [Arm()]
    assert (camera.stage, camera.state.wiping) == (Stage.IDLE, False)


@pytest.mark.parametrize("intent", [Intent.ESCALATE, Intent.RECORD])
def test_a_press_while_wiping_records_without_what_came_before(intent: Intent) -> None:
    camera = camera_in(Stage.SELF_VIEW, STANDING_BUFFER)
    camera.want(Intent.DE_ESCALATE)
    assert camera.want(intent) == [Arm(), StartRecording("button:main", 0, False), STARTED, SHOWN]
    # The answer to the wipe comes while the recording runs, and changes nothing in it.
    assert camera.wiped() == []
    assert camera.stage is Stage.RECORDING


def test_self_view_asked_for_while_wiping_is_shown_after_it() -> None:
    camera = camera_in(Stage.SELF_VIEW)
    camera.want(Intent.TOGGLE_SELF_VIEW)
    assert camera.want(Intent.TOGGLE_SELF_VIEW) == []
    assert camera.wiped() == [Arm(), ShowSelfView(True), VIEW_ON]
    assert (camera.stage, camera.state.remembered) == (Stage.SELF_VIEW, None)


def test_a_recording_that_overtook_a_wipe_waits_for_it_before_idle_shows() -> None:
    camera = camera_in(Stage.SELF_VIEW)
    camera.want(Intent.DE_ESCALATE)
    camera.want(Intent.RECORD)
    camera.want(Intent.STOP)
    assert camera.closed() == [Disarm()]
    assert (camera.stage, camera.state.wiping) == (Stage.SELF_VIEW, True)
    assert camera.wiped() == []
    assert camera.stage is Stage.IDLE


# ---------------------------------------------------------------------------------- remembered


def test_a_press_while_starting_records_as_soon_as_the_camera_is_ready() -> None:
    camera = camera_in(Stage.STARTING)
    camera.now_us = 2 * SECOND
    assert camera.want(Intent.RECORD, ago_us=SECOND) == []
    camera.now_us = 5 * SECOND
    start = StartRecording("button:main", SECOND, False)  # no READY: it would blur STARTED
    assert camera.ready() == [Arm(), start, STARTED, SHOWN]


def test_two_escalations_while_starting_are_a_recording_dated_by_the_second() -> None:
    camera = camera_in(Stage.STARTING)
    camera.want(Intent.ESCALATE)
    camera.now_us = SECOND
    camera.want(Intent.ESCALATE)
    assert StartRecording("button:main", SECOND, False) in camera.ready()


def test_one_escalation_while_starting_is_self_view() -> None:
    camera = camera_in(Stage.STARTING, STANDING_BUFFER)
    camera.want(Intent.ESCALATE)
    assert camera.ready() == [Arm(), ShowSelfView(True), VIEW_ON]


def test_a_stop_takes_back_what_is_remembered() -> None:
    camera = camera_in(Stage.STARTING)
    camera.want(Intent.RECORD)
    camera.want(Intent.MARK)  # means nothing yet, and takes nothing back
    assert camera.state.remembered is Intent.RECORD
    camera.want(Intent.STOP)
    camera.ready()
    assert camera.stage is Stage.IDLE


# ------------------------------------------------------------------------ while a file is closed


@pytest.mark.parametrize("rules", [SELF_VIEW_BUFFER, STANDING_BUFFER])
def test_a_press_while_the_last_file_is_closed_records_at_once(rules: Rules) -> None:
    """However long a slow card takes: from the press on, footage is kept."""
    camera = camera_in(Stage.STOPPING, rules)
    camera.now_us = SECOND
    # Still armed, so nothing since the press is missing; pre_event False, so nothing is in both.
    start = StartRecording("button:main", SECOND, False)
    assert camera.want(Intent.RECORD) == [start, STARTED, SHOWN]
    assert camera.stage is Stage.RECORDING
    assert camera.want(Intent.STOP) == [StopRecording("stop", SECOND), HIDDEN, STOPPED]


def test_two_escalations_while_the_last_file_is_closed_record_at_once() -> None:
    camera = camera_in(Stage.STOPPING)
    assert camera.want(Intent.ESCALATE) == []
    camera.now_us = SECOND
    start = StartRecording("button:main", SECOND, False)
    assert camera.want(Intent.ESCALATE) == [start, STARTED, SHOWN]
    assert camera.state.remembered is None


@pytest.mark.parametrize("before", [Stage.STOPPING, Stage.IDLE])
def test_a_recording_that_fails_while_a_file_is_closed_leaves_that_its_ring(before: Stage) -> None:
    camera = camera_in(before)
    camera.want(Intent.RECORD)
    failed = stages.Failed(SECOND, "input/output error", closing=True)
    assert camera.take(failed) == [RECORDING_FAILED, HIDDEN]
    assert (camera.stage, camera.state.armed) == (Stage.STOPPING, True)
    assert camera.closed() == [Disarm()]
    assert camera.stage is Stage.IDLE


def test_a_condition_that_arrives_refuses_at_once_what_was_remembered() -> None:
    camera = camera_in(Stage.STARTING)
    camera.want(Intent.RECORD)
    assert camera.raise_(Condition.CAMERA_DOWN) == [REFUSED, Cue(CueKind.CAMERA_DOWN)]
    camera.clear(Condition.CAMERA_DOWN)
    assert camera.ready() == [READY]


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


def test_self_view_is_shown_even_where_a_recording_would_be_refused_and_warns() -> None:
    camera = camera_in(Stage.IDLE)
    assert camera.raise_(Condition.STORAGE_FAILED) == [STORAGE_FAILED]
    assert camera.want(Intent.ESCALATE) == [Arm(), ShowSelfView(True), VIEW_ON, STORAGE_FAILED]


def test_p4_without_recipients_the_self_view_works_and_every_recording_is_refused() -> None:
    camera = camera_in(Stage.STARTING)
    told = Cue(CueKind.NO_RECIPIENTS)
    assert camera.raise_(Condition.NO_RECIPIENTS) == [told]
    # It is up, but what "ready" promises does not hold.
    assert camera.ready() == []
    assert camera.want(Intent.ESCALATE) == [Arm(), ShowSelfView(True), VIEW_ON, told]
    for intent in (Intent.ESCALATE, Intent.RECORD):
        assert camera.want(intent) == [REFUSED, told]
    assert camera.want(Intent.TOGGLE_SELF_VIEW) == [ShowSelfView(False), Wipe(), VIEW_OFF]


def test_a_camera_that_goes_down_leaves_the_recording_open_and_is_told() -> None:
    camera = camera_in(Stage.RECORDING)
    assert camera.raise_(Condition.CAMERA_DOWN) == [Cue(CueKind.CAMERA_DOWN)]
    # The reminder must not say that pictures are being taken.
    assert camera.pass_time(120) == [Cue(CueKind.CAMERA_DOWN)]
    assert camera.clear(Condition.CAMERA_DOWN) == [Cue(CueKind.STILL_RECORDING)]
    assert camera.stage is Stage.RECORDING


@pytest.mark.parametrize(
    ("condition", "cue"),
    [
        (Condition.STORAGE_FULL, CueKind.STORAGE_FULL),
        (Condition.STORAGE_FAILED, CueKind.STORAGE_FAILED),
        (Condition.STORAGE_READ_ONLY, CueKind.STORAGE_FAILED),
    ],
)
def test_storage_that_ends_while_recording_closes_what_there_is(
    condition: Condition, cue: CueKind
) -> None:
    camera = camera_in(Stage.RECORDING)
    stop = StopRecording(condition.value, 0)
    assert camera.raise_(condition) == [stop, HIDDEN, CUT_OFF, Cue(cue)]
    assert camera.closed() == [Disarm(), WORDS]


def test_a_ledger_that_fails_refuses_the_next_recording_and_ends_none() -> None:
    camera = camera_in(Stage.RECORDING)
    assert camera.raise_(Condition.LEDGER_FAILED) == [STORAGE_FAILED]
    assert camera.stage is Stage.RECORDING
    camera = camera_in(Stage.IDLE)
    camera.raise_(Condition.LEDGER_FAILED)
    assert camera.want(Intent.RECORD) == [REFUSED, STORAGE_FAILED, WORDS]


def test_causes_that_mean_the_same_to_the_wearer_are_told_once_and_each_has_its_own_end() -> None:
    camera = camera_in(Stage.IDLE)
    assert camera.raise_(Condition.LEDGER_FAILED) == [STORAGE_FAILED]
    assert camera.raise_(Condition.STORAGE_READ_ONLY) == []
    assert camera.raise_(Condition.STORAGE_FAILED) == []
    assert camera.want(Intent.ESCALATE) == [Arm(), ShowSelfView(True), VIEW_ON, STORAGE_FAILED]
    assert camera.clear(Condition.STORAGE_FAILED) == []
    assert camera.clear(Condition.LEDGER_FAILED) == []
    assert camera.clear(Condition.STORAGE_READ_ONLY) == [READY]


def test_a_recording_that_ends_by_a_cause_is_told_although_another_one_was() -> None:
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.LEDGER_FAILED)
    stop = StopRecording("storage_failed", 0)
    assert camera.raise_(Condition.STORAGE_FAILED) == [stop, HIDDEN, CUT_OFF, STORAGE_FAILED]


@pytest.mark.parametrize("stage", Stage)
def test_that_a_recording_was_cut_off_is_told_also_in_words(stage: Stage) -> None:
    camera = camera_in(stage)
    before = camera.state
    words = [WORDS] if stage in (Stage.STARTING, Stage.IDLE) else []
    assert camera.take(stages.CutOff(camera.now_us)) == [CUT_OFF, *words]
    assert replace(camera.state, status_on=False, status_at_us=0) == before


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_recording_that_was_cut_off_waits_for_its_camera_and_goes_on(asked_first: bool) -> None:
    """It would have outlived that, too; and whoever wears the camera believes that it records."""
    camera = camera_in(Stage.STARTING)
    if asked_first:
        assert camera.go_on() == []
        assert camera.raise_(Condition.CAMERA_DOWN) == [CAMERA_DOWN]
    else:
        assert camera.raise_(Condition.CAMERA_DOWN) == [CAMERA_DOWN]
        assert camera.go_on() == []
    # A hand is answered as ever, and takes nothing away.
    for intent in (Intent.RECORD, Intent.ESCALATE, Intent.ESCALATE):
        assert camera.want(intent)[0] == REFUSED
    camera.now_us = 9 * SECOND
    assert camera.clear(Condition.CAMERA_DOWN) == []
    assert StartRecording(CONTINUED, 0, False) in camera.ready()
    assert camera.stage is Stage.RECORDING


def test_a_press_before_it_is_known_that_a_recording_goes_on_takes_nothing_away() -> None:
    camera = camera_in(Stage.STARTING)
    camera.want(Intent.RECORD)
    pressed_us = camera.now_us
    camera.now_us += SECOND
    assert camera.go_on() == []
    assert camera.raise_(Condition.CAMERA_DOWN) == [CAMERA_DOWN]
    camera.clear(Condition.CAMERA_DOWN)
    assert StartRecording(CONTINUED, pressed_us, False) in camera.ready()


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


def test_a_recording_whose_camera_is_given_up_does_not_go_on() -> None:
    camera = camera_in(Stage.STARTING)
    camera.go_on()
    camera.raise_(Condition.CAMERA_DOWN)
    assert camera.take(stages.GivenUp(SECOND)) == [CUT_OFF]
    camera.clear(Condition.CAMERA_DOWN)
    assert camera.ready() == [READY]


def test_a_camera_that_shuts_down_lets_no_recording_go_on() -> None:
    camera = camera_in(Stage.STARTING)
    camera.go_on()
    assert camera.shut_down() == [CUT_OFF, End()]
    assert camera.go_on() == []


def test_a_recorder_that_fails_ends_in_idle_and_is_told_once() -> None:
    camera = camera_in(Stage.RECORDING)
    assert camera.failed() == [RECORDING_FAILED, Disarm(), HIDDEN]
    assert camera.stage is Stage.IDLE
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.STORAGE_FAILED)
    assert camera.failed() == [Disarm(), WORDS]
    assert camera.stage is Stage.IDLE


def test_a_failed_recorder_keeps_a_standing_buffer_for_the_next_press() -> None:
    camera = camera_in(Stage.RECORDING, STANDING_BUFFER)
    assert camera.failed() == [RECORDING_FAILED, HIDDEN]
    assert camera.want(Intent.RECORD) == [StartRecording("button:main", 0, True), STARTED, SHOWN]


def test_a_recording_without_a_light_is_told_at_its_start_and_at_every_reminder() -> None:
    camera = camera_in(Stage.IDLE)
    told = Cue(CueKind.LIGHT_DOWN)
    assert camera.raise_(Condition.LIGHT_DOWN) == [told]
    assert camera.want(Intent.RECORD)[-3:] == [STARTED, told, SHOWN]
    assert camera.pass_time(120) == [Cue(CueKind.STILL_RECORDING), told]


def test_the_camera_says_when_it_can_record_again() -> None:
    camera = camera_in(Stage.IDLE)
    camera.raise_(Condition.CAMERA_DOWN)
    camera.raise_(Condition.STORAGE_FULL)
    assert camera.clear(Condition.CAMERA_DOWN) == []  # the card is still full
    assert camera.clear(Condition.STORAGE_FULL) == [READY]


def test_a_condition_that_is_cleared_while_starting_is_not_yet_ready() -> None:
    camera = camera_in(Stage.STARTING)
    camera.raise_(Condition.CAMERA_DOWN)
    assert camera.clear(Condition.CAMERA_DOWN) == []


def test_what_is_known_already_is_not_told_again() -> None:
    camera = camera_in(Stage.IDLE)
    assert camera.raise_(Condition.BATTERY_LOW) == [Cue(CueKind.BATTERY_LOW)]
    assert camera.raise_(Condition.BATTERY_LOW) == []
    assert camera.clear(Condition.HOT) == []


def test_docking_is_silent() -> None:
    assert camera_in(Stage.IDLE).raise_(Condition.DOCKED) == []


# ------------------------------------------------------------------------------------- shutdown


def test_shutdown_while_starting_or_idle_ends_at_once() -> None:
    assert camera_in(Stage.STARTING).shut_down() == [End()]
    assert camera_in(Stage.IDLE).shut_down() == [End()]
    assert camera_in(Stage.IDLE, STANDING_BUFFER).shut_down() == [Disarm(), End()]


def test_shutdown_in_self_view_wipes_first() -> None:
    camera = camera_in(Stage.SELF_VIEW, STANDING_BUFFER)
    assert camera.shut_down() == [ShowSelfView(False), Wipe(), VIEW_OFF]
    assert camera.shut_down() == []  # it is on its way already
    assert camera.wiped() == [End()]  # and nothing is armed again


def test_shutdown_while_recording_closes_first() -> None:
    camera = camera_in(Stage.RECORDING, STANDING_BUFFER)
    camera.now_us = SECOND
    assert camera.shut_down() == [StopRecording("shutdown", SECOND), HIDDEN, CUT_OFF]
    assert camera.closed() == [Disarm(), End()]


def test_a_camera_that_is_given_up_ends_a_recording_and_says_why() -> None:
    camera = camera_in(Stage.RECORDING)
    camera.raise_(Condition.CAMERA_DOWN)
    ended = camera.take(stages.GivenUp(SECOND))
    assert ended == [
        StopRecording("camera_down", SECOND),
        HIDDEN,
        CUT_OFF,
        Cue(CueKind.CAMERA_DOWN),
    ]
    camera.closed()
    assert camera.stage is Stage.IDLE
    assert signals.indication(camera.state).red == signals.OFF
    assert REFUSED in camera.want(Intent.RECORD)
    assert camera.clear(Condition.CAMERA_DOWN) == [Cue(CueKind.READY)], "it was tried on"
    camera.want(Intent.RECORD)
    assert camera.stage is Stage.RECORDING


def test_a_camera_that_comes_back_as_it_is_given_up_is_not_said_to_be_down() -> None:
    camera = camera_in(Stage.RECORDING)
    ended = camera.take(stages.GivenUp(SECOND))
    assert ended == [StopRecording("camera_down", SECOND), HIDDEN, CUT_OFF]


@pytest.mark.parametrize("stage", [one for one in Stage if one is not Stage.RECORDING])
def test_where_nothing_is_recorded_nothing_follows_from_a_camera_that_is_given_up(
    stage: Stage,
) -> None:
    camera = camera_in(stage)
    before = camera.state
    assert camera.take(stages.GivenUp(SECOND)) == []
    assert camera.state == before


def test_a_recording_that_an_empty_battery_ends_says_so() -> None:
    camera = camera_in(Stage.RECORDING)
    stop = camera.take(stages.Shutdown(SECOND, "battery_critical"))
    assert stop == [StopRecording("battery_critical", SECOND), HIDDEN, CUT_OFF]


def test_shutdown_while_stopping_waits_for_the_file_and_forgets_what_was_remembered() -> None:
    camera = camera_in(Stage.STOPPING)
    camera.want(Intent.ESCALATE)
    assert camera.shut_down() == []
    assert camera.shut_down() == []
    assert camera.closed() == [Disarm(), End()]


def test_shutdown_while_starting_refuses_what_was_remembered() -> None:
    camera = camera_in(Stage.STARTING)
    camera.want(Intent.RECORD)
    assert camera.shut_down() == [REFUSED, End()]


def test_a_camera_that_shuts_down_refuses_and_says_so() -> None:
    camera = camera_in(Stage.STOPPING)
    camera.shut_down()
    assert camera.want(Intent.RECORD) == [REFUSED]
    assert camera.want(Intent.ESCALATE) == []
    camera.closed()
    assert camera.want(Intent.RECORD) == [REFUSED]


def test_after_the_end_only_conditions_change() -> None:
    camera = camera_in(Stage.STARTING)
    camera.shut_down()
    before = camera.state
    assert camera.ready() == []  # the camera came up a moment too late
    assert camera.shut_down() == []
    assert camera.state == before
    camera.raise_(Condition.HOT)
    assert camera.state.conditions == {Condition.HOT}


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
