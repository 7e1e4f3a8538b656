"""The recovery ladder: every rung, what the rungs add up to, and random misfortune."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.behaviour import supervision
from camerad.behaviour.supervision import (
    REBOOT_LIMIT_US,
    RESTART_LIMIT_US,
    Action,
    AskStop,
    Budget,
    Down,
    Event,
    Exited,
    FrameSeen,
    Kill,
    ProcessPhase,
    ProcessStarted,
    Reboot,
    RecoveryTick,
    Start,
    Steady,
    Up,
)

SECOND = 1_000_000
FRAME_US = 33_333
BUDGET = Budget()


class Camera:
    """A ladder, its time, and everything it did, with the time of each."""

    def __init__(self, budget: Budget = BUDGET) -> None:
        self.budget = budget
        self.now_us = 0
        self.state = supervision.initial(0)
        self.log: list[tuple[int, Action]] = []

    def take(self, event: Event) -> list[Action]:
        self.now_us = event.at_us
        self.state, actions = supervision.step(self.state, event, self.budget)
        self.log += [(self.now_us, action) for action in actions]
        return list(actions)

    @property
    def due_us(self) -> int:
        return supervision.deadline(self.state, self.budget)

    def wait(self, microseconds: int) -> list[Action]:
        """Tick when a tick is due; returns what was done."""
        until_us, done = self.now_us + microseconds, []
        while (due_us := self.due_us) <= until_us:
            done += self.take(RecoveryTick(due_us))
        self.now_us = until_us
        return done

    def start(self) -> None:
        assert self.wait(0) == [Start()]
        self.take(ProcessStarted(self.now_us))

    def deliver(self, microseconds: int) -> list[Action]:
        """Frames at 30 a second; returns what was done meanwhile."""
        until_us, done = self.now_us + microseconds, []
        while self.now_us < until_us:
            done += self.wait(FRAME_US)
            done += self.take(FrameSeen(self.now_us))
        return done

    def exit(self, code: int = -9) -> list[Action]:
        return self.take(Exited(self.now_us, code))


def delivering() -> Camera:
    camera = Camera()
    camera.start()
    assert camera.deliver(SECOND) == [Up()]
    return camera


def test_the_first_process_is_started_at_once() -> None:
    camera = Camera()
    assert camera.due_us == 0
    assert camera.take(RecoveryTick(0)) == [Start()]


def test_a_camera_that_delivers_is_left_alone() -> None:
    camera = delivering()
    assert camera.deliver(60 * SECOND) == []
    # The next deadline moves with every frame.
    assert camera.due_us == camera.now_us + BUDGET.frame_age_us


def test_a_killed_process_is_replaced_at_once_however_often() -> None:
    camera = delivering()
    for _ in range(3):
        assert camera.exit() == []
        camera.start()
        assert camera.deliver(SECOND) == []


def test_a_stall_is_asked_to_stop_then_killed_then_replaced() -> None:
    camera = delivering()
    silent_us = camera.now_us
    camera.wait(2 * SECOND)
    assert camera.log[-2:] == [
        (silent_us + BUDGET.frame_age_us, AskStop()),
        (silent_us + BUDGET.frame_age_us + BUDGET.stop_us, Kill()),
    ]
    camera.exit()
    camera.start()
    assert camera.deliver(SECOND) == [], "short enough to be a gap, so neither Down nor Up"


def test_a_stall_that_stops_when_asked_is_not_killed() -> None:
    camera = delivering()
    assert camera.wait(BUDGET.frame_age_us) == [AskStop()]
    assert camera.exit(0) == []
    assert camera.wait(0) == [Start()]


def test_frames_of_a_process_that_is_being_ended_are_no_sign_of_health() -> None:
    camera = delivering()
    camera.wait(BUDGET.frame_age_us)
    assert camera.take(FrameSeen(camera.now_us)) == []
    assert camera.wait(BUDGET.stop_us) == [Kill()]


def test_silence_becomes_a_failed_camera_and_a_frame_ends_that() -> None:
    camera = delivering()
    silent_us = camera.now_us
    camera.wait(2 * SECOND)
    camera.exit()
    camera.start()
    assert camera.wait(5 * SECOND) == [Down("no frame for 4.5 s")]
    assert camera.log[-1][0] == silent_us + BUDGET.down_us
    assert camera.take(FrameSeen(camera.now_us)) == [Up()]


def test_a_missing_camera_is_down_at_once_and_tried_more_and_more_rarely() -> None:
    camera = Camera()
    waits = []
    for number in range(1, 7):
        camera.start()
        camera.wait(SECOND // 10)
        done = camera.exit(69)
        waits.append((camera.due_us - camera.now_us) / SECOND)
        camera.wait(camera.due_us - camera.now_us - 1)
        camera.now_us += 1
        if number == 1:
            assert done == [Down("the capture process ended without a frame, exit code 69")]
        elif number >= BUDGET.failures_before_reboot:
            assert done == [Reboot(f"the camera failed {number} times in a row")]
        else:
            assert done == []
    # From the fourth on a reboot is asked for, again and again as long as there is none.
    assert waits == [0, 1, 2, 30, 30, 30]


def test_a_process_without_a_first_frame_is_ended_in_the_same_way() -> None:
    camera = Camera()
    camera.start()
    camera.wait(BUDGET.first_frame_us + BUDGET.stop_us)
    assert [action for _, action in camera.log[1:]] == [AskStop(), Kill()]
    assert camera.exit() == [Down("no first frame within 15 s")]


def test_the_time_to_the_first_frame_counts_from_when_the_process_runs() -> None:
    camera = Camera()
    camera.wait(0)
    camera.wait(SECOND)  # the machine is slow to start it
    camera.take(ProcessStarted(camera.now_us))
    assert camera.due_us == SECOND + BUDGET.first_frame_us


def test_frames_for_long_enough_forget_failures() -> None:
    camera = delivering()
    for _ in range(10):
        camera.exit()
        camera.start()
        assert camera.deliver(BUDGET.healthy_us + SECOND) == []
    assert not any(isinstance(action, Reboot) for _, action in camera.log)


def test_a_camera_that_fails_again_and_again_after_a_few_frames_asks_for_a_reboot() -> None:
    camera = delivering()
    for _ in range(3):
        camera.exit()
        camera.start()
        camera.deliver(SECOND)
    failed = "the camera failed 4 times in a row"
    assert camera.exit() == [Reboot(failed), Down(failed)]
    # The reboot was refused: trying goes on, and what comes in between is footage.
    assert camera.state.since_us == camera.now_us + BUDGET.back_off_us[-1]
    assert camera.wait(BUDGET.back_off_us[-1]) == [Start()]
    camera.take(ProcessStarted(camera.now_us))
    assert camera.deliver(SECOND) == [Up()]
    # The next try fails at once, so the one behind it comes rarely.
    failed = "the camera failed 5 times in a row"
    assert camera.exit() == [Reboot(failed), Down(failed)]
    assert camera.wait(BUDGET.back_off_us[-1]) == [Start()]
    assert camera.exit(69) == [Reboot("the camera failed 6 times in a row")]
    assert camera.state.since_us == camera.now_us + BUDGET.refused_us
    assert camera.wait(BUDGET.refused_us) == [Start()]
    camera.take(ProcessStarted(camera.now_us))
    assert camera.deliver(BUDGET.healthy_us + SECOND) == [Up()]
    # All is forgotten; the next trouble begins at the bottom of the ladder, and has its own end.
    assert camera.exit() == []
    assert camera.due_us == camera.now_us
    said = []
    for _ in range(3):
        camera.wait(BUDGET.back_off_us[-1])
        said += camera.exit()
    assert Reboot("the camera failed 4 times in a row") in said


def test_a_camera_has_worked_steadily_after_ten_minutes_of_one_process() -> None:
    """Shorter would let a camera that fails every few minutes reboot the board all day long."""
    camera = delivering()
    assert camera.deliver(BUDGET.steady_us - 2 * SECOND) == []
    assert camera.deliver(2 * SECOND) == [Steady()]
    assert camera.deliver(BUDGET.steady_us) == [], "said once"
    camera.exit()
    camera.start()
    assert camera.deliver(BUDGET.steady_us - SECOND) == [], "and anew for the next process"
    assert camera.deliver(2 * SECOND) == [Steady()]


def test_a_process_that_does_not_die_asks_for_a_reboot() -> None:
    camera = delivering()
    camera.wait(BUDGET.restart_us)
    stuck = Reboot("a killed capture process does not end")
    assert stuck in camera.wait(BUDGET.kill_us)
    # It cannot be replaced while it holds the camera, so all that is left is to ask again.
    for _ in range(3):
        assert camera.due_us == camera.now_us + BUDGET.refused_us
        assert camera.wait(BUDGET.refused_us) == [stuck]
    camera.now_us += SECOND
    assert camera.exit() == [], "it ends after all"
    camera.start()


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
    camera = Camera()
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
