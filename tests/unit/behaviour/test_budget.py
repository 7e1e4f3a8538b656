"""No rung ends another one that is doing its duty: the sums of all time-outs."""

from __future__ import annotations

import pytest
from msgspec.structs import fields

from camerad.behaviour import budget, supervision
from camerad.behaviour.budget import Part

SECOND = 1_000_000
LADDER = supervision.Budget()


def test_the_watchdog_outlasts_a_few_beats_that_come_late() -> None:
    # Four beats may be lost, or one be eight seconds late, on a machine that is busy otherwise.
    assert budget.WATCHDOG_SECONDS >= 5 * budget.BEAT_SECONDS


def test_a_thread_has_several_turns_in_which_to_show_that_it_lives() -> None:
    assert budget.PROOF_SECONDS[Part.LINK] >= 5 * budget.TURN_SECONDS
    assert set(budget.PROOF_SECONDS) == set(Part)


def test_a_card_that_takes_three_seconds_for_each_synchronisation_is_no_reason_to_give_up() -> None:
    """A commit is one synchronisation, the end of a recording two, of the file and its folder."""
    slow_seconds = 3.0
    for part in (Part.RECORDER, Part.KEEPING):
        assert budget.PROOF_SECONDS[part] > 10 * slow_seconds


def test_a_hung_loop_or_link_is_replaced_within_twenty_seconds() -> None:
    """A press is lost for no longer: the loop answers to it, and the link has no part in it."""
    assert budget.hung_seconds(None) == 10.0
    assert budget.hung_seconds(Part.LINK) == 5.0 + 2.0 + 10.0


def test_what_is_open_is_closed_before_the_watchdog_ends_a_daemon_that_gives_itself_up() -> None:
    """It gives up instead of a beat, so that long after the last one."""
    left = budget.WATCHDOG_SECONDS - budget.BEAT_SECONDS
    assert left >= budget.STOP_SECONDS + budget.LEDGER_END_SECONDS


def test_the_longest_end_is_over_before_the_unit_kills() -> None:
    # One after the other, as the daemon ends them: what is open, display, control, link, speaker,
    # ledger; counters and the search for badges.
    assert pytest.approx(15.0 + 1.5 + 1.0 + 3.5 + 1.5 + 6.0 + 0.3 + 0.2) == budget.END_SECONDS
    assert budget.TIMEOUT_STOP_SECONDS >= budget.END_SECONDS + 2.0  # the interpreter's own end


def test_closing_a_recording_fits_into_the_time_before_the_daemon_leaves_anyway() -> None:
    # On a card that is slow: a piece on its way, the last pictures, the last sound, the end.
    assert budget.recording_end_seconds(0.0) == budget.STOP_SECONDS
    assert budget.recording_end_seconds(3.0) == 12.0
    # So much waits on such a card where the ring is as shipped and pictures are easy to encode.
    for backlog_seconds in (0.0, 10.0, 20.0):
        assert budget.recording_end_seconds(3.0, backlog_seconds) <= budget.SHUTDOWN_SECONDS


def test_the_ledger_knows_the_end_of_a_recording_that_was_closed_in_time_on_a_slow_card() -> None:
    """One is on its way then, and four are to be written: the recording's end, the stage, what was
    announced, the daemon's end. Nothing but the card is slow."""
    assert budget.END_SECONDS - budget.recording_end_seconds(3.0) >= (1 + 4) * 3.0


def test_a_display_has_started_on_a_slow_board_before_it_counts_as_hung() -> None:
    # 1.2 s of a processor and 2.6 s of a card, and as much again while the others start.
    assert pytest.approx(1.2 + 2.6) == budget.display_start_seconds()
    assert 2 * budget.display_start_seconds() <= budget.DISPLAY_START_SECONDS


def test_a_display_that_hangs_is_killed_before_its_own_alarm_ends_it() -> None:
    """So that the condition says what was the matter; a picture may be late by a turn."""
    assert budget.DISPLAY_HUNG_SECONDS >= 2 * budget.DISPLAY_ANSWER_SECONDS


def test_the_hardware_takes_the_time_outs_that_systemd_gives_it() -> None:
    """A longer one would be refused or cut, and then the board is not watched at all."""
    assert budget.RUNTIME_WATCHDOG_SECONDS < budget.HARDWARE_WATCHDOG_SECONDS
    assert budget.REBOOT_WATCHDOG_SECONDS < budget.HARDWARE_WATCHDOG_SECONDS


def test_systemd_is_watched_more_patiently_than_it_watches() -> None:
    """Otherwise a machine that is busy for some seconds is reset, instead of the daemon."""
    assert budget.RUNTIME_WATCHDOG_SECONDS > budget.WATCHDOG_SECONDS


def test_a_camera_that_never_comes_back_has_rebooted_the_board_within_three_minutes() -> None:
    """Each process hangs as long as it can, so does each end, and the kernel lets nothing go."""
    total = LADDER.reboot_us / SECOND + budget.reboot_seconds()
    assert total < 180.0


def test_the_ladder_waits_for_nothing_that_the_watchdog_would_take_for_a_hang() -> None:
    """Whatever the ladder waits for, the link's thread turns meanwhile; only its end waits for the
    kernel, and that is less than its proof."""
    assert budget.PROOF_SECONDS[Part.LINK] > budget.KERNEL_SECONDS


def test_every_time_out_of_the_ladder_is_positive_and_none_longer_than_ten_minutes() -> None:
    for field in fields(LADDER):
        value = getattr(LADDER, field.name)
        if field.name.endswith("_us") and field.name != "back_off_us":
            assert 0 < value <= 600 * SECOND, field.name
