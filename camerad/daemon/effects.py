"""Carries out the effects of `camerad.behaviour.stages.step`: on the link to the camera, on the
recordings, and on cues.

Effects that concern footage keep their order, wipes included: whatever comes while footage is being
overwritten waits until that is done. So does what a recording is told of the camera's stages: it
hears of its own first. Used on the event loop, which waits for none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from camerad.behaviour import signals, stages
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import Step
from camerad.daemon.recording_manager import RecordingManager
from camerad.stream.desired_state import DesiredState

_FOOTAGE: Final = (
    stages.Arm,
    stages.Disarm,
    stages.Wipe,
    stages.StartRecording,
    stages.StopRecording,
    stages.Mark,
    stages.Mute,
    Step,
)
"""What concerns footage, effects and steps."""


class Effects:
    """The camera's `wanted` is set once there is a link to it: until then the camera is starting,
    and nothing follows there that concerns it.

    play: plays a cue. overwritten(answer): a wipe is done; with True, the state waits to hear of
    it. end: the daemon is to end.
    """

    wanted: DesiredState

    def __init__(
        self,
        core: Core,
        recordings: RecordingManager,
        play: Callable[[stages.CueKind], None],
        overwritten: Callable[[bool], None],
        end: Callable[[], None],
    ) -> None:
        self._core = core
        self._recordings = recordings
        self._play = play
        self._overwritten = overwritten
        self._end = end
        self._after_wipe: list[stages.Effect | Step] | None = None

    @property
    def wiping(self) -> bool:
        """Whether footage is being overwritten, so that none may come."""
        return self._after_wipe is not None

    def stepped(self, step: Step) -> None:
        """Carry out what follows from it, in its order."""
        for effect in signals.told_once(step.effects, step.after, self._core.detail):
            self.carry_out(effect)
        if step.restaged:
            self.carry_out(step)

    def carry_out(self, effect: stages.Effect | Step) -> None:
        """Do it, or see to it that it is done in its turn. Of a step a recording is told."""
        if self._after_wipe is not None and isinstance(effect, _FOOTAGE):
            self._after_wipe.append(effect)
            return
        match effect:
            case stages.Arm():
                self.wanted.arm()
            case stages.Disarm():
                self._wipe(answer=False)
            case stages.Wipe():
                self._wipe(answer=True)
            case stages.ShowSelfView(on):
                self.wanted.set_view(on)
            case stages.StartRecording(trigger, at_us, pre_event):
                self._recordings.start(trigger, at_us, pre_event=pre_event)
            case stages.StopRecording(reason, at_us):
                self._recordings.stop(reason, at_us)
            case stages.ShowStatus():
                pass  # it is a scene, and told with the state
            case stages.Mark(at_us):
                self._recordings.recorders.mark(at_us)
            case stages.Mute(on, at_us):
                self._recordings.mute(on, at_us)
            case stages.Cue(kind):
                self._play(kind)
            case stages.End():
                self._end()
            case Step(event, _, after):
                self._recordings.tell_stage(event.at_us, after)

    def _wipe(self, *, answer: bool) -> None:
        self._after_wipe = []

        def done(wiped: Future[int]) -> None:
            wiped.result()  # a wipe that failed must not pass for one: it ends the daemon
            waiting, self._after_wipe = self._after_wipe or [], None
            for effect in waiting:
                self.carry_out(effect)
            self._overwritten(answer)

        self.wanted.wipe().add_done_callback(self._core.loop.threadsafe(done))
