"""An hour of the clapper, or a cut of it, in simulated time, through all that lies between
microphone and film.

The capture process' microphone reads a device whose clock is wrong and whose samples come late now
and then, places and encodes them; the link's intake puts them into the ring; the recorder makes
them into a sealed file beside pictures; the office opens it; ffmpeg and the judge of lips and voice
look at the film.

All of it is read, placed and encoded. Of that, three minutes are let through to the recording, with
their pictures, so that it can be judged soon: it is as long, with two holes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from evidence_helpers import HEIGHT, ORIGIN_US, WIDTH, Packet, feed
from recorder_bench import Bench, plan, until
from sink_helpers import DESK, KEY

pytest.importorskip("hw_mocks", reason="no clapper")

from av.video.frame import PictureType
from hw_mocks.sound import Clapper, flashes

from camerad.base.clock import ManualClock
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import MicrophoneReader
from camerad.container.keys import KeyRing
from camerad.evidence.decrypt import open_recording
from camerad.stream import wire
from camerad.stream.packets import PacketInfo
from camerad.stream.sound_intake import SoundIntake
from camerad.stream.sound_messages import SoundNews, parse_format
from camerad.stream.wire import SoundMode, SoundState
from tests.breadth import breadth, campaign
from tests.system import clapper

SECOND = 1_000_000
HOUR = breadth(360, 3600)
"""In six minutes the clocks differ by 0.072 s, nearly twice what is allowed."""
FPS = 10
"""Enough to see a flash begin, and a third of what a camera sends."""
RATE = 8_000
"""Every pitch of the clapper is below half of it, and an hour is soon through."""
BLOCK = RATE // 50
SETTINGS = SoundSettings("hw:1", RATE, 1, 24_000)
EPOCH = 3
KEPT = (range(60), range(HOUR // 2 - 30, HOUR // 2 + 30), range(HOUR - 60, HOUR))
"""Seconds that are let through: the first minute, one in the middle, the last."""
AT_ONCE = 30
"""Seconds that are handed on before the recorder has to have kept them."""
AT_MOST_MS = 40


def one_second() -> tuple[bytes, ...]:
    """A second of pictures, of which the first three are flashes; each second has the same."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
    made = []
    for number in range(FPS):
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = 235 if flashes(number, FPS) else 60
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, FPS)
        picture.pict_type = PictureType.NONE if number else PictureType.I
        made += [bytes(packet) for packet in encoder.encode(picture)]
    assert len(made) == FPS
    return tuple(made)


def pictures(first: int, until_second: int, second: tuple[bytes, ...]) -> list[Packet]:
    return [
        (
            PacketInfo(1, number, ORIGIN_US + number * SECOND // FPS, number % FPS == 0, len(data)),
            data,
        )
        for number in range(first * FPS, until_second * FPS)
        for data in [second[number % FPS]]
    ]


class Device:
    """An ALSA device that is `ppm` too fast, in the simulated time of `clock`.

    Blocks come 0.5 ms after their end at least, 3 ms on average, and one of a hundred 40 ms later;
    none before `allow` was called for it.
    """

    def __init__(self, ppm: float, clock: ManualClock) -> None:
        self._sample_us = SECOND / (RATE * (1 + ppm * 1e-6))
        self._clock = clock
        self._clapper = Clapper(FPS, FPS)
        self._chance = random.Random(1)
        self._allowed = threading.Semaphore(0)
        self._given = 0.0
        """Microseconds of sound since ORIGIN_US that were allowed."""

    def allow(self, until_second: int) -> None:
        """Let samples come until then."""
        block_us = BLOCK * self._sample_us
        blocks = int((until_second * SECOND - self._given) / block_us)
        self._given += blocks * block_us
        self._allowed.release(blocks)

    def packets(self) -> Iterator[memoryview]:
        first = 0
        samples = b""
        while True:
            self._allowed.acquire()
            place = first % RATE * 2
            if not place:
                times = (first + np.arange(RATE)) * self._sample_us / SECOND
                samples = np.rint(self._clapper.heard(times) * 32767).astype(np.int16).tobytes()
            first += BLOCK
            late_us = 500 + self._chance.expovariate(1 / 2500)
            late_us += 40_000 * (self._chance.random() < 0.01)
            arrived_us = ORIGIN_US + round(first * self._sample_us + late_us)
            self._clock.advance(max(0, arrived_us - self._clock.now_us()))
            yield memoryview(bytearray(samples[place : place + 2 * BLOCK]))

    def close(self) -> None:
        """It stays as it is until the process ends."""


class Line:
    """What the capture process sends, in place of its socket: sound goes into its ring."""

    def __init__(self, bench: Bench, clock: ManualClock) -> None:
        self.gaps: list[Any] = []
        self.states: list[dict[str, Any]] = []
        self.until_us = 0
        self.lets_through = True
        self._clock = clock
        self._intake = SoundIntake(bench.sound_ring, self.gaps.append)
        self._intake.arm(EPOCH)

    def has_room(self, size: int) -> bool:
        return True

    def forget(self, kind: type) -> None:
        """Nothing waits."""

    def send(self, head: bytes, body: memoryview | None = None) -> None:
        header = wire.unpack(head[: wire.HEADER.size])
        if body is None:
            self.states.append(wire.parse_body(head[wire.HEADER.size :]))
            return
        if self.lets_through:
            room = self._intake.begin(header)
            assert room is not None
            room[:] = body
            self._intake.complete(header, self._clock.now_us())
        self.until_us = header.pts_us


@pytest.mark.breadth
@pytest.mark.parametrize("ppm", [campaign(-200), 200])
def test_an_hour_later_lips_and_voice_are_still_together(bench: Bench, ppm: float) -> None:
    capture_clock = ManualClock(ORIGIN_US)
    device, line = Device(ppm, capture_clock), Line(bench, capture_clock)
    microphone = MicrophoneReader(SETTINGS, line, capture_clock, lambda _: device)  # type: ignore[arg-type]
    form = parse_format({"sound": microphone.description})
    track = bench.with_sound(form=form)
    track.changed(SoundNews(SoundState.ON, ORIGIN_US))
    microphone.tell(SoundMode.ON, EPOCH)
    second = one_second()
    recorder = bench.start(plan(0, trigger_us=ORIGIN_US, fps=FPS))
    for begin in range(0, HOUR, AT_ONCE):
        end = begin + AT_ONCE
        kept = any(begin in stretch for stretch in KEPT)
        line.lets_through = kept
        device.allow(end)
        # The encoder looks ahead, and late blocks wait: what is missing comes with the next ones.
        until(lambda end=end: line.until_us > ORIGIN_US + (end - 1) * SECOND)  # type: ignore[misc]
        bench.clock.advance(AT_ONCE * SECOND)
        if kept:
            feed(bench.ring, pictures(begin, end, second))
            until(lambda end=end: (now := recorder.info) is not None and now.seconds > end - 2)  # type: ignore[misc]
    recorder.stop(ORIGIN_US + HOUR * SECOND - SECOND // FPS, deadline=1)
    info = bench.finish()
    # Two holes in both, and nothing else is missing.
    assert (len(info.gaps), len(info.sound_gaps), len(line.gaps)) == (2, 2, 2)
    film = info.path.removesuffix(".tar") + ".mp4"
    open_recording(info.path, KeyRing([KEY.public]), [DESK], film)
    claps = clapper.judge(Path(film))
    # Of each minute all but the first, which has no picture before it, and the last, whose sound
    # may be cut.
    assert len(claps.both) >= sum(len(stretch) - 2 for stretch in KEPT)
    assert max(clap.flash for clap in claps.both) > HOUR - 3
    # Counted by a clock that nobody minds, the last would be 720 ms away.
    assert abs(claps.worst_ms) < AT_MOST_MS
    # 10 ms in an hour.
    assert abs(claps.drift_ms_per_minute) < 10 / 60
