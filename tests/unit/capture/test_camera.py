"""What the camera tells the kernel of its buffers."""

from __future__ import annotations

import fcntl
import threading
from types import SimpleNamespace
from typing import Any
from unittest import mock

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


def bare(source: Any, **given: Any) -> Any:
    """A camera that was not opened."""
    made: Any = camera.Camera.__new__(camera.Camera)
    made._taking, made._source, made._writer = threading.Lock(), source, mock.Mock()
    made._outbox, made._fail, made._encoder = mock.Mock(), mock.Mock(), None
    made._pictures = mock.Mock(armed=False)
    made._viewing = False
    vars(made).update(given)
    return made


def test_a_picture_is_not_forgotten_while_it_is_taken() -> None:
    source, forgotten = mock.Mock(), threading.Event()
    source.forget.side_effect = forgotten.set
    made = bare(source, _pictures=mock.Mock(armed=True))
    other = threading.Thread(target=made.disarm)

    def whole() -> bool:
        other.start()
        assert not forgotten.wait(0.2)
        return False

    source.whole.side_effect = whole
    made._take(mock.Mock())
    other.join()
    assert forgotten.is_set()
    made._fail.assert_not_called()


@pytest.mark.parametrize("armed", [False, True])
def test_at_the_end_of_the_self_view_its_pictures_are_forgotten(armed: bool) -> None:
    source = mock.Mock()
    bare(source, _viewing=True, _pictures=mock.Mock(armed=armed)).view(False)
    assert source.forget.called is not armed


def test_a_sensor_at_rest_leaves_no_picture() -> None:
    source, picam2 = mock.Mock(), mock.Mock()
    picam2.allocator.mapped_buffers = {}
    bare(source, _picam2=picam2)._stop_stream()
    source.forget.assert_called_once_with()
