"""The simulated hardware encoder, used through its device file as the kernel's is."""

from __future__ import annotations

import builtins
import errno
import fcntl
import mmap
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest
import videodev2 as v4l2
from descriptors import descriptors

from hw_mocks import devhooks, encoder
from hw_mocks.sensor import SENSOR, Fault

WIDTH, HEIGHT, STRIDE = 160, 96, 192
"""Rows of 160 bytes are padded to the next multiple of 64."""
SIZE = STRIDE * HEIGHT * 3 // 2
BUFFERS = 4
SECONDS = 10.0
PICTURES = v4l2.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
PACKETS = v4l2.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
MEMORY = {PICTURES: v4l2.V4L2_MEMORY_DMABUF, PACKETS: v4l2.V4L2_MEMORY_MMAP}
SPS, PPS, IDR, SLICE = 7, 8, 5, 1


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The device, for one test; afterwards as it was, in place or not."""
    installed = os.open is not devhooks._real_os_open
    SENSOR.reset()
    monkeypatch.setattr(SENSOR, "_no_encoder", False)
    devhooks.install()
    yield
    SENSOR.reset()
    if not installed:
        devhooks.uninstall()


def buffer(kind: int, index: int = 0) -> Any:
    """An argument for QUERYBUF, QBUF and DQBUF; it owns its planes."""
    made = v4l2.v4l2_buffer()
    made.type, made.memory, made.index, made.length = kind, MEMORY[kind], index, 1
    made.planes = (v4l2.v4l2_plane * 8)()
    made.m.planes = made.planes
    return made


class Program:
    """Encodes through the device as picamera2 does."""

    def __init__(self) -> None:
        # The fixture closes it.
        self.file: Any = builtins.open("/dev/video11", "rb+", buffering=0)  # noqa: SIM115
        self.poll = select.poll()
        self.poll.register(self.file, select.POLLIN | select.POLLOUT)
        self.maps: list[mmap.mmap] = []
        self.count = 0

    def ioctl(self, code: int, argument: Any) -> Any:
        assert fcntl.ioctl(self.file, code, argument) == 0
        return argument

    def control(self, control: int, value: int) -> None:
        self.ioctl(v4l2.VIDIOC_S_CTRL, v4l2.v4l2_control(id=control, value=value))

    def format(self, kind: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
        made = v4l2.v4l2_format()
        made.type = kind
        made.fmt.pix_mp.width, made.fmt.pix_mp.height = width, height
        return self.ioctl(v4l2.VIDIOC_S_FMT, made).fmt.pix_mp

    def request(self, kind: int, count: int = BUFFERS) -> int:
        made = v4l2.v4l2_requestbuffers(count=count, type=kind, memory=MEMORY[kind])
        return int(self.ioctl(v4l2.VIDIOC_REQBUFS, made).count)

    def start(self) -> None:
        for kind in (PICTURES, PACKETS):
            self.format(kind)
            assert self.request(kind) == BUFFERS
        for index in range(BUFFERS):
            asked = self.ioctl(v4l2.VIDIOC_QUERYBUF, buffer(PACKETS, index))
            plane = asked.planes[0]
            at = plane.m.mem_offset
            self.maps.append(mmap.mmap(self.file.fileno(), plane.length, offset=at))
            self.ioctl(v4l2.VIDIOC_QBUF, asked)
        self.stream(on=True)

    def stream(self, *, on: bool) -> None:
        for kind in (PICTURES, PACKETS):
            code = v4l2.VIDIOC_STREAMON if on else v4l2.VIDIOC_STREAMOFF
            self.ioctl(code, v4l2.v4l2_buf_type(kind))

    def feed(self, picture: int, index: int | None = None) -> None:
        """Queue a DMA buffer as the next picture."""
        given = buffer(PICTURES, self.count % BUFFERS if index is None else index)
        given.planes[0].m.fd, given.planes[0].length = picture, SIZE
        given.timestamp.tv_sec, given.timestamp.tv_usec = self.count, 7
        self.ioctl(v4l2.VIDIOC_QBUF, given)
        self.count += 1

    def wait(self, event: int) -> None:
        deadline = time.monotonic() + SECONDS
        while not self.ready(event):
            assert time.monotonic() < deadline
            self.poll.poll(100)

    def ready(self, event: int) -> bool:
        return any(seen & event for _, seen in self.poll.poll(0))

    def take(self) -> tuple[bytes, Any]:
        """The next packet when it is done, and what the driver says of it; the buffer goes back."""
        self.wait(select.POLLIN)
        done = self.ioctl(v4l2.VIDIOC_DQBUF, buffer(PACKETS))
        packet = self.maps[done.index][: done.planes[0].bytesused]
        self.ioctl(v4l2.VIDIOC_QBUF, buffer(PACKETS, done.index))
        return packet, done

    def take_back(self) -> int:
        """The number of the picture's buffer that is free again."""
        self.wait(select.POLLOUT)
        return int(self.ioctl(v4l2.VIDIOC_DQBUF, buffer(PICTURES)).index)

    def encode(self, picture: int) -> tuple[bytes, Any]:
        self.feed(picture)
        taken = self.take()
        self.take_back()
        return taken


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    for mapped in made.maps:
        mapped.close()
    made.file.close()


@pytest.fixture
def picture() -> Iterator[int]:
    """A DMA buffer with a picture in it."""
    fd = os.memfd_create("picture")
    levels = np.random.default_rng(1).integers(16, 235, SIZE, dtype=np.uint8)
    os.write(fd, levels.tobytes())
    yield fd
    os.close(fd)


def units(packet: bytes) -> list[int]:
    """Types of the NAL units in a packet (ITU-T H.264, 7.3.1 and annex B)."""
    return [part[0] & 31 for part in packet.split(b"\0\0\1")[1:]]


def is_key(done: Any) -> bool:
    return bool(done.flags & v4l2.V4L2_BUF_FLAG_KEYFRAME)


def refused(number: int, function: Callable[[], Any]) -> bool:
    with pytest.raises(OSError) as raised:
        function()
    return raised.value.errno == number


def test_it_says_who_it_is(program: Program) -> None:
    found = program.ioctl(v4l2.VIDIOC_QUERYCAP, v4l2.v4l2_capability())
    assert v4l2.arr_to_str(found.driver) == "bcm2835-codec"
    assert v4l2.arr_to_str(found.card) == "bcm2835-codec-encode"


def test_pictures_become_packets_under_their_times_and_come_back(
    program: Program, picture: int
) -> None:
    program.start()
    decoder: Any = av.CodecContext.create("h264", "r")
    frames = []
    for number in range(2 * BUFFERS):
        packet, done = program.encode(picture)
        assert (done.timestamp.tv_sec, done.timestamp.tv_usec) == (number, 7)
        frames += decoder.decode(av.Packet(packet))
    frames += decoder.decode(None)
    assert [(frame.width, frame.height) for frame in frames] == [(WIDTH, HEIGHT)] * 2 * BUFFERS
    # Padding is no part of the picture: the first row is the first 160 levels of the buffer's.
    seen = frames[-1].to_ndarray()[0].astype(float)
    given = np.frombuffer(os.pread(picture, WIDTH, 0), np.uint8).astype(float)
    assert np.corrcoef(seen, given)[0, 1] > 0.9


def test_poll_tells_what_can_be_dequeued(program: Program, picture: int) -> None:
    program.start()
    assert not program.ready(select.POLLIN | select.POLLOUT)
    program.feed(picture)
    program.feed(picture)
    program.wait(select.POLLIN)
    program.take_back()
    program.take_back()
    assert not program.ready(select.POLLOUT)
    program.take()
    program.take()
    assert not program.ready(select.POLLIN)


def test_a_key_frame_comes_two_pictures_after_it_is_asked_for(
    program: Program, picture: int
) -> None:
    """No other but the first: the period is longer than this."""
    program.control(v4l2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 1000)
    program.start()
    keys = []
    for number in range(8):
        if number == 3:
            program.control(v4l2.V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 0)
        keys.append(is_key(program.encode(picture)[1]))
    assert [number for number, key in enumerate(keys) if key] == [0, 3 + encoder.KEY_LATENCY]


@pytest.mark.parametrize("repeat", [0, 1])
def test_parameter_sets_come_with_the_first_key_frame_or_with_each(
    program: Program, picture: int, repeat: int
) -> None:
    program.control(v4l2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 2)
    program.control(v4l2.V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, repeat)
    program.start()
    packets = [program.encode(picture)[0] for _ in range(4)]
    assert {SPS, PPS, IDR} <= set(units(packets[0]))
    assert units(packets[1]) == units(packets[3]) == [SLICE]
    assert (units(packets[2]) == [IDR]) is not bool(repeat)
    assert ({SPS, PPS, IDR} <= set(units(packets[2]))) is bool(repeat)


def test_the_rate_is_the_one_that_was_set(program: Program) -> None:
    """Noise that changes takes all that it may have: 500 kbit/s are 2,083 bytes for a picture."""
    program.control(v4l2.V4L2_CID_MPEG_VIDEO_BITRATE, 500_000)
    program.start()
    noise = np.random.default_rng(2)
    fd = os.memfd_create("picture")
    sizes = []
    for _ in range(60):
        os.pwrite(fd, noise.integers(16, 235, SIZE, dtype=np.uint8).tobytes(), 0)
        sizes.append(len(program.encode(fd)[0]))
    os.close(fd)
    assert np.mean(sizes[30:]) == pytest.approx(500_000 / 8 / 30, rel=0.2)


def test_what_the_kernel_refuses_is_refused(program: Program, picture: int) -> None:
    queue, dequeue = v4l2.VIDIOC_QBUF, v4l2.VIDIOC_DQBUF
    # No buffers without a format, no stream without buffers, nothing from a queue that stands.
    assert refused(errno.EINVAL, lambda: program.request(PACKETS))
    assert refused(errno.EINVAL, lambda: program.stream(on=True))
    assert refused(errno.EINVAL, lambda: program.ioctl(dequeue, buffer(PACKETS)))
    assert refused(errno.EINVAL, lambda: mmap.mmap(program.file.fileno(), 4096))
    assert refused(errno.EINVAL, lambda: program.control(v4l2.V4L2_CID_HFLIP, 1))
    assert refused(errno.ENOTTY, lambda: program.ioctl(v4l2.VIDIOC_G_FMT, v4l2.v4l2_format()))
    program.start()
    assert refused(errno.EBUSY, lambda: program.format(PICTURES))
    assert refused(errno.EBUSY, lambda: program.request(PACKETS))
    # A buffer that it has already, one that is not there, and a picture that is too small.
    assert refused(errno.EINVAL, lambda: program.ioctl(queue, buffer(PACKETS, 0)))
    assert refused(errno.EINVAL, lambda: program.feed(picture, index=BUFFERS))
    small = buffer(PICTURES)
    small.planes[0].m.fd, small.planes[0].length = picture, SIZE - 1
    assert refused(errno.EINVAL, lambda: program.ioctl(queue, small))
    program.encode(picture)


def test_formats_are_what_the_driver_makes_of_them(program: Program) -> None:
    pictures = program.format(PICTURES, 1312, 738)
    assert pictures.plane_fmt[0].bytesperline == 1344
    assert pictures.plane_fmt[0].sizeimage == 1344 * 738 * 3 // 2
    assert program.format(PACKETS, 1280, 720).plane_fmt[0].sizeimage == 512 << 10
    assert program.format(PACKETS, 1920, 1080).plane_fmt[0].sizeimage == 768 << 10


def test_an_error_from_dequeueing(program: Program, picture: int) -> None:
    program.start()
    SENSOR.inject(Fault.ENCODER_ERROR)
    program.feed(picture)
    assert refused(errno.EIO, program.take)
    # The packet is still there.
    assert program.take()[0]


def test_a_picture_that_comes_back_empty(program: Program, picture: int) -> None:
    program.start()
    program.encode(picture)
    SENSOR.inject(Fault.ENCODER_EMPTY)
    packet, done = program.encode(picture)
    assert packet == b""
    assert done.flags & v4l2.V4L2_BUF_FLAG_ERROR
    assert done.timestamp.tv_sec == 1
    assert units(program.encode(picture)[0]) == [SLICE]


def test_a_hardware_that_completes_nothing_goes_on_where_it_was(
    program: Program, picture: int
) -> None:
    program.start()
    began = time.monotonic()
    program.encode(picture)
    usual_ms = 1000 * (time.monotonic() - began)
    SENSOR.hold(Fault.ENCODER_HANG)
    program.feed(picture)
    # In three times what the picture before took, and more.
    assert program.poll.poll(50 + 3 * usual_ms) == []
    SENSOR.release(Fault.ENCODER_HANG)
    assert program.take()[1].timestamp.tv_sec == 1


def test_it_stops_while_it_hangs_and_starts_again(
    program: Program, picture: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "STOP_SECONDS", 0.1)
    program.start()
    SENSOR.hold(Fault.ENCODER_HANG)
    program.feed(picture)
    program.stream(on=False)
    SENSOR.release(Fault.ENCODER_HANG)
    # As after STREAMOFF in the kernel, every buffer is the program's own again.
    for index in range(BUFFERS):
        program.ioctl(v4l2.VIDIOC_QBUF, buffer(PACKETS, index))
    program.stream(on=True)
    assert program.encode(picture)[1].timestamp.tv_sec == 1


def test_a_closed_device_leaves_nothing_behind(picture: int) -> None:
    before = descriptors()
    program = Program()
    program.start()
    program.encode(picture)
    for mapped in program.maps:
        mapped.close()
    program.file.close()
    # A thread of an earlier test may close something of its own meanwhile.
    assert descriptors() <= before
    assert encoder._OPEN == {}
