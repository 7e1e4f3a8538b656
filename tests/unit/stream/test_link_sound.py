"""Sound through the link: what the microphone is told, what comes, and what a wipe leaves.

Real time, with a real process; the fixtures are those of `test_link`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import capture_child
import pytest
import test_link
from capture_child import footage
from test_link import BUDGET, GOOD, HELLO, PATIENCE, PLAY, Rig, scan, until

from camerad.stream.callbacks import Callbacks
from camerad.stream.link import CaptureLink
from camerad.stream.ring import CAPTURE_RESTARTED, PacketInfo, Ring
from camerad.stream.sound_messages import SoundFormat, SoundNews
from camerad.stream.wire import SoundMode, SoundState

rig = test_link.rig
SAID = {
    "codec": "aac",
    "rate": 48_000,
    "channels": 1,
    "samples": 1024,
    "config": "1188",
    "device": "hw:1",
}
SAY = {"do": "say", "sound": SAID}


class Heard:
    """A rig whose link has a ring for sound."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.ring = Ring(1_000_000, 60, 21_333, lock=False)

    def run(self, *runs: list[dict[str, Any]], **options: Any) -> CaptureLink:
        rig = self.rig
        settings = {
            "runs": runs,
            "counter": str(rig.folder / "counter"),
            "journal": str(rig.folder / "journal"),
            "size": 2_000,
            "interval": 0.005,
            "seed": options.pop("seed", "seed"),
        }
        names = ("up", "down", "gap", "error", "fatal", "broken", "sound")
        rig.link = CaptureLink(
            rig.ring,
            settings,
            rig.frame_fd,
            Callbacks(*(rig.log(name) for name in names)),
            argv=(sys.executable, capture_child.__file__),
            budget=options.pop("budget", BUDGET),
            sound=self.ring,
        )
        rig.link.start()
        return rig.link

    def told(self) -> list[tuple[str, int]]:
        """Modes and epochs that processes were told."""
        commands = [one for one in self.rig.commands() if one["command"] == "sound"]
        return [(one["mode"], one["epoch"]) for one in commands]

    def units(self, count: int) -> list[PacketInfo]:
        """The first units in the ring, once there are so many; their bytes are checked."""
        until(lambda: self.ring.bytes_held >= count * 200)
        with self.ring.follow() as reader:
            lease = reader.take(1 << 50)
            assert lease is not None
            with lease:
                for info, view in lease.packets:
                    assert view == footage("seed sound", info.frame, info.size)
                return [info for info, _ in lease.packets]


@pytest.fixture
def heard(rig: Rig) -> Iterator[Heard]:
    made = Heard(rig)
    yield made
    if rig.link is not None:
        rig.link.stop(0)
        assert rig.link.join(PATIENCE)
    made.ring.close()


def test_sound_that_is_on_comes_and_nothing_is_missing(heard: Heard) -> None:
    link = heard.run(GOOD)
    link.wanted.set_sound(SoundMode.ON)
    link.wanted.set_sound(SoundMode.ON)
    infos = heard.units(30)
    assert [info.frame for info in infos] == list(range(len(infos)))
    assert {info.epoch for info in infos} == {1}
    assert heard.told() == [("on", 1)]
    assert heard.rig.all("gap") == []


def test_each_time_it_is_switched_on_it_is_another_epoch(heard: Heard) -> None:
    link = heard.run(GOOD)
    for mode in (SoundMode.READY, SoundMode.ON, SoundMode.READY, SoundMode.ON, SoundMode.OFF):
        link.wanted.set_sound(mode)
        until(lambda mode=mode: heard.told()[-1:] and heard.told()[-1][0] == mode)
    assert heard.told() == [("ready", 0), ("on", 1), ("ready", 0), ("on", 2), ("off", 0)]


def test_what_was_encoded_before_it_was_switched_off_still_comes(heard: Heard) -> None:
    """A process that hears nothing of it stands for sound that was on its way."""
    link = heard.run(
        [HELLO, {"do": "loud"}, {"do": "play", "frames": 60, "deaf": True}, {"do": "hang"}]
    )
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.bytes_held)
    link.wanted.set_sound(SoundMode.OFF)
    assert len(heard.units(60)) == 60


def test_a_process_that_was_restarted_is_told_anew_and_the_gap_is_stated(heard: Heard) -> None:
    link = heard.run(
        [SAY, {"do": "loud"}, {"do": "play", "frames": 20}, {"do": "exit", "code": 3}], [SAY, PLAY]
    )
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.told() == [("on", 1), ("on", 1)])
    before = heard.ring.bytes_held
    until(lambda: heard.ring.bytes_held > before)
    with heard.ring.follow() as reader:
        lease = reader.take(1 << 50)
        assert lease is not None
        with lease:
            assert [gap.reason for gap in lease.gaps] == [CAPTURE_RESTARTED]


def test_what_will_be_sent_is_known_before_anything_was_heard(heard: Heard) -> None:
    link = heard.run([SAY, PLAY])
    heard.rig.wait_for("up")
    assert link.sound_format == SoundFormat(48_000, 1, 1024, b"\x11\x88", "hw:1")
    assert heard.told() == []


@pytest.mark.parametrize("other", [{**SAID, "rate": 44_100}, {**SAID, "codec": "mp3"}, None, 5])
def test_another_format_after_a_restart_is_silence_and_no_reason_to_restart_again(
    heard: Heard, other: Any
) -> None:
    again = {"do": "say", "sound": other}
    link = heard.run([SAY, {"do": "play", "frames": 5}, {"do": "exit", "code": 3}], [again, PLAY])
    heard.rig.wait_for("error")
    link.wanted.set_sound(SoundMode.ON)
    link.wanted.arm()
    until(lambda: heard.rig.ring.bytes_held)
    assert "no sound" in heard.rig.all("error")[-1]
    assert heard.ring.bytes_held == 0
    assert heard.told() == []
    assert link.sound_format == SoundFormat(48_000, 1, 1024, b"\x11\x88", "hw:1")


def test_what_the_microphone_does_is_passed_on(heard: Heard) -> None:
    says = {"do": "heard", "state": "missing", "at_us": 5, "why": "it was unplugged"}
    heard.run([SAY, says, {"do": "heard", "state": "?"}, PLAY])
    assert heard.rig.wait_for("sound") == SoundNews(SoundState.MISSING, 5, "it was unplugged")
    assert "not a state of the microphone" in heard.rig.wait_for("error")
    heard.rig.wait_for("up")


def test_sound_is_no_sign_of_life_of_the_camera(heard: Heard) -> None:
    silent = {"do": "play", "beats": False, "packets": False}
    link = heard.run([SAY, {"do": "beat"}, {"do": "loud"}, silent], budget=test_link.HASTY)
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.bytes_held > 2_000)
    until(lambda: len(heard.told()) >= 2)  # it was restarted


def test_sound_grows_old_though_none_comes(heard: Heard) -> None:
    heard.ring.close()
    heard.ring = Ring(1_000_000, 0.1, 21_333, lock=False)
    link = heard.run([HELLO, {"do": "armed"}, {"do": "loud"}, {"do": "play", "frames": 20}, PLAY])
    link.wanted.arm()
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.last_pts_us)
    link.wanted.set_sound(SoundMode.OFF)
    until(lambda: not heard.ring.bytes_held)


# Resting


@pytest.fixture
def resting(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> CaptureLink:
    """A link with pictures and sound in its socket, and nobody who waits for any."""
    monkeypatch.setattr(test_link.link, "REST_US", test_link.REST_US)
    played = [HELLO, {"do": "armed"}, {"do": "loud"}, test_link.A_SECOND, PLAY]
    link = heard.run(played)
    link.wanted.set_sound(SoundMode.ON)
    link.wanted.arm()
    until(lambda: heard.rig.ring.lies_since_us is not None)
    until(lambda: test_link.lying(link) > test_link.FOOTAGE)
    return link


def test_who_waits_for_the_last_of_the_sound_ends_the_rest(
    heard: Heard, resting: CaptureLink
) -> None:
    over_us = resting._rest.until_us
    last_us = test_link.CLOCK.now_us()
    reader = heard.ring.follow()
    lease = reader.take(1 << 50, 1 << 50, last_us, PATIENCE)
    assert lease is not None
    with lease:
        assert lease.next_pts_us is not None
        assert lease.next_pts_us > last_us
    until(lambda: resting._rest.until_us != over_us)


def test_no_rest_goes_beyond_the_sound_that_somebody_waits_for(
    heard: Heard, resting: CaptureLink
) -> None:
    due_us = test_link.CLOCK.now_us() + test_link.REST_US // 2
    reader = heard.ring.follow()
    thread = threading.Thread(target=reader.take, args=(1 << 50, 1 << 50, due_us, PATIENCE))
    thread.start()
    until(lambda: heard.ring.due_us == due_us)
    resting.wanted.request_key_frame()  # Whatever ends the rest: another one begins.
    until(lambda: resting._rest.until_us == due_us)
    reader.interrupt()
    thread.join(PATIENCE)


# Wiping


def test_wiped_means_that_nothing_older_is_heard_after_it(heard: Heard) -> None:
    link = heard.run(GOOD)
    link.wanted.arm()
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.bytes_held > 5_000 and heard.rig.ring.bytes_held > 5_000)
    assert link.wanted.wipe().result(PATIENCE) > 10_000
    wiped_us = test_link.CLOCK.now_us()
    assert heard.ring.bytes_held == heard.rig.ring.bytes_held == 0
    # It is ready until somebody wants it again, and then of another epoch.
    until(lambda: heard.told()[-1] == ("ready", 0))
    link.wanted.set_sound(SoundMode.ON)
    infos = heard.units(10)
    assert min(info.pts_us for info in infos) > wiped_us
    assert {info.epoch for info in infos} == {3}  # the pictures were epoch 1


def test_a_wipe_waits_for_the_lease_of_sound_too(heard: Heard) -> None:
    link = heard.run(GOOD)
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.bytes_held)
    reader = heard.ring.follow()
    lease = reader.take(1 << 50)
    assert lease is not None
    with lease:
        wiped = link.wanted.wipe()
        link.wanted.set_sound(SoundMode.ON)
        until(lambda: heard.told()[-1] == ("ready", 0))
        assert not wiped.done()
    assert wiped.result(PATIENCE) > 0
    until(lambda: heard.told()[-1] == ("on", 2))


def test_after_a_wipe_no_byte_of_sound_is_in_the_memory_of_the_controller(heard: Heard) -> None:
    pr_set_ptracer, anyone = 0x59616D61, -1  # prctl(2), Yama
    test_link.capture_child.ctypes.CDLL(None).prctl(pr_set_ptracer, anyone, 0, 0, 0)
    play = {"do": "play", "frames": 30, "beats": False}
    script = [HELLO, {"do": "armed"}, {"do": "loud"}, play, {"do": "cut sound"}, {"do": "armed"}]
    heard.rig.ring.close()
    heard.rig.ring = Ring(4_000_000, 60, lock=False)
    link = heard.run(script, seed="wipe me")
    link.wanted.arm()
    link.wanted.set_sound(SoundMode.ON)
    until(lambda: heard.ring.bytes_held == 30 * 200)
    # Number 30 is the one that is cut and goes on arriving; 64 of its bytes are here.
    assert scan("wipe me sound", 0, 9, 17, 29) >= 4
    assert link.wanted.wipe().result(PATIENCE) >= 30 * 200
    assert scan("wipe me sound", 0, 9, 17, 29, 30) == 0
