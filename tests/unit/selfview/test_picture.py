"""The picture on the panel: mirrored, in its proportions, in the panel's own bytes."""

from __future__ import annotations

import numpy as np
import pytest

from camerad.selfview.panel import Panel, Rect
from camerad.selfview.screen import Painter, fit
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame

BLACK, WHITE = 16, 235


def grey(geometry: Geometry, left: int, right: int) -> Frame:
    """I420: the left half of one brightness, the right half of the other, the padding bright."""
    frame = np.full(geometry.shape, 128, np.uint8)
    luma = frame[: geometry.height]
    luma[:] = WHITE
    luma[:, : geometry.width // 2] = left
    luma[:, geometry.width // 2 : geometry.width] = right
    return frame


def painted(panel: Panel, frame: Frame, geometry: Geometry, *, mirror: bool = True) -> Frame:
    painter = Painter(panel, mirror)
    painter.paint(frame, geometry)
    return painter.canvas


def brightness(canvas: Frame, panel: Panel) -> Frame:
    """Green, 0 to 255, of every pixel: (height, width)."""
    if panel.bits == 32:
        rows = canvas[:, : panel.width * 4].reshape(panel.height, panel.width, 4)
        return rows[:, :, 1]
    pixels = np.ascontiguousarray(canvas[:, : panel.width * 2]).view("<u2")
    return ((pixels >> 5 & 63) * 255 // 63).astype(np.uint8)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("padding", [0, 64])
def test_people_see_themselves_as_in_a_mirror(bits: int, padding: int) -> None:
    panel = Panel(64, 48, 64 * bits // 8, bits)
    geometry = Geometry(64, 48, 64 + padding)
    frame = grey(geometry, BLACK, WHITE)
    mirrored = brightness(painted(panel, frame, geometry), panel)
    assert (mirrored[:, :32] > 245).all()
    assert (mirrored[:, 32:] < 10).all()
    plain = brightness(painted(panel, frame, geometry, mirror=False), panel)
    assert (plain == mirrored[:, ::-1]).all()


@pytest.mark.parametrize(
    ("bits", "bytes_of_red"),
    # RGB565 has red in the high five bits, XRGB8888 in the third byte; both little-endian.
    [(16, (0x00, 0xF8)), (32, (0, 0, 255))],
)
def test_red_is_red(bits: int, bytes_of_red: tuple[int, ...]) -> None:
    geometry = Geometry(16, 16, 16)
    frame = np.empty(geometry.shape, np.uint8)
    # Pure red in the limited range of BT.601.
    frame[:16], frame[16:20], frame[20:] = 82, 90, 240
    canvas = painted(Panel(16, 16, 16 * bits // 8, bits), frame, geometry)
    pixel = canvas[0, : bits // 8].tolist()
    if bits == 16:
        red, green, blue = pixel[1] >> 3, (pixel[1] & 7) << 3 | pixel[0] >> 5, pixel[0] & 31
        assert (red, green < 4, blue < 4) == (bytes_of_red[1] >> 3, True, True)
    else:
        assert np.abs(np.array(pixel[:3]) - bytes_of_red).max() <= 3


@pytest.mark.parametrize(
    ("picture", "panel", "place"),
    [
        ((320, 240), (320, 240), (0, 0, 320, 240)),
        ((320, 240), (240, 320), (0, 70, 240, 180)),
        ((320, 240), (480, 320), (26, 0, 427, 320)),
        ((320, 180), (128, 128), (0, 28, 128, 72)),
    ],
)
def test_the_picture_is_as_large_as_fits_and_keeps_its_proportions(
    picture: tuple[int, int], panel: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    assert fit(*picture, Panel(*panel, panel[0] * 2, 16)) == Rect(*place)


@pytest.mark.parametrize(
    ("panel", "free", "top"),
    # 240x320: 180 rows of picture; of 200 free ones 10 stay above it, 170 are too few.
    [((240, 320), 200, 10), ((240, 320), 170, 0), ((320, 240), 170, 0)],
)
def test_the_picture_keeps_clear_of_text_or_else_shows_its_upper_part(
    panel: tuple[int, int], free: int, top: int
) -> None:
    assert fit(320, 240, Panel(*panel, panel[0] * 2, 16), free).top == top


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("size", [(64, 48), (96, 96)])
def test_a_picture_is_painted_in_its_hole_only_and_the_same_there(
    bits: int, mirror: bool, size: tuple[int, int]
) -> None:
    geometry = Geometry(64, 48, 80)
    frame = np.random.default_rng(5).integers(16, 236, geometry.shape, np.uint8)
    panel = Panel(*size, size[0] * bits // 8, bits)
    whole = painted(panel, frame, geometry, mirror=mirror)
    painter = Painter(panel, mirror)
    # As high as the panel, so that the picture stands where it stands without a hole.
    painter.open(Rect(6, 0, 40, size[1]))
    painter.canvas[:] = 77
    painter.paint(frame, geometry)
    first, last = 6 * bits // 8, 46 * bits // 8
    assert (painter.canvas[:, first:last] == whole[:, first:last]).all()
    assert (painter.canvas[:, :first] == 77).all()
    assert (painter.canvas[:, last:] == 77).all()


def test_a_picture_that_has_no_room_is_not_painted() -> None:
    geometry = Geometry(64, 48, 64)
    painter = Painter(Panel(64, 48, 128, 16), mirror=True)
    painter.open(Rect(0, 0, 0, 0))
    painter.paint(grey(geometry, WHITE, WHITE), geometry)
    assert not painter.canvas.any()


def test_what_the_picture_does_not_cover_is_black() -> None:
    panel = Panel(40, 80, 100, 16)
    geometry = Geometry(64, 48, 64)
    canvas = painted(panel, grey(geometry, WHITE, WHITE), geometry)
    assert canvas.shape == (80, 100)
    seen = brightness(canvas, panel)
    # 40 pixels wide, so 30 high, with 25 rows above and below.
    assert (seen[25:55] > 245).all()
    assert not canvas[:25].any()
    assert not canvas[55:].any()
    assert not canvas[:, 80:].any()


def test_nothing_of_a_larger_picture_stays_around_a_smaller_one() -> None:
    panel = Panel(64, 64, 128, 16)
    painter = Painter(panel, mirror=True)
    painter.paint(grey(Geometry(64, 64, 64), WHITE, WHITE), Geometry(64, 64, 64))
    wide = Geometry(64, 32, 64)
    painter.paint(grey(wide, WHITE, WHITE), wide)
    canvas = painter.canvas
    assert canvas[16:48].any()
    assert not canvas[:16].any()
    assert not canvas[48:].any()


def test_a_forgotten_picture_is_overwritten_with_all_the_steps_on_the_way_to_it() -> None:
    geometry = Geometry(64, 64, 64)
    # Another size than the panel's, so that it is scaled as well.
    painter = Painter(Panel(48, 48, 96, 16), mirror=True)
    painter.paint(grey(geometry, WHITE, WHITE), geometry)
    memory = [value for value in vars(painter).values() if isinstance(value, np.ndarray)]
    assert len(memory) >= 5
    assert all(array.any() for array in memory)
    painter.forget()
    assert not any(array.any() for array in memory)
