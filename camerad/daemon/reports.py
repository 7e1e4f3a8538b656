"""What camera, lights, display and clocks report, as the daemon takes it: a condition, a line in
the log, and an entry in the ledger."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any, Final

from camerad.base.async_utils import OnLoop
from camerad.base.clock import SECOND, Clock, ClockSource
from camerad.base.errors import EX_REBOOT
from camerad.base.text import count
from camerad.base.wall_clock import ClockWatch, Known, TimeKeeper
from camerad.behaviour import signals, stages
from camerad.behaviour.budget import BEAT_SECONDS, CARD_SECONDS
from camerad.behaviour.stages import Condition, Stage
from camerad.container.gaps import Gap
from camerad.daemon.microphone_control import Microphone
from camerad.daemon.reboot_log import Rebooting
from camerad.daemon.recording_manager import Recordings
from camerad.daemon.shift_manager import KeptShift, Shifts
from camerad.hardware.lights import Indicators
from camerad.stream.link import CaptureLink
from camerad.stream.sound import SOUND_LOST

log = logging.getLogger("camerad.daemon.app")

LIGHT_DOWN: Final = Condition.LIGHT_DOWN


class Reports(OnLoop, ABC):
    """The part of the daemon that turns reports into conditions. Used on the event loop."""

    _clock: Clock
    _state: stages.State
    _indicators: Indicators
    _recordings: Recordings
    _time: TimeKeeper | None
    _microphone: Microphone | None
    _rebooting: Rebooting
    _link: CaptureLink
    _clock_steps = 0
    _camera_is_up = False
    _camera_error_told = ""
    _fatal_told = False
    _resolving = False

    _shifts: Shifts

    @abstractmethod
    def post(self, event: stages.Event) -> None:
        """Take an event."""

    @abstractmethod
    def give_up(self, exit_code: int) -> None:
        """End in order, with this exit code."""

    @abstractmethod
    def _tell_stamp(self) -> None:
        """Whether the wall clock is to be trusted may have changed."""

    # ------------------------------------------------------------------ conditions

    def raise_condition(self, condition: Condition) -> None:
        """From now on this is the matter."""
        if condition not in self._state.conditions:
            self.post(stages.Raised(self._clock.now_us(), condition))
            self._recordings.note("fault", condition=condition.value, holds=True)

    def clear_condition(self, condition: Condition) -> None:
        """No longer."""
        if condition in self._state.conditions:
            self.post(stages.Cleared(self._clock.now_us(), condition))
            self._recordings.note("fault", condition=condition.value, holds=False)

    def set_condition(self, condition: Condition, *, holds: bool) -> None:
        """Raise or clear it."""
        (self.raise_condition if holds else self.clear_condition)(condition)

    # ------------------------------------------------------------------ resources

    def slow_syncs(self) -> int:
        """How often the storage was slow since the start."""
        return self._recordings.slow_syncs

    def set_fps(self, fps: int, reason: str) -> None:
        """From now on the camera takes so many pictures per second."""
        self._link.wanted.set_fps(fps)
        self._recordings.rate(fps, reason)

    # ------------------------------------------------------------------ camera

    def _camera_up(self, hello: dict[str, Any]) -> None:
        log.info(
            "camera %s on %s, encoder %s",
            hello.get("camera"),
            hello.get("platform"),
            hello.get("encoder"),
        )
        self._recordings.encoder = str(hello.get("encoder", "unknown"))
        if self._microphone is not None and hello.get("sound") is None:
            self._microphone.unknown()
        self._camera_error_told = ""
        self._fatal_told = False
        self.clear_condition(Condition.CAMERA_DOWN)
        self._camera_is_up = True
        self.look_whether_ready()

    def look_whether_ready(self) -> None:
        """Ready once the camera delivers and it is known whether recordings can be kept."""
        settled = self._recordings.settled.is_set()
        if self._state.stage is Stage.STARTING and self._camera_is_up and settled:
            self.post(stages.Ready(self._clock.now_us()))

    def _camera_down(self, reason: str) -> None:
        if Condition.CAMERA_DOWN not in self._state.conditions:
            log.error("camera down: %s", reason)
        self.raise_condition(Condition.CAMERA_DOWN)

    def _camera_gap(self, gap: Gap) -> None:
        log.warning("footage is missing: %s", _told(gap))

    def _camera_error(self, message: str) -> None:
        if message != self._camera_error_told:  # said once, however often it is tried again
            log.error("camera: %s", message)
        self._camera_error_told = message

    def _camera_fatal(self, reason: str) -> None:
        if not self._fatal_told:
            log.critical("the camera does not come back: %s", reason)
        # One that fails again and again but delivers in between has something to be recorded.
        silent = Condition.CAMERA_DOWN in self._state.conditions
        self.raise_condition(Condition.CAMERA_DOWN)
        if not self._resolving:  # the card has not answered yet: the next time asks it again
            self.background(self._reboot(reason, silent=silent))

    async def _reboot(self, reason: str, *, silent: bool) -> None:
        """End, so that the unit reboots the machine; if that is worth it. silent: no pictures come.

        A card that hangs is not waited for: what it then remembers after all is taken back, and
        the ladder asks again.
        """
        recording = self._state.keeping
        self._resolving = True
        try:
            asked = self.aside(lambda: self._rebooting.resolve(recording=recording))
            await asyncio.wait({asked}, timeout=CARD_SECONDS)
            if not asked.done():
                log.error("no reboot yet: the card has not answered for %g s", CARD_SECONDS)
                self._no_reboot(reason, silent=silent)
                if await asked is not None:
                    await self.aside(self._rebooting.take_back)
                return
        finally:
            self._resolving = False
        resolved = asked.result()
        if resolved is None:
            self._no_reboot(reason, silent=silent)
            return
        self._recordings.note("reboot", reason=reason, count=resolved.count)
        log.critical("the machine is rebooted, the %d. time in a row", resolved.count)
        self.give_up(EX_REBOOT)

    def _no_reboot(self, reason: str, *, silent: bool) -> None:
        """The camera stays as it is, for now; the ledger is told once, until the camera is back.
        A recording of nothing is closed."""
        if not self._fatal_told:
            self._recordings.note("reboot", reason=reason, count=None)
        self._fatal_told = True
        if silent and Condition.CAMERA_DOWN in self._state.conditions:
            self.post(stages.GivenUp(self._clock.now_us()))

    def _camera_steady(self) -> None:
        self.aside(self._rebooting.forget)

    def _link_broken(self, error: BaseException) -> None:
        raise error  # as any mistake of ours: a fresh daemon begins

    # ------------------------------------------------------------------ lights, display

    def _light_fault(self, output: str, what: str | None) -> None:
        if what is not None:
            log.error("%s cannot be driven: %s", output, what)
        if what is not None and output == "red" and LIGHT_DOWN in self._state.conditions:
            # That of another light was told; this one is the one that says that footage is kept.
            self.sound(stages.CueKind.LIGHT_DOWN)
            self.note("fault", condition=LIGHT_DOWN.value, holds=True)
        if output in Indicators.LIGHTS:
            self._loop.call_soon(self._look_at_lights)

    async def _watch_lights(self) -> None:
        """See again and again whether they are as they were switched, until cancelled."""
        while True:
            self._indicators.look()
            await asyncio.sleep(BEAT_SECONDS)

    def _look_at_lights(self) -> None:
        self.set_condition(LIGHT_DOWN, holds=self._indicators.lights_faulty)

    def _display_state(self, fault: str | None) -> None:
        if fault is not None:
            log.error("display down: %s", fault)
        self.set_condition(Condition.DISPLAY_DOWN, holds=fault is not None)

    # ------------------------------------------------------------------ shift

    def note(self, kind: str, **facts: Any) -> None:
        """Have the ledger say so (`camerad.ledger.entry_types`)."""
        self._recordings.note(kind, **facts)

    def sound(self, kind: stages.CueKind) -> None:
        """Play a cue."""
        self._indicators.sound(signals.sounding(kind), answer=kind in signals.ANSWERS)

    def shift_known(self, kept: KeptShift) -> None:
        """The ledger knows of a shift that has not ended."""
        self._shifts.known(kept)

    # ------------------------------------------------------------------ clock

    async def _watch_clock(self, keeper: TimeKeeper) -> None:
        """What the clock is worth is told once the ledger has been read, or cannot be: before that
        nothing is trusted, and to say so at every start would cry wolf. A look before it lets the
        ledger's first entry know."""
        watch = ClockWatch(
            keeper, self.aside, on_source=self._clock_source, on_step=self._clock_step
        )
        looking = self._loop.create_task(self._look_early(keeper))
        try:
            await self._recordings.settled.wait()
        finally:
            looking.cancel()
        await watch.run()

    async def _look_early(self, keeper: TimeKeeper) -> None:
        await self.aside(keeper.look)

    def _clock_source(self, source: ClockSource) -> None:
        log.info("wall time: %s", source.value)
        self.set_condition(Condition.CLOCK_UNTRUSTED, holds=source is ClockSource.UNKNOWN)
        self._recordings.note("clock", step_us=None, source=source)
        self._tell_stamp()

    def _clock_step(self, step_us: int) -> None:
        log.warning("wall time was set by %+.1f s", step_us / SECOND)
        self._recordings.note("clock", step_us=step_us, source=None)
        self._clock_steps += 1
        self._tell_stamp()

    def time_known(self, known: Known) -> None:
        """What the ledger knows of right time; from any thread."""
        if self._time is not None:
            self._time.learn(known)


def _told(gap: Gap) -> str:
    """A gap in words: why, how many pictures, how long, as far as that is known. What is counted
    of sound is packets, and tells nobody anything."""
    parts = [gap.reason]
    if gap.frames is not None and gap.reason != SOUND_LOST:
        parts.append(count(gap.frames, "picture"))
    if gap.from_us is not None and gap.to_us is not None:
        parts.append(f"{(gap.to_us - gap.from_us) / SECOND:.2f} s")
    return ", ".join(parts)
