"""The display's pictures that were looked at and found right: what they show, and how to make them.

    python -m tests.unit.selfview.golden

writes them anew, and the screenshots in docs/pictures. Whoever does so looks at each afterwards.
What can be the matter stands on one sheet for each language and panel, so that all of it is looked
at together; each picture on it is compared by itself.
The person in them is drawn: light from the left, a parting on one side, so that a picture that is
not mirrored shows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from camerad.base.clock import SECOND
from camerad.behaviour.events import Condition
from camerad.behaviour.scene import (
    GRAVITY,
    Badge,
    HandoverScene,
    Mirror,
    OfficerStatus,
    RecordingScene,
    Scene,
    SoundScene,
)
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame
from tests.unit.selfview.texts import TEXTS

GOLDEN = Path(__file__).parent / "golden"
PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
GEOMETRY = Geometry(320, 240, 384)
NOW_US = 100_000 * SECOND
# 24 November 2026, 14:05 in Berlin.
WALL_US = 1_795_525_500 * SECOND
ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """One picture. picture: whether the camera delivers any."""

    name: str
    scene: Scene
    picture: bool = True


def in_dock(handover: HandoverScene) -> OfficerStatus:
    """The status of a camera in its dock."""
    return OfficerStatus(87, 312, WALL_US, handover, 12, 30)


CASES = (
    Case("self-view", Mirror()),
    Case("self-view-buffer", Mirror(30.0)),
    Case("recording-sound", RecordingScene(NOW_US - 754 * SECOND, SoundScene.ON)),
    Case("recording-muted", RecordingScene(NOW_US - 7 * SECOND, SoundScene.MUTED)),
    Case("recording-no-sound", RecordingScene(NOW_US - 4754 * SECOND, SoundScene.NONE)),
    Case("self-view-no-picture", Mirror(), picture=False),
    Case(
        "recording-no-picture", RecordingScene(NOW_US - 754 * SECOND, SoundScene.ON), picture=False
    ),
    Case("status", OfficerStatus(87, 312, WALL_US)),
    Case("status-unknown", OfficerStatus()),
    Case("status-handing-over", in_dock(HandoverScene.RUNS)),
    Case("status-handed-over", in_dock(HandoverScene.DONE)),
    Case("status-not-handed-over", in_dock(HandoverScene.WAITS)),
    Case("status-no-network", in_dock(HandoverScene.NO_NETWORK)),
    Case("status-handover-failed", in_dock(HandoverScene.FAILED)),
    Case("status-cause", OfficerStatus(87, 0, WALL_US, cause=Condition.STORAGE_FULL)),
    Case("status-causes", OfficerStatus(87, 312, WALL_US, cause=Condition.CAMERA_DOWN, more=2)),
    Case("status-cut-off", OfficerStatus(87, 312, WALL_US, cut_off=True)),
    Case(
        "status-cause-in-dock",
        replace(in_dock(HandoverScene.NO_NETWORK), cause=Condition.MICROPHONE_DOWN, more=1),
    ),
    Case("badge", Badge()),
)
SIZES = {"": (320, 240), "-portrait": (240, 320), "-large": (800, 480), "-wide": (480, 320)}
ELSEWHERE = (
    "self-view-buffer",
    "recording-muted",
    "status",
    "status-no-network",
    "status-causes",
    "status-cause-in-dock",
    "badge",
)
"""What is looked at on the other panels too: the longest texts."""


def cases() -> Iterator[tuple[str, str, Case, tuple[int, int]]]:
    """(name, language, case, panel's size) of every picture."""
    for language in TEXTS:
        for suffix, size in SIZES.items():
            for case in CASES:
                if not suffix or case.name in ELSEWHERE:
                    yield f"{case.name}-{language}{suffix}", language, case, size


CAUSES = (
    *(Case(one.value, OfficerStatus(87, 312, WALL_US, cause=one)) for one in GRAVITY),
    Case("cut_off", OfficerStatus(87, 312, WALL_US, cut_off=True)),
)
"""Everything that can be the matter, by its name."""
SHEET_SIZES = {name: SIZES[name] for name in ("", "-portrait")}
SHEET_COLUMNS = 5


def sheets() -> Iterator[tuple[str, str, tuple[int, int]]]:
    """(name, language, panel's size) of every sheet with the `CAUSES`."""
    for language in TEXTS:
        for suffix, size in SHEET_SIZES.items():
            yield f"causes-{language}{suffix}", language, size


def on_sheet(number: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a numbered picture: side by side, a grey line between two."""
    row, column = divmod(number, SHEET_COLUMNS)
    width, height = size
    left, top = column * (width + 1), row * (height + 1)
    return slice(top, top + height), slice(left, left + width)


def sheet(language: str, size: tuple[int, int], *, bits: int) -> Image:
    """All `CAUSES` on one picture: red, green, blue."""
    rows, columns = (
        on_sheet(len(CAUSES) - 1, size)[0].stop,
        on_sheet(SHEET_COLUMNS - 1, size)[1].stop,
    )
    picture = np.full((rows, columns, 3), 128, np.uint8)
    for number, case in enumerate(CAUSES):
        panel, data = bytes_of(language, case, size, bits=bits)
        picture[on_sheet(number, size)] = decoded(panel, data.tobytes())
    return picture


def person() -> Frame:
    """A drawn person as the camera sees them, I420 in `GEOMETRY.shape`."""
    scale = 4
    picture = np.zeros((240 * scale, 320 * scale, 3), np.uint8)
    shade = np.linspace(215, 120, 320 * scale)
    picture[:] = np.stack([shade, shade * 0.96, shade * 0.9], axis=-1).astype(np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * scale), round(y * scale)

    cv2.ellipse(picture, at(160, 262), at(92, 96), 0, 180, 360, (92, 62, 40), cv2.FILLED)
    cv2.rectangle(picture, at(140, 138), at(180, 182), (120, 150, 190), cv2.FILLED)
    cv2.ellipse(picture, at(160, 172), at(34, 14), 0, 0, 180, (120, 150, 190), cv2.FILLED)
    cv2.ellipse(picture, at(160, 100), at(44, 56), 0, 0, 360, (140, 172, 212), cv2.FILLED)
    cv2.ellipse(picture, at(152, 66), at(50, 30), -12, 170, 370, (30, 44, 62), cv2.FILLED)
    cv2.ellipse(picture, at(196, 74), at(12, 30), -8, 0, 360, (30, 44, 62), cv2.FILLED)
    for x in (143, 177):
        cv2.ellipse(picture, at(x, 98), at(6, 4), 0, 0, 360, (40, 40, 40), cv2.FILLED)
        cv2.ellipse(picture, at(x, 88), at(10, 3), 0, 180, 360, (30, 44, 62), scale * 2)
    cv2.ellipse(picture, at(160, 112), at(7, 8), 0, 20, 160, (100, 130, 170), scale * 2)
    cv2.ellipse(picture, at(160, 130), at(17, 5), 0, 10, 170, (80, 80, 150), scale * 2)
    small = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)
    frame = np.full(GEOMETRY.shape, 77, np.uint8)
    planes = cv2.cvtColor(small, cv2.COLOR_BGR2YUV_I420)
    frame[:240, :320] = planes[:240]
    # Each row of the memory holds two rows of chroma, each in its own half.
    chroma = planes[240:].reshape(240, 160)
    half = GEOMETRY.stride // 2
    frame[240:, :160], frame[240:, half : half + 160] = chroma[0::2], chroma[1::2]
    return frame


def bytes_of(language: str, case: Case, size: tuple[int, int], *, bits: int) -> tuple[Panel, Frame]:
    """What is written to the panel's framebuffer."""
    width, height = size
    panel = Panel(width, height, width * bits // 8 + 16, bits)
    screen = Screen(panel, mirror=True, texts=TEXTS[language])
    before = os.environ.get("TZ")
    os.environ["TZ"] = ZONE
    time.tzset()
    try:
        screen.show(case.scene, NOW_US)
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
    if not case.picture:
        screen.remove_picture()
    elif screen.has_picture:
        screen.paint(person(), GEOMETRY)
    return panel, screen.pixels


def decoded(panel: Panel, data: bytes) -> Image:
    """What a panel shows for these bytes: (height, width, 3) uint8, red, green, blue.

    By the masks of fbdev (RGB565: 5, 6 and 5 bits; XRGB8888: a byte each), little-endian.
    """
    rows = np.frombuffer(data, np.uint8).reshape(panel.height, panel.stride)
    if panel.bits == 32:
        words = np.ascontiguousarray(rows[:, : panel.width * 4]).view("<u4")
        return np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], -1).astype(np.uint8)
    words = np.ascontiguousarray(rows[:, : panel.width * 2]).view("<u2").astype(np.uint32)
    channels = ((words >> 11) * 255 // 31, (words >> 5 & 63) * 255 // 63, (words & 31) * 255 // 31)
    return np.stack(channels, axis=-1).astype(np.uint8)


def main() -> None:
    """Write every picture."""
    for folder in (GOLDEN, PICTURES):
        folder.mkdir(exist_ok=True)
    for name, language, case, size in cases():
        panel, data = bytes_of(language, case, size, bits=32)
        picture = decoded(panel, data.tobytes())[:, :, ::-1]
        cv2.imwrite(str(GOLDEN / f"{name}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        if size == SIZES[""]:
            panel, data = bytes_of(language, case, size, bits=16)
            shown = decoded(panel, data.tobytes())[:, :, ::-1]
            target = PICTURES / f"display-{name}.png"
            cv2.imwrite(str(target), shown, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    for name, language, size in sheets():
        picture = sheet(language, size, bits=32)[:, :, ::-1]
        cv2.imwrite(str(GOLDEN / f"{name}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        if size == SIZES[""]:
            target = PICTURES / f"display-{name}.png"
            shown = sheet(language, size, bits=16)[:, :, ::-1]
            cv2.imwrite(str(target), shown, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
