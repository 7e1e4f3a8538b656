"""Recordings for the tests of the container, of reading, listing and repair."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyrage
from evidence_helpers import (
    BOOT_ID,
    HEIGHT,
    MOMENT,
    ORIGIN_US,
    WIDTH,
    Packet,
    a_header,
    seconds_of_footage,
    time_of,
)
from msgspec.structs import replace

from camerad.container.encryption import Sealer
from camerad.container.gaps import Gap
from camerad.container.keys import SigningKey
from camerad.container.members import Walk
from camerad.container.statements import Closing, FragmentFacts, Header
from camerad.recording.container_writer import ContainerWriter
from camerad.recording.fragment_muxer import FragmentMaker

ID = "20261124T153000Z-000001-00000001"
KEY = SigningKey.generate()
"""The device's."""
DESK = pyrage.x25519.Identity.generate()
"""The private half with which the office opens what is recorded."""
SEALER = Sealer([str(DESK.to_public())])


def a_closing(**changes: Any) -> Closing:
    """An end after a second; `changes` by name."""
    facts: dict[str, Any] = {
        "reason": "stop",
        "frames": 30,
        "at_us": time_of(30),
        "gaps": (),
        "marks": (),
        "stages": (),
        "boot_id": BOOT_ID,
        "clock": MOMENT,
        "clock_step_us": None,
        "sync_us": None,
    }
    return Closing(**(facts | changes))


END = a_closing()


def a_facts(
    sequence: int, frames: int = 15, gaps: tuple[Gap, ...] = (), **changes: Any
) -> FragmentFacts:
    """Facts about a fragment of `frames` pictures; `changes` by name."""
    first = sequence * frames
    facts = FragmentFacts(
        sequence=sequence,
        first_us=time_of(first),
        last_us=time_of(first + frames - 1),
        end_us=time_of(first + frames),
        frames=frames,
        gaps=gaps,
        marks=(),
        stages=(),
        clock=MOMENT,
        clock_step_us=None,
        sync_us=None,
    )
    return replace(facts, **changes)


def fragments(packets: tuple[Packet, ...]) -> tuple[bytes, list[bytes]]:
    """The segment, and fragments of 15 pictures."""
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1])
    made = [
        maker.make(packets[n : n + 15], time_of(n + 15), ORIGIN_US)
        for n in range(0, len(packets), 15)
    ]
    return maker.init, made


def open_sink(directory: str | Path, header: Header, init: bytes) -> ContainerWriter:
    """A container by `KEY`, sealed to `DESK`."""
    return ContainerWriter(str(directory), header, init, KEY, SEALER)


def record(directory: Path, header: Header | None = None, ended: bool = True) -> str:
    """A recording of one second; its path. Without an end its lock is let go all the same."""
    init, made = fragments(seconds_of_footage(1))
    opened = open_sink(directory, header or a_header(), init)
    for sequence, data in enumerate(made):
        opened.append(data, a_facts(sequence))
    if ended:
        opened.close(END)
    else:
        abandon(opened)
    return opened.path


def small(directory: Path, count: int = 2, header: Header | None = None) -> ContainerWriter:
    """A recording that still runs, of `count` fragments of a few bytes each."""
    opened = open_sink(directory, header or a_header(), b"init")
    for sequence in range(count):
        opened.append(b"fragment %d" % sequence, a_facts(sequence))
    return opened


def abandon(opened: ContainerWriter) -> None:
    """Let go of the file as a process does that is killed."""
    import os

    assert opened._descriptor is not None
    os.close(opened._descriptor)
    opened._descriptor = None


def members(path: str | Path) -> dict[str, bytes]:
    """Names and contents of the members, as far as they can be read."""
    with open(path, "rb") as file:
        found = {}
        for located in Walk(file):
            file.seek(located.data_offset)
            found[located.member.name] = file.read(located.member.size)
    return found


def unsealed(path: str | Path) -> bytes:
    """The fragmented MP4 that the members are, opened as the office does; torn ones left out."""
    out = io.BytesIO()
    for name, content in members(path).items():
        if name.endswith(".age"):
            out.write(pyrage.decrypt(content, [DESK]))
    return out.getvalue()


def unsealed_file(path: str | Path) -> str:
    """The same as a file beside the recording; its path."""
    to = Path(path).with_suffix(".mp4")
    to.write_bytes(unsealed(path))
    return str(to)
