"""Film that is held in memory is read without a wait, whatever the kernel would drop."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from libcamera_support import running
from waiting import DEADLINE

from hw_mocks import resident
from hw_mocks.footage import PreparedSource, load_info, picture_bytes, stream_files
from hw_mocks.resident import Held
from hw_mocks.sensor import SENSOR

WIDTH, HEIGHT, FRAMES = 640, 480, 4
SIZE = picture_bytes(WIDTH, HEIGHT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A film of four grey pictures, one lighter than the other, with no second stream."""
    (tmp_path / "info.json").write_text(
        f'{{"clip": "grey", "frames": {FRAMES}, "sizes": {{"main": [{WIDTH}, {HEIGHT}]}}}}'
    )
    with (tmp_path / "main.yuv").open("wb") as file:
        for number in range(FRAMES):
            file.write(bytes([number]) * SIZE)
        # Only what the disk has can be dropped.
        file.flush()
        os.fsync(file.fileno())
    return tmp_path


def drop(folder: Path) -> None:
    """Let the kernel drop what it can of the film."""
    for path in stream_files(folder):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_back(folder: Path) -> int:
    """How many pictures of the film one reader of all of them waits for."""
    source = PreparedSource(folder, "main")
    into = np.empty(SIZE, np.uint8)
    for number in range(load_info(folder).frames):
        source.read(number, into)
        assert np.all(into == number)
    source.close()
    return source.read_back


@pytest.fixture
def on_disk(folder: Path) -> Path:
    """The film, on a file system whose files the kernel drops and that says what is not there."""
    drop(folder)
    if not read_back(folder):
        pytest.skip(f"{folder} is in memory whatever happens")
    return folder


def test_a_film_that_is_held_is_not_dropped_until_it_is_let_go(on_disk: Path) -> None:
    drop(on_disk)
    held = Held(stream_files(on_disk))
    assert held.whole
    drop(on_disk)
    assert read_back(on_disk) == 0
    again = Held(stream_files(on_disk))
    held.close()
    held.close()
    drop(on_disk)
    assert read_back(on_disk) == 0, "another process or simulator still holds it"
    again.close()
    drop(on_disk)
    assert read_back(on_disk) > 0


def test_a_picture_that_the_sensor_has_to_wait_for_is_counted(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SENSOR, "footage", on_disk)
    # Nobody asks for it early: whether that is in time is luck with so short a film.
    monkeypatch.setattr(resident.Ahead, "shows", lambda *_: None)
    drop(on_disk)
    with running() as app:
        app.frames(2 * FRAMES)
        assert sum(painter.read_back for painter in app.camera._painters.values()) >= 1


def refused(number: int) -> Callable[[pytest.MonkeyPatch, Path], None]:
    def mlock(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    def refuse(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
        monkeypatch.setattr(resident._libc, "mlock", mlock)

    return refuse


LIMITED = """
import resource, sys
from pathlib import Path
from hw_mocks.resident import Held
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_MEMLOCK, (path.stat().st_size // 2,) * 2)
print(Held([path]).whole)
"""


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is missing")
def test_a_user_who_may_not_lock_so_much_goes_without(folder: Path) -> None:
    # Root without the right to lock more than the limit says is as good as anybody.
    user = ["setpriv", "--bounding-set", "-ipc_lock"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*user, sys.executable, "-c", LIMITED, str(folder / "main.yuv")],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
