"""Manages the sound of recordings: its state at their beginning, and its changes.

Between two recordings it is remembered what the microphone does, and since when the wearer wants no
sound: the next one has to know both before its first sound. Used from the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from camerad.config import Settings
from camerad.daemon.buffers import Buffers
from camerad.hardware.from_settings import CHANNELS
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat, SoundNews

if TYPE_CHECKING:
    from camerad.recording.audio_track import AudioTrack


class AudioManager:
    """Of one daemon. One recording runs at a time; those before it may still be being closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ring: Ring | None = None
        self._format: Callable[[], SoundFormat | None] = lambda: None
        self._tracks: dict[int, AudioTrack] = {}
        self._newest = 0
        self._heard: SoundNews | None = None
        self._muted_us = 0

    def open(self, rings: Buffers, sound_format: Callable[[], SoundFormat | None]) -> None:
        """Take sound from the ring for it, if there is one. sound_format: how it is encoded, once
        that is known; asked from the recording's thread."""
        self._ring = rings.sound
        self._format = sound_format

    @property
    def has_sound(self) -> bool:
        """Whether recordings hold sound, as far as it is not muted and the microphone works."""
        return self._ring is not None

    def begin(self, *, goes_on: bool, muted: bool, muted_us: int | None) -> AudioTrack | None:
        """The sound of the recording that begins now; None where it is to have none.

        goes_on: it goes on from another one. muted: the wearer wants no sound of that. muted_us:
        since when they wanted none of one that the daemon's death has ended; None if they did.
        """
        from camerad.recording.audio_track import AudioSpec, AudioTrack  # noqa: PLC0415 - slow to import

        wanted, ring = self._settings.microphone, self._ring
        if ring is None:
            return None
        pre_event = goes_on or self._settings.policy.pre_event.sound
        track = AudioTrack(
            ring, AudioSpec(wanted.device, wanted.rate, CHANNELS, pre_event), self._format
        )
        # Muted first: what the microphone does then is not stated, and would seem to follow on it.
        if muted_us is not None:
            # Before the first sound can be taken: what was heard meanwhile is not kept either.
            track.mute(True, muted_us)
        elif goes_on and muted:
            track.mute(True, self._muted_us)
        if self._heard is not None:
            track.changed(self._heard)
        return track

    def runs(self, number: int, track: AudioTrack | None) -> None:
        """The recording of this number has begun, with this track if it has sound; None: or it is
        over."""
        self._newest = max(self._newest, number)
        if track is None:
            self._tracks.pop(number, None)
        else:
            self._tracks[number] = track

    def mute(self, on: bool, at_us: int) -> None:
        """The wearer wants no sound from `at_us` on, or wants it again."""
        self._muted_us = at_us
        track = self._tracks.get(self._newest)
        if track is not None:
            track.mute(on, at_us)

    def hear(self, news: SoundNews) -> None:
        """The microphone does something else."""
        self._heard = news
        for track in self._tracks.values():
            track.changed(news)
