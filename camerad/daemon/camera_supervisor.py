"""Handles the camera's reports: up, down, given up, worth a reboot or not.

What the capture process does and when it is started anew is decided below
(`camerad.behaviour.supervision`, carried out by `camerad.stream.link`). Here it becomes a
condition, a line in the log, an entry in the ledger and, where nothing else helps, a reboot. Used
on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from camerad.base.async_utils import until_next
from camerad.base.clock import SECOND
from camerad.base.errors import EX_REBOOT
from camerad.base.message_ids import Log, MessageId
from camerad.base.text import count
from camerad.behaviour import stages
from camerad.behaviour.budget import CARD_SECONDS
from camerad.behaviour.lens import Lens, look
from camerad.behaviour.stages import Condition, Stage
from camerad.container.gaps import Gap
from camerad.daemon.core import Core, Note
from camerad.daemon.reboot_log import RebootLog
from camerad.stream.sound_messages import SOUND_LOST
from camerad.stream.vitals import Vitals

log = Log(__name__)

LOOK_SECONDS: Final = 0.5
"""How often it looks whether something covers the lens; the brightness comes twice as often."""


class CameraSupervisor:
    """settled: set once it is known whether recordings can be kept. note: has the ledger say
    something. give_up: ends the daemon in order, with that exit code."""

    def __init__(
        self,
        core: Core,
        reboots: RebootLog,
        settled: asyncio.Event,
        note: Note,
        give_up: Callable[[int], None],
    ) -> None:
        self._core = core
        self._reboots = reboots
        self._settled = settled
        self._note = note
        self._give_up = give_up
        self._is_up = False
        self._error_logged = ""
        self._fatal_logged = False
        self._resolving = False

    def up(self, hello: dict[str, Any]) -> None:
        """The camera delivers, for the first time or again."""
        log.info(
            MessageId.CAMERA_UP,
            "camera %s on %s, encoder %s",
            hello.get("camera"),
            hello.get("platform"),
            hello.get("encoder"),
        )
        self._error_logged = ""
        self._fatal_logged = False
        self._core.conditions.clear(Condition.CAMERA_DOWN)
        self._is_up = True
        self.check_ready()

    def check_ready(self) -> None:
        """Ready once the camera delivers and it is known whether recordings can be kept."""
        starting = self._core.state.stage is Stage.STARTING
        if starting and self._is_up and self._settled.is_set():
            self._core.post(stages.Ready(self._core.now_us()))

    def down(self, reason: str) -> None:
        """The camera has failed, and recovery goes on."""
        self._is_up = False
        if Condition.CAMERA_DOWN not in self._core.conditions:
            log.error(MessageId.CAMERA_DOWN, "camera down: %s", reason)
        self._core.conditions.raise_(Condition.CAMERA_DOWN)

    def gap(self, gap: Gap) -> None:
        """Footage is missing in the ring."""
        log.warning(MessageId.FOOTAGE_MISSING, "footage is missing: %s", describe(gap))

    def error(self, message: str) -> None:
        """Something went wrong, for the log."""
        if message != self._error_logged:  # said once, however often it is tried again
            log.error(MessageId.CAMERA_ERROR, "camera: %s", message)
        self._error_logged = message

    def fatal(self, reason: str) -> None:
        """Only a reboot can help."""
        if not self._fatal_logged:
            log.critical(MessageId.REBOOT, "the camera does not come back: %s", reason)
        # One that fails again and again but delivers in between has something to be recorded.
        silent = Condition.CAMERA_DOWN in self._core.conditions
        self._core.conditions.raise_(Condition.CAMERA_DOWN)
        if not self._resolving:  # the card has not answered yet: the next time asks it again
            self._core.loop.background(self._reboot(reason, silent=silent))

    def steady(self) -> None:
        """The camera has worked for long: earlier reboots count no more."""
        self._core.loop.in_thread(self._reboots.forget)

    async def watch_lens(self, vitals: Vitals) -> None:
        """Look again and again whether something covers the lens, until cancelled. In idle the
        sensor may rest: the condition stays as the recording left it until a picture comes."""
        lens = Lens()
        while True:
            now_us = self._core.now_us()
            lens, covered = look(lens, vitals.report(now_us)["luma"], now_us)
            if covered is False or (covered and self._core.state.stage is Stage.RECORDING):
                self._core.conditions.set(Condition.CAMERA_COVERED, holds=covered)
            await until_next(LOOK_SECONDS)

    async def note_reboot(self) -> None:
        """Tell the wearer if the machine was rebooted for the camera's sake while it recorded."""
        if await self._core.loop.in_thread(self._reboots.ended_a_recording):
            log.warning(
                MessageId.CUT_OFF, "the machine was rebooted to repair the camera while it recorded"
            )
            self._core.post(stages.CutOff(self._core.now_us()))

    async def _reboot(self, reason: str, *, silent: bool) -> None:
        """End, so that the unit reboots the machine; if that is worth it. silent: no pictures come.

        A card that hangs is not waited for: what it then remembers after all is taken back, and
        the ladder asks again.
        """
        # One that was cut off and waits for the camera is ended by a reboot, too.
        recording = self._core.state.keeping or self._core.state.goes_on
        self._resolving = True
        try:
            asked = self._core.loop.in_thread(lambda: self._reboots.resolve(recording=recording))
            await asyncio.wait({asked}, timeout=CARD_SECONDS)
            if not asked.done():
                log.error(
                    MessageId.REBOOT,
                    "no reboot yet: the card has not answered for %g s",
                    CARD_SECONDS,
                )
                self._no_reboot(reason, silent=silent)
                if await asked is not None:
                    await self._core.loop.in_thread(self._reboots.take_back)
                return
        finally:
            self._resolving = False
        resolved = asked.result()
        if resolved is None:
            self._no_reboot(reason, silent=silent)
            return
        self._note("reboot", reason=reason, count=resolved.count)
        log.critical(MessageId.REBOOT, "rebooting, attempt %d", resolved.count)
        self._give_up(EX_REBOOT)

    def _no_reboot(self, reason: str, *, silent: bool) -> None:
        """The camera stays as it is, for now; the ledger is told once, until the camera is back.
        A recording of nothing is closed."""
        if not self._fatal_logged:
            self._note("reboot", reason=reason, count=None)
        self._fatal_logged = True
        if silent and Condition.CAMERA_DOWN in self._core.conditions:
            self._core.post(stages.GivenUp(self._core.now_us()))


def describe(gap: Gap) -> str:
    """A gap in words: why, how many pictures, how long, as far as that is known. Counts of sound
    are packets, and are left out."""
    parts = [gap.reason]
    if gap.frames is not None and gap.reason != SOUND_LOST:
        parts.append(count(gap.frames, "picture"))
    if gap.from_us is not None and gap.to_us is not None:
        parts.append(f"{(gap.to_us - gap.from_us) / SECOND:.2f} s")
    return ", ".join(parts)
