"""Devices that picamera2 opens by itself."""

from __future__ import annotations

import builtins
import ctypes
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import DEADLINE

from hw_mocks import devhooks
from hw_mocks.sensor import SENSOR, Platform

HEAP = "/dev/dma_heap/linux,cma"


class Allocation(ctypes.Structure):
    """dma_heap_allocation_data of linux/dma-heap.h."""

    _fields_ = (
        ("len", ctypes.c_uint64),
        ("fd", ctypes.c_uint32),
        ("fd_flags", ctypes.c_uint32),
        ("heap_flags", ctypes.c_uint64),
    )


class Sync(ctypes.Structure):
    """dma_buf_sync of linux/dma-buf.h."""

    _fields_ = (("flags", ctypes.c_uint64),)


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    """The devices, for one test; afterwards as it was, in place or not."""
    installed = os.open is not devhooks._real_os_open
    SENSOR.reset()
    devhooks.install()
    yield
    SENSOR.reset()
    if not installed:
        devhooks.uninstall()


def allocate(size: int) -> int:
    heap = os.open(HEAP, os.O_RDWR | os.O_CLOEXEC)
    try:
        wanted = Allocation(len=size)
        assert fcntl.ioctl(heap, devhooks.DMA_HEAP_IOCTL_ALLOC, wanted) == 0
        return int(wanted.fd)
    finally:
        os.close(heap)


def sync(fd: int, flags: int) -> None:
    assert fcntl.ioctl(fd, devhooks.DMA_BUF_IOCTL_SYNC, Sync(flags=flags)) == 0


def test_a_heap_gives_memory_that_can_be_named_and_mapped() -> None:
    fd = allocate(8192)
    assert os.fstat(fd).st_size == 8192
    assert not os.get_inheritable(fd)
    name: Any = "picamera2-0"
    assert fcntl.ioctl(fd, devhooks.DMA_BUF_SET_NAME, name) == b"picamera2-0"
    os.close(fd)


def test_access_that_is_not_ended_shows() -> None:
    fd = allocate(8192)
    sync(fd, 1)
    sync(fd, 1)
    assert devhooks.unbalanced() == {fd: 2}
    sync(fd, 1 | devhooks.DMA_BUF_SYNC_END)
    assert devhooks.unbalanced() == {fd: 1}
    sync(fd, 1 | devhooks.DMA_BUF_SYNC_END)
    assert devhooks.unbalanced() == {}
    assert SENSOR.violations == []
    sync(fd, 1 | devhooks.DMA_BUF_SYNC_END)
    assert SENSOR.violations == [f"DMA_BUF_SYNC_END without START on descriptor {fd}"]
    os.close(fd)


def test_the_machines_own_video_devices_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devhooks, "_real_exists", lambda path: True)

    def there() -> list[int]:
        return [number for number in range(64) if os.path.exists(f"/dev/video{number}")]

    monkeypatch.setattr(SENSOR, "platform", Platform.VC4)
    assert there() == [11]
    monkeypatch.setattr(SENSOR, "_no_encoder", True)
    assert there() == []
    assert os.path.exists("/dev/video")
    # As picamera2 does it; pathlib has a way of its own to open files.
    with pytest.raises(FileNotFoundError), builtins.open("/dev/video11", "rb+", buffering=0):
        pass
    monkeypatch.setattr(SENSOR, "platform", Platform.PISP)
    assert there() == [0]


@pytest.mark.parametrize(("platform", "encoder"), [("vc4", "H264Encoder"), ("pisp", "Libav")])
def test_picamera2_takes_the_machine_for_the_platform(platform: str, encoder: str) -> None:
    script = (
        "import picamera2, picamera2.encoders as e, picamera2.platform as p;"
        "print(p.get_platform().name, e.H264Encoder.__name__)"
    )
    environment = os.environ | {
        "PYTHONPATH": str(Path(devhooks.__file__).parent.parent),
        "HW_MOCKS_PLATFORM": platform,
        "HW_MOCKS_WORLD": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    name, encoder_name = done.stdout.split()
    assert name == platform.upper()
    assert encoder_name.startswith(encoder)
