"""What is said aloud: true when it is said, and never more than asked for."""

from __future__ import annotations

import pytest

from camerad.behaviour import stages
from camerad.behaviour.announcements import OF_SELF_VIEW, Announcement, announcement
from camerad.behaviour.stages import Condition, Intent, Rules, Stage
from tests.unit.behaviour.space import ALL_RULES, explore
from tests.unit.behaviour.test_stages_table import (
    MUTABLE,
    NO_BUFFER,
    SELF_VIEW_BUFFER,
    Camera,
    camera_in,
)

WITH_SOUND = {Announcement.RECORDING, Announcement.UNMUTED}
OF_AN_END = {Announcement.ENDED, Announcement.RECORDING_FAILED}
OF_A_START = {Announcement.RECORDING, Announcement.RECORDING_SILENT}


def said(
    camera: Camera, event: stages.Event, *, sound: bool = True, self_view: bool = True
) -> Announcement | None:
    before = camera.state
    camera.take(event)
    failed = stages.is_failure(event)
    return announcement(before, camera.state, sound=sound, self_view=self_view, failed=failed)


def wanted(intent: Intent) -> stages.Intended:
    return stages.Intended(0, intent, 0, "button:main")


@pytest.mark.parametrize(
    ("sound", "expected"),
    [(True, Announcement.RECORDING), (False, Announcement.RECORDING_SILENT)],
)
@pytest.mark.parametrize("stage", [Stage.IDLE, Stage.SELF_VIEW])
def test_a_recording_is_announced_with_or_without_its_sound(
    stage: Stage, sound: bool, expected: Announcement
) -> None:
    assert said(camera_in(stage), wanted(Intent.RECORD), sound=sound) is expected


def test_its_end_is_announced_when_the_file_is_closed_and_not_before() -> None:
    camera = camera_in(Stage.RECORDING)
    assert said(camera, wanted(Intent.STOP)) is None
    assert said(camera, stages.Closed(0)) is Announcement.ENDED


def test_a_recording_that_failed_is_not_said_to_have_ended() -> None:
    assert said(camera_in(Stage.RECORDING), stages.Failed(0, "")) is Announcement.RECORDING_FAILED
    # Stopped, and then not a picture had come; or the card did not take the end.
    for event in (stages.Closed(0, failed=True), stages.Failed(0, "")):
        camera = camera_in(Stage.RECORDING)
        assert said(camera, wanted(Intent.STOP)) is None
        assert said(camera, event) is Announcement.RECORDING_FAILED


def test_sound_that_is_switched_off_and_on_is_announced() -> None:
    camera = camera_in(Stage.RECORDING, MUTABLE)
    assert said(camera, wanted(Intent.MARK)) is None
    assert said(camera, wanted(Intent.TOGGLE_MUTE)) is Announcement.MUTED
    assert said(camera, wanted(Intent.TOGGLE_MUTE)) is Announcement.UNMUTED
    # Where there is none, nothing has changed for whoever is recorded.
    assert said(camera, wanted(Intent.TOGGLE_MUTE), sound=False) is None


def test_sound_that_comes_after_all_is_announced() -> None:
    """In idle the microphone is closed; that it was down is known until it is used again."""
    camera = camera_in(Stage.IDLE)
    camera.raise_(Condition.MICROPHONE_DOWN)
    assert said(camera, wanted(Intent.RECORD)) is Announcement.RECORDING_SILENT
    works = stages.Cleared(0, Condition.MICROPHONE_DOWN)
    assert said(camera, works) is Announcement.UNMUTED
    assert said(camera, stages.Raised(0, Condition.MICROPHONE_DOWN)) is Announcement.MUTED
    # Nothing changes for whoever is recorded while the wearer wants no sound.
    camera = camera_in(Stage.RECORDING, MUTABLE)
    camera.want(Intent.TOGGLE_MUTE)
    camera.raise_(Condition.MICROPHONE_DOWN)
    assert said(camera, works) is None


@pytest.mark.parametrize(
    ("rules", "expected"),
    [(NO_BUFFER, Announcement.SELF_VIEW), (SELF_VIEW_BUFFER, Announcement.SELF_VIEW_ARMED)],
)
def test_self_view_says_whether_a_buffer_runs(rules: Rules, expected: Announcement) -> None:
    camera = camera_in(Stage.IDLE, rules)
    assert said(camera, wanted(Intent.ESCALATE)) is expected
    # The display is dark now; that the buffer is gone a moment later is nobody's news.
    assert said(camera, wanted(Intent.DE_ESCALATE)) is Announcement.SELF_VIEW_ENDED
    assert said(camera, stages.Wiped(0)) is None


def test_a_camera_that_is_not_asked_to_says_nothing_of_self_view() -> None:
    camera = camera_in(Stage.IDLE)
    for event in (wanted(Intent.ESCALATE), wanted(Intent.DE_ESCALATE), stages.Wiped(0)):
        assert said(camera, event, self_view=False) is None


def test_a_self_view_right_after_a_recording_says_the_newer_thing() -> None:
    for self_view, expected in ((True, Announcement.SELF_VIEW_ARMED), (False, Announcement.ENDED)):
        camera = camera_in(Stage.STOPPING)
        camera.want(Intent.ESCALATE)
        assert said(camera, stages.Closed(0), self_view=self_view) is expected


def test_a_recording_right_after_a_recording_is_announced_anew() -> None:
    camera = camera_in(Stage.STOPPING)
    assert said(camera, wanted(Intent.RECORD)) is Announcement.RECORDING


def test_conditions_are_no_announcements() -> None:
    assert said(camera_in(Stage.RECORDING), stages.Raised(0, Condition.HOT)) is None
    # A full card ends the recording; that is announced when it is closed.
    assert said(camera_in(Stage.RECORDING), stages.Raised(0, Condition.STORAGE_FULL)) is None


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("self_view", [True, False])
def test_whatever_happens_what_is_said_is_true(sound: bool, self_view: bool) -> None:
    """In every state that can be reached, by the world and not by the state."""
    counted = 0
    for rules in ALL_RULES:
        for t in explore(rules, matters=frozenset(), rest=frozenset()):
            if t.after is None or not t.possible:
                continue
            failed = stages.is_failure(t.event)
            what = announcement(t.before, t.after, sound=sound, self_view=self_view, failed=failed)
            starts = any(isinstance(e, stages.StartRecording) for e in t.effects)
            assert starts == (what in OF_A_START)
            silent = t.then.muted or Condition.MICROPHONE_DOWN in t.after.conditions
            if what in WITH_SOUND:
                assert t.then.keeping and not silent and sound
            if what in (Announcement.RECORDING_SILENT, Announcement.MUTED):
                assert t.then.keeping and (silent or not sound)
            if what in OF_AN_END or what in OF_SELF_VIEW:
                assert not t.then.keeping
            if what in OF_AN_END:
                assert failed == (what is Announcement.RECORDING_FAILED)
            if what is Announcement.SELF_VIEW:
                assert t.then.shown and not t.then.fed
            if what is Announcement.SELF_VIEW_ENDED:
                assert not t.then.shown and not t.then.fed
            if what in OF_SELF_VIEW:
                assert self_view
            counted += what is not None
    assert counted > 100, "the search has not reached far"
