"""The controller's end of the camera, with a real process that speaks the wire format.

Real time, but nothing waits longer than for the event it is about.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import capture_child
import numpy as np
import pytest
from capture_child import footage
from msgspec.structs import replace

from camerad.base.clock import SECOND, SystemClock
from camerad.behaviour.supervision import Budget, ProcessPhase
from camerad.stream import capture_process, frame, link, newest
from camerad.stream.callbacks import Callbacks
from camerad.stream.capture_process import CaptureProcess, StampState
from camerad.stream.link import CaptureLink
from camerad.stream.ring import CAPTURE_RESTARTED, Gap, PacketInfo, Ring, RingReader
from tests import waiting

CLOCK = SystemClock()
PATIENCE = 30.0
until = partial(waiting.until, seconds=PATIENCE, pause=0.002)
LONG_US = 600 * SECOND
BUDGET = Budget(
    first_frame_us=LONG_US,
    frame_age_us=LONG_US,
    stop_us=150_000,
    kill_us=150_000,
    down_us=LONG_US,
    back_off_us=(0, 20_000),
)
"""A process that waits for a processor is not taken for one that hangs."""
HASTY = replace(BUDGET, first_frame_us=5_000_000, frame_age_us=300_000)
"""For tests of one that does; after that it may be replaced again, if the machine is busy."""
HELLO = {"do": "hello"}
PLAY = {"do": "play"}
GOOD = [HELLO, PLAY]


class Rig:
    """A ring, a link and a log of what the link said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ring = Ring(4_000_000, 60, lock=False)
        self.frame_fd = frame.create(1 << 20)
        self.happened: list[tuple[str, Any]] = []
        self.news = threading.Condition()
        self.link: CaptureLink | None = None
        self.readers: list[RingReader] = []

    def run(self, *runs: list[dict[str, Any]], **options: Any) -> CaptureLink:
        """Start the link; its process follows the first script, then the next one, ..."""
        settings = {
            "runs": runs,
            "counter": str(self.folder / "counter"),
            "journal": str(self.folder / "journal"),
            "size": 2_000,
            "interval": 0.005,
            "seed": options.pop("seed", "seed"),
            "group": options.pop("group", capture_child.GROUP),
        }
        self.link = CaptureLink(
            self.ring,
            settings,
            self.frame_fd,
            Callbacks(
                *(self.log(name) for name in ("up", "down", "gap", "error", "fatal", "broken")),
                on_steady=lambda: self.log("steady")(None),
                on_exit=lambda: self.log("exit")(None),
                on_hello=self.log("hello"),
            ),
            argv=options.pop("argv", (sys.executable, capture_child.__file__)),
            budget=options.pop("budget", BUDGET),
        )
        self.link.start()
        return self.link

    def log(self, name: str) -> Callable[[Any], None]:
        def happens(what: Any) -> None:
            with self.news:
                self.happened.append((name, what))
                self.news.notify_all()

        return happens

    def all(self, name: str) -> list[Any]:
        return [what for kind, what in self.happened if kind == name]

    def wait_for(self, name: str, count: int = 1) -> Any:
        with self.news:
            assert self.news.wait_for(lambda: len(self.all(name)) >= count, PATIENCE), self.happened
            return self.all(name)[count - 1]

    def follow(self) -> RingReader:
        self.readers.append(self.ring.follow())
        return self.readers[-1]

    def take(self, reader: RingReader, packets: int) -> tuple[list[PacketInfo], list[Gap]]:
        """That many packets; their bytes are checked."""
        infos: list[PacketInfo] = []
        gaps: list[Gap] = []
        deadline = time.monotonic() + PATIENCE
        while len(infos) < packets:
            assert time.monotonic() < deadline, (len(infos), self.happened)
            lease = reader.take(1, timeout=0.5)
            if lease is None:
                continue
            with lease:
                gaps += lease.gaps
                for info, view in lease.packets:
                    assert view == footage("seed", info.frame, info.size)
                    infos.append(info)
        return infos, gaps

    def commands(self) -> list[dict[str, Any]]:
        journal = self.folder / "journal"
        if not journal.exists():
            return []
        return [json.loads(line) for line in journal.read_text().splitlines()]

    def close(self) -> None:
        for reader in self.readers:
            reader.close()
        if self.link is not None:
            self.link.stop(CLOCK.now_us() + 100_000)
            assert self.link.join(PATIENCE)
        self.ring.close()
        os.close(self.frame_fd)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    # The scripted process has to find the same camerad.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(part for part in sys.path if part))
    rig = Rig(tmp_path)
    yield rig
    rig.close()


# The good camera


def test_it_is_up_when_the_camera_delivers_and_says_what_was_opened(rig: Rig) -> None:
    link = rig.run(GOOD)
    assert rig.wait_for("up") == {"camera": "scripted", "pid": link.pid}
    assert rig.ring.bytes_held == 0  # Nothing is armed.


def test_armed_it_feeds_the_ring_without_loss_beginning_with_a_key_frame(rig: Rig) -> None:
    link = rig.run(GOOD)
    assert link.wanted.arm() == link.wanted.arm() == link.wanted.epoch == 1
    infos, gaps = rig.take(rig.follow(), 50)
    assert infos[0].key
    assert [info.frame - infos[0].frame for info in infos] == list(range(50))
    assert {info.epoch for info in infos} == {1}
    assert gaps == []
    assert rig.all("gap") == []


def test_a_key_frame_comes_when_it_is_asked_for(rig: Rig) -> None:
    link = rig.run(GOOD, group=10**9)
    link.wanted.arm()
    reader = rig.follow()
    infos, _ = rig.take(reader, 2)
    assert [info.key for info in infos] == [True, False]
    link.wanted.request_key_frame()
    # By itself none would come any more.
    until(lambda: rig.take(reader, 1)[0][0].key)


def test_the_process_is_told_about_the_self_view(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.set_view(True)
    until(lambda: [command.get("on") for command in rig.commands()] == [True])
    link.wanted.set_view(False)
    until(lambda: [command.get("on") for command in rig.commands()] == [True, False])


def test_the_process_is_told_of_the_stamp_before_it_is_armed_and_once(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.set_stamp(StampState(pre=False, trusted=True))
    link.wanted.arm()
    link.wanted.set_stamp(StampState(pre=False, trusted=True))
    link.wanted.request_key_frame()
    until(lambda: rig.commands() and rig.commands()[-1]["command"] == "key_frame")
    link.wanted.set_stamp(StampState(pre=True, trusted=False, wearer="W-0815"))
    until(lambda: rig.commands()[-1]["command"] == "stamp")
    told = [{**command, "pid": 0} for command in rig.commands()]
    stamp = {"pid": 0, "command": "stamp", "pre": False, "trusted": True, "wearer": None}
    assert told == [
        stamp,
        {"pid": 0, "command": "arm", "epoch": 1},
        {"pid": 0, "command": "key_frame"},
        {**stamp, "pre": True, "trusted": False, "wearer": "W-0815"},
    ]


def test_the_process_is_told_how_many_pictures_once_and_each_new_one_again(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.set_fps(20)
    until(lambda: len(rig.commands()) == 1)
    link.wanted.set_fps(15)
    link.wanted.set_fps(15)
    link.wanted.set_view(True)
    until(lambda: len(rig.commands()) == 3)
    assert [command.get("fps") for command in rig.commands()] == [20, 15, None]
    assert link.pid is not None
    os.kill(link.pid, signal.SIGKILL)
    until(lambda: len(rig.commands()) == 5)
    first, again = rig.commands()[2:4]
    assert (again["command"], again["fps"]) == ("rate", 15)
    assert again["pid"] != first["pid"]


def test_each_process_says_what_it_has_opened_though_the_camera_was_never_down(rig: Rig) -> None:
    said = [{"do": "say", "encoder": encoder} for encoder in ("hardware", "software")]
    link = rig.run([said[0], PLAY], [said[1], PLAY])
    link.wanted.arm()
    rig.take(rig.follow(), 1)
    assert link.pid is not None
    os.kill(link.pid, signal.SIGKILL)
    rig.wait_for("hello", 2)
    rig.take(rig.follow(), 50)
    assert [hello["encoder"] for hello in rig.all("hello")] == ["hardware", "software"]
    told = [name for name, _ in rig.happened if name in ("up", "down", "hello")]
    assert told == ["hello", "up", "hello"]


def test_footage_grows_old_though_the_camera_stands_still(rig: Rig) -> None:
    rig.ring.close()
    rig.ring = Ring(4_000_000, 0.1, 100_000, lock=False)
    link = rig.run([HELLO, {"do": "armed"}, {"do": "play", "frames": 20}, {"do": "hang"}])
    link.wanted.arm()
    until(lambda: rig.ring.last_pts_us)
    until(lambda: not rig.ring.bytes_held)


def test_each_group_leaves_when_it_is_due_though_no_packet_comes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not some time after that, when the ring would be told the time anyway.
    monkeypatch.setattr(link, "_AGE_EVERY_US", 3600 * SECOND)
    rig.ring.close()
    rig.ring = Ring(4_000_000, 1, 50_000, lock=False)
    running = rig.run([HELLO, {"do": "armed"}, {"do": "play", "frames": 40}, {"do": "hang"}])
    running.wanted.arm()
    until(lambda: len([*rig.ring._window.groups()]) > 2)
    until(lambda: not rig.ring.bytes_held)


# Wiping


def test_wiped_means_that_nothing_older_comes_after_it(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.arm()
    until(lambda: rig.ring.bytes_held > 50_000)
    assert link.wanted.wipe().result(PATIENCE) > 50_000
    wiped_us = CLOCK.now_us()
    assert rig.ring.bytes_held == 0
    assert link.wanted.epoch is None
    assert link.wanted.arm() == 2
    infos, gaps = rig.take(rig.follow(), 20)
    assert {info.epoch for info in infos} == {2}
    assert infos[0].key
    assert infos[0].pts_us > wiped_us
    assert gaps == []


def test_wipe_and_arm_in_one_breath_restart_the_encoder(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.arm()
    until(lambda: rig.ring.bytes_held)
    for _ in range(20):
        wiped = link.wanted.disarm()
        link.wanted.arm()
    wiped.result(PATIENCE)
    infos, _ = rig.take(rig.follow(), 1)
    assert infos[0].epoch <= 21
    until(lambda: rig.commands()[-1].get("epoch") == 21)
    names = [command["command"] for command in rig.commands()]
    # However many of them it was told: no arm without a disarm before it.
    assert names == ["arm", "disarm"] * (len(names) // 2) + ["arm"]


def test_a_wipe_waits_for_the_lease_and_for_nothing_else(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.arm()
    reader = rig.follow()
    lease = reader.take(10**9, timeout=PATIENCE)
    assert lease is not None
    with lease:
        wiped = link.wanted.wipe()
        until(lambda: rig.commands()[-1]["command"] == "disarm")
        # Armed again meanwhile, nothing begins before the wipe is done.
        link.wanted.arm()
        link.wanted.request_key_frame()
        until(lambda: rig.commands()[-1]["command"] == "key_frame")
        assert not wiped.done()
        assert lease.packets[0][1] == footage("seed", lease.packets[0][0].frame, 6_000)
    assert wiped.result(PATIENCE) > 0
    assert reader.take(1) is None
    until(lambda: rig.commands()[-1].get("epoch") == 2)


def test_a_wipe_needs_no_camera(rig: Rig) -> None:
    rig.run([{"do": "hang"}])
    assert rig.link is not None
    assert rig.link.wanted.wipe().result(PATIENCE) == 0
    rig.link.stop(CLOCK.now_us())
    assert rig.link.join(PATIENCE)
    assert rig.link.wanted.wipe().result(0) == 0


SCAN = r"""
import sys
from capture_child import footage
pid, seed, *numbers = sys.argv[1:]
packets = [footage(seed, int(number), 2_000) for number in numbers]
needles = [packet[at:at + 32] for packet in packets for at in (0, 500)]
found = set()
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
    for line in maps:
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if "r" not in line.split()[1] or "[v" in line:
            continue
        memory.seek(start)
        try:
            content = memory.read(end - start)
        except OSError:
            continue
        found |= {needle for needle in needles if needle in content}
print(len(found))
"""


def scan(seed: str, *packets: int) -> int:
    """How many pieces, two of each packet, another process finds in the memory of this one."""
    result = subprocess.run(
        [sys.executable, "-c", SCAN, str(os.getpid()), seed, *map(str, packets)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "PermissionError" in result.stderr:
        pytest.skip("this machine lets no process read another's memory")
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def test_after_a_wipe_no_byte_of_footage_is_in_the_memory_of_the_controller(rig: Rig) -> None:
    pr_set_ptracer, anyone = 0x59616D61, -1  # prctl(2), Yama
    capture_child.ctypes.CDLL(None).prctl(pr_set_ptracer, anyone, 0, 0, 0)
    # No beats, so that the process armed is at frame 0; and 30 frames are all there are.
    play = {"do": "play", "frames": 30, "beats": False}
    script = [HELLO, {"do": "armed"}, play, {"do": "cut"}, {"do": "armed"}]
    link = rig.run(script, seed="wipe me")
    link.wanted.arm()
    until(lambda: rig.ring.bytes_held == 3 * 6_000 + 27 * 2_000)
    # Number 30 is the one that is cut and goes on arriving.
    until(lambda: scan("wipe me", 0, 9, 17, 29, 30) == 10)
    assert link.wanted.wipe().result(PATIENCE) >= 3 * 6_000 + 27 * 2_000
    assert scan("wipe me", 0, 9, 17, 29, 30) == 0


# Resting

REST_US = 60_000_000
"""Nothing of these tests is in time unless the rest is ended."""
A_SECOND = {"do": "play", "frames": 50, "interval": 0.02, "beats": False}
FOOTAGE = 2_000 * 4
"""Bytes in the socket when several packets lie there."""


def lying(link: CaptureLink) -> int:
    """Bytes that were sent and wait in the socket of the process."""
    process = link._process
    if process is None or process.socket.fileno() < 0:
        return 0
    answer = fcntl.ioctl(process.socket, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def stop(link: CaptureLink) -> int:
    """Stop the process where it is, and return its id."""
    pid = link.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return pid


@pytest.fixture
def resting(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> CaptureLink:
    """A link that has its first key frame, nobody who reads it, and packets in its socket."""
    monkeypatch.setattr(link, "REST_US", REST_US)
    running = rig.run([HELLO, {"do": "armed"}, A_SECOND, PLAY], GOOD)
    running.wanted.arm()
    until(lambda: rig.ring.lies_since_us is not None)
    until(lambda: lying(running) > FOOTAGE)
    return running


def test_packets_that_nobody_waits_for_lie_in_the_socket(rig: Rig, resting: CaptureLink) -> None:
    held = rig.ring.bytes_held
    assert held > 0
    assert 0 < (rig.ring.lies_since_us or 0) <= CLOCK.now_us()
    more = lying(resting) + FOOTAGE
    until(lambda: lying(resting) > more)
    assert rig.ring.bytes_held == held


def test_a_recording_that_wants_what_comes_ends_the_rest(rig: Rig, resting: CaptureLink) -> None:
    reader = rig.follow()
    infos, gaps = rig.take(reader, 1)  # What is here needs no packet.
    assert rig.ring.lies_since_us is not None
    assert lying(resting) > 0
    more, told = rig.take(reader, 30)
    infos += more
    assert [info.frame - infos[0].frame for info in infos] == list(range(len(infos)))
    assert gaps + told == []


def test_the_rest_goes_up_to_the_packet_that_a_recording_waits_for(
    rig: Rig, resting: CaptureLink
) -> None:
    reader = rig.follow()
    lease = reader.take(10**9)
    assert lease is not None
    with lease:  # What is here may last as long already.
        pass
    taken: list[int] = []

    def read() -> None:
        lease = reader.take(10**9, 400_000, timeout=PATIENCE)
        if lease is not None:
            with lease:
                taken.append(lease.packets[-1][0].pts_us - lease.packets[0][0].pts_us)

    thread = threading.Thread(target=read)
    thread.start()
    until(lambda: rig.ring.due_us is not None)
    due_us = rig.ring.due_us
    assert due_us is not None
    until(lambda: resting._rest.until_us == due_us or CLOCK.now_us() >= due_us)
    thread.join(PATIENCE)
    # The last one is not given before its successor says how long it lasts.
    assert taken
    assert taken[0] >= 400_000 - 3 * 20_000


def test_a_stop_ends_the_rest(rig: Rig, resting: CaptureLink) -> None:
    stop_us = CLOCK.now_us()
    lease = rig.follow().take(10**9, 10**9, stop_us, PATIENCE)
    assert lease is not None
    with lease:
        assert all(info.pts_us <= stop_us for info, _ in lease.packets)
        assert lease.next_pts_us is not None
        assert lease.next_pts_us > stop_us


def test_a_wipe_ends_the_rest_and_empties_the_socket(rig: Rig, resting: CaptureLink) -> None:
    assert resting.wanted.wipe().result(PATIENCE) > 0
    assert rig.ring.bytes_held == 0
    until(lambda: rig.commands()[-1]["command"] == "disarm")
    until(lambda: lying(resting) == 0)


def test_wiped_is_told_when_nothing_lies_in_the_socket_however_much_it_was(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "REST_US", REST_US)
    fast = {"do": "play", "interval": 0.002, "beats": False}
    running = rig.run([HELLO, {"do": "armed"}, fast], GOOD)
    running.wanted.arm()
    until(lambda: lying(running) > 150 * 2_000)
    pid = stop(running)
    left: list[int] = []
    running.wanted.wipe().add_done_callback(lambda _: left.append(lying(running)))
    until(lambda: bool(left))
    os.kill(pid, signal.SIGCONT)
    assert left == [0]


def test_of_a_process_that_is_not_understood_nothing_lies_in_the_socket(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it does not die, as one whose driver hangs."""
    monkeypatch.setattr(link, "REST_US", REST_US)
    kills: list[CaptureProcess] = []

    def survive(process: CaptureProcess) -> None:
        kills.append(process)

    with monkeypatch.context() as patched:
        patched.setattr(CaptureProcess, "kill", survive)
        script = [HELLO, {"do": "armed"}, A_SECOND, {"do": "garbage"}, A_SECOND, {"do": "hang"}]
        running = rig.run(script, GOOD)
        running.wanted.arm()
        until(lambda: lying(running) > FOOTAGE)

        def looked() -> bool:
            running.wanted.request_key_frame()  # which ends the rest
            return bool(kills)

        until(looked)
        assert running.wanted.wipe().result(PATIENCE) > 0
        assert lying(running) == 0
    kills[0].kill()


def test_what_comes_after_a_wipe_and_an_arm_in_one_breath_begins_at_once(
    rig: Rig, resting: CaptureLink
) -> None:
    wiped = resting.wanted.disarm()
    assert resting.wanted.arm() == 2
    wiped.result(PATIENCE)
    until(lambda: rig.ring.bytes_held)
    infos, gaps = rig.take(rig.follow(), 1)
    assert (infos[0].epoch, infos[0].key, gaps) == (2, True, [])


@pytest.mark.parametrize("wanted", ["key_frame", "view"])
def test_what_the_process_is_to_know_ends_the_rest(
    rig: Rig, resting: CaptureLink, wanted: str
) -> None:
    if wanted == "view":
        resting.wanted.set_view(True)
    else:
        resting.wanted.request_key_frame()
    until(lambda: rig.commands()[-1]["command"] == wanted)


def test_the_end_ends_the_rest(rig: Rig, resting: CaptureLink) -> None:
    resting.stop(CLOCK.now_us() + REST_US)
    assert resting.join(PATIENCE)
    assert rig.commands()[-1]["command"] == "stop"


def test_what_lies_in_the_socket_of_a_process_that_is_killed_is_kept(
    rig: Rig, resting: CaptureLink
) -> None:
    held, pid = rig.ring.bytes_held, stop(resting)
    waited = lying(resting)
    os.kill(pid, signal.SIGKILL)
    rig.wait_for("gap")
    assert rig.ring.lies_since_us is None or rig.ring.lies_since_us > (rig.ring.last_pts_us or 0)
    assert rig.ring.bytes_held >= held + waited * 9 // 10  # Without headers, and the last cut one.
    last_us = rig.ring.last_pts_us or 0
    until(lambda: (rig.ring.last_pts_us or 0) > last_us)  # The next process is listened to.


def test_a_frame_that_came_during_a_rest_is_as_old_as_its_picture(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "REST_US", REST_US)
    running = rig.run([HELLO, {"do": "armed"}, A_SECOND, PLAY])
    running.wanted.arm()
    until(lambda: rig.ring.lies_since_us is not None)
    begun_us = rig.ring.last_pts_us or 0
    until(lambda: lying(running) > FOOTAGE)
    stop(running)  # Nothing comes any more.
    before_us = CLOCK.now_us()
    running.wanted.set_view(True)  # Whatever ends the rest.
    until(lambda: lying(running) == 0)
    until(lambda: running._recovery.seen_us == rig.ring.last_pts_us)
    assert begun_us < (running._recovery.seen_us or 0) <= before_us


def test_a_thread_that_was_held_up_looks_before_it_judges(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = replace(HASTY, frame_age_us=1_000_000, stop_us=60_000_000)
    running = rig.run(GOOD, budget=brief)
    running.wanted.arm()
    until(lambda: rig.ring.bytes_held)
    turn, held = running._turn, threading.Event()

    def held_up() -> bool:
        if not held.is_set():
            freed_us = CLOCK.now_us() + 2 * brief.frame_age_us
            until(lambda: CLOCK.now_us() >= freed_us)
            held.set()
        return turn()

    monkeypatch.setattr(running, "_turn", held_up)
    assert held.wait(PATIENCE)
    since_us = rig.ring.last_pts_us or 0
    until(lambda: (rig.ring.last_pts_us or 0) > since_us + brief.frame_age_us)
    assert "stop" not in [command["command"] for command in rig.commands()]


def test_a_rest_is_no_longer_than_two_fifths_of_the_silence_that_counts(rig: Rig) -> None:
    running = rig.run(GOOD, budget=HASTY)
    running.wanted.arm()
    until(lambda: running._rest.until_us)
    assert running._rest.until_us - CLOCK.now_us() <= HASTY.frame_age_us * 2 // 5


def test_footage_that_grows_too_old_during_a_rest_goes_when_it_is_due(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "REST_US", REST_US)
    monkeypatch.setattr(link, "_AGE_EVERY_US", REST_US)
    rig.ring.close()
    rig.ring = Ring(4_000_000, 0.1, 100_000, lock=False)
    running = rig.run([HELLO, {"do": "armed"}, A_SECOND, PLAY])
    running.wanted.arm()
    until(lambda: rig.ring.last_pts_us)
    until(lambda: not rig.ring.bytes_held)


def test_a_socket_with_little_room_makes_short_rests(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "REST_US", REST_US)
    monkeypatch.setattr(
        capture_process, "SOCKET_BYTES", 75_000
    )  # The kernel doubles it: socket(7).
    running = rig.run(GOOD)
    running.wanted.arm()
    until(lambda: running._rest.until_us)
    assert running._rest.until_us - CLOCK.now_us() <= REST_US * 150_000 // link.REST_ROOM


def test_after_beats_alone_there_is_no_rest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Or a packet that comes just in time to show that the encoder lives would be seen too late.
    monkeypatch.setattr(link, "REST_US", REST_US)
    once = {"do": "play", "frames": 1, "beats": False}
    told = {"do": "told", "command": "view"}
    running = rig.run([HELLO, {"do": "armed"}, once, told, {"do": "play", "packets": False}])
    running.wanted.arm()
    until(lambda: running._rest.until_us)
    running.wanted.set_view(True)
    until(lambda: running._intake.body.get("frame", 0) > 10)
    beats = running._intake.body["frame"]
    until(lambda: running._intake.body["frame"] > beats + 10)


@pytest.fixture
def idle(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> CaptureLink:
    """A link with nothing armed, of which nothing was wanted lately, and beats in its socket."""
    monkeypatch.setattr(link, "CALM_US", 0)
    slowly = [HELLO, {"do": "play", "interval": 0.05}]
    running = rig.run(slowly, budget=replace(BUDGET, frame_age_us=2_000_000))
    rig.wait_for("up")
    until(lambda: lying(running) > 500)
    return running


def test_among_beats_the_link_wakes_when_the_ladder_is_due_and_the_camera_lives(
    rig: Rig, idle: CaptureLink
) -> None:
    first, turns = idle.pid, set()
    end_us = CLOCK.now_us() + 2_500_000
    while CLOCK.now_us() < end_us:
        turns.add(idle.turned_us)
        time.sleep(0.001)
    # 50 beats have come. A turn every second, one more where the kernel wakes it too early.
    assert len(turns) <= 8
    assert (idle.pid, rig.all("exit")) == (first, [])


def test_what_is_wanted_ends_a_rest_among_beats_and_keeps_it_from_coming_back(
    idle: CaptureLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CALM_US", REST_US)
    idle.wanted.arm()
    until(lambda: idle._ring.bytes_held)
    idle.wanted.disarm()
    until(lambda: idle._process is not None and idle._process.told_epoch is None)
    beats = idle._intake.body["frame"]
    until(lambda: idle._intake.body["frame"] > beats + 10)
    assert not idle._rest.until_us


def test_a_camera_that_stalls_during_a_rest_is_missed_no_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CALM_US", 0)
    frames_us: list[int] = []
    seen_us = CaptureProcess.seen_us

    def noted(self: CaptureProcess, body: dict[str, Any], *times: int) -> int | None:
        frames_us.append(body["pts_us"])
        return seen_us(self, body, *times)

    monkeypatch.setattr(CaptureProcess, "seen_us", noted)
    monkeypatch.setattr(link, "_TURN_US", LONG_US)  # Nothing else would end the rest.
    budget = replace(BUDGET, frame_age_us=900_000)
    rig.run([HELLO, {"do": "play", "frames": 190}, {"do": "hang"}], GOOD, budget=budget)
    rig.wait_for("exit")
    assert CLOCK.now_us() - frames_us[-1] >= budget.frame_age_us + budget.stop_us


def test_what_lies_in_the_socket_is_heard_before_the_camera_is_judged(
    rig: Rig, idle: CaptureLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is held up after it was woken finds that the ladder's patience is over."""
    disturb = link.Rest.disturb

    def late(self: link.Rest, now_us: int) -> None:
        time.sleep(2.5)
        disturb(self, now_us)

    monkeypatch.setattr(link.Rest, "disturb", late)
    first, beats = idle.pid, idle._intake.body["frame"]
    idle.wanted.set_view(True)
    until(lambda: idle._intake.body["frame"] > beats + 40)
    assert (idle.pid, rig.all("exit")) == (first, [])
    assert "stop" not in [told["command"] for told in rig.commands()]


def test_without_a_key_frame_there_is_no_rest(rig: Rig, resting: CaptureLink) -> None:
    rig.ring.wipe()  # As if bytes or seconds had run out.
    resting.wanted.request_key_frame()
    until(lambda: rig.ring.bytes_held)


# Faults of the capture process


def test_a_killed_process_costs_one_stated_gap_and_the_recording_goes_on(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.arm()
    reader = rig.follow()
    infos, gaps = rig.take(reader, 20)
    for kills in range(1, 3):
        pid = link.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while len(gaps) < kills:
            more, told = rig.take(reader, 1)
            infos += more
            gaps += told
    times = [info.pts_us for info in infos]
    assert times == sorted(set(times))
    assert [gap.reason for gap in gaps] == [CAPTURE_RESTARTED] * 2
    # Each gap lies where a new process began to count, and there is no other.
    starts = [at for at in range(1, len(infos)) if infos[at].frame <= infos[at - 1].frame]
    assert [(gap.from_us, gap.to_us) for gap in gaps] == [
        (infos[at - 1].pts_us, infos[at].pts_us) for at in starts
    ]
    assert [gap.from_us for gap in rig.all("gap")] == [gap.from_us for gap in gaps]
    assert rig.all("down") == []  # Too short to be a failed camera.
    assert len(rig.all("exit")) == 2  # But what a process did, nobody does until the next says so.


def test_what_a_process_sent_before_it_died_is_kept(rig: Rig) -> None:
    # More messages than are taken in at once.
    play = {"do": "play", "frames": 200, "beats": False, "interval": 0}
    rig.run([HELLO, {"do": "armed"}, play, {"do": "cut"}, {"do": "exit", "code": 3}], GOOD)
    assert rig.link is not None
    rig.link.wanted.arm()
    infos, gaps = rig.take(rig.follow(), 202)
    assert [info.frame for info in infos[:200]] == list(range(200))
    assert infos[200].key
    assert [gap.from_us for gap in gaps] == [infos[199].pts_us]
    assert [gap.to_us for gap in gaps] == [infos[200].pts_us]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "hang"},
        {"do": "play", "deaf": True, "frozen": True, "packets": False},
        {"do": "play", "packets": False},
    ],
    ids=["silent and deaf", "beats without a new frame", "encoder hangs behind a good sensor"],
)
def test_a_camera_that_stalls_while_armed_is_replaced(rig: Rig, fault: dict[str, Any]) -> None:
    script = [HELLO, {"do": "armed"}, {"do": "play", "frames": 20}, fault]
    link = rig.run(script, GOOD, budget=HASTY)
    link.wanted.arm()
    reader = rig.follow()
    infos, gaps = rig.take(reader, 40)
    assert {gap.reason for gap in gaps} == {CAPTURE_RESTARTED}
    gap = gaps[0]
    assert gap.to_us is not None
    assert gap.from_us is not None
    # Noticed after 0.3 s, given 0.15 s to stop, then a program has to start.
    assert gap.to_us - gap.from_us >= 300_000
    assert infos[-1].pts_us > gap.to_us


def test_a_camera_that_stalls_while_idle_is_replaced_too(rig: Rig) -> None:
    link = rig.run([HELLO, {"do": "play", "frames": 20}, {"do": "hang"}], GOOD, budget=HASTY)
    rig.wait_for("up")
    first = link.pid
    until(lambda: link.pid not in (None, first))
    assert rig.all("gap") == []


def test_a_restarted_process_is_told_everything_anew(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.set_stamp(StampState(pre=False, trusted=True))
    link.wanted.arm()
    link.wanted.set_view(True)
    rig.take(rig.follow(), 2)
    first = link.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: {command["pid"] for command in rig.commands()} >= {first, link.pid})
    until(lambda: len(rig.commands()) == 6)
    told = [{**command, "pid": None} for command in rig.commands()]
    assert told[:3] == told[3:]


def test_nonsense_on_the_socket_ends_the_process(rig: Rig) -> None:
    rig.run([HELLO, {"do": "beat"}, {"do": "garbage"}, {"do": "hang"}], GOOD)
    assert "it begins with b'Trac'" in rig.wait_for("error")
    assert rig.link is not None
    rig.link.wanted.arm()
    rig.take(rig.follow(), 2)


def test_media_time_that_goes_back_ends_the_process(rig: Rig) -> None:
    play = {"do": "play", "frames": 10}
    rig.run([HELLO, {"do": "armed"}, play, {"do": "age", "us": 10_000_000}, PLAY], GOOD)
    assert rig.link is not None
    rig.link.wanted.arm()
    assert "media time goes back" in rig.wait_for("error")
    _, gaps = rig.take(rig.follow(), 20)
    assert [gap.reason for gap in gaps] == [CAPTURE_RESTARTED]


def test_a_process_that_only_closed_its_socket_is_replaced(rig: Rig) -> None:
    script = [HELLO, {"do": "beat"}, {"do": "close"}, {"do": "hang"}]
    link = rig.run(script, GOOD, budget=HASTY)
    rig.wait_for("up")
    first = link.pid
    until(lambda: link.pid not in (None, first))


def test_a_camera_that_cannot_be_opened_is_down_until_it_can(rig: Rig) -> None:
    failed = [HELLO, {"do": "error", "message": "no camera found"}, {"do": "exit", "code": 69}]
    rig.run(failed, failed, GOOD)
    assert rig.wait_for("error", 2) == "no camera found"
    assert "exit code 69" in rig.wait_for("down")
    rig.wait_for("up")
    told = [kind for kind, _ in rig.happened]
    judged = [kind for kind in told if kind not in ("exit", "hello")]
    assert judged == ["error", "down", "error", "up"]
    assert told.count("exit") == 2, "each process that ended"


def test_a_camera_that_works_for_long_is_said_to_be_steady(rig: Rig) -> None:
    rig.run(GOOD, budget=replace(BUDGET, healthy_us=50_000, steady_us=100_000))
    rig.wait_for("steady")


def test_the_thread_turns_at_least_every_second_though_nothing_happens(rig: Rig) -> None:
    """What has nothing to say is not to be taken for stuck: the watchdog looks for these turns."""
    running = rig.run([HELLO, {"do": "hang"}])
    first_us = running.turned_us
    until(lambda: running.turned_us - first_us > 1_000_000)


def test_a_camera_that_keeps_failing_asks_for_a_reboot(rig: Rig) -> None:
    rig.run([{"do": "exit", "code": 69}])
    assert "4 times in a row" in rig.wait_for("fatal")


def test_a_program_that_cannot_be_started_is_a_failure_like_any_other(rig: Rig) -> None:
    rig.run(argv=(str(rig.folder / "nothing"),))
    assert "cannot be started" in rig.wait_for("error")
    rig.wait_for("down")
    rig.wait_for("fatal")


def test_a_process_that_cannot_be_killed_asks_for_a_reboot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kernel:
        kernel.setattr(CaptureProcess, "kill", lambda self: None)
        rig.run([HELLO, {"do": "beat"}, {"do": "hang"}], budget=HASTY)
        assert "does not end" in rig.wait_for("fatal")


def test_a_ring_that_lost_its_key_frame_asks_for_one(rig: Rig) -> None:
    gap = {"do": "gap", "reason": "x", "frames": 1}
    rig.run([HELLO, {"do": "armed"}, gap, PLAY], group=10**9)
    assert rig.link is not None
    rig.link.wanted.arm()
    until(lambda: rig.ring.bytes_held)
    rig.ring.wipe()  # As if bytes or seconds had run out.
    until(lambda: "key_frame" in [command["command"] for command in rig.commands()])
    until(lambda: rig.ring.bytes_held)


# The picture in the shared memory


def picture(rig: Rig) -> set[int]:
    geometry = frame.Geometry(16, 8, 16)
    return set(os.pread(rig.frame_fd, 3 * geometry.slot_bytes, frame.HEADER_BYTES))


def test_the_last_picture_of_a_dead_process_goes_when_the_view_does(rig: Rig) -> None:
    link = rig.run([HELLO, {"do": "beat"}, {"do": "hang"}])
    link.wanted.set_view(True)
    rig.wait_for("up")
    until(lambda: link._process is not None and link._process.told_view)
    show_pictures(rig)
    assert link.pid is not None
    os.kill(link.pid, signal.SIGKILL)
    link.wanted.set_view(False)
    until(lambda: picture(rig) == {16, 128})
    assert (rig.folder / "counter").stat().st_size <= 2  # The next process need not come to it.


def show_pictures(rig: Rig) -> newest.FrameWriter:
    """Three pictures as the capture process shares them."""
    writer = newest.FrameWriter(rig.frame_fd, frame.Geometry(16, 8, 16))
    for _ in range(3):
        writer.put(np.full((12, 16), 77, np.uint8), 1)
    assert picture(rig) == {77}
    return writer


def test_no_picture_of_a_process_that_hangs_is_left_when_a_wipe_is_answered(rig: Rig) -> None:
    link = rig.run([HELLO, {"do": "beat"}, {"do": "hang"}])
    link.wanted.set_view(True)
    rig.wait_for("up")
    until(lambda: link._process is not None and link._process.told_view)
    pid = link.pid
    show_pictures(rig)
    link.wanted.set_view(False)
    link.wanted.wipe().result(PATIENCE)
    assert picture(rig) == {16, 128}
    assert link.pid == pid, "the process is not what it went with"


def test_what_a_process_still_shared_goes_though_the_kernel_does_not_end_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kernel:
        kernel.setattr(signal, "pidfd_send_signal", lambda *_: None)
        link = rig.run(
            [HELLO, {"do": "beat"}, {"do": "hang"}],
            budget=replace(HASTY, stop_us=2_000_000, kill_us=10**9),
        )
        link.wanted.set_view(True)
        rig.wait_for("up")
        until(lambda: link._process is not None and link._process.told_view)
        link.wanted.set_view(False)
        until(lambda: link._process is not None and not link._process.told_view)
        until(lambda: link._recovery.phase is ProcessPhase.STOPPING)
        show_pictures(rig)  # By a thread of it that has not heard of that.
        until(lambda: link._recovery.phase is ProcessPhase.KILLED)
        until(lambda: picture(rig) == {16, 128})
        assert link.pid is not None


def test_the_last_picture_goes_with_the_link(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.set_view(True)
    until(lambda: link._process is not None and link._process.told_view)
    writer = newest.FrameWriter(rig.frame_fd, frame.Geometry(16, 8, 16))
    writer.put(np.full((12, 16), 77, np.uint8), 1)
    link.stop(CLOCK.now_us() + 1_000_000)
    assert link.join(PATIENCE)
    assert picture(rig) == {16, 128}


# The end


def test_stopped_orderly_the_process_ends_by_itself(rig: Rig) -> None:
    link = rig.run(GOOD)
    rig.wait_for("up")
    link.stop(CLOCK.now_us() + 5_000_000)
    assert link.join(PATIENCE)
    assert rig.commands()[-1]["command"] == "stop"
    assert link.pid is None
    link.wanted.set_view(True)  # Nobody is left to be told; nothing happens.
    assert link.wanted.arm() == 1


def test_a_process_that_does_not_stop_is_killed_at_the_deadline(rig: Rig) -> None:
    link = rig.run([HELLO, {"do": "beat"}, {"do": "hang"}], budget=replace(BUDGET, stop_us=LONG_US))
    rig.wait_for("up")
    pid = link.pid
    began = time.monotonic()
    link.stop(CLOCK.now_us() + 100_000)
    assert link.join(PATIENCE)
    assert time.monotonic() - began >= 0.1
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


def test_stopping_needs_no_process(rig: Rig) -> None:
    slow = Budget(back_off_us=(10**9,), failures_before_reboot=100)
    link = rig.run([{"do": "exit", "code": 69}], budget=slow)
    rig.wait_for("down")
    link.stop(CLOCK.now_us() + 10**9)
    assert link.join(PATIENCE)


def test_a_wipe_that_the_end_overtakes_is_done_or_refused(rig: Rig) -> None:
    link = rig.run(GOOD)
    link.wanted.arm()
    reader = rig.follow()
    lease = reader.take(10**9, timeout=PATIENCE)
    assert lease is not None
    with lease:
        wiped = link.wanted.wipe()
        link.stop(CLOCK.now_us())
        assert link.join(PATIENCE)
        assert "while a recording reads" in str(wiped.exception(PATIENCE))
        assert "while a recording reads" in str(link.wanted.wipe().exception(0))


def test_a_mistake_in_the_link_is_never_silent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by design")

    running = rig.run(GOOD)
    rig.wait_for("up")
    pid = running.pid
    monkeypatch.setattr(link.CaptureLink, "_take", broken)
    assert isinstance(rig.wait_for("broken"), ZeroDivisionError)
    assert running.join(PATIENCE)
    assert rig.all("fatal") == [], "nothing that a reboot would mend"
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
