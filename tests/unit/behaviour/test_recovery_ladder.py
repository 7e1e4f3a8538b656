"""The recovery ladder: every rung, what the rungs add up to, and random misfortune."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.behaviour.supervision import (
    REBOOT_LIMIT_US,
    RESTART_LIMIT_US,
    AskStop,
    Down,
    Exited,
    FrameSeen,
    Kill,
    ProcessPhase,
    ProcessStarted,
    Reboot,
    RecoveryTick,
    Start,
    Up,
)
from tests.unit.behaviour.ladder import BUDGET, FRAME_US, SECOND, Ladder


def delivering() -> Ladder:
    camera = Ladder()
    camera.start()
    assert camera.deliver(SECOND) == [Up()]
    return camera


def test_late_and_doubled_reports_do_no_harm() -> None:
    camera = delivering()
    camera.exit()
    before = camera.state
    for event in (
        Exited(camera.now_us, 0),
        FrameSeen(camera.now_us),
        ProcessStarted(camera.now_us),
        RecoveryTick(camera.now_us - 1),
    ):
        assert camera.take(event) == []
    assert camera.state == before


# ------------------------------------------------------------------------------------ the budget


def test_a_stalled_camera_is_replaced_within_its_limit() -> None:
    camera = delivering()
    silent_us = camera.now_us
    while not isinstance(camera.log[-1][1], Kill):
        camera.wait(SECOND // 10)
    camera.now_us = camera.log[-1][0]
    camera.exit()
    camera.wait(0)
    assert camera.log[-1] == (silent_us + BUDGET.restart_us, Start())
    assert BUDGET.restart_us < RESTART_LIMIT_US


def test_the_time_outs_add_up_to_less_than_the_limit() -> None:
    """Every process hangs as long as it can: the ladder still reaches its end in time."""
    camera = delivering()
    silent_us = camera.now_us
    while not isinstance(camera.log[-1][1], Reboot):
        camera.wait(camera.due_us - camera.now_us)
        if camera.state.phase is ProcessPhase.KILLED:
            camera.now_us += BUDGET.kill_us  # the last moment before it is stuck
            camera.exit()
        if camera.state.phase is ProcessPhase.STARTING:
            camera.take(ProcessStarted(camera.now_us))
    assert camera.now_us - silent_us == BUDGET.reboot_us
    assert BUDGET.reboot_us < REBOOT_LIMIT_US


def test_a_first_repair_fits_in_before_the_camera_counts_as_failed() -> None:
    ready_us = 2_500_000  # from process start to first frame, as the camera is to be ready
    assert BUDGET.restart_us + ready_us < BUDGET.down_us


def test_the_longest_silence_that_is_no_stall_is_many_frames_even_at_a_tenth_of_the_rate() -> None:
    assert BUDGET.frame_age_us > 3 * 10 * FRAME_US


def test_a_budget_of_ones_own_is_followed() -> None:
    budget = replace(BUDGET, back_off_us=(7,), failures_before_reboot=2)
    assert [budget.wait_us(n) for n in (1, 2, 9)] == [7, 7, 7]
    assert budget.reboot_us == 1_200_000 + 2 * 5_500_000 + 15_000_000


# ------------------------------------------------------------------------------ random misfortune

MISFORTUNES = st.lists(
    st.tuples(st.sampled_from(["frame", "exit", "started", "wait"]), st.integers(0, 20 * SECOND)),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(MISFORTUNES)
def test_whatever_happens_one_process_at_a_time_and_never_an_end_to_trying(
    misfortunes: list[tuple[str, int]],
) -> None:
    camera = Ladder()
    running = False
    up = False
    for what, microseconds in misfortunes:
        before = len(camera.log)
        match what:
            case "frame":
                camera.take(FrameSeen(camera.now_us))
            case "exit" if running:
                running = False
                camera.exit()
            case "started":
                camera.take(ProcessStarted(camera.now_us))
            case _:
                camera.wait(microseconds)
        for _, action in camera.log[before:]:
            match action:
                case Start():
                    assert not running, "two processes at a time"
                    running = True
                case AskStop() | Kill():
                    assert running
                case Up():
                    assert not up
                    up = True
                case Down():
                    up = False
    if running:
        camera.exit()
    assert Start() in camera.wait(BUDGET.refused_us)
