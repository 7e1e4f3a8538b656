"""Recordings for the tests of the sink and its listing."""

from __future__ import annotations

from pathlib import Path

from evidence_helpers import (
    HEIGHT,
    ORIGIN_US,
    WIDTH,
    Packet,
    seconds_of_footage,
    time_of,
)

from camerad.evidence.fragments import FragmentMaker
from camerad.evidence.records import Commit, End, Header
from camerad.evidence.sink import open_sink
from camerad.stream.packets import Gap

ID = "20261124T153000Z-000001-00000001"
END = End("stop", 30, time_of(30))


def a_commit(sequence: int, frames: int = 15, gaps: tuple[Gap, ...] = ()) -> Commit:
    first = sequence * frames
    return Commit(
        sequence=sequence,
        first_pts_us=time_of(first),
        last_pts_us=time_of(first + frames - 1),
        end_us=time_of(first + frames),
        frames=frames,
        gaps=gaps,
        marks=(),
        wall_us=0,
        sync_us=None,
    )


def fragments(packets: tuple[Packet, ...]) -> tuple[bytes, list[bytes]]:
    """The segment, and fragments of 15 pictures."""
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1])
    made = [
        maker.make(packets[n : n + 15], time_of(n + 15), ORIGIN_US)
        for n in range(0, len(packets), 15)
    ]
    return maker.init, made


def record(directory: Path, header: Header, ended: bool = True) -> str:
    """A recording of one second; its path."""
    init, made = fragments(seconds_of_footage(1))
    opened = open_sink(str(directory), header, init)
    for sequence, data in enumerate(made):
        opened.append(data, a_commit(sequence))
    if ended:
        opened.close(END)
    return opened.path
