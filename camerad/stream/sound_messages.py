"""Messages of the capture process about sound: what it will send, and the microphone's state."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.errors import WireError
from camerad.container.statements import MUTED
from camerad.stream.wire import SoundState

SOUND_LOST: Final = "sound lost"
"""The numbers of the access units jumped, or one came that cannot be."""

_RATES: Final = range(8_000, 96_001)
_LONGEST_CONFIG: Final = 64
"""Bytes; the AudioSpecificConfig of AAC-LC has two, and five with an extension of its syntax."""


class SoundFormat(msgspec.Struct, frozen=True):
    """How sound is encoded: AAC-LC (ISO/IEC 14496-3).

    rate: samples per second. samples: of each channel, per access unit. config: the
    AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). device: what it comes from.
    """

    rate: int
    channels: int
    samples: int
    config: bytes
    device: str

    def us(self, units: int) -> int:
        """How long so many access units last, in microseconds."""
        return round(units * self.samples * SECOND / self.rate)


class SoundNews(msgspec.Struct, frozen=True):
    """The microphone does something else since `at_us` (media time); why: in words, if it fails."""

    state: SoundState
    at_us: int
    why: str | None = None


def parse_format(hello: dict[str, Any]) -> SoundFormat | None:
    """The sound that a process will send, None if it has no microphone.

    Raises WireError if its HELLO does not say so in the form of `wire.Kind.HELLO`.
    """
    said = hello.get("sound")
    if said is None:
        return None
    try:
        found = SoundFormat(
            said["rate"],
            said["channels"],
            said["samples"],
            bytes.fromhex(said["config"]),
            said["device"],
        )
        known = (
            said["codec"] == "aac"
            and type(found.rate) is int
            and found.rate in _RATES
            and type(found.channels) is int
            and found.channels in (1, 2)
            and found.samples in (960, 1024)
            and type(found.samples) is int
            and 2 <= len(found.config) <= _LONGEST_CONFIG
            and isinstance(found.device, str)
        )
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise WireError(f"not a format of sound: {said}")
    return found


def parse_news(body: dict[str, Any]) -> SoundNews:
    """The body of a SOUND_STATE. Raises WireError if it is not of its form."""
    at_us, why = body.get("at_us"), body.get("why")
    try:
        state = SoundState(str(body.get("state")))
    except ValueError:
        raise WireError(f"not a state of the microphone: {body}") from None
    if type(at_us) is not int or at_us < 0 or not (why is None or isinstance(why, str)):
        raise WireError(f"not a state of the microphone: {body}")
    return SoundNews(state, at_us, why)


NO_SOUND: Final = "no sound"
"""The microphone gave none, for an unknown reason."""
REASONS: Final = {
    MUTED: "muted",
    SoundState.MISSING: "microphone missing",
    SoundState.FAILED: "microphone failed",
    SoundState.STARTING: "microphone starting",
    SoundState.OFF: "microphone off",
}
"""Why there is none, by the states that sound was in; the first that fits says it."""
