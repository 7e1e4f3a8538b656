"""The judge of lips and voice is judged: on media whose offsets are known."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hw_mocks", reason="no clapper")

from hw_mocks.sound import Clapper, flashes

from tests.system.clapper import ClapperError, judge, runs
from tests.system.speech import likeness

pytestmark = pytest.mark.campaign

RATE = 48_000
FPS = 30
UNIT = 1024
Times = NDArray[np.float64]
Keep = Callable[[float], bool]


def always(_: float) -> bool:
    return True


def film(
    path: Path,
    seconds: int = 8,
    *,
    heard_at: Callable[[Times], Times] = lambda times: times,
    picture: Keep = always,
    sound: Keep = always,
) -> Path:
    """A film of the clapper.

    heard_at: of which second the sound is that is at these seconds. picture, sound: whether what is
    at so many seconds is there.
    """
    clapper = Clapper(FPS, FPS)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90_000)
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(seconds * FPS):
            if picture(number / FPS):
                luma = 235 if flashes(number, FPS) else 60 + number % 50
                planes = np.full((72, 64), 128, np.uint8)
                planes[:48] = luma
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
                container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for unit in range(seconds * RATE // UNIT):
            begin = unit * UNIT / RATE
            if sound(begin):
                times = begin + np.arange(UNIT) / RATE
                heard = clapper.heard(heard_at(times)).astype(np.float32)
                piece = av.AudioFrame.from_ndarray(heard[None], format="fltp", layout="mono")
                piece.sample_rate, piece.pts = RATE, unit * UNIT
                piece.time_base = Fraction(1, RATE)
                container.mux(audio.encode(piece))
        container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("offset_ms", [0, 35, -60, 300])
def test_an_offset_is_measured_to_a_millisecond(tmp_path: Path, offset_ms: int) -> None:
    claps = judge(film(tmp_path / "film.mp4", heard_at=lambda times: times - offset_ms / 1000))
    # The first flash has no picture before it, and a beep before the beginning is cut.
    assert len(claps.both) in (6, 7)
    assert all(abs(clap.offset_ms - offset_ms) < 1 for clap in claps.both)
    assert abs(claps.worst_ms - offset_ms) < 1
    assert abs(claps.drift_ms_per_minute) < 3


def test_a_drift_is_measured(tmp_path: Path) -> None:
    claps = judge(film(tmp_path / "film.mp4", seconds=20, heard_at=lambda times: 0.999 * times))
    # A thousandth of a minute: what is heard at a second was to be heard that much earlier.
    assert claps.drift_ms_per_minute == pytest.approx(60, abs=2)


def test_a_whole_second_is_not_taken_for_none(tmp_path: Path) -> None:
    # From the fifth second on the sound is that of the second before.
    shifted = film(
        tmp_path / "shifted.mp4", 10, heard_at=lambda times: np.where(times > 4.5, times - 1, times)
    )
    with pytest.raises(ClapperError, match="1 s after clap"):
        judge(shifted)


def test_claps_beside_holes_are_left_out_and_the_others_judged(tmp_path: Path) -> None:
    path = film(
        tmp_path / "film.mp4",
        seconds=12,
        picture=lambda at: not 2.5 <= at < 4.0,
        sound=lambda at: not 6.5 <= at < 8.04,
    )
    claps = judge(path)
    # Not 0 (nothing before it), not 3 (no picture), not 4 (no picture before it), not 7 (no sound),
    # not 8 (its beginning is missing).
    assert [round(clap.flash) for clap in claps.both] == [1, 2, 5, 6, 9, 10, 11]
    assert all(abs(clap.offset_ms) < 1 for clap in claps.both)
    assert len(runs(path)) == 2


def test_a_film_without_flashes_is_none_of_a_clapper(tmp_path: Path) -> None:
    with pytest.raises(ClapperError):
        judge(tmp_path / "nothing.mp4")


def test_speech_is_like_itself_shifted_and_slowed_and_not_like_other_speech() -> None:
    chance = np.random.default_rng(1)
    spoken = np.cumsum(chance.normal(size=RATE * 2))
    spoken -= np.convolve(spoken, np.ones(500) / 500, "same")
    other = spoken[::-1]
    # A thousandth slower, and it begins a third of a second later.
    slowed = np.interp(np.arange(0, RATE * 2, 0.999), np.arange(RATE * 2), spoken)
    heard = np.concatenate([np.zeros(RATE // 3), slowed, np.zeros(RATE)])
    # Within a piece a thousandth is five samples, of which noise loses more than a voice.
    assert likeness(heard, spoken, RATE) > 0.97
    assert likeness(heard, other, RATE) < 0.5
    assert likeness(np.zeros(RATE * 3), spoken, RATE) == 0
