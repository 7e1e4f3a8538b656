"""Searches the memory of other processes.

The daemon's processes are not dumpable (P1), so only root may look into them: `python -m
tests.system.memory PID NOTES` is run through sudo where the tests are not root.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from tests.system.spy.sitecustomize import PIECE

WORD: Final = 8


def search(pid: int, pieces: list[bytes]) -> set[int]:
    """Which of the pieces are anywhere in the readable memory of the process, by their index.

    All of it is copied first and searched then: a search takes longer than a ring holds a packet.
    Wherever a piece lies, some words of eight bytes in it lie at an address that eight divides: so
    all memory is looked through once, for one such word for each way in which a piece may lie.
    """
    areas: list[bytes] = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, mode, *_ = line.split(maxsplit=2)
            # What is mapped but cannot be read (vsyscall, guard pages) holds nothing of ours.
            if mode[0] != "r" or "[v" in line:
                continue
            start, end = (int(edge, 16) for edge in area.split("-"))
            with contextlib.suppress(OSError):
                memory.seek(start)
                data = memory.read(end - start)
                if data.count(0) < len(data):
                    areas.append(data)
    words: dict[int, list[tuple[int, int]]] = {}
    for index, piece in enumerate(pieces):
        for shift in range(WORD):
            starts = range(shift, len(piece) - WORD + 1, WORD)
            at = max(starts, key=lambda at: len(set(piece[at : at + WORD])))
            word = int.from_bytes(piece[at : at + WORD], "little")
            words.setdefault(word, []).append((index, at))
    table = np.array(sorted(words), "<u8")
    found: set[int] = set()
    for data in areas:
        view = np.frombuffer(data, "<u8", len(data) // WORD)
        near = np.searchsorted(table, view)
        near[near == len(table)] = 0
        for place in np.flatnonzero(table[near] == view):
            for index, at in words[int(view[place])]:
                begins = int(place) * WORD - at
                if data[begins : begins + len(pieces[index])] == pieces[index]:
                    found.add(index)
    return found


def pieces_of(notes: Path) -> list[bytes]:
    """Every piece noted so far, oldest first."""
    data = notes.read_bytes()
    return [data[start : start + PIECE] for start in range(0, len(data) - PIECE + 1, PIECE)]


def found_in(pid: int, pieces: list[bytes], scratch: Path) -> set[int]:
    """`search`, with the rights that it takes."""
    if os.geteuid() == 0:
        return search(pid, pieces)
    scratch.write_bytes(b"".join(pieces))
    done = subprocess.run(
        ["sudo", "-n", sys.executable, "-m", "tests.system.memory", str(pid), str(scratch)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return set(json.loads(done.stdout))


if __name__ == "__main__":
    print(json.dumps(sorted(search(int(sys.argv[1]), pieces_of(Path(sys.argv[2]))))))  # noqa: T201
