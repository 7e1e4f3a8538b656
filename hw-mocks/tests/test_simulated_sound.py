"""What the simulated microphone hears, as a function of time; and the flashes beside it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import av
import numpy as np
import pytest
from waiting import DEADLINE

from hw_mocks import footage, sound
from hw_mocks.bus import now_us
from hw_mocks.clips import find
from hw_mocks.microphone import Feeder, Microphone
from hw_mocks.sound import Clapper, Recorded, Silence, flashes, sound_of

SECOND = 1_000_000


def values(samples: bytes) -> np.ndarray:
    return np.frombuffer(samples, "<i2").astype(float) / 32767


def test_a_beep_lasts_as_long_as_the_frames_of_its_flash_are_exposed() -> None:
    fps, every = 30, 30
    # Between samples, so that none lies on an edge.
    times = np.arange(0.5, 3 * 48_000) / 48_000
    loud = np.abs(Clapper(every, fps).heard(times)) > 0
    frame = np.floor(times * fps).astype(int)
    white = np.array([flashes(int(number), every) for number in frame])
    # A tone passes through zero: a few samples of a beep are no sound.
    assert not np.any(loud & ~white)
    assert np.mean(loud[white]) > 0.98


def test_what_was_recorded_is_heard_over_and_over() -> None:
    recorded = Recorded(np.array([0.0, 1.0, 0.5, -1.0]), 4)
    assert recorded.heard(np.array([0.25, 1.25, 0.125, 0.875])).tolist() == [1.0, 1.0, 0.5, -0.5]


def test_a_film_with_sound_is_heard_and_one_without_is_spoken_over() -> None:
    heard = sound_of({"kind": "film", "path": str(find("bigbuckbunny.mp4"))})
    samples, rate = sound.decode(find("bigbuckbunny.mp4"))
    assert heard.heard(np.array([1.0]))[0] == pytest.approx(samples[rate])
    assert sound.film(find("carphone_pristine.mp4")) is None
    spoken = sound_of({"kind": "film", "path": str(find("carphone_pristine.mp4"))})
    assert np.abs(spoken.heard(np.arange(0, 2, 1 / 48_000))).max() > 0.1


def film_with_sound(path: Path) -> Path:
    """Two seconds of pictures, ten a second, and of a tone, in packets of 1024 samples."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream("aac", rate=48_000)
        heard.layout = "mono"
        for number in range(20):
            picture = np.full((72, 64), 40 + 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            container.mux(pictures.encode(frame))
        tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(96_000) / 48_000)).astype(np.float32)
        for start in range(0, len(tone), 1024):
            samples = tone[np.newaxis, start : start + 1024]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(heard.encode(frame))
        container.mux(pictures.encode(None))
        container.mux(heard.encode(None))
    return path


def spoil(path: Path, kind: str, numbers: list[int] | None = None) -> None:
    """Make packets of a film's sound or pictures unreadable, all of them if none are named."""
    with av.open(str(path)) as container:
        (stream,) = getattr(container.streams, kind)
        places = [(one.pos, one.size) for one in container.demux(stream) if one.size]
    data = bytearray(path.read_bytes())
    for number in range(len(places)) if numbers is None else numbers:
        begin, size = places[number]
        data[begin : begin + size] = b"\xff" * size
    path.write_bytes(data)


def test_one_bad_packet_of_sound_is_silence_and_what_follows_stays_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ffmpeg plays it: of 94 packets one is missing."""
    whole, rate = sound.decode(film_with_sound(tmp_path / "film.mp4"))
    assert capsys.readouterr().err == ""
    spoil(tmp_path / "film.mp4", "audio", [40])
    samples, _ = sound.decode(tmp_path / "film.mp4")
    assert "1 audio packet(s) cannot be decoded" in capsys.readouterr().err
    assert len(samples) == len(whole)
    silent = np.flatnonzero(np.abs(samples).reshape(-1, 64).max(axis=1) < 0.01)
    # 1024 samples, but that the next packet overlaps with it.
    assert 1024 - 128 <= 64 * np.count_nonzero((silent > 20) & (silent < 1400)) <= 2048
    after = slice(45 * 1024, 80 * 1024)
    assert np.corrcoef(samples[after], whole[after])[0, 1] > 0.99
    assert rate == 48_000


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_film_with_a_bad_packet_is_filmed(tmp_path: Path, kind: str) -> None:
    spoil(film_with_sound(tmp_path / "film.mp4"), kind, [10])
    folder = footage.prepare(tmp_path / "film.mp4", 64, 48, None, tmp_path / "cache")
    assert footage.load_info(folder).frames == (20 if kind == "audio" else 19)


def test_the_feeder_gives_what_is_due_and_nothing_twice() -> None:
    feeder = Feeder(Clapper(30, 30), epoch_us=5 * SECOND, start_us=7 * SECOND)
    whole = b"".join(feeder.until(at_us) for at_us in range(7 * SECOND, 9 * SECOND + 1, 10_000))
    times = 2 + np.arange(2 * 48_000) / 48_000
    assert len(whole) == 2 * 48_000 * 2
    assert np.allclose(values(whole), Clapper(30, 30).heard(times), atol=1e-4)
    assert feeder.until(8 * SECOND) == b""


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_clock_that_is_wrong_gives_more_or_fewer_samples_of_the_same_sound(ppm: float) -> None:
    feeder = Feeder(Clapper(30, 30), epoch_us=0, start_us=0, ppm=ppm)
    whole = values(b"".join(feeder.until(at_us) for at_us in range(0, 100 * SECOND + 1, 10_000)))
    # 200 ppm of 4.8 million samples.
    assert len(whole) - 4_800_000 == round(48_000 * 100 * ppm * 1e-6)
    # The beep at 99 s is at sample 99 s times the true rate.
    first = round(99 * 48_000 * (1 + ppm * 1e-6))
    assert np.flatnonzero(np.abs(whole[first - 1000 :]) > 0.01)[0] == pytest.approx(1000, abs=4)


class _Heard:
    """A server that takes every sample."""

    def write(self, samples: bytes, at_us: int) -> bool:
        return True


def ends_where_it_is_told_at(line: int) -> bool:
    """Whether a microphone that is told to end at the line with this number of all that it runs,
    as a signal's handler would tell it, has carried out so many; it has to end in any case."""
    start_us = now_us()
    microphone = Microphone(_Heard(), Feeder(Silence(), start_us, start_us))  # type: ignore[arg-type]
    lines = 0

    def follow(_: FrameType, event: str, __: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines == line and event == "line":
            microphone.end()
        return follow

    def run() -> None:
        sys.settrace(follow)
        microphone.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive(), f"told to end at line {line}, it does not"
    return lines >= line


def test_it_ends_wherever_a_signal_interrupts_it() -> None:
    # Two rounds, so that each way from one line to the next is among them.
    assert all(ends_where_it_is_told_at(line) for line in range(1, 40))
