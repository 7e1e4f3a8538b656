"""Controls the microphone, and follows its reports.

Which mode it is in follows from the state alone, so there is nothing to remember, and a capture
process that was restarted is told the same again (`camerad.stream.link`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import stages
from camerad.behaviour.stages import Condition, Stage
from camerad.daemon.core import Core
from camerad.stream.sound_messages import SoundNews
from camerad.stream.wire import SoundMode, SoundState

_log = Log(__name__)
DOWN: Final = (SoundState.MISSING, SoundState.FAILED)
"""States in which there is no sound, though it is wanted."""


def mode_for(state: stages.State, *, pre_event: bool) -> SoundMode:
    """Decides the microphone's command. pre_event: whether the pre-event buffer holds sound too.

    It is on while a recording takes sound, and while a buffer does; ready where a press is to have
    sound at once; and else its device is closed, so that it never listens without need. Nor is it
    opened there to check it: that would be listening.
    """
    if state.keeping:
        return SoundMode.READY if state.muted else SoundMode.ON
    if state.armed and pre_event:
        return SoundMode.ON
    if state.armed or state.stage is Stage.SELF_VIEW:
        return SoundMode.READY
    return SoundMode.OFF


class MicrophoneControl:
    """Used on the event loop.

    pre_event: as in `mode_for`. set_mode: tells the link. heard: told what the microphone says.
    """

    def __init__(
        self,
        core: Core,
        *,
        pre_event: bool,
        set_mode: Callable[[SoundMode], None],
        heard: Callable[[SoundNews], None],
    ) -> None:
        self._core = core
        self._pre_event = pre_event
        self._set_mode = set_mode
        self._heard = heard
        self.state = SoundState.OFF
        """Its last reported state; off once its process is gone."""
        self.why: str | None = None
        """Why it does not work, in words; None while nothing speaks against it."""

    @property
    def hears(self) -> bool:
        """Whether it is on now."""
        return self.state is SoundState.ON

    def follow(self, state: stages.State, *, wiping: bool) -> None:
        """The camera is in this state. wiping: footage is being overwritten, so none may come."""
        mode = mode_for(state, pre_event=self._pre_event)
        if wiping and mode is SoundMode.ON:
            mode = SoundMode.READY
        self._set_mode(mode)

    def says(self, news: SoundNews) -> None:
        """Its state has changed. While it is off, and until it is on, it is unknown whether it
        works: the condition keeps its state from the last use. What a start tells of that waits
        behind the start's own rhythm, and is not told if it is on by then."""
        self.state, self.why = news.state, news.why
        if news.state in DOWN:
            _log.error(MessageId.MICROPHONE, "microphone %s: %s", news.state.value, news.why)
        self._heard(news)
        if news.state in DOWN or news.state is SoundState.ON:
            self._core.conditions.set(Condition.MICROPHONE_DOWN, holds=news.state in DOWN)

    def ended(self) -> None:
        """The capture process has ended, and its microphone with it. The next one says what it
        does; whether it works is known no better than before."""
        self.state, self.why = SoundState.OFF, None

    def unknown(self) -> None:
        """The capture process cannot say what it would send: recordings are silent."""
        _log.error(MessageId.MICROPHONE, "microphone: the capture process has no encoder for sound")
        self._core.conditions.raise_(Condition.MICROPHONE_DOWN)
