"""Reports the camera's state: by lights and display, and on the control socket."""

from __future__ import annotations

from typing import Any

from camerad import __version__
from camerad.base.clock import SECOND, Clock
from camerad.behaviour import scene, stages
from camerad.behaviour.stages import Stage
from camerad.config import Settings
from camerad.daemon.buffers import Buffers
from camerad.daemon.button_input import ButtonInput
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.microphone_control import MicrophoneControl
from camerad.daemon.power_monitor import PowerMonitor
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shift_manager import ShiftManager
from camerad.hardware import from_settings
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from camerad.update.image_version import image_version


class StatusReporter:
    """Knows the parts that can be asked; the state is told with each question.

    The microphone is set once there is one.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        recordings: RecordingManager,
        resources: PowerMonitor,
        shifts: ShiftManager,
        *,
        handover: HandoverMonitor,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._recordings = recordings
        self._resources = resources
        self._shifts = shifts
        self._handover = handover
        self._image = image_version()
        self._sound = from_settings.sound(settings) is not None
        self.microphone: MicrophoneControl | None = None
        self.cut_off = False
        """Whether the wearer may still believe in a recording that was cut off."""

    def shows(self, state: stages.State) -> scene.Scene:
        """What the display is to show."""
        return scene.scene(
            state,
            scene.SceneFacts(
                pre_event_seconds=self._settings.policy.pre_event.seconds,
                sound=self._sound,
                hears=self.microphone is not None and self.microphone.hears,
                status=self._for_the_officer() if state.status_on else scene.OfficerStatus(),
                looking=self._shifts.looking,
                cut_off=self.cut_off,
            ),
        )

    def _for_the_officer(self) -> scene.OfficerStatus:
        room, moment = self._recordings.card.room(), self._clock.moment()
        minute_us = 60 * SECOND
        handover = self._handover.progress
        return scene.OfficerStatus(
            battery_percent=self._resources.percent,
            minutes_left=None if room is None else int(room["minutes_left"]),
            wall_us=moment.wall_us // minute_us * minute_us if moment.trusted else None,
            handover=scene.handover_scene(handover),
            done=0 if handover is None else handover.done,
            total=0 if handover is None else handover.total,
        )

    def health(
        self,
        camera: dict[str, Any],
        display: SelfViewProcess | NoDisplay | None,
        outputs: tuple[str, ...],
        buttons: dict[str, bool],
        press_to_red_us: int | None,
    ) -> dict[str, Any]:
        """How the parts do, ready for JSON; see `camerad.control.server`.

        camera: as `camerad.stream.vitals` reports. microphone: its state, and why it does not
        work, if so; null where recordings are to have no sound. display: what is wrong with it.
        faulty: the outputs that did not take their last switch. buttons: whether each is pressed.
        press_to_red_ms: from the press that started the newest recording to the red light; null if
        none did.
        """
        microphone = self.microphone
        return {
            "camera": camera,
            "microphone": microphone and {"state": microphone.state.value, "why": microphone.why},
            "display": {"fault": None if display is None else display.fault},
            "faulty": list(outputs),
            "buttons": buttons,
            "press_to_red_ms": None if press_to_red_us is None else press_to_red_us / 1000,
        }

    def report(self, state: stages.State, rings: Buffers, hands: ButtonInput) -> dict[str, Any]:
        """What the camera does now, ready for JSON; see `camerad.control.server`.

        cut_off: as `scene.tells_cut_off`. awaits_answer: as `gestures.awaits_answer`.
        """
        recording = self._recordings.recorders.present() if state.keeping else None
        since_us = state.entered_us if state.stage is Stage.RECORDING else None
        return {
            "stage": state.stage.value,
            "ready": state.stage in stages.ARMABLE and state.can_record,
            "conditions": sorted(condition.value for condition in state.conditions),
            "display": state.display_on,
            "muted": state.muted,
            "microphone": self.microphone.state.value if self.microphone is not None else None,
            "recording": recording
            and {
                "id": state.recording_id,
                "since_us": since_us,
                **recording,
            },
            "cut_off": scene.tells_cut_off(state, cut_off=self.cut_off),
            "awaits_answer": hands.awaits_answer,
            "pre_event_seconds": rings.pictures.seconds_held if state.armed else 0.0,
            "clock": self._clock.moment().source.value,
            "storage": self._recordings.card.room(),
            **self._resources.report(),
            "handover": self._handover.report(),
            "shift": self._shifts.status(),
            "looking_for_badge": self._shifts.looking,
            "expiring": list(self._recordings.expiring),
            "policy": self._settings.policy.name,
            "device": self._settings.device.id,
            "recordings_dir": self._recordings.directory,
            "version": __version__,
            "image": self._image,
        }
