"""Samples to AAC: what is decoded again is the same sound at the same time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from camerad.base.errors import CaptureError
from camerad.capture import sound_encoder
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.sampling import Placed
from camerad.capture.sound_encoder import SAMPLES, SoundEncoder

RATE = 48_000
SETTINGS = SoundSettings("default", RATE, 1, 64_000)
UNIT_US = SAMPLES * 1_000_000 / RATE
BLOCK = 960
BEGIN_US = 5_000_000_000.0
Signal = Callable[[NDArray[Any]], NDArray[Any]]


def clicks(seconds: NDArray[Any]) -> NDArray[Any]:
    """5 ms of 2 kHz with a soft edge at every full tenth of a second."""
    since = np.mod(seconds, 0.1)
    return np.sin(2 * np.pi * 2000 * since) * np.sin(np.pi * np.clip(since / 0.005, 0, 1)) * 0.5


class Bench:
    """Encodes a signal of media time, and keeps what comes out."""

    def __init__(self, settings: SoundSettings = SETTINGS, ppm: float = 0) -> None:
        self.units: list[tuple[int, int, bytes]] = []
        """Number, media time, bytes."""
        self.encoder = SoundEncoder(
            settings, lambda unit, number, at_us: self.units.append((number, at_us, bytes(unit)))
        )
        self.sample_us = 1_000_000 / (settings.rate * (1 + ppm * 1e-6))

    def run(self, seconds: float, signal: Signal = clicks, begin_us: float = BEGIN_US) -> float:
        """Encode so much, in blocks, the first of them fresh; returns the end in media time."""
        at_us, fresh = begin_us, True
        while at_us < begin_us + seconds * 1_000_000:
            taken = (at_us - BEGIN_US + np.arange(BLOCK) * self.sample_us) / 1_000_000
            block = np.rint(signal(taken) * 32767).astype(np.int16).tobytes()
            self.encoder.put(memoryview(block), Placed(at_us, fresh))
            at_us, fresh = at_us + BLOCK * self.sample_us, False
        return at_us

    def decoded(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Media time in seconds since BEGIN_US and value of each sample, by FFmpeg's decoder."""
        decoder: Any = av.CodecContext.create("aac", "r")
        decoder.extradata = bytes.fromhex(sound_encoder.describe(SETTINGS)["config"])
        times, values = [], []
        for _, at_us, body in self.units:
            for frame in decoder.decode(av.Packet(body)):
                values.append(frame.to_ndarray()[0])
                begins = (at_us - BEGIN_US) / 1_000_000
                times.append(begins + np.arange(SAMPLES) / RATE)
        return np.concatenate(times), np.concatenate(values)


def lag_ms(bench: Bench, begin: float, end: float, signal: Signal = clicks) -> float:
    """How much later the decoded sound is than the signal, by correlation, milliseconds."""
    times, values = bench.decoded()
    here = (times >= begin) & (times < end)
    wanted = signal(times[here])
    shifts = range(-240, 241)
    got = values[here]
    match = [float(np.dot(np.roll(got, -shift), wanted)) for shift in shifts]
    return shifts[int(np.argmax(match))] * 1000 / RATE


def test_the_description_is_an_audio_specific_config() -> None:
    told = sound_encoder.describe(SETTINGS)
    # ISO/IEC 14496-3, 1.6.2.1: object type 2 (AAC-LC, 5 bits), frequency index 3 (48 kHz, 4 bits),
    # channel configuration 1 (4 bits), frameLengthFlag 0 (1024 samples).
    assert int(told.pop("config")[:4], 16) == 2 << 11 | 3 << 7 | 1 << 3
    assert told == {
        "codec": "aac",
        "rate": 48_000,
        "channels": 1,
        "samples": 1024,
        "device": "default",
    }


def test_sound_comes_out_as_it_went_in_at_the_time_at_which_it_went_in() -> None:
    bench = Bench()
    bench.run(3)
    assert lag_ms(bench, 0.05, 2.8) == 0
    times, values = bench.decoded()
    here = (times > 0.05) & (times < 2.8)
    error = values[here] - clicks(times[here])
    # 64 kbit/s for one channel are transparent to the ear; here it is 20 dB below the signal.
    assert float(np.mean(error**2)) < 0.01 * float(np.mean(clicks(times[here]) ** 2))


def test_units_lie_on_an_even_grid_that_begins_with_the_encoders_delay() -> None:
    bench = Bench()
    bench.run(1)
    numbers = [number for number, _, _ in bench.units]
    assert numbers == list(range(len(numbers)))
    expected = [round(BEGIN_US + (k - 1) * UNIT_US) for k in range(len(numbers))]
    assert [at_us for _, at_us, _ in bench.units] == expected


@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_microphone_that_is_fast_or_slow_is_evened_out(ppm: float) -> None:
    bench = Bench(ppm=ppm)
    bench.run(40)
    # 300 ppm are 12 ms in 40 s. One second behind a slope of 300 ppm are 0.3 ms.
    assert abs(lag_ms(bench, 38, 39)) < 0.35
    steps = {b[1] - a[1] for a, b in pairwise(bench.units)}
    assert steps == {21_333, 21_334}


def test_where_samples_are_missing_the_number_jumps_by_the_time_that_is_missing() -> None:
    bench = Bench()
    bench.run(1)
    before = len(bench.units)
    bench.run(1, begin_us=BEGIN_US + 2_000_000)
    bench.encoder.end_run()
    jumps = [
        (index, b[0] - a[0], b[1] - a[1])
        for index, (a, b) in enumerate(pairwise(bench.units))
        if b[0] - a[0] != 1
    ]
    assert len(jumps) == 1
    index, numbers, passed_us = jumps[0]
    # The units that the encoder still held come first; then a second of nothing.
    assert index >= before
    assert numbers == round(passed_us / UNIT_US)
    assert 980_000 < passed_us < 1_050_000
    assert lag_ms(bench, 2.05, 2.9) == 0


def test_the_smallest_gap_is_seen_in_the_numbers() -> None:
    bench = Bench()
    end_us = bench.run(1)
    bench.run(1, begin_us=end_us + 1)
    steps = [b[0] - a[0] for a, b in pairwise(bench.units)]
    assert sorted(steps)[-1] == 2
    assert all(b[1] - a[1] >= int(UNIT_US) for a, b in pairwise(bench.units))


def test_time_never_goes_back_even_if_it_was_misjudged() -> None:
    bench = Bench()
    bench.run(1)
    bench.run(1, begin_us=BEGIN_US + 700_000)
    assert all(b[1] - a[1] >= int(UNIT_US) for a, b in pairwise(bench.units))
    # What lies behind the first run is where it belongs.
    assert lag_ms(bench, 1.1, 1.6) == 0


def test_a_run_within_what_was_given_out_already_gives_nothing() -> None:
    bench = Bench()
    bench.run(1)
    bench.encoder.end_run()
    before = len(bench.units)
    bench.run(0.5, begin_us=BEGIN_US + 100_000)
    assert len(bench.units) == before


def test_the_end_of_a_run_gives_every_whole_unit_of_it() -> None:
    bench = Bench()
    bench.run(0.5)
    bench.encoder.end_run()
    # 25 blocks of 960 samples are 23.4 units; one more lies before the first sample. The
    # resampler's own tail is shorter than a unit.
    assert len(bench.units) == 1 + 23
    bench.encoder.end_run()
    assert len(bench.units) == 1 + 23


def test_what_is_forgotten_never_comes_out() -> None:
    bench = Bench()
    bench.run(0.5)
    before = len(bench.units)
    bench.encoder.forget()
    bench.encoder.end_run()
    bench.run(0.5, signal=np.zeros_like, begin_us=BEGIN_US + 1_000_000)
    bench.encoder.end_run()
    times, values = bench.decoded()
    # The decoder's own overlap with the last unit before is over after one unit.
    assert len(bench.units) > before
    assert float(np.abs(values[times > 1.03]).max()) < 1e-3


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_other_rates_are_encoded_too(rate: int) -> None:
    settings = SoundSettings("default", rate, 1, 24_000)
    bench = Bench(settings)
    bench.run(1, signal=np.zeros_like)
    steps = {b[1] - a[1] for a, b in pairwise(bench.units)}
    assert {round(step * rate / 1_000_000) for step in steps} == {SAMPLES}


def test_a_rate_that_aac_does_not_have_is_named() -> None:
    with pytest.raises(CaptureError, match=r"change microphone\.rate or microphone\.bitrate"):
        sound_encoder.describe(SoundSettings("default", 12_345, 1, 64_000))
