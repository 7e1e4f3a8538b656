"""The capture process hears: the real ALSA library, the simulated microphone, in real time."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("hw_mocks", reason="no simulated microphone")

from hw_mocks.pulse import DEVICE, write_files
from hw_mocks.sound import FLASH_FRAMES, LOUDNESS, decode, speak
from hw_mocks.world import WorldThread

from camerad.stream import wire
from tests.system.harness import PATIENCE, until
from tests.system.speech import likeness
from tests.unit.capture.child import Child, found, now_us, running

pytestmark = pytest.mark.system

RATE = 48_000
UNIT_US = 1024 * 1_000_000 / RATE
SOUND = {"device": DEVICE, "rate": RATE, "channels": 1, "bitrate": 64_000, "delay_us": 0}
CLAPPER: dict[str, Any] = {"kind": "clapper", "every": 30, "fps": 30}
ASTRAY_US = 40_000
"""What is promised of lips and voice."""
BEEP_US = FLASH_FRAMES * 1_000_000 // CLAPPER["fps"]
STILL_US = 200_000
"""Longer than there is quiet within a beep, and shorter than between two."""
PIECE = 24


@contextlib.contextmanager
def hearing(folder: Path, order: dict[str, Any], **variables: str) -> Iterator[dict[str, str]]:
    """A simulated microphone; gives the environment in which it is found."""
    environment = write_files(folder, RATE) | variables
    process = subprocess.Popen(
        [sys.executable, "-m", "hw_mocks.microphone", str(folder), json.dumps(order)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], PATIENCE)[0], "the microphone says nothing"
        assert process.stdout.readline()
        yield environment
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
        process.stdout.close()


def states(child: Child) -> list[str]:
    return [body["state"] for body in child.of(wire.MessageKind.SOUND_STATE)]


def until_state(child: Child, state: str) -> None:
    child.until(lambda: states(child)[-1:] == [state], state)


def until_heard(child: Child, since_us: int, seconds: float) -> None:
    """Wait until a unit of so many seconds after `since_us` has come."""
    until_us = since_us + round(seconds * 1_000_000)
    child.until(lambda: bool(child.units) and child.units[-1].header.pts_us >= until_us, "sound")


def decoded(child: Child) -> list[tuple[int, np.ndarray]]:
    """Media time of the first sample and the samples of each unit, by FFmpeg's decoder."""
    decoder: Any = av.CodecContext.create("aac", "r")
    decoder.extradata = bytes.fromhex(child.hello()["sound"]["config"])
    return [
        (unit.header.pts_us, frame.to_ndarray()[0])
        for unit in child.units
        for frame in decoder.decode(av.Packet(unit.body))
    ]


def loud_us(child: Child, epoch_us: int) -> tuple[list[int], list[int]]:
    """How late each beep begins whose beginning was heard, since silence was heard before it; and
    how long after the beginning of a clap each loud sample is. There is a clap every second."""
    begins: list[int] = []
    lies: list[int] = []
    end_us = still_since_us = 0
    for at_us, samples in decoded(child):
        if at_us - end_us > UNIT_US / 2:
            still_since_us = at_us
        end_us = at_us + round(len(samples) * 1_000_000 / RATE)
        for place in np.flatnonzero(np.abs(samples) > LOUDNESS / 2):
            loud = at_us + round(int(place) * 1_000_000 / RATE)
            behind_us = (loud - epoch_us + 500_000) % 1_000_000 - 500_000
            lies.append(behind_us)
            if loud - still_since_us > STILL_US:
                begins.append(behind_us)
            still_since_us = loud
    return begins, lies


def test_sound_is_on_time_with_gaps_where_the_microphone_was_away(tmp_path: Path) -> None:
    epoch_us = now_us()
    order = CLAPPER | {"epoch_us": epoch_us, "ppm": 200}
    path = tmp_path / "world"
    with (
        WorldThread(path) as world,
        hearing(tmp_path / "m", order, HW_MOCKS_WORLD=str(path)) as environment,
        running(environment, sound=SOUND) as child,
    ):
        told = child.hello()["sound"]
        assert {key: told[key] for key in ("device", "rate", "channels")} == {
            key: SOUND[key] for key in ("device", "rate", "channels")
        }
        child.arm(1)
        asked_us = now_us()
        child.tell("sound", mode="on", epoch=5)
        until_heard(child, asked_us, 3.5)
        world.tell("microphone", {"fault": "microphone_gone", "until_us": now_us() + 1_000_000})
        until_state(child, "missing")
        until_state(child, "on")
        again_us = now_us()
        until_heard(child, again_us, 2.0)
        # In the middle of a beep, so that what it has heard and not given yet shows if it is given
        # for what is heard later.
        until(
            lambda: 50_000 < (now_us() - epoch_us) % 1_000_000 < 90_000, 10, "a beep", pause=0.005
        )
        world.tell("microphone", {"fault": "microphone_hangs", "until_us": now_us() + 1_500_000})
        until_state(child, "failed")
        until_state(child, "on")
        until_heard(child, now_us(), 2.5)
        child.tell("sound", mode="off", epoch=0)
        until_state(child, "off")
        units = [unit.header for unit in child.units]
        pictures = [packet.header.frame for packet in child.under(1)]
    assert {header.epoch for header in units} == {5}
    # The first is the encoder's delay, which lies before the first sample.
    assert asked_us - UNIT_US < units[0].pts_us < asked_us + 500_000
    steps = [(b.frame - a.frame, b.pts_us - a.pts_us) for a, b in pairwise(units)]
    assert all(abs(passed_us - UNIT_US) < 1 for number, passed_us in steps if number == 1)
    gaps = [(number, passed_us) for number, passed_us in steps if number != 1]
    assert len(gaps) == 2
    assert all(number == round(passed_us / UNIT_US) for number, passed_us in gaps)
    # Away for a second and looked for every second; silent for a second and a half.
    assert 0.9e6 < gaps[0][1] < 3.5e6
    assert 1.2e6 < gaps[1][1] < 3.0e6
    begins, lies = loud_us(child, epoch_us)
    # Of seven seconds and a half at most one in each of the three pieces is cut at its beginning.
    assert len(begins) >= 4
    assert max(map(abs, begins)) < ASTRAY_US
    assert min(lies) > -ASTRAY_US and max(lies) < BEEP_US + ASTRAY_US
    # The camera has missed nothing meanwhile.
    assert pictures == list(range(pictures[0], pictures[0] + len(pictures)))


def test_speech_is_heard_as_it_was_spoken(tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    speak(text, tmp_path / "spoken.wav")
    spoken, rate = decode(tmp_path / "spoken.wav")
    with (
        hearing(tmp_path / "m", {"kind": "speech", "text": text}) as environment,
        running(environment, sound=SOUND) as child,
    ):
        child.hello()
        asked_us = now_us()
        child.tell("sound", mode="on", epoch=1)
        times = np.arange(0, len(spoken) / rate, 1 / RATE)
        wanted = np.interp(times * rate, range(len(spoken)), spoken)
        # It is spoken over and over, with half a second between: whole once in twice its length. A
        # machine that stands still tears one of them in two, and not three one after the other.
        for times_spoken in (2, 3, 4):
            until_heard(child, asked_us, times_spoken * (len(spoken) / rate + 0.5))
            heard = np.concatenate([samples for _, samples in decoded(child)])
            # 64 kbit/s give 27 dB, that is 0.999; interpolating twice costs some of the highs.
            alike = likeness(heard, wanted, RATE) > 0.97
            if alike:
                break
    assert alike
    assert likeness(heard, wanted[::-1], RATE) < 0.5


def test_a_microphone_that_is_not_there_costs_nothing_but_the_sound(tmp_path: Path) -> None:
    environment = write_files(tmp_path / "m", RATE)
    with running(environment, sound=SOUND) as child:
        child.hello()
        child.tell("sound", mode="on", epoch=1)
        until_state(child, "missing")
        child.arm(1, packets=30)
        child.tell("stop")
        status, said = child.end()
    # What the ALSA library itself has to say is not in the way of what is said once.
    assert status == 0
    assert "camerad" not in said
    assert states(child)[:3] == ["off", "starting", "missing"]


def test_a_process_whose_microphone_hangs_ends_when_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "world"
    with (
        WorldThread(path) as world,
        hearing(tmp_path / "m", CLAPPER, HW_MOCKS_WORLD=str(path)) as environment,
        running(environment, sound=SOUND) as child,
    ):
        child.hello()
        child.tell("sound", mode="on", epoch=1)
        until_state(child, "on")
        world.tell("microphone", {"fault": "microphone_hangs", "until_us": now_us() + 60_000_000})
        until_state(child, "failed")
        asked = time.monotonic()
        child.tell("stop")
        assert child.end()[0] == 0
        # Closing the camera takes a fifth of a second.
        assert time.monotonic() - asked < 3.0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read a non-dumpable process")
def test_p2_after_sound_is_off_none_of_it_is_left_in_memory(tmp_path: Path) -> None:
    with (
        hearing(tmp_path / "m", {"kind": "speech"}) as environment,
        running(environment, sound=SOUND) as child,
    ):
        child.hello()
        for epoch in range(1, 4):
            since_us = now_us()
            child.tell("sound", mode="on", epoch=epoch)
            until_heard(child, since_us, 1.0)
        child.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        pieces = set()
        with child.changed:
            for unit in child.units:
                piece = unit.body[40 : 40 + PIECE]
                if len(piece) == PIECE and len(set(piece)) >= PIECE // 2 and piece[0] != piece[1]:
                    pieces.add(piece)
        assert len(pieces) > 30
        child.process.send_signal(signal.SIGCONT)
        child.tell("sound", mode="off", epoch=0)
        until_state(child, "off")
        child.tell("disarm")
        child.beats(1)
        assert found(child.pid, pieces) == set()
