"""The newest low-resolution frame in shared memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from camerad.stream import frame
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame, FrameReader, FrameWriter

SMALL = Geometry(width=6, height=4, stride=8)


@pytest.fixture
def fd() -> Iterator[int]:
    fd = frame.create(64 * 1024)
    yield fd
    os.close(fd)


def picture(value: int, geometry: Geometry = SMALL) -> Frame:
    return np.full(geometry.shape, value, np.uint8)


def test_a_picture_has_its_rows_of_luma_and_half_as_many_of_chroma() -> None:
    assert SMALL.shape == (6, 8)
    assert SMALL.slot_bytes == 48
    assert SMALL.total_bytes == 64 + 3 * 48


def test_the_memory_is_not_inherited_by_accident(fd: int) -> None:
    assert not os.get_inheritable(fd)
    assert os.fstat(fd).st_size == 64 * 1024


def test_a_reader_finds_nothing_before_the_first_frame(fd: int) -> None:
    reader = FrameReader(fd)
    assert (reader.number, reader.newest()) == (0, None)
    FrameWriter(fd, SMALL)
    assert (reader.number, reader.newest()) == (0, None)


def test_a_reader_finds_the_newest_frame_whole(fd: int) -> None:
    writer, reader = FrameWriter(fd, SMALL), FrameReader(fd)
    for number in range(1, 9):
        writer.put(picture(number), number * 1000)
        newest = reader.newest()
        assert newest is not None
        assert newest[:2] == (number, number * 1000)
        assert (newest[2] == number).all()
        assert newest[2].shape == SMALL.shape
    assert reader.number == 8


def test_what_a_reader_got_is_its_own(fd: int) -> None:
    writer, reader = FrameWriter(fd, SMALL), FrameReader(fd)
    writer.put(picture(1), 1)
    newest = reader.newest()
    for number in range(2, 6):
        writer.put(picture(number), number)
    assert newest is not None
    assert (newest[2] == 1).all()


def test_a_reader_that_is_overtaken_while_it_copies_copies_again(fd: int) -> None:
    writer, reader = FrameWriter(fd, SMALL), FrameReader(fd)
    writer.put(picture(1), 1)
    assert reader.number == 1

    class Overtaking:
        """Slots of which the first copy is slow, so that the writer comes back to it."""

        def __init__(self, slots: Frame) -> None:
            self.slots = slots
            self.overtake = True

        def __getitem__(self, slot: int) -> Frame:
            if self.overtake:
                self.overtake = False
                for number in range(2, 5):
                    writer.put(picture(number), number)
            return self.slots[slot]

    reader._slots = Overtaking(reader._slots)  # type: ignore[assignment]
    newest = reader.newest()
    assert newest is not None
    assert newest[:2] == (4, 4)
    assert (newest[2] == 4).all()


def content(fd: int) -> bytes:
    return os.pread(fd, 3 * SMALL.slot_bytes, frame.HEADER_BYTES)


BLACK = (bytes([16]) * 32 + bytes([128]) * 16) * 3


def test_blackened_means_that_no_picture_is_left(fd: int) -> None:
    writer, reader = FrameWriter(fd, SMALL), FrameReader(fd)
    for number in range(1, 4):
        writer.put(picture(77), number)
    writer.blacken()
    assert content(fd) == BLACK
    newest = reader.newest()
    assert newest is not None
    assert newest[:2] == (3, 0)


def test_the_controller_can_erase_what_a_killed_process_left(fd: int) -> None:
    frame.erase(fd)  # No writer yet: nothing happens.
    assert content(fd) == bytes(len(BLACK))
    writer = FrameWriter(fd, SMALL)
    for number in range(1, 4):
        writer.put(picture(77), number)
    frame.erase(fd)
    assert content(fd) == BLACK
    assert FrameReader(fd).number == 3


def test_a_new_writer_goes_on_counting_and_leaves_no_picture_of_the_last(fd: int) -> None:
    reader = FrameReader(fd)
    writer = FrameWriter(fd, SMALL)
    writer.put(picture(77), 1)
    again = FrameWriter(fd, SMALL)
    assert content(fd) == BLACK
    again.put(picture(78), 2)
    newest = reader.newest()
    assert newest is not None
    assert newest[:2] == (2, 2)


def test_a_reader_follows_a_writer_of_another_geometry(fd: int) -> None:
    reader = FrameReader(fd)
    FrameWriter(fd, SMALL).put(picture(1), 1)
    assert reader.newest() is not None
    large = Geometry(16, 8, 16)
    FrameWriter(fd, large).put(picture(2, large), 2)
    newest = reader.newest()
    assert newest is not None
    assert newest[2].shape == large.shape
    assert reader.geometry == large


def test_a_picture_that_does_not_fit_is_refused(fd: int) -> None:
    with pytest.raises(ValueError, match="do not fit into the 65536 shared"):
        FrameWriter(fd, Geometry(640, 480, 640))


@pytest.mark.parametrize("part", ["daemon.app", "control.server", "recording.recorder"])
def test_the_controller_does_without_what_only_its_children_need(part: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import camerad.{part}, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert f"camerad.{part}" in found
    assert not {"numpy", "cv2", "picamera2", "libcamera"}.intersection(found)
    # Fragments are made in the controller, but its start need not wait for that.
    assert part != "daemon" or "av" not in found


def test_memory_without_even_a_header_has_no_frame() -> None:
    fd = frame.create(10)
    reader = FrameReader(fd)
    assert (reader.number, reader.newest()) == (0, None)
    os.close(fd)
