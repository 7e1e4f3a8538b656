"""P2 in the capture process: wiped means wiped.

The test notes the packets at the other end of the socket and searches the process's memory for a
piece from the middle of each. Pieces are of 24 bytes: that two packets share one by chance is out
of the question.
"""

from __future__ import annotations

import os
import signal

import pytest

pytest.importorskip("hw_mocks", reason="no simulated camera")

from tests.unit.capture.child import Child, found, running

PIECE = 24


def pieces(child: Child) -> set[bytes]:
    """Up to three pieces of each packet so far, none of which is a mere pattern."""
    chosen = set()
    with child.changed:
        packets = [packet.body for packet in child.packets]
    for body in packets:
        for middle in {len(body) // 4, len(body) // 2, len(body) * 3 // 4}:
            piece = body[middle : middle + PIECE]
            # Memory is full of equal bytes: a piece that begins with two makes the search slow.
            if len(set(piece)) >= PIECE // 2 and len(piece) == PIECE and piece[0] != piece[1]:
                chosen.add(piece)
    return chosen


def stopped(child: Child) -> None:
    child.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="large packets"),
        pytest.param({"bitrate": 60_000, "max_bitrate": 60_000}, id="small packets"),
        pytest.param({"encoder_threads": 2}, id="two encoder threads"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read a non-dumpable process")
def test_p2_after_disarm_no_packet_is_left_in_memory(settings: dict[str, int]) -> None:
    with running(**settings) as child:
        child.hello()
        # An allocator that has seen earlier encoders keeps more than a fresh one.
        for epoch in range(1, 5):
            child.arm(epoch, packets=10)
            child.tell("disarm")
        child.arm(5, packets=45)
        stopped(child)
        child.until(lambda: len(child.under(5)) >= 45, "the packets under way")
        held = found(child.pid, pieces(child))
        child.process.send_signal(signal.SIGCONT)
        # The same search finds what is there: the encoder holds at least its newest packet.
        assert held
        child.tell("disarm")
        child.carried_out()
        assert found(child.pid, pieces(child)) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read a non-dumpable process")
def test_p2_arming_again_leaves_nothing_of_the_epoch_before() -> None:
    with running() as child:
        child.hello()
        child.arm(1, packets=45)
        before = pieces(child)
        child.tell("arm", epoch=2)
        child.until(lambda: bool(child.under(2)), "the new epoch")
        left = found(child.pid, before)
        count = len(child.under(2))
        child.until(lambda: len(child.under(2)) > count, "all that was encoded by then")
        # The same picture, encoded anew, may give the same bytes again.
        again = b"".join(packet.body for packet in child.under(2))
        assert {piece for piece in left if piece not in again} == set()


def test_an_encoder_takes_memory_only_for_what_it_uses() -> None:
    """23 MB. Filled as it is allocated, because what is freed is overwritten, it took 34."""
    with running(width=1280, height=720) as child:
        child.hello()
        before = anonymous(child.pid)
        child.arm(1, packets=10)
        assert anonymous(child.pid) - before < 28


def anonymous(pid: int) -> float:
    """Megabytes of memory that a process has and no file has."""
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    return int(text.split("\nRssAnon:")[1].split()[0]) / 1000
