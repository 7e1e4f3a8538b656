"""A visitor's camera in place of the film: the memory, what decodes, and the sound."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from waiting import DEADLINE

from hw_mocks import webcam, webcam_sound
from hw_mocks.footage import Picture, picture_bytes
from hw_mocks.sound import Values, sound_of
from hw_mocks.webcam import FRESH_SECONDS, WebcamMemory, WebcamSource
from hw_mocks.webcam_decoder import LENGTH, MAX_BYTES, decode, fill, serve
from hw_mocks.webcam_sound import LAG_SECONDS, RATE, RING_SECONDS, SoundMemory, VisitorSound

MAIN, LORES = (64, 48), (32, 24)
FILM = 7


class Film:
    """A film of one grey."""

    read_back = 3
    closed = False

    def read(self, number: int, into: Picture) -> None:
        into[:] = FILM

    def close(self) -> None:
        self.closed = True


def grey(size: tuple[int, int], value: int) -> Picture:
    return np.full(picture_bytes(*size), value, np.uint8)


def jpeg(width: int = 64, height: int = 48, value: int = 200) -> bytes:
    done, content = cv2.imencode(".jpg", np.full((height, width, 3), value, np.uint8))
    assert done
    return content.tobytes()


@pytest.fixture
def memory() -> Iterator[WebcamMemory]:
    made = WebcamMemory(MAIN, LORES)
    yield made
    made.close()


def shown(source: WebcamSource, size: tuple[int, int]) -> int:
    """The one value that a picture consists of."""
    into = grey(size, 0)
    source.read(0, into)
    (value,) = set(into.tolist())
    return int(value)


def test_the_newest_picture_is_shown_and_the_film_before_and_after(
    memory: WebcamMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [(WebcamSource(memory.path, *size, Film()), size) for size in (MAIN, LORES)]
    assert [shown(source, size) for source, size in sources] == [FILM, FILM]
    for value in (10, 20, 30, 40):  # more than there are slots
        memory.put(grey(MAIN, value), grey(LORES, value + 1))
        assert [shown(source, size) for source, size in sources] == [value, value + 1]
    now = webcam.boottime_ns()
    for later, wanted in ((FRESH_SECONDS - 0.1, 40), (FRESH_SECONDS + 0.5, FILM)):
        monkeypatch.setattr(webcam, "boottime_ns", lambda: now + round(later * 1e9))  # noqa: B023
        assert shown(*sources[0]) == wanted
    monkeypatch.undo()
    memory.put(grey(MAIN, 50), grey(LORES, 50))
    assert shown(*sources[0]) == 50
    memory.clear()
    assert [shown(source, size) for source, size in sources] == [FILM, FILM]
    # Nothing of it is left, whoever looks.
    assert set(os.pread(memory.fd, 1 << 20, 4096)) == {0}
    for source, _ in sources:
        source.close()
        source.close()


def test_a_stream_of_another_size_shows_the_film_and_what_is_no_memory_is_an_error(
    memory: WebcamMemory, tmp_path: Path
) -> None:
    film = Film()
    other = WebcamSource(memory.path, 48, 48, film)
    memory.put(grey(MAIN, 10), grey(LORES, 10))
    assert shown(other, (48, 48)) == FILM
    assert other.read_back == 3
    other.close()
    assert film.closed
    with pytest.raises(ValueError, match="not"):
        memory.put(grey(LORES, 1), grey(LORES, 1))
    file = tmp_path / "file"
    file.write_bytes(bytes(4096))
    with pytest.raises(OSError, match="no memory of a webcam"):
        WebcamSource(file, *MAIN, Film())


def test_a_reader_that_was_overtaken_shows_no_picture_that_is_half_another(
    memory: WebcamMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = WebcamSource(memory.path, *MAIN, Film())
    memory.put(grey(MAIN, 10), grey(LORES, 10))
    read, left = os.preadv, [2]

    def slow(fd: int, buffers: Any, place: int) -> int:
        done = read(fd, buffers, place)
        if left[0]:
            left[0] -= 1
            for value in (20, 30):
                memory.put(grey(MAIN, value), grey(LORES, value))
        return done

    monkeypatch.setattr(webcam.os, "preadv", slow)
    assert shown(source, MAIN) == 30
    # One that is overtaken whenever it looks shows the film.
    left[0] = 100
    assert shown(source, MAIN) == FILM
    source.close()


def test_a_head_that_is_written_at_this_instant_is_read_again(memory: WebcamMemory) -> None:
    source = WebcamSource(memory.path, *MAIN, Film())
    memory.put(grey(MAIN, 10), grey(LORES, 10))
    head = os.pread(memory.fd, 8, 0)
    os.pwrite(memory.fd, (2).to_bytes(8, "little"), 0)
    assert shown(source, MAIN) == FILM
    os.pwrite(memory.fd, head, 0)
    assert shown(source, MAIN) == 10
    source.close()


@pytest.mark.parametrize("size", [MAIN, LORES, (64, 96), (128, 24), (62, 46), (1280, 720)])
def test_a_picture_of_any_size_fills_a_stream(size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[:, : size[0] // 2] = 255
    filled = fill(picture, MAIN)
    assert filled.nbytes == picture_bytes(*MAIN)
    luma = filled[: MAIN[1]]
    # The left half white and the right half black, of the range that video has (BT.601).
    assert luma[:, :28].min() > 225
    assert luma[:, 36:].max() < 25


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff", jpeg()[:100], b"\x89PNG\r\n"])
def test_what_is_no_jpeg_is_no_picture(content: bytes) -> None:
    assert decode(content) is None


def test_the_decoder_answers_each_picture_and_ends_with_its_input(memory: WebcamMemory) -> None:
    source = WebcamSource(memory.path, *MAIN, Film())
    order = b"".join(LENGTH.pack(len(one)) + one for one in (jpeg(), b"no", jpeg()))
    answers = io.BytesIO()
    serve(memory, io.BytesIO(order + LENGTH.pack(10) + b"cut"), answers)
    assert answers.getvalue() == b"101"
    into = grey(MAIN, 0)
    source.read(0, into)
    # As light as the JPEG's, in the range that video has (BT.601); the film is nearly black.
    assert into[: MAIN[0] * MAIN[1]].mean() == pytest.approx(16 + 200 * 219 / 255, abs=2)
    with pytest.raises(ValueError, match="at most"):
        serve(memory, io.BytesIO(LENGTH.pack(MAX_BYTES + 1)), answers)
    source.close()


def test_a_picture_that_would_take_all_memory_is_refused_and_nothing_is_left(
    memory: WebcamMemory,
) -> None:
    # 65,500 pixels each way, of which a JPEG's header needs four bytes.
    content = bytearray(jpeg())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = bytes([0xFF, 0xDC, 0xFF, 0xDC])
    done = subprocess.run(
        [sys.executable, "-m", "hw_mocks.webcam_decoder", str(memory.fd), "64x48", "32x24"],
        input=LENGTH.pack(len(content)) + content + LENGTH.pack(len(jpeg())) + jpeg(),
        pass_fds=[memory.fd],
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"01"), done.stderr
    assert os.pread(memory.fd, 8, 0) == bytes(8)


# ---------------------------------------------------------------------------------------- sound


class Hum:
    """The film's sound: one value."""

    def heard(self, seconds: Values) -> Values:
        return np.full(len(seconds), 0.5)


PIECE = np.arange(RATE // 100) / RATE
"""Instants of ten milliseconds."""


@pytest.fixture
def sound() -> Iterator[SoundMemory]:
    made = SoundMemory()
    yield made
    made.close()


def samples(first: int, count: int) -> bytes:
    """Samples that count, from 1 to 30,000 and again."""
    return (np.arange(first, first + count) % 30_000 + 1).astype("<i2").tobytes()


def test_a_visitor_is_heard_evenly_and_the_film_before_and_after(
    sound: SoundMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = VisitorSound(Hum(), sound.path)
    assert set(heard.heard(PIECE)) == {0.5}
    # Longer than the ring; what comes in pieces of a 25th is heard in pieces of a 100th.
    come = [np.empty(0)]
    piece, given = RATE // 25, 0
    for _ in range(25 * (RING_SECONDS + 1)):
        sound.put(samples(given, piece))
        given += piece
        come += [heard.heard(PIECE) for _ in range(4)]
    numbers = np.rint(np.concatenate(come) * 32768).astype(int)
    # What there is at first is less than the lag, so it begins with all of it.
    lag = round(LAG_SECONDS * RATE)
    steps = np.diff(numbers[numbers > 0])
    assert set(steps.tolist()) <= {1, 1 - 30_000}
    assert len(steps) >= given - lag - piece
    now = webcam_sound.boottime_ns()
    monkeypatch.setattr(webcam_sound, "boottime_ns", lambda: now + 2_000_000_000)
    assert set(heard.heard(PIECE)) == {0.5}
    monkeypatch.undo()
    sound.put(samples(0, piece))
    assert set(heard.heard(PIECE)) != {0.5}
    sound.clear()
    assert set(heard.heard(PIECE)) == {0.5}
    assert set(os.pread(sound.fd, 1 << 20, 4096)) == {0}


def test_what_does_not_come_is_silence_and_what_comes_too_early_is_left_out(
    sound: SoundMemory,
) -> None:
    heard = VisitorSound(Hum(), sound.path)
    sound.put(samples(0, 100))
    assert np.count_nonzero(heard.heard(PIECE)) == 100
    assert np.count_nonzero(heard.heard(PIECE)) == 0
    # A second at once: a clock that runs away is caught up with, to the lag.
    sound.put(samples(100, RATE))
    first = round(heard.heard(PIECE)[0] * 32768)
    assert first == (100 + RATE - round(LAG_SECONDS * RATE)) % 30_000 + 1
    for wrong in (bytes(3), bytes(2 * RATE + 2)):
        with pytest.raises(ValueError, match="no samples"):
            sound.put(wrong)


def test_an_order_may_have_a_visitor(sound: SoundMemory) -> None:
    made = sound_of({"kind": "silence", "visitor": str(sound.path)})
    assert set(made.heard(PIECE)) == {0.0}
    sound.put(samples(0, RATE))
    assert set(made.heard(PIECE)) != {0.0}
