"""Recovery ladder of the capture process: ask to stop, kill, restart, wait, in the end reboot.

Rules of this file
------------------
1. It is pure: events of the capture process come in with their time, actions go out.
2. The only sign of health is a frame. A camera stack stalls for hours without an exception, and a
   stop may never return; so nothing here waits for either without a deadline.
3. Every deadline is in one Budget, and what they add up to is bounded and tested: a watchdog must
   never end a controller that follows its own ladder. The time-outs around it are in
   `camerad.behaviour.budget`.

Theory of operation
-------------------
One process at a time goes through these phases:

    WAITING --due--> STARTING --frame--> DELIVERING
       ^                 | too late           | silent
       |                 v                    v
       '---exit--- STOPPING --too late--> KILLED --too late--> STUCK

and back to WAITING after an exit from any phase: an exit that was not asked for is a failure like a
stall. The wait depends on the failure. A process that had delivered has shown that the camera
works, so the next one starts at once: this is the short gap in a recording. One that had not
delivered was a failed repair; the next waits as long as `back_off_us` says. Tearing the camera down
again and again is itself known to wedge its driver, so failures in a row are counted, and forgotten
only when frames have come for `healthy_us`: after `failures_before_reboot` only a reboot is left.
So it is when a killed process does not die, because the kernel holds it. If there is no reboot,
retries go on: after a process that had delivered, as slowly as failed repairs do, since its
pictures in between are footage; after one that had not, rarely, since a camera that is missing must
not empty the battery. The reboot is asked for again after every failed retry: the obstacle may be
gone by then.

The camera counts as *down*, and refuses to start recordings, only after a repair has failed, or
after no frame has come for `down_us`. A shorter gap is a gap.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

RESTART_LIMIT_US: Final = 2_000_000
"""From the last frame of a stalled camera to the start of the next process, at most."""

REBOOT_LIMIT_US: Final = 90_000_000
"""From the last frame of a camera that never comes back to the reboot, at most."""


class Budget(msgspec.Struct, frozen=True):
    """Every time-out of the ladder, in microseconds.

    first_frame_us: from the start of a process to its first frame, sensor and tuning included.
    frame_age_us: silence after which a camera that delivered has stalled.
    stop_us: time for a stalled process to end when asked. kill_us: time for the kernel to end it.
    down_us: silence after which the camera counts as failed; a first repair fits in.
    back_off_us: waits after a process without a frame, by the failures in a row; the last repeats.
    failures_before_reboot: failures in a row. refused_us: if there was no reboot, the wait before
    each further retry after a process without a frame, and before a reboot is asked for again for
    one that is stuck. healthy_us: frames for this long forget failures. steady_us: frames for this
    long show that a reboot has helped.
    """

    first_frame_us: int = 15_000_000
    frame_age_us: int = 1_200_000
    stop_us: int = 500_000
    kill_us: int = 5_000_000
    down_us: int = 4_500_000
    back_off_us: tuple[int, ...] = (0, 1_000_000, 2_000_000, 4_000_000)
    failures_before_reboot: int = 4
    refused_us: int = 30_000_000
    healthy_us: int = 10_000_000
    steady_us: int = 600_000_000

    @property
    def restart_us(self) -> int:
        """The longest time from the last frame to the next start, if the kernel lets go at once."""
        return self.frame_age_us + self.stop_us

    @property
    def reboot_us(self) -> int:
        """The longest time from the last frame to Reboot: every process hangs as long as it can."""
        end_us = self.stop_us + self.kill_us
        repairs = self.failures_before_reboot - 1
        waits = sum(self.wait_us(failures) for failures in range(2, repairs + 1))
        return self.frame_age_us + end_us + waits + repairs * (self.first_frame_us + end_us)

    def wait_us(self, failures: int) -> int:
        """How long to wait after so many failures in a row, the last without a frame."""
        return self.back_off_us[min(failures, len(self.back_off_us)) - 1]


# ---------------------------------------------------------------------------- events and actions


class ProcessStarted(msgspec.Struct, frozen=True):
    """The process runs."""

    at_us: int


class FrameSeen(msgspec.Struct, frozen=True):
    """A frame has arrived."""

    at_us: int


class Exited(msgspec.Struct, frozen=True):
    """The process has ended, or could not be started. code: exit code, or minus the signal."""

    at_us: int
    code: int


class RecoveryTick(msgspec.Struct, frozen=True):
    """Time has passed; due when `deadline` says, and harmless at any other time."""

    at_us: int


Event: TypeAlias = ProcessStarted | FrameSeen | Exited | RecoveryTick


class Start(msgspec.Struct, frozen=True):
    """Start a process; answer Started, or Exited if that fails."""


class AskStop(msgspec.Struct, frozen=True):
    """Ask the process to end."""


class Kill(msgspec.Struct, frozen=True):
    """Kill the process."""


class Down(msgspec.Struct, frozen=True):
    """The camera has failed, for this reason; sent once, until Up."""

    reason: str


class Up(msgspec.Struct, frozen=True):
    """The camera delivers: for the first time, or again after Down."""


class Reboot(msgspec.Struct, frozen=True):
    """Only a reboot can help, for this reason; repeated as long as there is none."""

    reason: str


class Steady(msgspec.Struct, frozen=True):
    """Frames of one process have come for so long that the camera works again; sent once each."""


Action: TypeAlias = Start | AskStop | Kill | Down | Up | Reboot | Steady

# ----------------------------------------------------------------------------------------- state


class ProcessPhase(Enum):
    """Phase of the present process."""

    WAITING = "waiting"
    STARTING = "starting"
    DELIVERING = "delivering"
    STOPPING = "stopping"
    KILLED = "killed"
    STUCK = "stuck"


class RecoveryState(msgspec.Struct, frozen=True):
    """State of the ladder.

    since_us: when the phase began; for WAITING, when it ends. delivering_us: first frame of this
    process, or None. seen_us: last frame of any process, or None. failures: in a row. up: the last
    report, Up (True) or Down (False). steady: whether Steady was reported of this process.
    """

    phase: ProcessPhase
    since_us: int
    delivering_us: int | None = None
    seen_us: int | None = None
    failures: int = 0
    up: bool | None = None
    steady: bool = False


Result: TypeAlias = tuple[RecoveryState, tuple[Action, ...]]


def initial(now_us: int) -> RecoveryState:
    """No process yet; the first Tick is due at once and starts one."""
    return RecoveryState(ProcessPhase.WAITING, now_us)


def deadline(state: RecoveryState, budget: Budget) -> int:
    """When the next Tick is due; there is always one."""
    due_us, down_us = _phase_due(state, budget), _down_due(state, budget)
    return due_us if down_us is None else min(due_us, down_us)


def step(state: RecoveryState, event: Event, budget: Budget) -> Result:
    """The state after `event`, and the actions to take, in this order."""
    match event:
        case RecoveryTick(at_us):
            return _tick(state, at_us, budget)
        case ProcessStarted(at_us):
            started = state.phase is ProcessPhase.STARTING
            return replace(state, since_us=at_us) if started else state, ()
        case FrameSeen(at_us):
            return _frame(state, at_us, budget)
        case _:
            return _exited(state, event.at_us, event.code, budget)


def _phase_due(state: RecoveryState, budget: Budget) -> int:
    """When patience with the present phase ends."""
    patience = {
        ProcessPhase.WAITING: 0,
        ProcessPhase.STARTING: budget.first_frame_us,
        ProcessPhase.DELIVERING: budget.frame_age_us,
        ProcessPhase.STOPPING: budget.stop_us,
        ProcessPhase.KILLED: budget.kill_us,
        ProcessPhase.STUCK: budget.refused_us,
    }
    since_us = state.since_us
    if state.phase is ProcessPhase.DELIVERING and state.seen_us is not None:
        since_us = state.seen_us
    return since_us + patience[state.phase]


def _down_due(state: RecoveryState, budget: Budget) -> int | None:
    """When silence becomes a failed camera."""
    if state.seen_us is None or not state.up:
        return None
    return state.seen_us + budget.down_us


def _tick(state: RecoveryState, at_us: int, budget: Budget) -> Result:
    actions: tuple[Action, ...] = ()
    down_us, due_us = _down_due(state, budget), _phase_due(state, budget)
    if down_us is not None and at_us >= down_us:
        state, actions = _down(state, f"no frame for {_seconds(budget.down_us)}")
    if at_us < due_us:
        return state, actions
    match state.phase:
        case ProcessPhase.WAITING:
            state = replace(state, phase=ProcessPhase.STARTING, delivering_us=None, steady=False)
            actions += (Start(),)
        case ProcessPhase.STARTING | ProcessPhase.DELIVERING:
            state = replace(state, phase=ProcessPhase.STOPPING)
            actions += (AskStop(),)
        case ProcessPhase.STOPPING:
            state = replace(state, phase=ProcessPhase.KILLED)
            actions += (Kill(),)
        case _:
            state = replace(state, phase=ProcessPhase.STUCK)
            actions += (Reboot("a killed capture process does not end"),)
    return replace(state, since_us=at_us), actions


def _frame(state: RecoveryState, at_us: int, budget: Budget) -> Result:
    if state.phase is ProcessPhase.STARTING:
        state = replace(state, phase=ProcessPhase.DELIVERING, delivering_us=at_us, seen_us=at_us)
        return (state, ()) if state.up else (replace(state, up=True), (Up(),))
    if state.phase is not ProcessPhase.DELIVERING or state.delivering_us is None:
        return state, ()  # of a process that is being ended
    lasted_us = at_us - state.delivering_us
    state = replace(state, seen_us=at_us)
    if lasted_us >= budget.healthy_us:
        state = replace(state, failures=0)
    if lasted_us >= budget.steady_us and not state.steady:
        return replace(state, steady=True), (Steady(),)
    return state, ()


def _exited(state: RecoveryState, at_us: int, code: int, budget: Budget) -> Result:
    if state.phase is ProcessPhase.WAITING:
        return state, ()
    actions: tuple[Action, ...] = ()
    delivered = state.delivering_us is not None
    ended = state.phase not in (ProcessPhase.STARTING, ProcessPhase.DELIVERING)
    state = replace(state, failures=state.failures + 1)
    if not delivered:
        state, actions = _down(
            state,
            f"no first frame within {_seconds(budget.first_frame_us)}"
            if ended
            else f"the capture process ended without a frame, exit code {code}",
        )
    wait_us = 0 if delivered else budget.wait_us(state.failures)
    if state.failures >= budget.failures_before_reboot:
        reason = f"the camera failed {state.failures} times in a row"
        state, down = _down(state, reason)
        actions += (Reboot(reason), *down)
        wait_us = budget.wait_us(state.failures) if delivered else budget.refused_us
    return replace(state, phase=ProcessPhase.WAITING, since_us=at_us + wait_us), actions


def _down(state: RecoveryState, reason: str) -> Result:
    return (state, ()) if state.up is False else (replace(state, up=False), (Down(reason),))


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:g} s"
