"""The capture process on a board with a hardware encoder, which is simulated below picamera2."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.frame import PictureType

pytest.importorskip("hw_mocks", reason="no simulated camera")

from hw_mocks.sensor import Fault
from hw_mocks.world import WorldThread

from camerad.stream import wire
from tests.unit.capture.child import HARDWARE, Child, now_us, running
from tests.waiting import until

FRAME_US = 1_000_000 / 30
IN_FLIGHT = 2
"""Packets that may lie in the driver's buffers at any instant: one that is being written, and one
that is done and not read yet."""
NAL_IDR, NAL_SPS, NAL_PPS, NAL_SLICE = 5, 7, 8, 1
SENSOR = "sensor"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldThread]:
    with WorldThread(tmp_path / "world") as thread:
        yield thread


@pytest.fixture
def child(world: WorldThread, tmp_path: Path) -> Iterator[Child]:
    with running(HARDWARE | {"HW_MOCKS_WORLD": str(tmp_path / "world")}) as made:
        made.hello()
        world.wait_connected(SENSOR)
        yield made


def inject(world: WorldThread, fault: Fault, **details: Any) -> None:
    world.tell(SENSOR, {"fault": fault.value, **details})


def nal_types(packet: bytes) -> list[int]:
    """Types of the NAL units in a packet (ITU-T H.264, 7.3.1 and annex B)."""
    return [part[0] & 31 for part in packet.split(b"\0\0\1")[1:]]


def test_packets_follow_the_sensor_with_a_key_frame_a_second_and_on_demand(child: Child) -> None:
    hello = child.hello()
    assert (hello["encoder"], hello["encoder_because"]) == ("hardware", "found")
    assert hello["codec"] == "bcm2835-codec"
    asked_us = now_us()
    child.arm(1, packets=40)
    packets = child.under(1)[:40]
    numbers = [packet.header.frame for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    steps = [b.header.pts_us - a.header.pts_us for a, b in itertools.pairwise(packets)]
    assert all(FRAME_US - 2 <= step <= FRAME_US + 2 for step in steps)
    assert packets[0].header.pts_us >= asked_us - FRAME_US
    keys = [packet.header.frame - numbers[0] for packet in packets if packet.header.key]
    assert keys[0] == 0
    # One a second, counted from the request. Where one was under way as it was armed there are two
    # in the beginning, for the encoder takes two pictures to make one.
    assert keys[-1] - keys[-2] == 30
    assert keys[-2] <= 3
    for packet in packets:
        types = nal_types(packet.body)
        if packet.header.key:
            assert {NAL_SPS, NAL_PPS, NAL_IDR} <= set(types)
        else:
            # A slice of a picture that refers to earlier ones only, as the decoder below tells.
            assert types == [NAL_SLICE]
    decoder: Any = av.CodecContext.create("h264", "r")
    pictures = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.body))]
    pictures += decoder.decode(None)
    assert len(pictures) == 40
    kinds = {PictureType(picture.pict_type) for picture in pictures}
    assert kinds == {PictureType.I, PictureType.P}
    before = len(child.packets)
    child.tell("key_frame")
    child.until(lambda: any(p.header.key for p in child.packets[before:]), "a key frame")
    assert any(packet.header.key for packet in child.packets[before : before + 15])
    assert child.of(wire.MessageKind.GAP) == []
    # The encoder runs on, its packets are let through or not.
    child.tell("disarm")
    child.carried_out()
    child.beats(1)
    count = len(child.packets)
    child.beats(2)
    assert len(child.packets) == count
    child.arm(2, packets=3)
    assert [packet.header.key for packet in child.under(2)[:3]] == [True, False, False]
    child.tell("stop")
    assert child.end() == (0, "")


def test_a_picture_that_the_encoder_loses_is_a_gap_of_one(child: Child, world: WorldThread) -> None:
    child.arm(1, packets=5)
    inject(world, Fault.ENCODER_EMPTY, count=1)
    child.until(lambda: bool(child.of(wire.MessageKind.GAP)), "the gap")
    (gap,) = child.of(wire.MessageKind.GAP)
    assert (gap["reason"], gap["frames"]) == ("dropped by the encoder", 1)

    def steps() -> list[int]:
        numbers = [packet.header.frame for packet in child.under(1)]
        return [b - a for a, b in itertools.pairwise(numbers)]

    child.until(lambda: 2 in steps(), "the packet after it")
    assert set(steps()) == {1, 2}
    assert steps().count(2) == 1


def test_an_encoder_that_gives_only_empty_packets_ends_the_process(
    child: Child, world: WorldThread
) -> None:
    """After 64 pictures, two seconds: long before anybody would believe that it records."""
    inject(world, Fault.ENCODER_EMPTY, count=1000)
    status, errors = child.end()
    assert status == 69
    assert errors == "camerad.capture: the encoder has kept 64 pictures to itself\n"


def test_an_encoder_whose_driver_fails_ends_the_process(child: Child, world: WorldThread) -> None:
    inject(world, Fault.ENCODER_ERROR, count=1)
    status, errors = child.end()
    assert status == 69
    assert errors == "camerad.capture: the hardware encoder failed: Input/output error\n"


def test_an_encoder_that_hangs_silences_the_camera(child: Child, world: WorldThread) -> None:
    """It keeps the camera's buffers, so no frame comes any more, and that is what is watched.

    Half a second for the six buffers; then not one beat in a second that would have had four.
    """
    child.beats(1)
    inject(world, Fault.ENCODER_HANG, until_us=None)

    def silent() -> bool:
        with child.changed:
            known = len(child.of(wire.MessageKind.BEAT))
            assert not child.changed.wait_for(lambda: child.closed, 1.0)
            return len(child.of(wire.MessageKind.BEAT)) == known

    until(silent)


def footage_in_the_drivers_buffers(child: Child) -> int:
    """How many of the process's mappings of the encoder's buffers hold anything."""
    child.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    mapped = re.findall(
        r"(?m)^([0-9a-f]+)-([0-9a-f]+) rw-s .*/memfd:simulated-encoder",
        Path(f"/proc/{child.pid}/maps").read_text(),
    )
    holding = 0
    with open(f"/proc/{child.pid}/mem", "rb", 0) as memory:
        # The longest is the hardware's own mapping, of all of them at once.
        for first, end in sorted(mapped, key=lambda ends: int(ends[1], 16) - int(ends[0], 16))[:-1]:
            memory.seek(int(first, 16))
            holding += any(memory.read(int(end, 16) - int(first, 16)))
    child.process.send_signal(signal.SIGCONT)
    assert len(mapped) == 16 + 1
    return holding


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read a non-dumpable process")
def test_p2_no_packet_stays_in_the_buffers_of_the_encoders_driver(child: Child) -> None:
    """More packets than there are buffers, so that each of them was used."""
    child.arm(1, packets=40)
    assert footage_in_the_drivers_buffers(child) <= IN_FLIGHT
    child.tell("disarm")
    child.carried_out()
    assert footage_in_the_drivers_buffers(child) <= IN_FLIGHT


@pytest.mark.parametrize("stamp", [None, {"device": "camera-07"}])
def test_the_hardware_encoder_gets_the_picture_with_its_stamp(stamp: dict[str, str] | None) -> None:
    """White on a band of black at the bottom left, of which the sensor's pattern has nothing."""
    with running(HARDWARE, stamp=stamp) as child:
        child.hello()
        child.arm(1, packets=10)
        decoder: Any = av.CodecContext.create("h264", "r")
        pictures = [
            picture
            for packet in child.under(1)[:10]
            for picture in decoder.decode(av.Packet(packet.body))
        ]
    luma = pictures[-1].to_ndarray()[:360, :640]
    band = luma[-14:-4, :200]
    black, white = float((band < 40).mean()), float((band > 200).mean())
    stamped = black > 0.5 and white > 0.05
    assert stamped is (stamp is not None), (black, white)
