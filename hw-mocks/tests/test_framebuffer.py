"""The front display that fails below the program that writes to it."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import DEADLINE

from hw_mocks.bus import now_us
from hw_mocks.framebuffer import (
    ERROR,
    GONE,
    HANG,
    PANEL_VARIABLE,
    ROLE,
    SLOW,
    SLOW_SECONDS,
    Framebuffer,
    install_from_environment,
)
from hw_mocks.world import WorldThread

LONG_US = 600_000_000


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "fb0"
    path.write_bytes(bytes(8))
    return path


@pytest.fixture
def framebuffer(device: Path) -> Iterator[Framebuffer]:
    board = Framebuffer(str(device))
    board.install()
    yield board
    board.remove()


def refused(work: Callable[[], object]) -> int | None:
    with pytest.raises(OSError) as caught:
        work()
    return caught.value.errno


@pytest.mark.parametrize(("fault", "number"), [(GONE, errno.ENODEV), (ERROR, errno.EIO)])
def test_a_write_fails_as_the_kernel_would_have_it_until_the_fault_ends(
    framebuffer: Framebuffer, device: Path, fault: str, number: int
) -> None:
    fd = os.open(str(device), os.O_WRONLY)
    framebuffer.fail(fault, now_us() + LONG_US)
    assert refused(lambda: os.pwrite(fd, b"abc", 0)) == number
    framebuffer.fail(fault, 0)
    assert os.pwrite(fd, b"abc", 0) == 3
    os.close(fd)


def test_a_display_that_is_gone_cannot_be_opened_and_other_files_can(
    framebuffer: Framebuffer, device: Path
) -> None:
    framebuffer.fail(GONE, now_us() + LONG_US)
    assert refused(lambda: os.open(str(device), os.O_WRONLY)) == errno.ENOENT
    other = os.open(str(device.with_name("other")), os.O_WRONLY | os.O_CREAT)
    assert os.pwrite(other, b"abc", 0) == 3
    os.close(other)


def test_a_write_hangs_until_the_driver_comes_back(framebuffer: Framebuffer, device: Path) -> None:
    fd = os.open(str(device), os.O_WRONLY)
    framebuffer.fail(HANG, now_us() + LONG_US)
    writer = threading.Thread(target=lambda: os.pwrite(fd, b"abc", 0))
    writer.start()
    # Meanwhile another one that began later writes to another file.
    other = threading.Thread(target=device.with_name("other").write_bytes, args=(b"abc",))
    other.start()
    other.join(DEADLINE)
    assert not other.is_alive() and writer.is_alive()
    framebuffer.fail(HANG, 0)
    writer.join(DEADLINE)
    assert not writer.is_alive()
    assert device.read_bytes()[:3] == b"abc"
    os.close(fd)


def test_a_slow_display_takes_its_time_for_every_write(
    framebuffer: Framebuffer, device: Path
) -> None:
    fd = os.open(str(device), os.O_WRONLY)
    framebuffer.fail(SLOW, now_us() + LONG_US)
    began_us = now_us()
    assert os.pwrite(fd, b"abc", 0) == 3
    assert now_us() - began_us >= SLOW_SECONDS * 1e6
    os.close(fd)


def test_the_world_tells_it_of_faults_and_a_new_process_of_those_that_hold(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PANEL_VARIABLE, str(device))
    monkeypatch.setenv("HW_MOCKS_WORLD", str(tmp_path / "world"))
    with WorldThread(tmp_path / "world") as world:
        world.tell(ROLE, {"fault": ERROR, "until_us": now_us() + LONG_US}, keep=ERROR)
        board = install_from_environment()
        assert board is not None
        try:
            fd = os.open(str(device), os.O_WRONLY)
            assert refused(lambda: os.pwrite(fd, b"abc", 0)) == errno.EIO
            os.close(fd)
        finally:
            board.remove()
