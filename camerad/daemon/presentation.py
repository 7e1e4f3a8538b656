"""Shows the camera's state to the wearer and the person opposite.

Lights and display follow from the state, from the shift and from the dock; announcements and cues
from what has just happened; the stamp in the pictures says what will be asked of them later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camerad.base.async_utils import until_next
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import cue_queue, signals, stages
from camerad.behaviour.budget import BEAT_SECONDS
from camerad.behaviour.cue_queue import STILL_MS, CueQueue
from camerad.behaviour.signals import BETWEEN_MS
from camerad.behaviour.stages import Condition, CueKind
from camerad.daemon.announcer import Announcer
from camerad.daemon.clock_monitor import ClockMonitor
from camerad.daemon.core import Core, Note
from camerad.daemon.dispatcher import Step
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.shift_manager import ShiftManager
from camerad.daemon.status_reporter import StatusReporter
from camerad.hardware.lights import Indicators
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from camerad.stream.capture_process import StampState
from camerad.stream.desired_state import DesiredState


class CuePlayer:
    """indicators: where motor and buzzer are, once there are any."""

    def __init__(self, core: Core, indicators: Callable[[], Indicators]) -> None:
        self._core = core
        self._indicators = indicators
        self._queue = CueQueue()
        self._pause: asyncio.TimerHandle | None = None
        """What ends the stillness before an answer, or the rest behind a cue."""

    def play(self, kind: CueKind) -> None:
        """Tell it: an answer now, and news when its turn comes."""
        core, before = self._core, self._queue
        if kind not in signals.ANSWERS:
            self._queue = cue_queue.add(before, kind, core.state)
            if before.playing is None and self._pause is None:
                self._turn()
            return
        self._queue = cue_queue.answer(before, kind, core.state, core.detail)
        if before.playing is None:
            self._end_pause()  # a rest: it was still for long enough
            self._begin()
        elif self._pause is None:
            still_ms = self._indicators().hush() * 1000
            self._wait(max(0.0, STILL_MS - still_ms), self._begin)

    def _begin(self) -> None:
        """Tell what is to be told now, if anything is."""
        core, kind = self._core, self._queue.playing
        if kind is None:
            return
        sounding = signals.sounding(kind, core.state, core.detail)
        if not self._indicators().sound(sounding, self._over):
            self._turn()  # a board without motor, and a cue without tone

    def _over(self) -> None:
        self._queue = cue_queue.rest(self._queue)
        self._wait(BETWEEN_MS, self._turn)

    def _turn(self) -> None:
        self._queue = cue_queue.turn(self._queue, self._core.state, self._core.detail)
        self._begin()

    def _wait(self, milliseconds: float, then: Callable[[], None]) -> None:
        def over() -> None:
            self._pause = None
            then()

        self._pause = asyncio.get_running_loop().call_later(milliseconds / 1000, over)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None


log = Log(__name__)


class LightMonitor:
    """Used on the event loop. `indicators` come first. note: has the ledger say so. play: plays a
    cue."""

    indicators: Indicators

    def __init__(self, core: Core, note: Note, *, play: Callable[[CueKind], None]) -> None:
        self._core = core
        self._note = note
        self._play = play

    def fault(self, output: str, what: str | None) -> None:
        """An output cannot be driven, or can again (None). It may be told of while lights are being
        set, so the condition follows afterwards."""
        if what is not None:
            log.error(MessageId.LIGHT, "%s cannot be driven: %s", output, what)
        if what is not None and output == "red" and Condition.LIGHT_DOWN in self._core.conditions:
            # That of another light was told; this one is the one that says that footage is kept.
            self._play(CueKind.LIGHT_DOWN)
            self._note("fault", condition=Condition.LIGHT_DOWN.value, holds=True)
        if output in Indicators.LIGHTS:
            asyncio.get_running_loop().call_soon(self._judge)

    async def watch(self) -> None:
        """Look at them again and again, until cancelled."""
        while True:
            self.indicators.check_lines()
            await until_next(BEAT_SECONDS)

    def _judge(self) -> None:
        self._core.conditions.set(Condition.LIGHT_DOWN, holds=self.indicators.lights_faulty)


class Presentation:
    """Used on the event loop. `indicators` come first, before any event.

    has_sound: whether recordings hold sound, as far as it is not muted and the microphone works.
    """

    indicators: Indicators

    def __init__(
        self,
        core: Core,
        clock_monitor: ClockMonitor,
        shifts: ShiftManager,
        status: StatusReporter,
        *,
        handover: HandoverMonitor,
        has_sound: Callable[[], bool],
    ) -> None:
        self._core = core
        self._clock_monitor = clock_monitor
        self._shifts = shifts
        self._handover = handover
        self._status = status
        self._has_sound = has_sound
        self._cues = CuePlayer(core, lambda: self.indicators)
        self.announcer: Announcer | None = None
        """The announcer, once there is one."""
        self.display: SelfViewProcess | NoDisplay | None = None
        """The display, once there is one."""
        self.press_to_red_us: int | None = None
        """From the first edge of the press that started the newest recording to the red light;
        None if no press did."""
        self.wanted: DesiredState | None = None
        """The wanted state of the camera, once there is a link to it."""

    def show_lights(self, step: Step | None = None) -> None:
        """Set the lights to the state. They are set before this returns."""
        self.indicators.show(self.lights())
        if step is not None and step.after.keeping and not step.before.keeping:
            self.press_to_red_us = None
            if isinstance(step.event, stages.Intended) and step.event.began is not None:
                self.press_to_red_us = self._core.clock.now_us() - step.event.edge_us

    def lights(self) -> signals.Indication:
        """What the lights are to show: state, upload in the dock, search for a badge."""
        progress = self._handover.progress
        plain = signals.indication(self._core.state)
        docked = signals.in_dock(plain, None if progress is None else progress.state)
        return signals.on_shift(docked, looking=self._shifts.looking or self._status.cut_off)

    def show_scene(self, _step: Step | None = None) -> None:
        """Have the display show the state."""
        if self.display is not None:
            self.display.show(self._status.shows(self._core.state))

    def play(self, kind: stages.CueKind) -> None:
        """Have it felt and heard, at once or in its turn."""
        self._cues.play(kind)

    def announce(self, step: Step) -> None:
        """Say aloud what has happened, where the policy wants it said."""
        if self.announcer is not None:
            self.announcer.stepped(
                step.event.at_us,
                step.before,
                step.after,
                sound=self._has_sound(),
                failed=stages.is_failure(step.event),
            )

    def know_cut_off(self, step: Step) -> None:
        """A recording that was cut off is told until another one begins, or the camera is brought
        back. Comes before lights and display, which tell it."""
        if step.after.keeping or Condition.DOCKED in step.after.conditions:
            self._status.cut_off = False
        elif step.cut_off:
            self._status.cut_off = True

    def stepped(self, step: Step) -> None:
        """The stamp changes with the footage: from before the press, or from after it."""
        before, after = step.before, step.after
        if (before.armed, before.keeping) != (after.armed, after.keeping):
            self.tell_stamp()

    def tell_stamp(self) -> None:
        """Say what is written into the pictures from now on."""
        if self.wanted is None:
            return
        state = self._core.state
        self.wanted.set_stamp(
            StampState(
                pre=state.armed and not state.keeping,
                trusted=self._core.clock.moment().trusted,
                wearer=self._shifts.wearer,
                steps=self._clock_monitor.steps,
            )
        )
