"""What the camera tells the kernel of its buffers."""

from __future__ import annotations

import fcntl
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("libcamera", reason="no libcamera, real or simulated")

from camerad.capture import camera, camera_source
from camerad.stream.frame import Geometry

# linux/dma-buf.h: DMA_BUF_SYNC_WRITE is 2 << 0, DMA_BUF_SYNC_END is 1 << 2.
START_WRITING, END_WRITING = 2, 2 | 4
BUFFER = SimpleNamespace(planes=[SimpleNamespace(fd=7)])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the kernel hears: (descriptor, flags)."""
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, _code, sync: heard.append((fd, sync.flags)))
    return heard


def test_writing_into_a_buffer_begins_and_ends_with_a_word_to_the_kernel(
    told: list[tuple[int, int]],
) -> None:
    with camera_source.writing(BUFFER):
        assert told == [(7, START_WRITING)]
    assert told == [(7, START_WRITING), (7, END_WRITING)]


def test_it_ends_though_the_writing_fails(told: list[tuple[int, int]]) -> None:
    with pytest.raises(ZeroDivisionError), camera_source.writing(BUFFER):
        raise ZeroDivisionError
    assert told == [(7, START_WRITING), (7, END_WRITING)]


def test_a_covered_lens_is_dark_though_a_lamp_shines_and_padding_is_no_part_of_a_picture() -> None:
    geometry = Geometry(320, 240, 384)
    frame = np.full(geometry.shape, 255, np.uint8)
    frame[:240, :320] = 17
    # A tenth of the picture less one of fifteen rows that are looked at.
    frame[:16, :320] = 235
    assert camera.brightness(frame, geometry) == 17
    frame[:64, :320] = 235
    assert camera.brightness(frame, geometry) == 235


def test_a_kernel_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    with pytest.raises(OSError, match="no"), camera_source.writing(BUFFER):
        pytest.fail("written without leave")
