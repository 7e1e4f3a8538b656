"""Encodes samples to access units of AAC-LC, on an even grid of media time.

What comes in has the microphone's own pace; `camerad.capture.sampling` says when it was taken. What
goes out has exactly the configured rate: libswresample stretches or squeezes it by as much as the
clocks differ, never by more than MAX_STRETCH. So within a run the unit with the number k begins
k * SAMPLES / rate after the run's first. A run ends where samples are missing, and the next has an
encoder of its own.

FFmpeg's encoder looks one frame ahead, and a transform of AAC reaches over two frames: the first
unit of a run decodes to the frame before the first sample, which is silence, and is what a decoder
needs for the first samples to come out right (ISO/IEC 14496-3, 4.6.11; FFmpeg's `initial_padding`).
"""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.audio.resampler import AudioResampler

from camerad.base.errors import CaptureError
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.sampling import PULL, Placed

CODEC: Final = "aac"
FORMAT: Final = "s16"
"""Format of the device's samples: 16 bits, signed, in the machine's byte order."""
SAMPLE_BYTES: Final = 2
SAMPLES: Final = 1024
"""Samples in an access unit of AAC-LC (ISO/IEC 14496-3, 4.5.1.1: frameLengthFlag 0)."""
MAX_STRETCH: Final = 2 * PULL

_MICROSECOND: Final = Fraction(1, 1_000_000)
_NEVER_CUT_SECONDS: Final = 3600

Sink = Callable[[memoryview, int, int], None]
"""Takes an access unit in writable memory, its number and the media time of its first sample."""


def describe(settings: SoundSettings) -> dict[str, Any]:
    """The "sound" of the HELLO message, which an encoder that is opened for it tells.

    Raises CaptureError if it cannot be opened.
    """
    return {
        "codec": CODEC,
        "rate": settings.rate,
        "channels": settings.channels,
        "samples": SAMPLES,
        "config": bytes(_encoder(settings).extradata or b"").hex(),
        "device": settings.device,
    }


def _encoder(settings: SoundSettings) -> Any:
    codec: Any = av.CodecContext.create(CODEC, "w")
    codec.sample_rate = settings.rate
    codec.layout = "mono"
    codec.format = "fltp"
    codec.bit_rate = settings.bitrate
    codec.time_base = Fraction(1, settings.rate)
    # Half the work of the default search; speech comes out as well (signal to noise at 64 kbit/s:
    # 27 against 23 dB, in noise 20 against 20).
    codec.options = {"aac_coder": "fast"}
    try:
        codec.open()
    except (av.FFmpegError, ValueError) as error:
        raise CaptureError(
            f"the sound encoder does not take {settings.rate} Hz at {settings.bitrate} bit/s: "
            f"{error}; change microphone.rate or microphone.bitrate"
        ) from None
    if codec.frame_size != SAMPLES:
        raise CaptureError(f"the sound encoder makes units of {codec.frame_size} samples")
    return codec


class SoundEncoder:
    """Encodes runs of samples. `sink` gets every access unit, in order.

    Numbers count time, in units: where sound is missing they jump. Media time never goes back;
    where a new run would overlap the one before, its beginning is left out. Not thread-safe.
    """

    def __init__(self, settings: SoundSettings, sink: Sink) -> None:
        self._settings = settings
        self._sink = sink
        self._unit_us = SAMPLES * 1_000_000 / settings.rate
        self._run: _Run | None = None
        self._begins = False
        self._number = 0
        self._last_us: int | None = None

    def put(self, block: memoryview, placed: Placed) -> None:
        """Encode `block`, samples of FORMAT that lie at `placed` in time."""
        if placed.fresh:
            self.end_run()
        if self._run is None:
            block, placed = self._after_the_last(block, placed)
            if not block:
                return
            self._run = _Run(self._settings, placed.at_us)
            self._begins = True
        for unit, at_us in self._run.encode(block, placed.at_us):
            self._give(unit, at_us)

    def _after_the_last(self, block: memoryview, placed: Placed) -> tuple[memoryview, Placed]:
        """The part of a block behind the samples that were given already."""
        if self._last_us is None:
            return block, placed
        sample_us = 1_000_000 / self._settings.rate
        early_us = self._last_us + self._unit_us - placed.at_us
        skip = max(0, math.ceil(early_us / sample_us))
        return block[skip * SAMPLE_BYTES :], Placed(placed.at_us + skip * sample_us, True)

    def end_run(self) -> None:
        """No samples follow the last: give out what the encoder still holds."""
        run, self._run = self._run, None
        if run is not None:
            for unit, at_us in run.end():
                self._give(unit, at_us)
            _let_go_of(run)

    def forget(self) -> None:
        """Let go of every sample that was not yet given out."""
        run, self._run = self._run, None
        if run is not None:
            _let_go_of(run)

    def _give(self, unit: memoryview, at_us: int) -> None:
        if self._last_us is not None:
            passed_us = at_us - self._last_us
            # The first unit of a run is from before its first sample: another run may be there.
            if passed_us < self._unit_us - 1:
                return
            # Samples are missing before a run, were it so few that no unit is.
            self._number += max(2 if self._begins else 1, round(passed_us / self._unit_us))
        self._begins = False
        self._last_us = at_us
        self._sink(unit, self._number, at_us)


def _let_go_of(run: _Run) -> None:
    """Free the memory of a run now, whereupon glibc overwrites it; its filter graph is a cycle."""
    run.close()
    gc.collect()


class _Run:
    """Samples without a gap between them, the first at media time `start_us`."""

    def __init__(self, settings: SoundSettings, start_us: float) -> None:
        self._rate = settings.rate
        self._start_us = start_us
        self._frames = 0
        self._resampler: Any = AudioResampler(
            format="fltp",
            layout="mono",
            rate=settings.rate,
            frame_size=SAMPLES,
            options={
                # Resample from the first sample on: to begin with it later would be heard.
                "flags": "res",
                # Follow the time stamps with a time constant of a second (swr_next_pts() of
                # libswresample): from the first microsecond of difference on, at most so fast,
                # and never by cutting.
                "min_comp": "0.000001",
                "comp_duration": "1",
                "max_soft_comp": str(MAX_STRETCH),
                "min_hard_comp": str(_NEVER_CUT_SECONDS),
            },
        )
        self._encoder = _encoder(settings)
        # Of the unit that comes out next; the first is the frame before the first sample.
        self._due = deque([self._time_of(-1)])

    def _time_of(self, frame: int) -> int:
        return round(self._start_us + frame * SAMPLES * 1_000_000 / self._rate)

    def encode(self, block: memoryview, at_us: float) -> list[tuple[memoryview, int]]:
        """The units that are ready, each with its media time."""
        samples = np.frombuffer(block, np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format=FORMAT, layout="mono")
        frame.sample_rate = self._rate
        frame.time_base = _MICROSECOND
        frame.pts = round(at_us - self._start_us)
        return [unit for piece in self._resampler.resample(frame) for unit in self._feed(piece)]

    def _feed(self, piece: Any) -> list[tuple[memoryview, int]]:
        if piece.samples != SAMPLES:
            # The end of a run that fills no unit: it would claim time of which there is no sound.
            return []
        self._due.append(self._time_of(self._frames))
        self._frames += 1
        return self._take(self._encoder.encode(piece))

    def _take(self, packets: list[Any]) -> list[tuple[memoryview, int]]:
        return [(memoryview(packet), self._due.popleft()) for packet in packets]

    def end(self) -> list[tuple[memoryview, int]]:
        """The units that were held back to look ahead."""
        units = [unit for piece in self._resampler.resample(None) for unit in self._feed(piece)]
        return units + (self._take(self._encoder.encode(None)) if self._frames else [])

    def close(self) -> None:
        """Let go of the libraries' memory."""
        self._resampler = self._encoder = None
