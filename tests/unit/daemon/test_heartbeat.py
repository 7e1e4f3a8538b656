"""The note of until when footage was wanted: what it says, and what of it is believed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.container.gaps import CUT_OFF, NO_ANSWER, NOT_STORED
from camerad.daemon.heartbeat import DIRECTORY, Heartbeat, WantedNote
from tests.waiting import until

ID = "20261124T153000Z-000001-00000001"
OTHER = "20261124T153000Z-000002-00000002"
WAIT = 20.0


class Recorded:
    """A recording that is made, as its recorder shows it."""

    def __init__(self, clock: ManualClock, recording: str | None = ID) -> None:
        self._clock = clock
        begun = {"trigger": "button:main", "trigger_us": clock.now_us(), "continues": None}
        self.plan: Any = SimpleNamespace(**begun, wearer="W-0815")
        self.info: Any = None if recording is None else SimpleNamespace(id=recording)
        self.stopped_for: str | None = None
        self.stop_us: int | None = None
        self.pending_us: int | None = None
        self.refused = False
        self.muted_us: int | None = None
        self.ended = False

    @property
    def wanted_us(self) -> int:
        return self._clock.now_us() if self.stop_us is None else self.stop_us

    def join(self, timeout: float | None = None) -> bool:
        del timeout
        return self.ended


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100 * SECOND)


@pytest.fixture
def heartbeat(tmp_path: Path, clock: ManualClock) -> Heartbeat:
    return Heartbeat(str(tmp_path), clock)


@pytest.fixture
def running(heartbeat: Heartbeat, clock: ManualClock) -> Iterator[Recorded]:
    found: Any = Recorded(clock)
    heartbeat.follow(found)
    yield found
    found.ended = True


def noted(heartbeat: Heartbeat, clock: ManualClock, name: str = ID, **facts: Any) -> None:
    """Wait for the note that says so of now."""
    usual = {"until_us": clock.now_us(), "lit": "stopped" not in facts}
    wanted = WantedNote(clock.boot_id, **(usual | facts))
    seen = lambda: f"{wanted}, not {heartbeat.read(name)}"  # noqa: E731 - for the message
    until(lambda: heartbeat.read(name) == wanted, WAIT, seen)


@pytest.mark.usefixtures("running")
def test_the_note_follows_a_recording_that_runs(heartbeat: Heartbeat, clock: ManualClock) -> None:
    noted(heartbeat, clock, why=CUT_OFF)
    clock.advance(70 * SECOND)
    noted(heartbeat, clock, why=CUT_OFF)


def test_a_stop_is_noted_as_the_time_up_to_which_footage_was_wanted(
    heartbeat: Heartbeat, clock: ManualClock, running: Recorded
) -> None:
    running.stop_us, running.stopped_for = clock.now_us() - 5, "shutdown"
    clock.advance(15 * SECOND)
    noted(heartbeat, clock, until_us=running.stop_us, stopped="shutdown")


def test_what_the_card_does_meanwhile_is_the_reason(
    heartbeat: Heartbeat, clock: ManualClock, running: Recorded
) -> None:
    running.pending_us = clock.now_us()
    noted(heartbeat, clock, why=CUT_OFF)
    clock.advance(2 * SECOND)
    noted(heartbeat, clock, why=NO_ANSWER)
    running.refused = True
    noted(heartbeat, clock, why=NOT_STORED)


def test_a_mute_is_noted_at_once(
    heartbeat: Heartbeat, clock: ManualClock, running: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon may die before the next beat, and the ledger may wait for its card."""
    noted(heartbeat, clock, why=CUT_OFF)
    monkeypatch.setattr("camerad.daemon.heartbeat.BEAT_SECONDS", 10 * WAIT)
    heartbeat.hurry()  # from now on a beat is a long time
    running.muted_us = clock.now_us()
    heartbeat.hurry()
    noted(heartbeat, clock, muted_us=running.muted_us)
    running.muted_us = None
    heartbeat.hurry()
    noted(heartbeat, clock, muted_us=None)
    monkeypatch.undo()
    heartbeat.hurry()


def test_two_recordings_at_a_time_have_a_note_each(
    heartbeat: Heartbeat, clock: ManualClock, running: Recorded
) -> None:
    running.stop_us = clock.now_us()
    second: Any = Recorded(clock, None)
    heartbeat.follow(second)
    clock.advance(SECOND)
    noted(heartbeat, clock, until_us=running.stop_us)
    second.info = SimpleNamespace(id=OTHER)
    until(lambda: heartbeat.read(OTHER), WAIT, "a note of the second one")
    second.ended = True


def test_a_recording_whose_file_a_slow_card_still_makes_is_noted_by_its_trigger(
    tmp_path: Path, heartbeat: Heartbeat, clock: ManualClock
) -> None:
    """Else a daemon that is killed in these seconds leaves red light over footage that nothing
    names."""
    made: Any = Recorded(clock, None)
    made.plan.continues = OTHER
    pressed = {
        "trigger": "button:main",
        "trigger_us": clock.now_us(),
        "continues": OTHER,
        "wearer": "W-0815",
    }
    name = f"triggered-{clock.now_us()}"
    heartbeat.follow(made)
    made.pending_us = clock.now_us()
    clock.advance(7 * SECOND)
    noted(heartbeat, clock, name, why=NO_ANSWER, **pressed)
    made.stop_us, made.stopped_for = clock.now_us(), "stop"
    clock.advance(SECOND)
    noted(heartbeat, clock, name, why=NO_ANSWER, until_us=made.stop_us, stopped="stop", **pressed)
    assert heartbeat.left_behind() == {name: heartbeat.read(name)}
    # From when it has a file it is called by its name, and no longer by its trigger.
    made.pending_us, made.info = None, SimpleNamespace(id=ID)
    noted(heartbeat, clock, until_us=made.stop_us, stopped="stop")
    until(lambda: os.listdir(tmp_path / DIRECTORY) == [ID], WAIT, "one note")
    made.ended = True


def test_what_ended_without_a_file_is_not_noted_any_more(
    tmp_path: Path, heartbeat: Heartbeat, clock: ManualClock, running: Recorded
) -> None:
    tried: Any = Recorded(clock, None)
    heartbeat.follow(tried)
    until(lambda: len(heartbeat.left_behind()) == 2, WAIT, "two notes")
    tried.ended = True
    until(lambda: os.listdir(tmp_path / DIRECTORY) == [ID], WAIT, "one note")
    assert not running.ended


def test_a_note_gets_the_name_of_its_recording(heartbeat: Heartbeat, clock: ManualClock) -> None:
    heartbeat.left("triggered-5", clock.now_us(), "stop")
    note = heartbeat.read("triggered-5")
    heartbeat.rename("triggered-5", ID)
    assert heartbeat.left_behind() == {ID: note}


def test_where_nothing_was_noted_nothing_is_left_behind(heartbeat: Heartbeat) -> None:
    assert heartbeat.left_behind() == {}


def test_nothing_is_noted_of_what_is_over(
    heartbeat: Heartbeat, clock: ManualClock, running: Recorded
) -> None:
    noted(heartbeat, clock)
    heartbeat.left(ID, clock.now_us() - 7, "stop")
    second: Any = Recorded(clock, OTHER)
    heartbeat.follow(second)
    clock.advance(SECOND)
    until(lambda: heartbeat.read(OTHER), WAIT, "another beat")
    assert heartbeat.read(ID) == WantedNote(
        clock.boot_id, clock.now_us() - SECOND - 7, NOT_STORED, "stop", lit=False
    )
    heartbeat.forget(ID)
    clock.advance(SECOND)
    wanted = WantedNote(clock.boot_id, clock.now_us())
    until(lambda: heartbeat.read(OTHER) == wanted, WAIT, "another beat")
    assert heartbeat.read(ID) is None
    heartbeat.forget(ID)  # there is none any more, which is right
    running.ended = second.ended = True


def test_a_note_that_becomes_shorter_is_read_as_it_is(
    heartbeat: Heartbeat, clock: ManualClock
) -> None:
    heartbeat.left(ID, clock.now_us(), "a reason with more words than the next one has")
    heartbeat.left(ID, clock.now_us(), "failed")
    wanted = WantedNote(clock.boot_id, clock.now_us(), NOT_STORED, "failed", lit=False)
    assert heartbeat.read(ID) == wanted


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"boot_id":"BOOT","until_us":"5"}',
        b'{"boot_id":"BOOT","until_us":-1}',
        b'{"boot_id":"BOOT","until_us":100000001}',
        b'{"boot_id":"another","until_us":5}',
    ],
)
def test_a_note_that_cannot_be_right_is_none(
    tmp_path: Path, heartbeat: Heartbeat, clock: ManualClock, content: bytes
) -> None:
    heartbeat.left(ID, clock.now_us(), "stop")
    path = tmp_path / DIRECTORY / ID
    right = b'{"boot_id":"BOOT","until_us":5}'.replace(b"BOOT", clock.boot_id.encode())
    path.write_bytes(right)
    assert heartbeat.read(ID) == WantedNote(clock.boot_id, 5)
    path.write_bytes(content.replace(b"BOOT", clock.boot_id.encode()))
    assert heartbeat.read(ID) is None


def test_a_note_that_is_no_file_holds_nothing_up(
    tmp_path: Path, heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / DIRECTORY / ID).mkdir(parents=True)
    heartbeat.left(ID, 5, "failed")
    heartbeat.forget(ID)
    assert heartbeat.read(ID) is None
    # Once, however often it is tried.
    assert caplog.text.count("cannot be noted") == 1


def test_nobody_else_may_read_the_notes(
    tmp_path: Path, heartbeat: Heartbeat, clock: ManualClock
) -> None:
    heartbeat.left(ID, clock.now_us(), "stop")
    assert os.stat(tmp_path / DIRECTORY).st_mode & 0o007 == 0
