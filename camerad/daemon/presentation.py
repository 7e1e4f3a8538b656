"""Shows the camera's state to the wearer and the person opposite.

Lights and display follow from the state, from the shift and from the dock; announcements and cues
from what has just happened; the stamp in the pictures says what will be asked of them later.
"""

from __future__ import annotations

from collections.abc import Callable

from camerad.behaviour import stages
from camerad.behaviour.stages import Condition
from camerad.daemon.announcer import Announcer
from camerad.daemon.clock_monitor import ClockMonitor
from camerad.daemon.core import Core
from camerad.daemon.cue_player import CuePlayer
from camerad.daemon.dispatcher import Step
from camerad.daemon.shift_manager import ShiftManager
from camerad.daemon.status_reporter import StatusReporter
from camerad.hardware.lights import Indicators
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from camerad.stream.capture_process import StampState
from camerad.stream.desired_state import DesiredState


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
        has_sound: Callable[[], bool],
    ) -> None:
        self._core = core
        self._clock_monitor = clock_monitor
        self._shifts = shifts
        self._status = status
        self._has_sound = has_sound
        self._cues = CuePlayer(core, lambda: self.indicators)
        self.announcer: Announcer | None = None
        """The announcer, once there is one."""
        self.display: SelfViewProcess | NoDisplay | None = None
        """The display, once there is one."""
        self.wanted: DesiredState | None = None
        """The wanted state of the camera, once there is a link to it."""

    def show_lights(self, _step: Step | None = None) -> None:
        """Set the lights to the state. They are set before this returns."""
        self.indicators.show(self._status.lights(self._core.state))

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
