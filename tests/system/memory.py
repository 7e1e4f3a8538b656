"""Searches the memory of other processes for packets, and says what it is that was found.

The daemon's processes are not dumpable (P1), so only root may look into them: `python -m
tests.system.memory PID NOTES` is run through sudo where the tests are not root.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.system.spy.sitecustomize import NOTE

PIECE: Final = 32
"""What is searched of a packet: so many bytes from its middle."""
WORD: Final = 8
LARGE: Final = 4 << 20
LOW_BITS: Final = (1 << 20) - 1


@dataclass(frozen=True)
class Noted:
    """A packet that left the encoder. number: its place among those noted. at_us: when, in
    microseconds of CLOCK_BOOTTIME.
    """

    number: int
    at_us: int
    key: bool
    data: bytes


@dataclass(frozen=True)
class Hit:
    """A place at which the middle of a packet is.

    packet: its index among those that were looked for. address: of its middle. mapping: the line of
    /proc/PID/maps, and start: the address at which that begins. begin, end: which of the packet's
    bytes are there without a break, as slice.
    """

    packet: int
    address: int
    mapping: str
    start: int
    begin: int
    end: int

    def of(self, packet: Noted, now_us: int) -> str:
        """In words, what there is of this packet and where. now_us: when it was searched."""
        size = len(packet.data)
        whole = self.end - self.begin == size
        return (
            f"packet {packet.number} ({'key frame' if packet.key else 'no key frame'}, {size} bytes"
            f", {(now_us - packet.at_us) / 1e6:.2f} s old): "
            f"{'all of it' if whole else f'bytes {self.begin} to {self.end}'}"
            f", its middle at {self.address:#x}, {self.address - self.start:#x} into {self.mapping}"
        )


def middle_of(packet: bytes) -> bytes:
    """The piece of a packet that is searched; all of one that is not longer."""
    at = _middle(packet)
    return packet[at : at + PIECE]


def _middle(packet: bytes) -> int:
    return max(0, (len(packet) - PIECE) // 2)


def search(pid: int, packets: Sequence[bytes]) -> list[Hit]:
    """Where in the readable memory of the process the middles of these packets are.

    All of it is copied first and searched then: a search takes longer than a ring holds a packet.
    Wherever a piece lies, some words of eight bytes in it lie at an address that eight divides: so
    all memory is looked through once, for one such word for each way in which a piece may lie.
    """
    pieces = [middle_of(packet) for packet in packets]
    words: dict[int, list[tuple[int, int]]] = {}
    for index, piece in enumerate(pieces):
        for shift in range(WORD):
            starts = range(shift, len(piece) - WORD + 1, WORD)
            at = max(starts, key=lambda at: len(set(piece[at : at + WORD])))
            word = int.from_bytes(piece[at : at + WORD], "little")
            words.setdefault(word, []).append((index, at))
    table = np.array(sorted(words), "<u8")
    # Nearly every word of the memory is none of them, which its lowest bits tell already.
    possible = np.zeros(LOW_BITS + 1, bool)
    possible[table & LOW_BITS] = True
    found: list[Hit] = []
    for start, mapping, data in list(_areas(pid)):
        view = np.frombuffer(data, "<u8", len(data) // WORD)
        near = np.flatnonzero(possible[view.astype(np.uint32) & LOW_BITS])
        seen = near[np.isin(view[near], table)]
        places = set()
        for place in seen:
            for index, at in words[int(view[place])]:
                begins = int(place) * WORD - at
                if data[begins : begins + len(pieces[index])] == pieces[index]:
                    places.add((index, begins))
        for index, begins in sorted(places):
            begin, end = _extent(packets[index], data, begins)
            found.append(Hit(index, start + begins, mapping, start, begin, end))
    return found


def _areas(pid: int) -> Iterator[tuple[int, str, bytes]]:
    """Every mapping with something in it: its address, its line in /proc/PID/maps, its bytes."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, mode, *_ = line.split(maxsplit=2)
            # What is mapped but cannot be read (vsyscall, guard pages) holds nothing of ours.
            if mode[0] != "r" or "[v" in line:
                continue
            start, end = (int(edge, 16) for edge in area.split("-"))
            for first, last in _resident(pid, start, end):
                with contextlib.suppress(OSError):
                    memory.seek(first)
                    data = memory.read(last - first)
                    if np.frombuffer(data, np.uint64).any():
                        yield first, " ".join(line.split()), data


def _resident(pid: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What of a mapping there is. A small one is taken whole; of a large one, in which a browser
    reserves gigabytes, those pages that are in memory or swapped out (proc_pid_pagemap(5))."""
    if end - start <= LARGE:
        yield start, end
        return
    page = mmap.PAGESIZE
    with open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        pages.seek(start // page * 8)
        entries = np.frombuffer(pages.read((end - start) // page * 8), "<u8")
    there = np.concatenate(([False], (entries >> np.uint64(62)) != 0, [False]))
    edges = np.flatnonzero(there[1:] != there[:-1])
    for first, last in edges.reshape(-1, 2).tolist():
        yield start + first * page, start + last * page


def _extent(packet: bytes, data: bytes, at: int) -> tuple[int, int]:
    """What of a packet is in `data`, as slice of the packet; its middle is, at `at`."""
    middle = _middle(packet)
    first = at - middle
    """Where in `data` the packet would begin."""
    begin, end = max(0, -first), min(len(packet), len(data) - first)
    there = np.frombuffer(data, np.uint8, end - begin, first + begin)
    differs = np.flatnonzero(there != np.frombuffer(packet, np.uint8)[begin:end]) + begin
    before, after = differs[differs < middle], differs[differs > middle]
    return int(before[-1]) + 1 if len(before) else begin, int(after[0]) if len(after) else end


def of_others(hit: Hit, packet: bytes, others: Sequence[bytes]) -> bool:
    """Whether what was found may be the middle of another packet as well.

    The simulated sensor's film begins anew every ten seconds, and a picture that is seen again
    makes a packet that is much the same but for the picture's number and the stamp. What one of
    `others` has in common with `packet` is then no more than the bytes that were found. A packet
    that is left behind as a whole is in no other, since every picture has its own number.
    """
    # What lies beside it may be the packet's next byte by chance.
    found = packet[hit.begin + WORD : hit.end - WORD]
    return any(found in other for other in others)


def noted(notes: Path) -> list[Noted]:
    """Every packet noted so far, oldest first."""
    data = notes.read_bytes()
    packets: list[Noted] = []
    at = 0
    while at + NOTE.size <= len(data):
        at_us, size, key = NOTE.unpack_from(data, at)
        at += NOTE.size
        if at + size <= len(data):
            packets.append(Noted(len(packets), at_us, key, data[at : at + size]))
        at += size
    return packets


def pieces_of(notes: Path) -> list[bytes]:
    """The piece that is searched of every packet noted so far, oldest first."""
    return [middle_of(packet.data) for packet in noted(notes)]


def found_in(pid: int, packets: Sequence[bytes], scratch: Path) -> list[Hit]:
    """`search`, with the rights that it takes. scratch: a file to be written for it."""
    if os.geteuid() == 0:
        return search(pid, packets)
    write(packets, scratch)
    return search_elsewhere(["sudo", "-n"], pid, scratch)


def write(packets: Sequence[bytes], notes: Path) -> None:
    """Put packets into a file as if they were noted."""
    notes.write_bytes(b"".join(NOTE.pack(0, len(one), False) + one for one in packets))


def search_elsewhere(prefix: Sequence[str], pid: int, notes: Path) -> list[Hit]:
    """`search` for what is noted in a file, in a process that is started with this prefix."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.system.memory", str(pid), str(notes)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return [Hit(**facts) for facts in json.loads(done.stdout)]


if __name__ == "__main__":
    found = search(int(sys.argv[1]), [one.data for one in noted(Path(sys.argv[2]))])
    print(json.dumps([dataclasses.asdict(hit) for hit in found]))  # noqa: T201
