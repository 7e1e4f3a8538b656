"""Shifts as the daemon carries them out: ledger, cues, timer, status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour import signals
from camerad.behaviour.shift import ShiftRules
from camerad.behaviour.stages import Condition, CueKind, Intended, Intent, Stage
from camerad.daemon.shift_manager import KeptShift, ShiftManager
from camerad.daemon.shift_note import Worn
from tests.unit.core_helpers import end_recording, idle_core, lives, record

HOUR = 3600 * SECOND
RULES = ShiftRules(longest_us=14 * HOUR, reminder_us=120 * SECOND, badge_us=60 * SECOND)


class Bench:
    """Shifts of a camera in idle, and what they tell."""

    def __init__(self) -> None:
        self.clock = ManualClock(1000 * SECOND)
        self.core = idle_core(self.clock)
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.remembered: list[tuple[Worn | None, str | None]] = []
        self.cues: list[CueKind] = []
        self.changes = 0
        self.shifts = ShiftManager(
            self.core,
            RULES,
            self._note,
            lambda present, over: self.remembered.append((present, over)),
            play=self.cues.append,
            on_change=self._changed,
        )
        self.core.dispatcher.listen(self.shifts.stepped)

    def _note(self, kind: str, **facts: Any) -> None:
        self.notes.append((kind, facts))

    def _changed(self) -> None:
        self.changes += 1

    def plays(self, scene: Callable[[Bench], None], seconds: float = 0.0) -> Bench:
        """The scene, then so much time."""

        lives(self.clock, lambda: scene(self), seconds)
        return self

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notes]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_shift_is_in_the_ledger_with_who_and_when(bench: Bench) -> None:
    moment, boot = bench.clock.moment(), bench.clock.boot_id
    bench.plays(lambda one: one.shifts.begin("W-0815"))
    assert bench.notes == [
        (
            "shift_begun",
            {"wearer": "W-0815", "source": "control", "began": moment, "began_boot": boot},
        )
    ]
    assert bench.remembered == [(Worn("W-0815", "control", moment), None)]
    assert bench.cues == [CueKind.SHIFT_BEGUN]
    assert bench.shifts.wearer == "W-0815"


def test_each_change_is_remembered_once_and_for_whoever_wears_the_camera_then(bench: Bench) -> None:
    def scene(one: Bench) -> None:
        one.shifts.begin("W-0815")
        one.shifts.look()
        one.shifts.begin("W-0816")
        one.shifts.end()
        one.shifts.end()

    bench.plays(scene)
    told = [(present and present.wearer, over) for present, over in bench.remembered]
    assert told == [("W-0815", None), ("W-0816", "relieved"), (None, "ended")]


def test_a_dock_in_a_recording_is_remembered_for_the_next_daemon_as_long_as_it_counts(
    bench: Bench,
) -> None:
    def scene(one: Bench) -> None:
        one.shifts.begin("W-1")
        one.shifts.begin("W-2")
        record(one.core)
        one.core.conditions.raise_(Condition.DOCKED)
        one.core.conditions.clear(Condition.DOCKED)
        one.core.conditions.raise_(Condition.DOCKED)
        end_recording(one.core)

    bench.plays(scene)
    told = [(present and (present.wearer, present.due), over) for present, over in bench.remembered]
    worn = [(("W-2", due), "relieved") for due in (None, "docked", None, "docked")]
    assert told == [(("W-1", None), None), *worn, (None, "docked")]


def test_a_wearer_from_before_the_boot_is_in_no_note(bench: Bench) -> None:
    """A note counts in its own boot: the ledger would take it for another shift. Who is docked at
    a start has no wearer from before it anyway."""

    def scene(one: Bench) -> None:
        one.shifts.known(KeptShift("W-1", "badge", -HOUR))
        record(one.core)
        one.core.conditions.raise_(Condition.DOCKED)

    bench.plays(scene)
    assert bench.remembered == []


def test_what_ends_a_shift_once_its_recording_is_closed_is_known_to_the_next_daemon(
    bench: Bench,
) -> None:
    def scene(one: Bench) -> None:
        one.shifts.known(KeptShift("W-1", "control", 1, due="docked", goes_on=True))
        record(one.core)
        assert one.shifts.wearer == "W-1"
        end_recording(one.core)
        assert one.shifts.wearer is None

    bench.plays(scene)


def test_a_shift_of_unknown_age_is_over_for_the_next_daemon_too(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.known(KeptShift("W-0815", "badge", None)))
    assert bench.remembered == [(None, "unknown_time")]


def test_it_ends_by_itself_after_its_hours_though_nothing_happens(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.begin("W-0815"), 14 * 3600 - 1)
    assert bench.shifts.wearer == "W-0815"
    bench.plays(lambda one: one.shifts.look(), 1.1)
    assert bench.shifts.wearer is None
    assert bench.notes[-1] == ("shift_ended", {"why": "time"})


def test_a_program_is_told_why_nothing_comes_of_it(bench: Bench) -> None:
    def scene(one: Bench) -> None:
        assert one.shifts.end() == "there is no shift that could end"
        assert one.shifts.begin("W 1") == "that is no wearer's id"
        assert one.shifts.begin("W-1") is None
        record(one.core)
        assert one.shifts.end() == "a recording is running, and keeps its wearer: stop it first"
        end_recording(one.core)
        assert one.shifts.end() is None

    assert bench.plays(scene).kinds == ["shift_begun", "shift_ended"]


def test_shifts_are_counted_once_each_for_the_metrics(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.begin("W-1"))
    bench.plays(lambda one: one.shifts.begin("W-2"))  # relieved
    assert bench.shifts.take_begun() == 2
    assert bench.shifts.take_begun() == 0


def test_what_the_ledger_knows_goes_on_and_is_not_written_again(bench: Bench) -> None:
    since_us = 1000 * SECOND - 2 * HOUR
    bench.plays(lambda one: one.shifts.known(KeptShift("W-1", "badge", since_us)))
    assert bench.kinds == []
    assert bench.shifts.status() == {
        "wearer": "W-1",
        "since_us": since_us,
        "until_us": since_us + 14 * HOUR,
        "source": "badge",
    }


def test_a_shift_whose_age_nobody_knows_is_over(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.known(KeptShift("W-1", "badge", None)))
    assert bench.notes == [("shift_ended", {"why": "unknown_time"})]
    assert bench.shifts.status() is None


def test_a_source_that_a_newer_version_wrote_is_no_obstacle(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.known(KeptShift("W-1", "palm-vein", 1)))
    assert bench.shifts.wearer == "W-1"


def test_a_badge_is_looked_for_for_a_minute(bench: Bench) -> None:
    bench.plays(lambda one: one.shifts.look(), 59)
    assert bench.shifts.looking
    bench.plays(lambda one: one.shifts.look(), 1.1)
    assert not bench.shifts.looking
    assert bench.changes == 2


@pytest.mark.parametrize("refused", [False, True])
def test_a_press_that_stays_in_idle_ends_the_search_and_a_program_does_not(
    bench: Bench, refused: bool
) -> None:
    def by(began: Stage | None) -> None:
        intent = Intent.RECORD if refused else Intent.SHOW_STATUS
        now_us = bench.core.now_us()
        bench.core.post(Intended(now_us, intent, now_us, "button:display", began))

    def scene(one: Bench) -> None:
        one.core.conditions.raise_(Condition.STORAGE_FULL)
        by(None)
        assert one.shifts.looking
        by(Stage.IDLE)
        assert not one.shifts.looking

    bench.plays(scene)
    assert bench.core.state.stage is Stage.IDLE


def test_a_badge_begins_a_shift_and_is_acknowledged_by_vibration(bench: Bench) -> None:
    def scene(one: Bench) -> None:
        one.shifts.look()
        one.shifts.seen("W-0815")
        assert not one.shifts.looking

    bench.plays(scene)
    assert bench.cues == [CueKind.SHIFT_BEGUN]
    assert bench.notes[0][1]["source"] == "badge"


def test_a_reader_that_runs_wild_begins_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def scene(one: Bench) -> None:
        one.shifts.look()
        one.shifts.seen("W\n1")

    assert bench.plays(scene).kinds == []
    assert "the badge reader names no wearer" in caplog.text


def test_a_wearer_is_reminded_of_a_camera_that_cannot_record(bench: Bench) -> None:
    def scene(one: Bench) -> None:
        one.shifts.begin("W-1")
        one.core.conditions.raise_(Condition.STORAGE_FULL)

    bench.plays(scene, 250)
    # At 120 s and 240 s; that it cannot record is told once, and the display says why.
    assert bench.cues == [CueKind.SHIFT_BEGUN, CueKind.NOT_READY, CueKind.NOT_READY]


def test_with_all_codes_the_reminder_says_the_cause_too(bench: Bench) -> None:
    core = replace(bench.core, detail=signals.Detail.FULL)
    cues: list[CueKind] = []
    shifts = ShiftManager(
        core,
        RULES,
        lambda kind, **facts: None,
        lambda present, over: None,
        play=cues.append,
        on_change=lambda: None,
    )

    def scene(one: Bench) -> None:
        shifts.begin("W-1")
        core.conditions.raise_(Condition.STORAGE_FULL)
        shifts.look()

    bench.plays(scene, 130)
    assert cues == [CueKind.SHIFT_BEGUN, CueKind.NOT_READY, CueKind.STORAGE_FULL]
