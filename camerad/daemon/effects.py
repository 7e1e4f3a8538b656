"""Carries out what `camerad.behaviour.stages.step` says is to follow: on the link to the camera, on
the recordings, and on what an officer feels and hears.

Effects that concern footage keep their order, wipes included: whatever comes while footage is being
overwritten waits until that is done. Used on the event loop, which waits for none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from camerad.behaviour import signals, stages
from camerad.daemon.recording_manager import Recordings
from camerad.hardware.lights import Indicators
from camerad.stream.link import CaptureLink

_FOOTAGE: Final = (
    stages.Arm,
    stages.Disarm,
    stages.Wipe,
    stages.StartRecording,
    stages.StopRecording,
    stages.Mark,
    stages.Mute,
)
"""Effects that concern footage."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What effects lead to. overwritten: a wipe is done; with True, the state waits to hear of it.
    end: the daemon is to end."""

    overwritten: Callable[[bool], None]
    end: Callable[[], None]
    threadsafe: Callable[[Callable[..., None]], Callable[..., None]]


class Effects:
    """One for each daemon. The camera's `link` is set once there is one: until then the camera is
    starting, and nothing follows there that concerns it."""

    link: CaptureLink

    def __init__(self, recordings: Recordings, indicators: Indicators, answers: Answers) -> None:
        self._recordings = recordings
        self._indicators = indicators
        self._answers = answers
        self._after_wipe: list[stages.Effect] | None = None
        self.refused = False
        """Whether a press was refused since this was set to False."""

    @property
    def wiping(self) -> bool:
        """Whether footage is being overwritten, so that none may come."""
        return self._after_wipe is not None

    def carry_out(self, effect: stages.Effect) -> None:
        """Do it, or see to it that it is done in its turn."""
        if self._after_wipe is not None and isinstance(effect, _FOOTAGE):
            self._after_wipe.append(effect)
            return
        match effect:
            case stages.Arm():
                self.link.wanted.arm()
            case stages.Disarm():
                self._wipe(answer=False)
            case stages.Wipe():
                self._wipe(answer=True)
            case stages.ShowSelfView(on):
                self.link.wanted.set_view(on)
            case stages.StartRecording(trigger, at_us, pre_event):
                self._recordings.start(trigger, at_us, pre_event=pre_event)
            case stages.StopRecording(reason, at_us):
                self._recordings.stop(reason, at_us)
            case stages.ShowStatus():
                pass  # it is a scene, and told with the state
            case stages.Mark(at_us):
                self._recordings.mark(at_us)
            case stages.Mute(on, at_us):
                self._recordings.mute(on, at_us)
            case stages.Cue(kind):
                self.refused = self.refused or kind is stages.CueKind.REFUSED
                self._indicators.sound(signals.sounding(kind), answer=kind in signals.ANSWERS)
            case stages.End():
                self._answers.end()

    def _wipe(self, *, answer: bool) -> None:
        self._after_wipe = []

        def done(wiped: Future[int]) -> None:
            wiped.result()  # a wipe that failed must not pass for one: it ends the daemon
            waiting, self._after_wipe = self._after_wipe or [], None
            for effect in waiting:
                self.carry_out(effect)
            self._answers.overwritten(answer)

        self.link.wanted.wipe().add_done_callback(self._answers.threadsafe(done))
