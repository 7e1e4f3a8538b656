"""The judge of lips and voice: how far beeps and flashes of the clapper are apart in a recording.

The simulated sensor flashes and the simulated microphone beeps at the same instants
(`hw_mocks.sound.Clapper`), once a second. Whatever lies between them and the recording shifts the
two against each other; how much is measured on the decoded recording, by ffmpeg alone.

Each beep's pitch says which clap of ten it belongs to, so that a shift by a whole second is not
taken for none.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from hw_mocks.sound import LOUDNESS, PITCH_HZ, PITCH_STEP_HZ, PITCHES
from numpy.typing import NDArray

from tests.system.aside import aside

APART_SECONDS: Final = 0.45
"""A flash and a beep further apart belong to different claps, which follow every second."""
WHITE: Final = 200
"""Mean luma above which a picture is a flash; it is white (235) but for the barcode."""
LOUD: Final = LOUDNESS / 2
STILL_SECONDS: Final = 0.2
"""A beep that is to be judged comes after so much sound in which there is none."""
PITCH_SECONDS: Final = 0.06

Samples = NDArray[np.float32]


class ClapperError(AssertionError):
    """Error raised when a recording is none of a clapper."""


@dataclass(frozen=True, slots=True)
class Clap:
    """One clap. flash, beep: seconds of the recording; pitch: its number modulo ten."""

    flash: float
    beep: float
    pitch: int

    @property
    def offset_ms(self) -> float:
        """How much later than its flash the beep is."""
        return (self.beep - self.flash) * 1000


@dataclass(frozen=True, slots=True)
class Claps:
    """What was found: claps that could be seen and heard, and how many only one of the two."""

    both: tuple[Clap, ...]
    only_seen: int
    only_heard: int

    @property
    def worst_ms(self) -> float:
        """The offset that is furthest from none."""
        return max((clap.offset_ms for clap in self.both), key=abs)

    @property
    def drift_ms_per_minute(self) -> float:
        """The slope of the offsets, by least squares."""
        times = np.array([clap.flash for clap in self.both])
        offsets = np.array([clap.offset_ms for clap in self.both])
        return float(np.polyfit(times, offsets, 1)[0]) * 60


def judge(media: Path) -> Claps:
    """The claps of a recording. Raises ClapperError if beeps are not in the order of the flashes.

    Flashes after a hole in the pictures and beeps after a hole in the sound are left out: when
    they began cannot be seen.
    """
    flashes, beeps = seen(media), heard(media)
    both = []
    for flash in flashes:
        near = [beep for beep in beeps if abs(beep[0] - flash) < APART_SECONDS]
        if near:
            beep, pitch = min(near, key=lambda found: abs(found[0] - flash))
            both.append(Clap(flash, beep, pitch))
    for clap, after in pairwise(both):
        passed = round(after.flash - clap.flash)
        if (after.pitch - clap.pitch - passed) % PITCHES:
            raise ClapperError(f"{passed} s after clap {clap} comes {after}")
    return Claps(tuple(both), len(flashes) - len(both), len(beeps) - len(both))


def seen(media: Path) -> list[float]:
    """When flashes begin: seconds of the first white picture after one that is not."""
    lines = _ffmpeg(
        media,
        *("-map", "0:v:0", "-fps_mode", "passthrough"),
        *("-vf", "scale=64:36,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"),
        *("-f", "null", "-"),
    ).stdout.decode()
    pattern = r"pts_time:(\S+)\s+lavfi\.signalstats\.YAVG=(\S+)"
    pictures = [(float(at), float(luma)) for at, luma in re.findall(pattern, lines)]
    if len(pictures) < 2:
        raise ClapperError(f"{media}: {len(pictures)} pictures")
    usual = float(np.median([b[0] - a[0] for a, b in pairwise(pictures)]))
    return [
        at
        for (before, dark), (at, luma) in pairwise(pictures)
        if dark < WHITE <= luma and at - before < 1.5 * usual
    ]


def heard(media: Path) -> list[tuple[float, int]]:
    """When beeps begin, in seconds, and their pitches, 0 to 9."""
    found = []
    for begin, samples, rate in runs(media):
        loud = np.flatnonzero(np.abs(samples) > LOUD)
        still = round(STILL_SECONDS * rate)
        for place in loud[np.diff(loud, prepend=-1) > still]:
            tone = samples[place : place + round(PITCH_SECONDS * rate)]
            found.append((begin + place / rate, _pitch(tone, rate)))
    return found


def _pitch(tone: Samples, rate: int) -> int:
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), rate))
    # Padded to a second, so that a line is one hertz.
    return round((int(np.argmax(spectrum)) - PITCH_HZ) / PITCH_STEP_HZ) % PITCHES


def runs(media: Path) -> list[tuple[float, Samples, int]]:
    """The decoded sound without the holes: begin in seconds, samples, and samples per second."""
    done = _ffmpeg(
        media, "-map", "0:a:0", "-af", "ashowinfo", "-ac", "1", "-f", "f32le", "-c:a", "pcm_f32le",
        "-",
    )  # fmt: skip
    samples = np.frombuffer(done.stdout, "<f4")
    pattern = r"pts_time:(\S+) .* rate:(\d+) nb_samples:(\d+)"
    pieces: list[tuple[float, int, int]] = []
    """Begin, first sample, end."""
    place = rate = 0
    for at, hertz, count in re.findall(pattern, done.stderr.decode(errors="replace")):
        begin, rate, end = float(at), int(hertz), place + int(count)
        if pieces and abs(pieces[-1][0] + (place - pieces[-1][1]) / rate - begin) < 0.002:
            pieces[-1] = (*pieces[-1][:2], end)
        else:
            pieces.append((begin, place, end))
        place = end
    if place != len(samples):
        raise ClapperError(f"{media}: {len(samples)} samples, of which {place} have a time")
    return [(begin, samples[first:end], rate) for begin, first, end in pieces]


@aside
def _ffmpeg(media: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-copyts", "-i", str(media), *arguments]
    done: Any = subprocess.run(command, capture_output=True, check=False, timeout=600)
    if done.returncode:
        raise ClapperError(f"ffmpeg: {done.stderr.decode(errors='replace')[-500:]}")
    return done
