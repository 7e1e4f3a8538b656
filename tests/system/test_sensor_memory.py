"""The simulated sensor waits for no disk: what it shows is in memory, and it writes to none.

Otherwise a machine whose disk is busy loses pictures that no daemon could have kept. The daemon
itself may wait for its card: that is what its ring is for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hw_mocks.footage import LORES, MAIN, PreparedSource, picture_bytes, stream_files
from hw_mocks.resident import Held
from open_files import open_files

from tests.system.gaps import start_recording
from tests.system.harness import BodyCamera, body_camera, configuration

pytestmark = [pytest.mark.system, pytest.mark.campaign]

NO_DISK = ("/memfd:", "/proc/", "/dev/", "/sys/", "pipe:", "socket:", "anon_inode:")


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodyCamera]:
    directory = tmp_path_factory.mktemp("camera")
    with body_camera(directory, configuration(directory)) as made:
        yield made


def test_what_the_sensor_shows_is_in_memory_whatever_the_kernel_would_drop(
    camera: BodyCamera,
) -> None:
    files = stream_files(camera.footage)
    held = Held(files)
    may = held.whole
    held.close()
    if not may:
        pytest.skip("this user may not hold a whole film in memory, or there is too little of it")
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    waited = {}
    for stream in (MAIN, LORES):
        source = PreparedSource(camera.footage, stream)
        into = np.empty(picture_bytes(source.width, source.height), np.uint8)
        for number in range(source.count):
            source.read(number, into)
        source.close()
        waited[stream] = source.read_back
    assert waited == {MAIN: 0, LORES: 0}


def test_the_sensors_process_writes_to_no_disk(camera: BodyCamera) -> None:
    start_recording(camera)
    assert camera.capture_pid is not None
    written = {
        path
        for line in Path(f"/proc/{camera.capture_pid}/maps").read_text().splitlines()
        for _, access, _, _, _, *path in [line.split(maxsplit=5)]
        if access.startswith(("rws", "-ws")) and not path[0].startswith(NO_DISK)
    }
    assert written == set()
    opened = list(open_files(camera.capture_pid))
    assert any(name.endswith(".yuv") for name, _ in opened), "the film is seen"
    assert [name for name, writable in opened if writable and not name.startswith(NO_DISK)] == []
    camera.stop()
