"""Every time-out that something else depends on, and the sums of them.

Every time-out of the controller whose expiry ends a process, the daemon or the machine is defined
here, or in `camerad.behaviour.supervision.Budget`. Each level allows more time than the levels that
it waits for need together, so that none ends another that still works within its bounds:

    a frame            <  the ladder: restart, kill, in the end reboot    recovery.Budget
    a thread's turn    <  its proof of life                               PROOF_SECONDS
    proof of life      <  the service manager's watchdog                  WATCHDOG_SECONDS
    the daemon's end   <  the service manager's patience with it          TIMEOUT_STOP_SECONDS
    the service manager < the hardware's watchdog                         HARDWARE_WATCHDOG_SECONDS

The sums are tested, and so is that the units in systemd/ say the same. Not included: waits for work
that may never come (a command, a press, the next announcement), and the capture process, whose
every wait is bounded by the ladder, which kills it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

# ------------------------------------------------------------------------------ proofs of life


class Part(StrEnum):
    """A thread of the controller that nothing replaces, and that must prove that it is alive."""

    LINK = "link"
    """Starts, watches and kills the capture process, and feeds the rings."""
    RECORDER = "recorder"
    """Makes the running recording."""
    KEEPING = "keeping"
    """Identity, ledger and store."""


TURN_SECONDS: Final = 1.0
"""The link never sleeps longer, with or without work."""

PROOF_SECONDS: Final[Mapping[Part, float]] = {
    # Waits for nothing but a poll of its own.
    Part.LINK: 5.0,
    # A card that is busy takes seconds for one synchronisation. So long that a card which recovers
    # has done so, and waiting longer would save nothing.
    Part.RECORDER: 60.0,
    Part.KEEPING: 60.0,
}
"""A thread without a sign of life for so long is stuck. An idle one wakes several times in that
time."""

BEAT_SECONDS: Final = 2.0
"""How often the loop looks for every part's proof, and tells the service manager."""

WATCHDOG_SECONDS: Final = 10.0
"""Silence after which the service manager aborts the daemon: WatchdogSec. The loop, which answers
to buttons, is never busy for a second; a busy machine may cost it some."""

CARD_SECONDS: Final = 15.0
"""How long a check of the card may take before the card counts as failed: more than the few
synchronisations of such a check on a slow card."""

STALLED_SECONDS: Final = 1.5
"""A card that has held a piece of a recording for so long stalls, and the wearer is told: three
times the delay that a recording states, and soon enough that most of the ring is still free
(`ring.stall_seconds`)."""
STALL_LOOK_SECONDS: Final = 0.25
"""Interval of that check."""
CALM_SECONDS: Final = 5.0
"""The stall is over after so long without one: a card that stalls at every other piece is reported
once, and not twice in ten seconds."""

# ------------------------------------------------------------------------------- the display

DISPLAY_ANSWER_SECONDS: Final = 2.0
"""A self-view process that serves and answers nothing for so long hangs, and is killed."""
DISPLAY_START_SECONDS: Final = 8.0
"""From the start of a self-view process to its first answer, on the slowest board while it boots:
twice `display_start_seconds`, which holds for an idle board. The controller and the capture process
start at the same time, read from the same card and go first."""
DISPLAY_HUNG_SECONDS: Final = 5.0
"""After so long the kernel ends a process that does not return from its driver, even if its parent
is gone."""


def display_start_seconds(
    processor_seconds: float = 0.2,
    slower: float = 6.0,
    read_bytes: float = 26e6,
    bytes_per_second: float = 10e6,
) -> float:
    """How long the self-view process loads on an idle board, from a card that has to be read first.

    processor_seconds, read_bytes: cost of importing it on a PC, and how much of its files is in
    memory then (RssFile in /proc/self/status); nearly all of both is numpy and OpenCV. slower: how
    many times longer a Zero 2 W takes; an estimate. bytes_per_second: the guaranteed rate of the
    slowest cards that are sold for cameras (SD speed class 10).
    """
    return processor_seconds * slower + read_bytes / bytes_per_second


# ------------------------------------------------------------------------------ the daemon's end

STOP_SECONDS: Final = 2.0
"""How long a stop waits for the camera to deliver the last pictures before it closes without."""
SHUTDOWN_SECONDS: Final = 15.0
"""How long closing open recordings may take before the daemon leaves anyway: enough where the card
takes three seconds for each synchronisation, see `recording_end_seconds`."""
COMBINED_SECONDS: Final = 10.0
"""The most footage that a slow card is given at once: all of it is in memory three times while it
is multiplexed and sealed. So long, because the backlog of such a card has to be stored before the
daemon leaves."""
KERNEL_SECONDS: Final = 1.0
"""Time for the kernel to end a process that is killed at the end."""
LINK_END_SECONDS: Final = STOP_SECONDS + KERNEL_SECONDS + 0.5
"""The capture process is asked, then killed; half a second for the thread itself."""
LEAVE_SECONDS: Final = 0.5
"""Time for the self-view process to end after its socket is closed."""
DISPLAY_END_SECONDS: Final = LEAVE_SECONDS + KERNEL_SECONDS
SPEAKER_END_SECONDS: Final = KERNEL_SECONDS + 0.5
"""The player is killed."""
CONTROL_END_SECONDS: Final = 1.0
"""For answers to requests that are under way."""
LEDGER_END_SECONDS: Final = 6.0
"""For the remaining entries of the ledger; it has time that the others did not need besides."""
COUNTERS_END_SECONDS: Final = 0.3
"""For the counters, which are no evidence: a card that is slower loses an hour of counting."""
BADGES_END_SECONDS: Final = 0.2
"""The process that looks for badges is killed; or it dies with the daemon."""
END_SECONDS: Final = (
    SHUTDOWN_SECONDS
    + DISPLAY_END_SECONDS
    + CONTROL_END_SECONDS
    + LINK_END_SECONDS
    + SPEAKER_END_SECONDS
    + LEDGER_END_SECONDS
    + COUNTERS_END_SECONDS
    + BADGES_END_SECONDS
)
"""The longest end: one part after the other, each as long as it can take."""

# ---------------------------------------------------------------------------- what systemd does

START_SECONDS: Final = 60.0
"""From start to ready: TimeoutStartSec. On a board that still boots, with a card that checks its
file system."""
TIMEOUT_STOP_SECONDS: Final = 31.0
"""Time that the unit gives the daemon's end before it kills: TimeoutStopSec."""
HARDWARE_WATCHDOG_SECONDS: Final = 15.0
"""The longest time-out of the Raspberry Pi's hardware watchdog: its counter has 20 bits, each step
1/65536 s (Linux, drivers/watchdog/bcm2835_wdt.c)."""
RUNTIME_WATCHDOG_SECONDS: Final = 14.0
"""RuntimeWatchdogSec: the hardware restarts the board if systemd itself is silent for so long. It
tells the hardware twice in that time (systemd-system.conf(5))."""
REBOOT_WATCHDOG_SECONDS: Final = 14.0
"""RebootWatchdogSec: bound of a reboot's last phase, unmounting included."""

# ------------------------------------------------------------------------------------- reboots

MOST_REBOOTS: Final = 3
"""Reboots in a row that did not bring the camera back. After that none is asked for any more: an
unplugged camera does not come back by a reboot, and working buttons are worth more."""


def recording_end_seconds(sync_seconds: float, backlog_seconds: float = 0.0) -> float:
    """Duration of a recording's end on a card that needs so long for each synchronisation.

    The current piece, while the last pictures come; those, with the backlog before them,
    `backlog_seconds` of footage; the last of the sound; and the end.
    """
    pieces = max(1, math.ceil(backlog_seconds / COMBINED_SECONDS))
    return max(STOP_SECONDS, sync_seconds) + (pieces + 2) * sync_seconds


def hung_seconds(part: Part | None) -> float:
    """The longest time from a hang to the end of the daemon.

    part: the thread that hangs, or None for the loop itself.
    """
    noticed = 0.0 if part is None else PROOF_SECONDS[part] + BEAT_SECONDS
    return noticed + WATCHDOG_SECONDS


def reboot_seconds() -> float:
    """The longest time from the daemon's resolve to reboot until the hardware has reset the board.

    The daemon's end; then the service manager waits for a process that the kernel does not let go,
    first after asking it and then after killing it (systemd.service(5), TimeoutStopSec); then the
    rest of the system is ended, or the hardware resets it.
    """
    return END_SECONDS + 2 * TIMEOUT_STOP_SECONDS + REBOOT_WATCHDOG_SECONDS
