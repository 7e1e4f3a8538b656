"""What tests put below the capture process to note its packets changes nothing about them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system import memory
from tests.system.spy.sitecustomize import NOTE

TESTS = Path(__file__).parents[2]
SIZE = 1024
GIVE = f"""
from camerad.capture.pictures import Picture, Pictures

class Box:
    def has_room(self, size):
        return True
    def send(self, *parts):
        pass

pictures = Pictures(Box(), 33_333, lambda: None)
body = memoryview(bytearray(range(256)) * ({SIZE} // 256))
pictures.fed(0, Picture(0, 1000))
taken = [pictures.encoded(body, True, 0)]
pictures.arm(1, 0)
pictures.fed(1, Picture(1, 2000))
taken.append(pictures.encoded(body, True, 1))
print(*taken)
"""
"""Two packets: before footage is asked for, and then."""


@pytest.mark.parametrize(
    ("folder", "most", "bytes_each"),
    [
        ("system/spy", 0, NOTE.size + SIZE),
        ("system/spy", memory.PIECE, NOTE.size + memory.PIECE),
        ("campaign/bugs", 0, memory.PIECE),
    ],
)
def test_a_packet_that_is_noted_goes_to_the_outbox_as_any_other(
    tmp_path: Path, folder: str, most: int, bytes_each: int
) -> None:
    """Whoever is not told that it is there overwrites it where it waits to be sent."""
    notes = tmp_path / "notes"
    notes.touch()
    variables = {
        **os.environ,
        "PYTHONPATH": str(TESTS / folder),
        "CAMERAD_TEST_NOTES": str(notes),
        "CAMERAD_TEST_NOTED_BYTES": str(most),
    }
    done = subprocess.run(
        [sys.executable, "-c", GIVE, "camerad.capture"],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False True\n"
    assert notes.stat().st_size == 2 * bytes_each
    if folder == "system/spy":
        body = bytes(range(256)) * (SIZE // 256)
        first, _ = memory.noted(notes)
        assert (first.key, first.data) == (True, body if not most else memory.middle_of(body))
        assert memory.pieces_of(notes) == [memory.middle_of(body)] * 2
