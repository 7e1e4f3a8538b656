"""Pictures of cameras that deliver something else than the encoder and the display take."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from msgspec.structs import replace

pytest.importorskip("libcamera", reason="no libcamera, real or simulated")

import av

from camerad.base.errors import CaptureError
from camerad.capture.camera_source import OneStream, PictureSource, TwoStreams, open_camera
from camerad.capture.capture_settings import CaptureSettings
from tests.helpers.camera_requests import Bytes, request_of

WIDTH, HEIGHT, PADDING = 64, 48, 16
SETTINGS = CaptureSettings(
    width=WIDTH,
    height=HEIGHT,
    fps=30,
    lores_width=32,
    lores_height=24,
    bitrate=400_000,
    max_bitrate=800_000,
    encoder="software",
    key_interval_us=1_000_000,
)


def delivered(
    kind: Callable[[Any, CaptureSettings], PictureSource],
    format_: str,
    stride: int,
    used: int | None = None,
    **contents: Bytes,
) -> PictureSource:
    """A source that has just been given a request with these contents of its streams."""
    request = request_of(SETTINGS, format_, stride, used, **contents)
    source = kind(request.picam2, SETTINGS)
    source.take(request)
    return source


def ramp() -> Bytes:
    """Luma that grows from left to right, within the limited range."""
    return np.tile(np.linspace(16, 235, WIDTH).astype(np.uint8), (HEIGHT, 1))


def test_yuyv_is_converted_whatever_its_stride() -> None:
    rows = np.full((HEIGHT, 2 * WIDTH + PADDING), 0xEE, np.uint8)
    rows[:, : 2 * WIDTH : 2] = ramp()
    rows[:, 1 : 2 * WIDTH : 2] = 128
    source = delivered(OneStream, "YUYV", 2 * WIDTH + PADDING, main=rows.ravel())
    assert source.whole()
    assert source.pixels == source.image().format.name == "yuv420p"
    planes = source.image().to_ndarray()
    assert np.abs(planes[:HEIGHT].astype(int) - ramp()).max() <= 1
    assert np.abs(planes[HEIGHT:].astype(int) - 128).max() <= 1
    small = source.view()
    assert small.shape == source.small.shape == (36, 32)
    assert np.abs(small[:24].astype(int) - ramp()[::2, ::2]).max() <= 6


def jpeg() -> Bytes:
    """A grey ramp in full range, as webcams send it."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuvj422p"
    encoder.time_base = 1
    grey = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    frame = av.VideoFrame.from_ndarray(grey, "gray").reformat(
        format="yuvj422p", dst_color_range="JPEG"
    )
    return np.frombuffer(b"".join(bytes(one) for one in encoder.encode(frame)), np.uint8)


def test_mjpeg_is_decoded_to_limited_range_and_what_lies_behind_it_is_no_part_of_it() -> None:
    picture = jpeg()
    old = np.frombuffer(np.random.default_rng(1).bytes(500), np.uint8)
    content = np.concatenate((picture, old))
    source = delivered(OneStream, "MJPEG", 0, used=len(picture), main=content)
    assert source.whole()
    planes = source.image().to_ndarray()
    assert np.abs(planes[:HEIGHT].astype(int) - ramp()).max() <= 6
    with source.luma() as rows:
        rows[:4, :4] = 17
    assert (source.image().to_ndarray()[:4, :4] == 17).all()


def garbled(at: slice, value: int) -> bytes:
    content = bytearray(jpeg())
    content[at] = bytes([value]) * len(content[at])
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(200),
        b"\xff\xd8\xff\xe0 no picture",
        bytes(jpeg())[:-100],
        garbled(slice(-100, -2), 0),
        # Its header tells of 17 bits for each value, and of a way of sampling that no one uses.
        bytes(jpeg()).replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x11"),
        bytes(jpeg()).replace(b"\x03\x01\x22\x00", b"\x03\x01\x41\x00"),
    ],
)
def test_a_damaged_picture_is_none_and_the_next_is_one(content: bytes) -> None:
    source = delivered(OneStream, "MJPEG", 0, main=np.frombuffer(content, np.uint8))
    assert not source.whole()
    source.take(request_of(SETTINGS, "MJPEG", 0, main=jpeg()))
    assert source.whole()


def test_a_picture_of_which_rows_are_missing_is_none() -> None:
    content = np.full(HEIGHT * 2 * WIDTH, 128, np.uint8)
    source = delivered(OneStream, "YUYV", 2 * WIDTH, used=len(content) - 2 * WIDTH, main=content)
    assert not source.whole()


def test_a_camera_whose_every_picture_is_damaged_has_failed() -> None:
    source = delivered(OneStream, "MJPEG", 0, main=np.frombuffer(b"\xff\xd8 no picture", np.uint8))
    assert not any(source.whole() for _ in range(round(SETTINGS.fps) - 1))
    with pytest.raises(CaptureError, match="every picture of the camera is damaged"):
        source.whole()


def test_nv12_goes_to_the_encoder_as_it_lies_there_and_to_the_display_as_i420() -> None:
    main = np.concatenate((ramp().ravel(), np.full(WIDTH * HEIGHT // 2, 128, np.uint8)))
    lores = np.concatenate(
        (ramp()[::2, ::2].ravel(), np.tile(np.array([90, 170], np.uint8), 32 * 24 // 4))
    )
    source = delivered(TwoStreams, "NV12", WIDTH, main=main, lores=lores)
    assert source.image().format.name == source.pixels == "nv12"
    main[0] = 99
    assert bytes(source.image().planes[0])[0] == 99
    small = source.view()
    assert small.shape == source.small.shape == (36, 32)
    assert (small[:24] == ramp()[::2, ::2]).all()
    assert (small[24:30] == 90).all()
    assert (small[30:] == 170).all()


class UsbCamera:
    """What picamera2 and libcamera say of a USB camera: one stream, so none for two roles."""

    allocator = None
    camera_controls: ClassVar[dict[str, object]] = {}

    def __init__(self, _number: int, allocator: object) -> None:
        self.allocator = allocator
        self.camera = self
        self.stream_map = {"main": "stream"}

    @staticmethod
    def global_camera_info() -> list[dict[str, object]]:
        return [{"Num": 0, "Id": "/base/soc/usb@7e980000-1:1.0-1d6b:0102"}]

    def generate_configuration(self, roles: list[object]) -> Any:
        if len(roles) > 1:
            return None
        one = SimpleNamespace(formats=SimpleNamespace(pixel_formats=["YUYV", "MJPEG"]))
        return SimpleNamespace(size=1, at=lambda _: one)

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted

    def stream_configuration(self, name: str) -> dict[str, Any]:
        return {**self.wanted[name], "stride": 0}


def test_a_usb_camera_is_opened_with_its_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camerad.capture.camera_source.Picamera2", UsbCamera)
    picam2, source = open_camera(replace(SETTINGS, source="usb"))
    assert isinstance(source, OneStream)
    assert (source.format, picam2.wanted["lores"]) == ("MJPEG", None)
