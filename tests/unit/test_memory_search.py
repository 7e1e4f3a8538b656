"""The search of another process's memory, which P2 is judged by."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system import memory
from tests.system.memory import Noted

pytestmark = pytest.mark.campaign

HOLD = """
import mmap, os, sys
size = int(sys.argv[1])
held = mmap.mmap(-1, size)
# Straight into its place, so that no copy is anywhere else.
with memoryview(held) as view:
    at = 0
    while at < size:
        at += os.readv(0, [view[at:]])
print("held", flush=True)
sys.stdin.read()
"""
ROOM = 64 * 1024
AT = 4097
"""Where in the held memory the packet is put: at no multiple of a word."""
NUMBER = slice(30, 60)
"""Where packets of one picture that is seen again differ: its number, high up in the picture."""


@pytest.fixture
def hold() -> Iterator[Callable[[bytes], int]]:
    """Starts a process that has these bytes in a mapping of its own, from `AT` on; its id."""
    started: list[subprocess.Popen[bytes]] = []

    def start(content: bytes) -> int:
        whole = (bytes(AT) + content).ljust(ROOM, b"\0")
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(ROOM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(whole)
        process.stdin.flush()
        assert process.stdout.readline() == b"held\n"
        return process.pid

    yield start
    for process in started:
        process.communicate()


def packet(seed: int) -> bytes:
    return random.Random(seed).randbytes(3001)


def seen_again(first: bytes) -> bytes:
    """The packet of the same picture, which has another number."""
    again = bytearray(first)
    again[NUMBER] = bytes(byte ^ 0xFF for byte in again[NUMBER])
    return bytes(again)


def test_what_is_there_is_found_and_what_is_not_is_not(hold: Callable[[bytes], int]) -> None:
    packets = [packet(seed) for seed in range(4)]
    pid = hold(packets[1] + packets[3])
    assert [hit.packet for hit in memory.search(pid, packets)] == [1, 3]


def test_a_hit_says_how_much_of_the_packet_is_there_and_where(
    hold: Callable[[bytes], int],
) -> None:
    sought = packet(1)
    pid = hold(bytes(200) + sought[200:2000])
    (hit,) = memory.search(pid, [sought])
    assert (hit.begin, hit.end) == (200, 2000)
    # Its middle: 1484 bytes into a packet of 3001, of which 32 are searched.
    assert hit.address - hit.start == AT + 1484
    with open(f"/proc/{pid}/maps") as maps:
        assert hit.mapping in [" ".join(line.split()) for line in maps]
    said = hit.of(Noted(7, 1_000_000, True, sought), 3_500_000)
    assert said.startswith(
        "packet 7 (key frame, 3001 bytes, 2.50 s old): bytes 200 to 2000, its middle at 0x"
    )
    assert said.endswith(hit.mapping)


def test_a_hit_says_that_all_of_the_packet_is_there(hold: Callable[[bytes], int]) -> None:
    sought = packet(1)
    (hit,) = memory.search(hold(sought), [sought])
    said = hit.of(Noted(7, 0, False, sought), 10_000)
    assert said.startswith("packet 7 (no key frame, 3001 bytes, 0.01 s old): all of it, its middle")


def test_a_packet_that_the_edge_of_the_memory_cuts_off_is_found(
    hold: Callable[[bytes], int],
) -> None:
    sought = packet(1)
    pid = hold(bytes(ROOM - AT - 2000) + sought[:2000])
    # What the kernel maps right behind it may be mapped together with it.
    (hit,) = memory.search(pid, [sought])
    assert (hit.begin, hit.end) == (0, 2000)


def test_p2_a_picture_that_is_seen_again_is_not_a_packet_that_is_left(
    hold: Callable[[bytes], int],
) -> None:
    """The film begins anew every ten seconds: the encoder has just made nearly the same packet.

    The search took that for the packet of ten seconds before, on a machine so busy that the test
    took as long.
    """
    sought = packet(1)
    again = seen_again(sought)
    (hit,) = memory.search(hold(again), [sought])
    assert memory.of_others(hit, sought, [packet(2), again])
    # Somebody has begun to overwrite it, with a byte that is the packet's by chance.
    overwritten = packet(2)[:999] + sought[999:1000] + again[1000:]
    (hit,) = memory.search(hold(overwritten), [sought])
    assert hit.begin == 999
    assert memory.of_others(hit, sought, [again])


def test_p2_a_packet_that_is_left_is_found_although_its_picture_is_seen_again(
    hold: Callable[[bytes], int],
) -> None:
    sought = packet(1)
    again = seen_again(sought)
    hits = memory.search(hold(again + bytes(64) + sought), [sought])
    assert [memory.of_others(hit, sought, [again]) for hit in hits] == [True, False]
    # Nothing that was encoded since is like it.
    (hit,) = memory.search(hold(sought[1000:]), [sought])
    assert not memory.of_others(hit, sought, [packet(2), packet(3)])


def test_the_search_by_another_process_says_the_same(
    hold: Callable[[bytes], int], tmp_path: Path
) -> None:
    """As it runs through sudo where the tests are not root."""
    packets = [packet(1), packet(2)]
    pid = hold(packets[1])
    memory.write(packets, tmp_path / "packets")
    assert memory.search_elsewhere([], pid, tmp_path / "packets") == memory.search(pid, packets)
