"""The number in every frame, and what it survives."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hw_mocks import barcode, clips
from hw_mocks.footage import PreparedSource, picture_bytes, prepare

pytestmark = pytest.mark.campaign

Picture = NDArray[np.uint8]


def black(width: int = 640, height: int = 480) -> Picture:
    """The luma of a black picture."""
    return np.full((height, width), 16, np.uint8)


@settings(deadline=None)
@given(number=st.integers(0, 2**32 - 1))
def test_every_number_is_read_as_it_was_drawn(number: int) -> None:
    luma = black()
    barcode.draw(luma, number)
    assert barcode.read(luma) == number


def test_the_number_keeps_to_the_top_left_corner() -> None:
    luma = np.full((480, 800), 77, np.uint8)
    barcode.draw(luma, 12345)
    assert np.all(luma[16:] == 77)
    assert np.all(luma[:, 640:] == 77)


@settings(deadline=None)
@given(number=st.integers(0, 2**32 - 1), cell=st.integers(0, 39))
def test_one_wrong_cell_is_noticed(number: int, cell: int) -> None:
    luma = black()
    barcode.draw(luma, number)
    inverted = luma[:16, cell * 16 : cell * 16 + 16]
    inverted[:] = barcode.BLACK + barcode.WHITE - inverted
    assert barcode.read(luma) is None


def test_a_grey_cell_is_not_guessed() -> None:
    luma = black()
    barcode.draw(luma, 1)
    luma[:16, :16] = 125
    assert barcode.read(luma) is None


def encoded(pictures: list[Picture], width: int, height: int, bitrate: int) -> bytes:
    """The pictures through x264, set as picamera2's software encoder sets it."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.bit_rate = bitrate
        stream.codec_context.gop_size = 30
        stream.codec_context.time_base = Fraction(1, 1_000_000)
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index * 33_333
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def numbers_in(film: bytes) -> list[int | None]:
    """The number of every frame of a film."""
    with av.open(io.BytesIO(film), "r") as container:
        return [
            barcode.read(frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.uint8))
            for frame in container.decode(video=0)
        ]


def storm(width: int, height: int, count: int) -> list[Picture]:
    """Snow, slightly out of focus, that jumps: hardly anything can be predicted from picture to
    picture, and the encoder needs more than the megabit it is given."""
    random = np.random.default_rng(1)
    noise = random.integers(16, 236, (height * 3 // 2 + count * 7, width), np.uint8)
    blurred = cv2.blur(noise, (5, 5)).astype(np.uint8)
    return [blurred[n * 7 : n * 7 + height * 3 // 2].copy() for n in range(count)]


SIZES = [(640, 480), (1280, 720), (1920, 1080)]
FRAMES = 45  # one and a half groups of pictures: a key frame, and many that are not


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_numbers_survive_x264_at_one_megabit_on_film(
    width: int, height: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "footage"
    clip = clips.find("vtest.avi")
    folder = prepare(clip, width, height, None, cache, max_frames=FRAMES)
    source = PreparedSource(folder, "main")
    pictures = []
    for number in range(FRAMES):
        flat = np.empty(picture_bytes(width, height), np.uint8)
        source.read(number, flat)
        picture = flat.reshape(height * 3 // 2, width)
        barcode.draw(picture[:height], 1_000_000 + number)
        pictures.append(picture)
    source.close()
    film = encoded(pictures, width, height, 1_000_000)
    assert numbers_in(film) == list(range(1_000_000, 1_000_000 + FRAMES))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_numbers_survive_x264_at_one_megabit_in_a_storm(width: int, height: int) -> None:
    pictures = storm(width, height, FRAMES)
    for number, picture in enumerate(pictures):
        barcode.draw(picture[:height], 0xFFFF_FF00 + number)
    film = encoded(pictures, width, height, 1_000_000)
    assert numbers_in(film) == list(range(0xFFFF_FF00, 0xFFFF_FF00 + FRAMES))
