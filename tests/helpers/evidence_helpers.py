"""Footage for the tests of evidence, written as a string and encoded by libx264.

Every picture shows its number as eight cells of luma, so that what is decoded from a recording says
by itself which picture it is.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from camerad.base.clock import ClockSource, Moment
from camerad.container.statements import FORMAT, Header
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring

WIDTH, HEIGHT, FPS = 128, 64, 30
NOMINAL_US = 33_333
"""A thirtieth of a second, the duration of a picture whose follower is unknown."""
ORIGIN_US = 5_000_000_000
BOOT_ID = "00000000-0000-4000-8000-000000000000"
"""As a ManualClock has it."""
MOMENT = Moment(ORIGIN_US, 1_795_534_200_000_000, ClockSource.SYNCHRONISED)
"""24 November 2026, 15:30 UTC."""
MICROSECOND = Fraction(1, 1_000_000)

Packet = tuple[PacketInfo, bytes]


def time_of(number: int) -> int:
    """Media time of picture `number`; like a real sensor's, it is not a multiple of anything."""
    return ORIGIN_US + number * 1_000_000 // FPS


def _picture(number: int, size: tuple[int, int]) -> av.VideoFrame:
    width, height = size
    luma = np.full((height * 3 // 2, width), 128, np.uint8)
    for bit in range(8):
        luma[:height, bit * 16 : bit * 16 + 16] = 235 if number >> bit & 1 else 16
    return av.VideoFrame.from_ndarray(luma, format="yuv420p")


def _encoder(size: tuple[int, int], preset: str) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = MICROSECOND
    encoder.framerate = Fraction(FPS)
    encoder.thread_count = 1
    encoder.gop_size = 10_000
    encoder.options = {
        "preset": preset,
        "tune": "zerolatency",
        "forced-idr": "1",
    }
    return encoder


@functools.cache
def footage(
    script: str,
    first: int = 0,
    epoch: int = 1,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    preset: str = "ultrafast",
) -> tuple[Packet, ...]:
    """The packets of a stream such as ``"IPPP..PP|  IPP"``, one character per frame time.

    I: a key frame; P: another picture; ".": a frame that the sensor exposed and nobody encoded; "|"
    (takes no time): the capture process ended here and another one went on, with a new epoch and
    new frame numbers; " ": no sensor ran. first: number of the first picture.
    """
    packets = []
    encoder = _encoder(size, preset)
    frame = 100
    number = first
    for what in script:
        if what == "|":
            encoder = _encoder(size, preset)
            epoch, frame = epoch + 1, 0
            continue
        if what in "IP":
            picture = _picture(number, size)
            picture.pts, picture.time_base = time_of(number), MICROSECOND
            picture.pict_type = PictureType.I if what == "I" else PictureType.NONE
            for packet in encoder.encode(picture):
                assert packet.is_keyframe == (what == "I")
                data = bytes(packet)
                info = PacketInfo(epoch, frame, time_of(number), what == "I", len(data))
                packets.append((info, data))
        frame += what != " "
        number += 1
    return tuple(packets)


def seconds_of_footage(seconds: float, first: int = 0, epoch: int = 1) -> tuple[Packet, ...]:
    """Footage with a key frame every second."""
    count = round(seconds * FPS)
    return footage("".join("P" if n % FPS else "I" for n in range(count)), first, epoch)


def feed(ring: Ring, packets: Iterable[Packet]) -> None:
    """Put the packets into the ring as the link does."""
    for info, data in packets:
        ring.reserve(len(data))[:] = data
        ring.commit(info)


def decoded(path: str) -> list[tuple[int, int]]:
    """(microseconds after the first picture, number shown) of every picture in the file."""
    found = []
    with av.open(path) as container:
        for picture in container.decode(video=0):
            luma = picture.to_ndarray(format="gray")
            bits = (int(luma[8:-8, bit * 16 + 4 : bit * 16 + 12].mean() > 128) for bit in range(8))
            number = sum(value << bit for bit, value in enumerate(bits))
            assert picture.pts is not None
            found.append((round(picture.pts * picture.time_base * 1_000_000), number))
    return found


def expected(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """What `decoded` finds in a recording of these pictures."""
    wanted = list(numbers)
    return [(time_of(number) - time_of(wanted[0]), number % 256) for number in wanted]


def ffmpeg_is_silent(path: str) -> None:
    """Check that ffmpeg decodes the file without a word."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    command = ["ffmpeg", "-nostdin", "-xerror", "-v", "error", "-i", path, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def probed_seconds(path: str) -> float:
    """The duration that ffprobe reads."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    return float(subprocess.check_output(command, text=True, timeout=60))


def a_header(identity: str = "20261124T153000Z-000001-00000001", **changes: object) -> Header:
    """A header with everything in it; `changes` by name."""
    facts = {
        "format": FORMAT,
        "id": identity,
        "device": "cam-1",
        "boot_id": BOOT_ID,
        "clock": MOMENT,
        "started_wall_us": MOMENT.wall_us,
        "trigger": "button:main",
        "trigger_us": ORIGIN_US,
        "origin_us": ORIGIN_US,
        "pre_event_wanted_us": 0,
        "pre_event_shortfall": None,
        "continues": None,
        "policy": "generic",
        "retention_days": 14,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "sound": False,
        "encoder": "libx264",
        "software": "camerad test",
        "wearer": None,
        "recipients": (),
    }
    return Header(**(facts | changes))  # type: ignore[arg-type]
