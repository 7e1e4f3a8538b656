"""The sound part of the link: reports of the processes, and the age limit of sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from camerad.base.errors import WireError
from camerad.stream.capture_process import QUIET, SoundOrder
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat, SoundNews, parse_format, parse_news
from camerad.stream.wire import SoundMode

_AGE_EVERY_US: Final = 250_000
"""How often the ring is told the time. Pictures may flow though the microphone is gone, or the
other way round."""


def not_on(sound: SoundOrder) -> SoundOrder:
    """The same, but nothing is encoded."""
    return SoundOrder(SoundMode.READY, 0) if sound.mode is SoundMode.ON else sound


class SoundLink:
    """For the link's thread; `form` may be read by any.

    ring: for sound; None where none is wanted. on_news: told what the microphone does. on_error:
    told what was not understood. form: how sound is encoded, once a process has said so; it never
    changes then, for a recording has one sound track.
    """

    def __init__(
        self,
        ring: Ring | None,
        on_news: Callable[[SoundNews], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._ring = ring
        self._on_news = on_news
        self._on_error = on_error
        self._age_us = 0
        self._fits = True
        self.form: SoundFormat | None = None

    def hello(self, body: dict[str, Any]) -> None:
        """A process says what it will send. Another format than before is silence: a restart of the
        camera is no reason to end a recording."""
        known = self.form
        try:
            found = parse_format(body)
        except WireError as error:
            self._fits = False
            self._on_error(f"no sound: {error}")
            return
        if known is None:
            self.form = found
        self._fits = known is None or found == known
        if not self._fits:
            self._on_error(f"no sound: it was {known}, and is {found} after a restart")

    def news(self, body: dict[str, Any]) -> None:
        """A process says what its microphone does."""
        try:
            news = parse_news(body)
        except WireError as error:
            self._on_error(str(error))
        else:
            self._on_news(news)

    def bearable(self, sound: SoundOrder) -> SoundOrder:
        """The part of this that the present process may be told."""
        return sound if self._fits else QUIET

    def expire(self, now_us: int) -> None:
        """Let go of sound that is too old."""
        due_us = self.due_us
        if self._ring is not None and due_us is not None and now_us >= due_us:
            self._age_us = now_us + _AGE_EVERY_US
            self._ring.expire(now_us)

    @property
    def due_us(self) -> int | None:
        """When `expire` is due; None while there is nothing that could grow old. What comes tells
        the ring the time by itself."""
        ring = self._ring
        if ring is None or ring.leaves_us is None:
            return None
        return max(self._age_us, (ring.last_pts_us or 0) + _AGE_EVERY_US)
