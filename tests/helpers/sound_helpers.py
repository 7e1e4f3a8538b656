"""Sound for the tests of evidence: beeps that say by themselves when they were heard.

Encoded by FFmpeg's AAC encoder, as the capture process does it: mono, 48 kHz. A beep begins at each
second of media time; a unit's time is that of the first sample that it decodes to.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Iterable
from fractions import Fraction

import av
import numpy as np
from evidence_helpers import (
    HEIGHT,
    ORIGIN_US,
    WIDTH,
    Packet,
    seconds_of_footage,
    time_of,
)
from msgspec.structs import replace
from sealed_helpers import Made, a_header, at, sealed, signed, some_closing, some_facts

from camerad.container.gaps import Gap
from camerad.container.statements import (
    Closing,
    FragmentFacts,
    FragmentSound,
    Header,
    Microphone,
    SoundChange,
    SoundEnd,
)
from camerad.recording.audio_segmenter import Sounds
from camerad.recording.fragment_muxer import FragmentMaker
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat

RATE = 48_000
SAMPLES = 1024
UNIT_US = SAMPLES * 1_000_000 / RATE
"""21,333.3 us."""
BEEP_S = 0.1
FIRST = 500
"""Number of the first access unit."""


@functools.cache
def _encoded(seconds: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The AudioSpecificConfig, and the access units of so many seconds with a beep in each."""
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "fltp"
    encoder.bit_rate = 64_000
    encoder.open()
    at = np.arange(RATE * seconds) / RATE
    wave = (0.8 * np.sin(2 * np.pi * 1000 * at) * (at % 1 < BEEP_S)).astype(np.float32)
    units = []
    for start in range(0, len(wave) - SAMPLES + 1, SAMPLES):
        heard = av.AudioFrame.from_ndarray(wave[None, start : start + SAMPLES], "fltp", "mono")
        heard.sample_rate, heard.pts, heard.time_base = RATE, start, Fraction(1, RATE)
        units += encoder.encode(heard)
    assert encoder.extradata is not None
    # The first unit decodes to what was before the first sample: the encoder's delay.
    assert units[0].pts == -SAMPLES
    return encoder.extradata, tuple(bytes(unit) for unit in units[1:])


def sound_format() -> SoundFormat:
    """As the capture process would say it."""
    return SoundFormat(RATE, 1, SAMPLES, _encoded(12)[0], "hw:1")


def heard_at(number: int, begins_us: int = ORIGIN_US) -> int:
    """Media time of access unit `number`, counted from 0 at `begins_us`."""
    return round(begins_us + number * UNIT_US)


def sound(
    seconds: float, begins_us: int = ORIGIN_US, epoch: int = 7, first: int = 0
) -> tuple[Packet, ...]:
    """Access units of so many seconds from unit `first` on; a beep begins at each whole second
    after `begins_us`."""
    made = []
    for number in range(first, round(seconds * 1_000_000 / UNIT_US)):
        unit = _encoded(12)[1][number]
        at_us = heard_at(number, begins_us)
        made.append((PacketInfo(epoch, FIRST + number, at_us, True, len(unit)), unit))
    return tuple(made)


def feed_sound(ring: Ring, units: Iterable[Packet]) -> None:
    """Put access units into their ring as the link does."""
    for info, data in units:
        ring.reserve(len(data))[:] = data
        ring.commit(info)


def beeps(path: str) -> list[float]:
    """Seconds of the file at which ffmpeg hears a beep begin; silence where there is no sound."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:a:0"]
    command += ["-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(RATE)]
    data = subprocess.check_output([*command, "-f", "f32le", "-"], timeout=60)
    wave = np.abs(np.frombuffer(data, np.float32))
    steps = wave[: len(wave) // 48 * 48].reshape(-1, 48).max(axis=1) > 0.3
    (begins,) = np.nonzero(steps[1:] & ~steps[:-1])
    found = [0.0] if len(steps) and steps[0] else []
    return found + [(int(step) + 1) / 1000 for step in begins]


def seconds_of_sound(path: str) -> float:
    """How much sound ffmpeg decodes, holes left out."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path, "-map", "0:a:0"]
    data = subprocess.check_output([*command, "-f", "f32le", "-"], timeout=60)
    return len(data) / 4 / RATE


MICROPHONE = Microphone("hw:1", RATE, 1, SAMPLES, False)
PER_FRAGMENT = 23
"""Access units to half a second: 0.491 s; a hole of 9 ms follows each, which needs no words."""


@functools.cache
def made_with_sound(
    change: Callable[[int, FragmentFacts], FragmentFacts] | None = None,
    change_end: Callable[[Closing], Closing] | None = None,
    change_header: Callable[[Header], Header] | None = None,
    identity: str = "20261124T153000Z-000001-00000001",
) -> Made:
    """A recording of two seconds: four fragments of pictures and sound, and one of sound only.

    Put together from the parts, as `sealed_helpers.made` is. The others: what is said otherwise.
    """
    packets, form = seconds_of_footage(2), sound_format()
    units = sound(3)
    header = a_header(identity, sound=True, microphone=MICROPHONE, clock=at(0))
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1], form)
    plain, facts = [maker.init], []
    for number in range(5):
        first = number * PER_FRAGMENT
        heard = units[first : first + PER_FRAGMENT]
        run = packets[number * 15 : number * 15 + 15]
        end_us = time_of(number * 15 + 15) if run else time_of(60)
        sounds = Sounds(first * SAMPLES, heard)
        plain.append(maker.make(run, end_us, ORIGIN_US, sounds))
        first_us, last_us = (run[0][0].pts_us, run[-1][0].pts_us) if run else (end_us, end_us)
        said = FragmentSound(
            len(heard),
            heard[0][0].pts_us,
            heard[-1][0].pts_us + round(UNIT_US),
            (Gap("muted", None, heard_at(first), heard_at(first + 1)),) if number == 2 else (),
            (SoundChange(ORIGIN_US, "on", None),) if number == 0 else (),
        )
        one = some_facts(number, first_us, last_us, end_us, len(run))
        one = replace(one, sound=said, clock=at(end_us + 500_000))
        facts.append(one if change is None else change(number, one))
    at_us = heard_at(5 * PER_FRAGMENT)
    closing = replace(some_closing(60, at_us), sound=SoundEnd(5 * PER_FRAGMENT, (), ()))
    closing = closing if change_end is None else change_end(closing)
    header = header if change_header is None else change_header(header)
    members = signed(header, [sealed(data) for data in plain], facts, closing)
    return Made(header, members, tuple(plain), tuple(range(60)), tuple(facts))
