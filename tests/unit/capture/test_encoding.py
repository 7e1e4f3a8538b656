"""The encoders under the real picamera2, without a camera."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("libcamera", reason="no libcamera, real or simulated")

import av
from picamera2.encoders.v4l2_encoder import V4L2Encoder

from camerad.base.errors import CaptureError
from camerad.capture import encoding
from camerad.capture.capture_settings import CaptureSettings
from camerad.capture.encoding import (
    HardwareEncoder,
    KeySchedule,
    SoftwareEncoder,
    Wiring,
    choose,
    codec_name,
)
from camerad.capture.pictures import Picture, Pictures
from camerad.stream import wire

FRAME_US = 33_333
SETTINGS = CaptureSettings(
    width=320,
    height=192,
    fps=30,
    lores_width=160,
    lores_height=96,
    bitrate=400_000,
    max_bitrate=800_000,
    encoder="software",
    key_interval_us=1_000_000,
)
NAL_IDR, NAL_SPS, NAL_PPS, NAL_SLICE = 5, 7, 8, 1


class Box:
    def __init__(self) -> None:
        self.packets: list[tuple[wire.MessageHeader, bytes]] = []

    def has_room(self, size: int) -> bool:
        return True

    def send(self, *parts: bytes | memoryview) -> None:
        header = wire.unpack(bytes(parts[0])[: wire.HEADER.size])
        if header.kind is wire.MessageKind.PACKET:
            self.packets.append((header, bytes(parts[1])))


class Bench:
    """Feeds an encoder as the camera does."""

    encoder: Any = None

    def __init__(self) -> None:
        self.box = Box()
        self.keys = KeySchedule(SETTINGS.key_interval_us, FRAME_US)
        self.pictures = Pictures(self.box, FRAME_US, self.keys.request)
        self.failures: list[BaseException] = []
        self.picture: Picture | None = None
        self.noise = np.random.default_rng(1)
        self.wiring = Wiring(
            self.pictures,
            self.keys,
            lambda: self.picture,
            self.image,
            self.stamp,
            self.failures.append,
            self.opening,
        )
        self.count = 0
        self.stamped: list[int] = []
        self.opened: list[str] = []

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        self.opened.append("begun")
        yield
        self.opened.append("ended")

    def stamp(self, picture: Picture) -> None:
        self.stamped.append(picture.frame)

    def image(self) -> Any:
        array = self.noise.integers(16, 235, (192 * 3 // 2, 320), dtype=np.uint8)
        return av.VideoFrame.from_numpy_buffer(array, "yuv420p", width=320)

    def feed(self, frames: int) -> None:
        for _ in range(frames):
            pts_us = 5_000_000 + self.count * FRAME_US
            self.picture = self.pictures.delivered(self.count, pts_us, FRAME_US)
            self.count += 1
            if isinstance(self.encoder, SoftwareEncoder):
                self.encoder.encode_picture()
            else:
                self.encoder.encode("main", None)

    def in_software(self) -> Bench:
        self.encoder = SoftwareEncoder(SETTINGS, self.wiring, "yuv420p")
        return self

    def in_hardware(self) -> Bench:
        self.encoder = HardwareEncoder(SETTINGS, self.wiring)
        self.encoder.width, self.encoder.height, self.encoder.stride = 320, 192, 320
        self.encoder.format = "YUV420"
        return self


def nal_types(packet: bytes) -> list[int]:
    """Types of the NAL units in a packet (ITU-T H.264, 7.3.1 and annex B)."""
    return [part[0] & 31 for part in packet.split(b"\0\0\1")[1:]]


@pytest.fixture
def software() -> Bench:
    bench = Bench()
    bench.pictures.arm(1, 0)
    return bench.in_software()


def test_it_is_opened_in_its_context_before_any_picture(software: Bench) -> None:
    assert software.opened == ["begun", "ended"]
    software.feed(2)
    assert software.opened == ["begun", "ended"]


def test_every_frame_that_is_encoded_is_stamped_before(software: Bench) -> None:
    order: list[str] = []
    software.wiring.stamp = lambda picture: order.append(f"stamp {picture.frame}")
    software.wiring.image = lambda: (order.append("image"), software.image())[1]
    software.feed(2)
    assert order == ["stamp 0", "image", "stamp 1", "image"]


def test_each_frame_gives_its_packet_at_once(software: Bench) -> None:
    software.feed(40)
    headers = [header for header, _ in software.box.packets]
    assert [header.frame for header in headers] == list(range(40))
    assert [header.pts_us for header in headers] == [5_000_000 + n * FRAME_US for n in range(40)]
    assert software.failures == []


def test_key_frames_come_by_time_and_are_idr_pictures_with_their_parameter_sets(
    software: Bench,
) -> None:
    software.feed(95)
    keys = [header.frame for header, _ in software.box.packets if header.key]
    assert keys == [0, 30, 60, 90]
    for header, packet in software.box.packets:
        types = nal_types(packet)
        if header.key:
            assert {NAL_SPS, NAL_PPS, NAL_IDR} <= set(types)
            assert NAL_SLICE not in types
        else:
            assert set(types) == {NAL_SLICE}


def test_a_key_frame_comes_on_demand_and_starts_the_interval_again(software: Bench) -> None:
    software.feed(10)
    software.keys.request()
    software.feed(40)
    assert [header.frame for header, _ in software.box.packets if header.key] == [0, 10, 40]


def test_the_packets_decode_to_every_frame(software: Bench) -> None:
    software.feed(65)
    decoder = av.CodecContext.create("h264", "r")
    frames = []
    for _, packet in software.box.packets:
        frames += decoder.decode(av.Packet(packet))
    frames += decoder.decode(None)
    assert len(frames) == 65


def test_the_rate_keeps_below_the_maximum(software: Bench) -> None:
    """Noise asks for far more than 400 kbit/s; half a second of the maximum may come on top."""
    software.feed(150)
    sizes = [len(packet) for _, packet in software.box.packets]
    for start in range(0, 120, 10):
        window = sum(sizes[start : start + 30]) * 8
        assert window <= SETTINGS.max_bitrate * 1.5 * 1.1


def test_a_frame_older_than_asked_is_not_encoded() -> None:
    bench = Bench()
    bench.pictures.arm(1, 5_000_000 + 3 * FRAME_US)
    bench.in_software().feed(6)
    assert [header.frame for header, _ in bench.box.packets] == [3, 4, 5]
    assert bench.stamped == [3, 4, 5]
    assert bench.box.packets[0][0].key


def test_an_encoder_that_reorders_is_an_error(software: Bench) -> None:
    class Reordering:
        def encode(self, frame: Any) -> list[Any]:
            packet = av.Packet(b"data")
            packet.pts, packet.dts = 2, 1
            return [packet]

    software.encoder._codec = Reordering()
    with pytest.raises(CaptureError, match="reorders"):
        software.feed(1)


def test_a_frame_without_a_time_is_an_error() -> None:
    bench = Bench().in_hardware()
    with pytest.raises(OSError, match="without a time"):
        bench.encoder._timestamp(None)


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The hardware encoder with picamera2's V4L2 calls taken out; it runs but is not armed."""
    bench = Bench().in_hardware()
    forced: list[int] = []

    def encode(self: Any, stream: Any, request: Any) -> None:
        key = self._key_frames_requested > self._key_frames_generated
        if key:
            self._key_frames_generated += 1
            forced.append(bench.count - 1)
        self.outputframe(bytearray(b"packet"), key or bench.count == 1, self._timestamp(request))

    monkeypatch.setattr(V4L2Encoder, "_start", lambda self: None)
    monkeypatch.setattr(V4L2Encoder, "_encode", encode)
    bench.encoder.start()
    return bench


def test_the_hardware_encoder_runs_on_and_its_packets_are_let_through_from_a_key_frame(
    hardware: Bench,
) -> None:
    hardware.feed(10)
    assert hardware.box.packets == []
    hardware.pictures.arm(1, 5_000_000 + 11 * FRAME_US)
    hardware.keys.request()
    hardware.feed(1)
    # Frame 10 was made a key frame and is too old; so was the request for it.
    assert hardware.box.packets == []
    hardware.keys.request()
    hardware.feed(3)
    headers = [header for header, _ in hardware.box.packets]
    assert [(header.frame, header.key) for header in headers] == [
        (11, True),
        (12, False),
        (13, False),
    ]
    assert hardware.failures == []


def test_the_hardware_encoder_gets_every_frame_stamped(
    hardware: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before it is armed: a packet of a picture from then may be the first let through."""
    stamped_when_encoded: list[list[int]] = []
    encode = V4L2Encoder._encode

    def noting(self: Any, stream: Any, request: Any) -> None:
        stamped_when_encoded.append(list(hardware.stamped))
        encode(self, stream, request)

    monkeypatch.setattr(V4L2Encoder, "_encode", noting)
    hardware.feed(2)
    hardware.pictures.arm(1, 0)
    hardware.feed(1)
    assert stamped_when_encoded == [[0], [0, 1], [0, 1, 2]]


def test_the_hardware_encoder_is_asked_for_a_key_frame_every_second(hardware: Bench) -> None:
    hardware.pictures.arm(1, 0)
    hardware.feed(65)
    assert [header.frame for header, _ in hardware.box.packets if header.key] == [0, 30, 60]


def test_a_packet_is_overwritten_where_the_driver_left_it_as_it_is_read() -> None:
    memory = mmap.mmap(-1, 4096)
    memory.write(b"packet, and what is left of one before")
    buffer = encoding.Emptied(memory)
    assert buffer.read(6) == b"packet"
    buffer.seek(0)
    assert memory[:8] == bytes(6) + b", "
    buffer.wipe()
    assert memory[:] == bytes(4096)
    buffer.close()
    assert memory.closed


def test_a_buffer_that_cannot_be_overwritten_is_an_error() -> None:
    with mmap.mmap(-1, 4096, access=mmap.ACCESS_READ) as memory:
        with pytest.raises(CaptureError, match="cannot be overwritten"):
            encoding.Emptied(memory)
        gc.collect()  # the view of it that the exception holds


@pytest.mark.parametrize(("epoch", "left"), [(None, bytes(6)), (1, b"packet")])
def test_a_packet_that_is_not_sent_is_overwritten(
    hardware: Bench, epoch: int | None, left: bytes
) -> None:
    """One that is sent belongs to the outbox, which overwrites it when the kernel has it."""
    hardware.feed(1)
    if epoch is not None:
        hardware.pictures.arm(epoch, 0)
    hardware.picture = hardware.pictures.delivered(1, 5_000_000 + FRAME_US, FRAME_US)
    packet = bytearray(b"packet")
    hardware.encoder.outputframe(packet, True, hardware.encoder._timestamp(None))
    assert packet == left


def test_an_error_in_the_hardware_encoder_is_told(
    hardware: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(V4L2Encoder, "_encode", fail)
    monkeypatch.setattr(V4L2Encoder, "thread_poll", fail)
    hardware.feed(1)
    hardware.encoder.thread_poll(None)
    said = "the hardware encoder failed: Input/output error"
    assert [str(error) for error in hardware.failures] == [said] * 2
    assert {type(error) for error in hardware.failures} == {CaptureError}


def test_a_packet_without_a_time_is_an_error(hardware: Bench) -> None:
    with pytest.raises(OSError, match="without a time"):
        hardware.encoder.outputframe(bytearray(b"packet"))


def test_the_hardware_encoder_waits_for_the_first_frame_with_a_time(hardware: Bench) -> None:
    hardware.encoder.encode("main", None)
    assert hardware.failures == []
    assert hardware.box.packets == []


ENCODER, OTHER = "bcm2835-codec", "uvcvideo"


@pytest.mark.parametrize(
    ("wanted", "vc4", "driver", "chosen"),
    [
        ("auto", True, ENCODER, (True, "found")),
        ("hardware", True, ENCODER, (True, "configured")),
        ("software", True, ENCODER, (False, "configured")),
        ("auto", True, None, (False, "there is no /dev/video11")),
        ("hardware", True, None, (False, "there is no /dev/video11")),
        ("auto", True, OTHER, (False, "/dev/video11 is no encoder but belongs to uvcvideo")),
        ("auto", True, 13, (False, "/dev/video11 cannot be opened: Permission denied")),
        ("auto", False, ENCODER, (False, "this board has no hardware encoder")),
        ("hardware", False, ENCODER, (False, "this board has no hardware encoder")),
    ],
)
def test_the_encoder_is_chosen_by_configuration_and_board(
    monkeypatch: pytest.MonkeyPatch,
    wanted: str,
    vc4: bool,
    driver: str | int | None,
    chosen: tuple[bool, str],
) -> None:
    def ask(device: str) -> str:
        if isinstance(driver, str):
            return driver
        assert driver is not None
        raise OSError(driver, os.strerror(driver))

    monkeypatch.setattr(encoding.os.path, "exists", lambda path: driver is not None)
    monkeypatch.setattr(encoding, "_driver_of", ask)
    assert choose(wanted, vc4) == chosen


def test_the_codec_has_a_name() -> None:
    assert codec_name(hardware=False) == "libx264"
    assert codec_name(hardware=True) == "bcm2835-codec"


def test_a_key_frame_is_due_at_the_nearest_frame() -> None:
    keys = KeySchedule(1_000_000, FRAME_US)
    assert keys.take(0)
    # 30 x 33,333 us are 10 us short of a second; the sensor's own time may jitter as much.
    assert not keys.take(29 * FRAME_US)
    assert keys.take(30 * FRAME_US)
    assert not keys.take(31 * FRAME_US)
