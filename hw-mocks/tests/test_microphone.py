"""The simulated microphone as a program meets it: through the real ALSA library, in real time."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from late_world import late_world
from microphone_support import RATE, Listener, listening, microphone
from sim_support import alive
from waiting import DEADLINE, until

from hw_mocks import pulse
from hw_mocks.bus import now_us
from hw_mocks.pulse import PATIENCE_US, PIPE_BYTES, Outlet, PulseError, PulseServer
from hw_mocks.world import WorldThread

SECOND = 1_000_000
CLAPPER = {"kind": "clapper", "every": 30, "fps": 30}


def onsets(listener: Listener) -> list[int]:
    """Numbers of the samples at which a beep begins after silence, which is exactly zero. (How soon
    a beep is loud depends on its pitch.)"""
    places = np.flatnonzero(np.frombuffer(bytes(listener.samples), "<i2"))
    starts = places[np.diff(places, prepend=-RATE) > RATE // 2]
    return [int(start) for start in starts if start > RATE // 10]


def test_beeps_are_heard_every_second_by_counting_and_by_the_clock(tmp_path: Path) -> None:
    epoch_us = now_us()
    with (
        microphone(tmp_path / "m", CLAPPER | {"epoch_us": epoch_us}) as hearing,
        listening(hearing) as listener,
    ):
        listener.hear(3.5)
        starts = onsets(listener)
        # A second of samples lies between them, to the sample.
        assert {b - a for a, b in pairwise(starts)} == {RATE}
        # No sample is there before it was heard; the earliest arrivals are 15 ms behind at most:
        # 10 ms of the feeder's pace and 3 ms that ALSA collects.
        arrived_us = next(at_us for at_us, count in listener.arrivals if count > starts[0])
        second_us = (arrived_us - epoch_us) // SECOND * SECOND + epoch_us
        late_us = [
            at_us - second_us - (count - starts[0]) * SECOND / RATE
            for at_us, count in listener.arrivals
        ]
        assert 0 <= min(late_us) < 15_000


def test_a_capsule_that_is_broken_from_the_start_gives_nothing_but_silence(tmp_path: Path) -> None:
    """Of what it heard before it knew of the fault, the first who opens it would hear 170 ms."""
    path = tmp_path / "world"
    broken = {"fault": "microphone_silent", "until_us": now_us() + 60 * SECOND}
    with late_world(path, microphone=broken) as world, ThreadPoolExecutor(1) as thread:
        loud = {"kind": "clapper", "every": 1, "fps": 30}
        made = microphone(tmp_path / "m", loud, HW_MOCKS_WORLD=str(path))
        starting = thread.submit(made.__enter__)
        until(lambda: "microphone" in world.joined)
        # More than its pipe holds: if it heard anything by now, it would be full of that.
        late_us = now_us() + SECOND
        until(lambda: now_us() > late_us)
        world.go_on()
        hearing = starting.result(20)
        try:
            with listening(hearing) as listener:
                listener.hear(0.5)
                assert not any(listener.samples)
        finally:
            made.__exit__(None, None, None)


def test_unplugged_it_is_lost_and_cannot_be_opened_and_then_is_there_again(
    tmp_path: Path,
) -> None:
    with (
        WorldThread(tmp_path / "world") as world,
        microphone(tmp_path / "m", CLAPPER, HW_MOCKS_WORLD=str(tmp_path / "world")) as hearing,
    ):
        world.wait_connected("microphone")
        with listening(hearing) as listener:
            listener.hear(0.2)
            world.tell("microphone", {"fault": "microphone_gone", "until_us": now_us() + 1_500_000})
            listener.until(lambda: listener.said[-1:] == ["ended"])
            # EIO, which is all that FFmpeg says of it.
            assert listener.said == ["open", "lost 5", "ended"]
        with listening(hearing) as listener:
            listener.until(lambda: bool(listener.said))
            assert listener.said == ["ended"]

        def heard() -> bool:
            with listening(hearing) as again:
                again.until(lambda: bool(again.said))
                if again.said == ["open"]:
                    again.hear(0.2)
                return again.said == ["open"]

        until(heard)


def test_hanging_it_gives_nothing_and_afterwards_what_is_heard_then(tmp_path: Path) -> None:
    with (
        WorldThread(tmp_path / "world") as world,
        microphone(tmp_path / "m", CLAPPER, HW_MOCKS_WORLD=str(tmp_path / "world")) as hearing,
        listening(hearing) as listener,
    ):
        world.wait_connected("microphone")
        listener.hear(0.5)
        begin_us = now_us()
        world.tell("microphone", {"fault": "microphone_hangs", "until_us": begin_us + 1_000_000})
        listener.hear(1.0)
        times = [at_us for at_us, _ in listener.arrivals]
        longest, ended_us = max((b - a, b) for a, b in pairwise(times))
        # A busy machine is told late that it hangs, and not until when.
        assert ended_us >= begin_us + 1_000_000
        assert 500_000 < longest < 1_500_000
        # It was not recorded meanwhile: as many samples are missing. What arrives is behind by so
        # much at the least; a busy machine makes some of it later.
        behind = [at_us / 1e6 - count / RATE for at_us, count in listener.arrivals]
        silence = times.index(ended_us)
        missing = min(behind[silence:]) - min(behind[:silence])
        assert abs(missing - longest / 1e6) < 0.2
        assert listener.said == ["open"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with microphone(tmp_path / "m", CLAPPER) as hearing:
        hearing.process.send_signal(number)
        hearing.process.wait(DEADLINE)
        until(lambda: not alive(hearing.server))
    # A process that was killed cannot tidy up; its folder belongs to the simulator.
    assert (tmp_path / "m").exists() == (number is signal.SIGKILL)


def test_it_ends_with_the_simulator_that_started_it(tmp_path: Path) -> None:
    # The "simulator" is a program that ends without a word of farewell.
    program = (
        "import os, subprocess, sys\n"
        "os.environ['HW_MOCKS_PARENT'] = str(os.getpid())\n"
        "command = [sys.executable, '-m', 'hw_mocks.microphone', sys.argv[1], sys.argv[2]]\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "m"), '{"kind": "silence"}'],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    until(lambda: not alive(int(done.stdout.split()[0])))
    until(lambda: not (tmp_path / "m").exists())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_a_plain_user_has_one_too() -> None:
    # What is started is the server alone, which any interpreter can that the user may run.
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("there is no interpreter that every user can run")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "exec(sys.stdin.read())\n"
        "server = PulseServer(Path(sys.argv[1]), 48000)\n"
        "assert server.write(bytes(960), 0)\n"
        "server.close()\n"
    )
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        subprocess.run(
            [python, "-c", program, f"{folder}/m"],
            input=Path(pulse.__file__).read_bytes(),
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            cwd=folder,
            check=True,
            timeout=DEADLINE,
        )
        assert os.listdir(folder) == []


def test_without_a_sound_server_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PulseError, match="there is no pulseaudio: install it"):
        PulseServer(tmp_path / "m", RATE)


def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pulseaudio"
    program.write_text("#!/bin/sh\necho 'no more memory' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(PulseError, match="pulseaudio did not start: no more memory"):
        PulseServer(tmp_path / "m", RATE)


@pytest.fixture
def pipe() -> Iterator[tuple[Outlet, int]]:
    """The microphone's end of a pipe, and what its reader reads from."""
    reads, writes = os.pipe2(os.O_NONBLOCK)
    outlet = Outlet(writes)
    yield outlet, reads
    outlet.close()
    os.close(reads)


def test_what_a_process_that_was_held_up_hands_on_late_is_heard_whole(
    pipe: tuple[Outlet, int],
) -> None:
    outlet, reads = pipe
    assert outlet.write(b"\1\0" * 480, 0)
    # Half a second at once, three times what the pipe holds.
    much = b"\2\0\3\0" * 12_000
    assert len(much) > 2 * PIPE_BYTES
    assert not outlet.write(much, 500_000)
    heard = b""
    for at_us in range(510_000, 550_000, 10_000):
        heard += os.read(reads, PIPE_BYTES)
        outlet.write(b"\4\0" * 480, at_us)
    heard += os.read(reads, PIPE_BYTES)
    assert heard == b"\1\0" * 480 + much + b"\4\0" * (4 * 480)


def test_who_begins_to_listen_hears_no_more_of_the_time_before_than_the_pipe_holds(
    pipe: tuple[Outlet, int],
) -> None:
    outlet, reads = pipe
    for at_us in range(0, 4 * PATIENCE_US, 10_000):
        outlet.write(b"\1\0" * 480, at_us)
    heard = os.read(reads, 10 * PIPE_BYTES)
    # A page of it may not be full.
    assert PIPE_BYTES - 4096 < len(heard) <= PIPE_BYTES
    assert set(heard[0::2]) == {1} and set(heard[1::2]) == {0}
    assert outlet.write(b"\2\0", 4 * PATIENCE_US)
    assert os.read(reads, 10 * PIPE_BYTES) == b"\2\0"
