"""One run of the capture program."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.stream.capture_process import MAX_LINE, CaptureProcess, StampState, environment

Run = Callable[[str], CaptureProcess]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a program; what it is given is in `sys.argv`."""
    running: list[CaptureProcess] = []
    fd = os.memfd_create("frame")

    def start(program: str) -> CaptureProcess:
        process = CaptureProcess((sys.executable, "-c", program), '{"width": 1280}', fd)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        ended(process)
        process.close()
    os.close(fd)


def ended(process: CaptureProcess) -> int | None:
    assert select.select([process.pidfd], [], [], 10)[0]
    return process.exit_code()


def test_it_is_given_its_settings_and_its_two_descriptors(run: Run) -> None:
    process = run(
        "import json, os, socket, sys\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "given['size'] = os.fstat(int(given['--frame-fd'])).st_size\n"
        "given['stdin'] = os.readlink('/proc/self/fd/0')\n"
        "given['tunables'] = os.environ['GLIBC_TUNABLES']\n"
        "socket.socket(fileno=int(given['--socket-fd'])).sendall(json.dumps(given).encode())\n"
    )
    assert select.select([process.socket], [], [], 10)[0]
    given = json.loads(process.socket.recv(4096))
    assert json.loads(given["--settings"]) == {"width": 1280}
    assert given["size"] == 0
    assert given["stdin"] == "/dev/null"
    assert "glibc.malloc.tcache_count=0" in given["tunables"]
    assert ended(process) == 0


def test_nothing_escapes_being_overwritten_unless_the_heap_was_told_otherwise() -> None:
    assert environment({"A": "b"}) == {"A": "b", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    told = {"GLIBC_TUNABLES": "glibc.malloc.perturb=7:glibc.malloc.arena_max=1"}
    assert environment(told)["GLIBC_TUNABLES"] == (
        "glibc.malloc.perturb=7:glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"
    )
    told = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2"}
    assert environment(told) == told


def test_a_beat_counts_from_its_frame_on_but_from_no_time_that_cannot_be(run: Run) -> None:
    process = run("import time; time.sleep(60)")
    process.emptied_us = 5_000
    assert process.seen_us({"pts_us": 6_000}, 7_000, 100) == 6_000
    assert process.seen_us({"pts_us": 8_000}, 7_000, 100) == 7_000
    process.emptied_us = 9_000
    assert process.seen_us({"pts_us": 8_001}, 9_500, 100) == 9_000
    # An old frame, and none at all, are no sign of life.
    assert process.seen_us({"pts_us": 8_001}, 9_600, 100) is None
    assert process.seen_us({"frame": 3}, 9_600, 100) is None


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        CaptureProcess((str(tmp_path / "nothing"),), "{}", 0)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_killed_process_is_reaped(run: Run) -> None:
    process = run("import time; time.sleep(60)")
    assert process.exit_code() is None
    process.kill()
    assert ended(process) == -signal.SIGKILL
    process.kill()  # Its number may belong to somebody else by now: nothing happens.


def commands(process: CaptureProcess, other: socket.socket) -> list[str]:
    process.flush()
    received = b""
    while select.select([other], [], [], 0)[0]:
        received += other.recv(65536)
    return [
        " ".join(str(value) for value in json.loads(line).values())
        for line in received.splitlines()
    ]


@pytest.fixture
def talk(run: Run) -> Iterator[tuple[CaptureProcess, socket.socket]]:
    """A process whose end of the socket the test holds."""
    process = run("import time; time.sleep(60)")
    process.socket.close()
    process.socket, other = socket.socketpair()
    yield process, other
    other.close()


Talk = tuple[CaptureProcess, socket.socket]


def test_it_is_told_what_it_does_not_know_yet(talk: Talk) -> None:
    process, other = talk
    process.tell(None, False, 0)
    assert commands(process, other) == []
    process.tell(1, True, 0)
    process.tell(1, True, 0)
    assert commands(process, other) == ["arm 1", "view True"]
    process.tell(2, False, 0)
    assert commands(process, other) == ["disarm", "arm 2", "view False"]
    process.tell(None, False, 0)
    assert commands(process, other) == ["disarm"]


def test_it_is_told_of_the_stamp_where_there_is_one(talk: Talk) -> None:
    process, other = talk
    process.tell_stamp(None)
    assert commands(process, other) == []
    process.tell_stamp(StampState(pre=True, trusted=False))
    process.tell_stamp(StampState(pre=True, trusted=False))
    assert commands(process, other) == ["stamp True False None"]
    process.tell_stamp(StampState(pre=True, trusted=False, wearer="W-0815"))
    assert commands(process, other) == ["stamp True False W-0815"]
    # After a step of the wall clock the same is told anew.
    process.tell_stamp(StampState(pre=True, trusted=False, wearer="W-0815", steps=1))
    assert commands(process, other) == ["stamp True False W-0815"]


def test_it_is_asked_to_stop_once(talk: Talk) -> None:
    process, other = talk
    process.ask_stop()
    process.ask_stop()
    assert commands(process, other) == ["stop"]


def test_it_is_not_asked_for_a_key_frame_with_every_packet(talk: Talk) -> None:
    process, other = talk
    for at_us in (1_000_000, 1_499_999, 1_500_000):
        process.ask_key_frame(at_us, 500_000)
    assert commands(process, other) == ["key_frame", "key_frame"]
    process.ask_key_frame(1_500_000)  # An officer's press is never too often.
    assert commands(process, other) == ["key_frame"]


def test_a_process_that_does_not_read_blocks_nobody(talk: Talk) -> None:
    process, other = talk
    told = 0
    while not process.backlog:
        process.tell(1 if told % 2 else None, False, 0)
        told += 1
    process.tell(7, False, 0)
    # Everything comes, in order, when it reads.
    received = []
    while process.backlog:
        received += commands(process, other)
    received += commands(process, other)
    assert received[-1] == "arm 7"


def test_a_process_that_closed_its_socket_is_told_nothing(talk: Talk) -> None:
    process, other = talk
    other.close()
    process.tell(1, False, 0)
    assert not process.backlog


def test_a_beat_is_a_sign_of_life_if_its_frame_is_newer(talk: Talk) -> None:
    process, _ = talk
    assert process.lives(1, 100, 50)
    assert process.lives(2, 200, 50)
    assert not process.lives(2, 300, 50)
    assert not process.lives(1, 400, 50)


def test_an_encoder_has_its_time_for_the_first_packet_and_none_after_that(talk: Talk) -> None:
    process, _ = talk
    assert process.lives(1, 100, 50)
    process.tell(1, False, encoder_due_us=250)
    assert process.lives(2, 250, 50)
    assert not process.lives(3, 251, 50)
    # Armed anew it has its time again.
    process.tell(2, False, encoder_due_us=450)
    assert process.lives(4, 400, 50)
    process.packet_seen()
    assert not process.lives(5, 410, 50)
    process.tell(3, False, encoder_due_us=500)
    assert process.lives(6, 420, 50)
    process.tell(None, False, 0)
    assert process.lives(7, 1_000, 50)


def test_an_encoder_that_was_armed_before_the_camera_ran_has_its_time_from_the_first_frame(
    talk: Talk,
) -> None:
    process, _ = talk
    process.tell(1, False, encoder_due_us=50)
    assert process.lives(1, 1_000, 50)
    assert process.lives(2, 1_050, 50)
    assert not process.lives(3, 1_051, 50)


def scripted(code: str) -> tuple[CaptureProcess, list[str]]:
    """A process that runs `code`, and what it complained of until it closed its standard error."""
    frame_fd = os.memfd_create("frame")
    process = CaptureProcess((sys.executable, "-c", code), "{}", frame_fd)
    os.close(frame_fd)
    heard: list[str] = []
    more = True
    while more:
        assert select.select([process.stderr], [], [], 10)[0]
        lines, more = process.complaints()
        heard += lines
    select.select([process.pidfd], [], [], 10)
    assert process.exit_code() is not None
    process.close()
    return process, heard


def test_what_a_library_says_is_passed_on_and_its_own_words_are_not_said_twice() -> None:
    code = """
import sys
sys.stderr.write("libfoo: cannot bar\\ncamerad.capture: no camera found\\n\\nlast words")
"""
    assert scripted(code)[1] == ["libfoo: cannot bar", "last words"]


def test_a_process_that_complains_without_end_does_not_keep_its_reader(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = talk
    reads: list[int] = []

    def always(descriptor: int, _: int) -> bytes:
        reads.append(descriptor)
        assert len(reads) < 100
        return b"trouble\n"

    monkeypatch.setattr(os, "read", always)
    lines, more = process.complaints()
    monkeypatch.undo()
    assert (set(lines), more) == ({"trouble"}, True)


def test_a_process_whose_end_nobody_could_see_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    def refuse(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    class Begun(subprocess.Popen[bytes]):
        def __init__(self, *more: Any, **named: Any) -> None:
            super().__init__(*more, **named)
            begun.append(self)

    monkeypatch.setattr(os, "pidfd_open", refuse)
    monkeypatch.setattr(subprocess, "Popen", Begun)
    frame_fd = os.memfd_create("frame")
    with pytest.raises(OSError, match="Too many"):
        CaptureProcess((sys.executable, "-c", "import time; time.sleep(60)"), "{}", frame_fd)
    os.close(frame_fd)
    assert begun[0].wait(10) == -signal.SIGKILL


def test_a_process_that_never_ends_its_line_neither_blocks_nor_fills_memory() -> None:
    code = "import sys; sys.stderr.write('x' * 3_000_000)"
    heard = scripted(code)[1]
    assert heard
    assert all(len(line) <= MAX_LINE for line in heard)
