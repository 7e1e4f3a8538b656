"""SHA-256 of all of a file, whatever way a reader takes through it."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest
from sealed_helpers import made

from camerad.container.reader import walk_members
from camerad.container.whole_file import WholeFile

CONTENT = random.Random(1).randbytes(5000)


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [(0, 5000)],
        [(0, 100), (100, 5000)],
        [(0, 100), (50, 200)],
        [(0, 100), (10, 20), (100, 200)],
        [(300, 400), (4000, 5000)],
        [(4999, 5000)],
    ],
)
def test_what_a_reader_goes_over_is_read_and_nothing_counts_twice(
    tmp_path: Path, shown: list[tuple[int, int]]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    whole = WholeFile()
    with path.open("rb") as file:
        for begin, end in shown:
            whole.show(file.fileno(), begin, memoryview(CONTENT[begin:end]))
        whole.finish(file.fileno())
    assert (whole.sha256, whole.bytes) == (hashlib.sha256(CONTENT).hexdigest(), 5000)


def test_a_file_that_became_shorter_is_hashed_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:10])
    whole = WholeFile()
    with path.open("rb") as file:
        whole.show(file.fileno(), 100, memoryview(b""))
    assert whole.bytes == 10


def test_it_is_the_whole_file_whatever_is_damaged_in_it(tmp_path: Path) -> None:
    """A reader that looks for the next header jumps to and fro."""
    content, chance = made().file, random.Random(2)
    path = tmp_path / "recording.tar"
    for number in range(200):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 8)):
            at, length = chance.randrange(len(damaged)), chance.randrange(1, 700)
            damaged[at : at + length] = chance.choice(
                [b"", bytes(length), chance.randbytes(length), content[:length]]
            )
        path.write_bytes(damaged)
        whole = WholeFile()
        descriptor = os.open(path, os.O_RDONLY)
        try:
            for _ in walk_members(descriptor, whole=whole):
                pass
            whole.finish(descriptor)
        finally:
            os.close(descriptor)
        assert whole.sha256 == hashlib.sha256(damaged).hexdigest(), number
        assert whole.bytes == len(damaged)
