"""Plays announcements through the loudspeaker, and writes them into the ledger.

That a recording was announced is a fact that the ledger keeps, and that it was to be and could not
be is one too. Used from the event loop; nothing here waits for a sound.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from camerad.base.message_ids import Log, MessageId
from camerad.base.text import LONGEST, printable
from camerad.behaviour.announcements import OF_SELF_VIEW, Announcement, announcement
from camerad.behaviour.stages import Stage, State
from camerad.config import Settings
from camerad.config.controls import Announcements
from camerad.daemon.core import Core
from camerad.hardware import from_settings
from camerad.hardware.speaker import FAILED, PLAYED, Clip, Speaker, Spoken, clips

log = Log(__name__)

SPEAKER_DOWN: Final = "speaker_down"
"""The condition of the ledger's faults while announcements fail."""


class _Recording(msgspec.Struct):
    """The recording that is spoken of; its id is known a moment after it has begun.

    settled: it is known, or never will be. waiting: what the ledger is to say of it then.
    """

    id: str | None = None
    settled: bool = False
    waiting: list[dict[str, Any]] = msgspec.field(default_factory=list)


def make_announcer(core: Core, settings: Settings, note: Callable[..., Any]) -> Announcer:
    """One that has begun to speak, with the files that the settings name. note: see `Announcer`."""

    def load() -> Awaitable[dict[Announcement, Clip]]:
        return core.loop.in_thread(lambda: clips(from_settings.announcements(settings)))

    announcer = Announcer(settings.announcements, load, note)
    announcer.start()
    return announcer


class Announcer:
    """Announces what the stages become.

    load: gives the audio files (`camerad.hardware.speaker.clips`). note: has the ledger say
    something (`camerad.ledger.entry_types`).
    """

    def __init__(
        self,
        settings: Announcements,
        load: Callable[[], Awaitable[Mapping[Announcement, Clip]]],
        note: Callable[..., Any],
        speaker: Callable[..., Speaker] = Speaker,
    ) -> None:
        self._self_view = settings.self_view
        self._note = note
        self._speaker = speaker(settings.device, load)
        self._recording = _Recording(settled=True)
        self._down = False

    def start(self) -> None:
        """Begin to speak. Needs a running event loop."""
        self._speaker.start()

    async def close(self) -> None:
        """Speak no more."""
        await self._speaker.close()
        self._settle()

    def stepped(
        self, at_us: int, before: State, after: State, *, sound: bool, failed: bool = False
    ) -> None:
        """The stages went from `before` to `after` at `at_us`; returns at once.

        sound: whether a recording holds sound unless it is muted. failed: whether it was a failure.
        """
        if after.stage is Stage.RECORDING and before.stage is not Stage.RECORDING:
            self._settle()
            self._recording = _Recording()
        if after.recording_id is not None:
            self._recording.id = after.recording_id
        if after.recording_id is not None or not after.keeping:
            self._settle()
        self_view = self._self_view
        what = announcement(before, after, sound=sound, self_view=self_view, failed=failed)
        if what is not None:
            about = _Recording(settled=True) if what in OF_SELF_VIEW else self._recording
            self._speaker.say(what, functools.partial(self._spoken, what, at_us, about))

    def _spoken(self, what: Announcement, at_us: int, about: _Recording, spoken: Spoken) -> None:
        if spoken.outcome == FAILED:
            log.error(
                MessageId.SPEAKER,
                "the announcement %s was not played: %s; see announcements in the "
                "configuration (aplay -L lists the devices)",
                what.value,
                spoken.why,
            )
        down = spoken.outcome == FAILED or (self._down and spoken.outcome != PLAYED)
        if down != self._down:
            self._down = down
            self._note("fault", condition=SPEAKER_DOWN, holds=down)
        # The player's own words, of which the last say why; the ledger has room for one line.
        why = None if spoken.why is None else printable(spoken.why)[-LONGEST:]
        about.waiting.append(
            {
                "what": what.value,
                "sha256": spoken.sha256,
                "at_us": at_us,
                "outcome": spoken.outcome,
                "why": why,
            }
        )
        if about.settled:
            self._flush(about)

    def _settle(self) -> None:
        """The id of the recording is known, or will never be."""
        self._recording.settled = True
        self._flush(self._recording)

    def _flush(self, about: _Recording) -> None:
        for facts in about.waiting:
            self._note("announcement", recording=about.id, **facts)
        about.waiting.clear()
