"""A test tone for the loudspeaker, and its detection in a microphone's samples."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

HERTZ: Final = 1000.0
"""Where small loudspeakers are loud, and mains hum and most of a voice are not."""
SECONDS: Final = 0.8
RATE: Final = 16_000
"""Samples per second, as the announcements that come with camerad have: what plays those plays
it."""
LOUDNESS: Final = 0.5
FADE_SECONDS: Final = 0.02
"""So that it begins and ends without a click."""
WINDOW_SECONDS: Final = 0.05
"""What is judged at once: fifty periods of the tone."""
SHARE: Final = 0.25
"""So much of the energy of a window is the tone's where the tone counts as heard. Noise has a
thousandth of its energy there, and a voice comes near it for a syllable at most."""
ENOUGH: Final = 5
"""So many windows with the tone, of the sixteen that it lasts."""

Samples = NDArray[np.int16]


def write_tone(path: Path) -> None:
    """Make a WAV file of it, mono, 16 bits."""
    at_s = np.arange(round(SECONDS * RATE)) / RATE
    fade = np.clip(np.minimum(at_s, SECONDS - at_s) / FADE_SECONDS, 0, 1)
    values = np.rint(32767 * LOUDNESS * fade * np.sin(2 * np.pi * HERTZ * at_s)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(values.tobytes())


class ToneDetector:
    """Listens for the tone in samples of `rate` per second; keeps none but those of a window.

    windows: how many were heard to the end; with_tone: how many of them had the tone; loudest: the
    largest distance of a sample from the middle of its window, 0 to 32767.
    """

    def __init__(self, rate: int) -> None:
        self.windows = 0
        self.with_tone = 0
        self.loudest = 0.0
        count = round(WINDOW_SECONDS * rate)
        self._wave = np.exp(-2j * np.pi * HERTZ / rate * np.arange(count))
        self._window = np.zeros(count)
        self._filled = 0

    def feed(self, samples: Samples) -> None:
        """Hear these samples, which follow on those before."""
        while len(samples):
            room = len(self._window) - self._filled
            part, samples = samples[:room], samples[room:]
            self._window[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == len(self._window):
                self._judge()
                self._filled = 0

    def _judge(self) -> None:
        values = self._window - self._window.mean()
        energy = float(values @ values)
        # A pure tone of amplitude A has the energy A²n/2, and its product with the wave is An/2.
        of_tone = 2 * abs(values @ self._wave) ** 2 / len(values)
        self.windows += 1
        self.with_tone += energy > 0 and of_tone >= SHARE * energy
        self.loudest = max(self.loudest, float(np.abs(values).max()))
        self._window[:] = 0
