"""Date, time and camera are in the picture itself, and right."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from hw_mocks import clips
from numpy.typing import NDArray

from tests.breadth import campaign
from tests.system import sealed, stamps
from tests.system.harness import body_camera, configuration

pytestmark = pytest.mark.system

FRAME_US = 33_333
BOUNDARY_US = 20_000
"""So near to a change of second two readings of two clocks may differ (5 ms each in `both`)."""
GERMANY = "CET-1CEST,M3.5.0,M10.5.0/3"


def dark_and_bright(path: Path) -> None:
    """A second of the street at night, one of it in glaring light: 60 real pictures."""
    with av.open(str(clips.find("vtest.avi"))) as source, av.open(str(path), "w") as film:
        street = source.streams.video[0]
        made = film.add_stream("mjpeg", rate=30, options={"q:v": "3"})
        made.width, made.height, made.pix_fmt = street.width, street.height, "yuvj420p"
        for number, picture in enumerate(source.decode(street)):
            if number == 60:
                break
            planes = picture.to_ndarray(format="yuv420p")
            luma = planes[: picture.height]
            luma[:] = luma // 5 + 12 if number < 30 else 150 + luma.astype(np.uint16) * 2 // 5
            film.mux(made.encode(av.VideoFrame.from_ndarray(planes, "yuvj420p")))
        film.mux(made.encode())


@pytest.mark.parametrize(("width", "height"), [(1280, 720), campaign(1920, 1080)])
def test_the_stamp_is_read_back_right_to_the_second(
    tmp_path: Path, width: int, height: int
) -> None:
    film = tmp_path / "street.avi"
    dark_and_bright(film)
    config = configuration(
        tmp_path,
        "generic",
        device={"id": "camera-07"},
        pre_event={"seconds": 1},
        camera={"width": width, "height": height},
    )
    environment = {"TZ": GERMANY, "HW_MOCKS_CACHE": str(tmp_path / "cache")}
    with body_camera(tmp_path, config, footage=str(film), environment=environment) as camera:
        camera.press()
        camera.wait(stage="self_view")
        camera.pass_time(2.2)
        camera.press()
        camera.wait(stage="recording")
        camera.pass_time(1)
        recording = sealed.read(camera.stop()["path"])
    # 200 MB of pictures at the larger size.
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "film.mp4").write_bytes(recording.opened())
    origin_us, trigger_us = recording.header["origin_us"], recording.header["trigger_us"]

    looked_at: list[tuple[int, NDArray[np.uint8]]] = []
    with av.open(str(tmp_path / "film.mp4")) as opened:
        for number, picture in enumerate(opened.decode(video=0)):
            assert picture.pts is not None
            assert picture.time_base is not None
            media_us = origin_us + round(float(picture.pts * picture.time_base) * 1e6)
            # One in ten, and every one around the press.
            if number % 10 == 0 or abs(media_us - trigger_us) <= 4 * FRAME_US:
                looked_at.append((media_us, picture.to_ndarray(format="gray")))
    read = {"dark": 0, "bright": 0, "PRE": 0, "live": 0}
    for (media_us, luma), stamp in zip(
        looked_at, stamps.read(luma for _, luma in looked_at), strict=True
    ):
        exposed_us = stamps.wall_us(recording.commits, media_us)
        if BOUNDARY_US < exposed_us % 1_000_000 < 1_000_000 - BOUNDARY_US:
            assert stamp.second == exposed_us // 1_000_000
        # The summer of this zone is two hours before UTC, its winter one.
        assert stamp.offset_minutes in (60, 120)
        assert stamp.device == "camera-07"
        assert not stamp.marked, "the clock of the simulator is synchronised"
        # No picture of after the press lacks its PRE before that; two may have it too long.
        if media_us < trigger_us:
            assert stamp.pre
        elif media_us > trigger_us + 2 * FRAME_US:
            assert not stamp.pre
        read["PRE" if stamp.pre else "live"] += 1
        level = luma[: height // 2].mean()
        read["dark"] += bool(level < 60)
        read["bright"] += bool(level > 190)
    assert min(read.values()) >= 5, read
