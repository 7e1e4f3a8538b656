"""Footage: prepared once, whole or not at all, and played as it was prepared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from waiting import until

from hw_mocks import footage
from hw_mocks.footage import (
    PreparedSource,
    load_info,
    picture_bytes,
    prepare,
    source_picture,
)
from hw_mocks.rendering import FootageError

PACKAGE = Path(footage.__file__).parent.parent


def make_clip(path: Path, width: int = 64, height: int = 48, frames: int = 6) -> Path:
    """A film whose picture n is grey of level 40 + 20 n, with a white bar at its left edge."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = 40 + 20 * number
            picture[:height, : width // 8] = 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv")


def middle(folder: Path, number: int, stream: str = "main") -> int:
    """The luma in the middle of a picture."""
    picture = source_picture(folder, number, stream)
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    return int(picture[height // 2, width // 2])


def test_both_streams_have_their_size_and_every_picture(clip: Path, tmp_path: Path) -> None:
    folder = prepare(clip, 160, 120, (32, 24), tmp_path / "cache")
    info = load_info(folder)
    assert (info.clip, info.frames) == ("clip.mkv", 6)
    assert info.sizes == {"main": (160, 120), "lores": (32, 24)}
    assert source_picture(folder, 0).shape == (180, 160)
    assert source_picture(folder, 0, "lores").shape == (36, 32)
    assert [middle(folder, n) for n in range(6)] == [40, 60, 80, 100, 120, 140]
    assert [middle(folder, n, "lores") for n in range(6)] == [40, 60, 80, 100, 120, 140]


def test_after_the_last_picture_comes_the_first(clip: Path, tmp_path: Path) -> None:
    folder = prepare(clip, 64, 48, None, tmp_path / "cache")
    assert [middle(folder, n) for n in (5, 6, 7, 60_000_007)] == [140, 40, 60, 60]


def test_the_picture_fills_the_stream_in_its_proportions(clip: Path, tmp_path: Path) -> None:
    """64x48 to 128x48 is scaled by 2 and cut above and below: the bar of 8 becomes one of 16."""
    picture = source_picture(prepare(clip, 128, 48, None, tmp_path / "cache"), 0)[:48]
    assert np.all(picture[:, :14] > 220)
    assert np.all(picture[:, 18:] < 60)
    # To 32x48 it is not scaled but cut at both sides, by 16: no bar is left.
    assert np.all(source_picture(prepare(clip, 32, 48, None, tmp_path / "cache"), 0)[:48] == 40)


def test_what_is_prepared_is_not_prepared_again(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare(clip, 64, 48, None, tmp_path / "cache")
    assert "clip.mkv to 64x48: 6/300 pictures" in capsys.readouterr().err
    stamp = (first / "main.yuv").stat().st_mtime_ns
    assert prepare(clip, 64, 48, None, tmp_path / "cache") == first
    assert (first / "main.yuv").stat().st_mtime_ns == stamp
    assert capsys.readouterr().err == ""


def cut_short(folder: Path) -> None:
    os.truncate(folder / "main.yuv", 1000)


def without_info(folder: Path) -> None:
    (folder / "info.json").unlink()


def broken_info(folder: Path) -> None:
    (folder / "info.json").write_text("{")


def info_of_another_kind(folder: Path) -> None:
    (folder / "info.json").write_text(json.dumps([1, 2]))


@pytest.mark.parametrize("spoil", [cut_short, without_info, broken_info, info_of_another_kind])
def test_footage_that_is_not_whole_is_refused_and_prepared_again(
    spoil: Callable[[Path], None], clip: Path, tmp_path: Path
) -> None:
    folder = prepare(clip, 64, 48, None, tmp_path / "cache")
    spoil(folder)
    with pytest.raises(FootageError, match="no prepared footage"):
        load_info(folder)
    assert prepare(clip, 64, 48, None, tmp_path / "cache") == folder
    assert load_info(folder).frames == 6


def test_remains_of_a_killed_preparation_do_no_harm(clip: Path, tmp_path: Path) -> None:
    folder = prepare(clip, 64, 48, None, tmp_path / "cache")
    folder.rename(folder.parent / f"{folder.name}.part")
    assert load_info(prepare(clip, 64, 48, None, tmp_path / "cache")).frames == 6
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix == ".part"] == []


def test_processes_that_prepare_the_same_at_once_get_one_whole_footage(
    clip: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "hw_mocks.footage", str(clip), "640x480", "320x240"]
    command += ["--cache", str(tmp_path / "cache")]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    running = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    folders = {output for output, _ in outputs}
    assert len(folders) == 1
    assert load_info(Path(folders.pop().strip())).frames == 6
    # Only the one that prepared had anything to say.
    assert sum(bool(errors) for _, errors in outputs) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file"),
        (b"no film at all", "cannot be read as film"),
        (b"", "cannot be read"),
    ],
)
def test_what_is_no_film_is_named(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FootageError, match=rf"film\.mkv: .*{complaint}"):
        prepare(path, 64, 48, None, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/info.json"))


def test_a_source_reads_into_place_and_closes(clip: Path, tmp_path: Path) -> None:
    folder = prepare(clip, 64, 48, None, tmp_path / "cache")
    before = len(os.listdir("/proc/self/fd"))
    source = PreparedSource(folder, "main")
    whole = np.zeros(picture_bytes(64, 48) + 10, np.uint8)
    source.read(2, whole[5:-5])
    assert np.array_equal(whole[5:-5], source_picture(folder, 2).reshape(-1))
    assert not whole[:5].any()
    assert not whole[-5:].any()
    cut_short(folder)
    with pytest.raises(FootageError, match="cut short"):
        source.read(2, whole[5:-5])
    source.close()
    source.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_shown_was_asked_for_a_second_before_and_only_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other programs may have the disk for a while: it is not to be waited for at the instant."""
    folder = prepare(clip, 160, 120, None, tmp_path / "cache")
    count, size = load_info(folder).frames, picture_bytes(160, 120)
    asked: list[int] = []

    def advise(_: int, offset: int, length: int, what: int) -> None:
        assert (length, what) == (size, os.POSIX_FADV_WILLNEED)
        assert offset % size == 0
        asked.append(offset // size)

    monkeypatch.setattr(os, "posix_fadvise", advise)
    source = PreparedSource(folder, "main", ahead=True)
    into = np.empty(size, np.uint8)

    def show(first: int, last: int, asked_from: int) -> None:
        for number in range(first, last):
            source.read(number, into)
            # 30 pictures are a second.
            until(lambda number=number: asked_from + len(asked) >= number + 30)
        assert source._ahead is not None
        until(lambda: source._ahead._asked == asked_from + len(asked))
        assert asked == [one % count for one in range(asked_from, asked_from + len(asked))]

    show(1000, 1200, 1001)
    # A camera that was off for a while goes on somewhere else.
    asked.clear()
    show(5000, 5100, 5001)
    source.close()
    until(lambda: not any(one.name == "film-ahead" for one in threading.enumerate()))
    unread = PreparedSource(folder, "main", ahead=True)
    unread.close()
