"""Device files that picamera2 opens by itself, below libcamera.

picamera2's allocator opens a DMA heap and uses three ioctls on it and its buffers, and its platform
probe asks the video devices who they are. `install` answers exactly those in this process, so that
picamera2 runs unchanged: a heap allocation gives a memfd, and the CPU's access to a buffer
(DMA_BUF_IOCTL_SYNC) is counted, so that a START without its END shows. The video devices of the
machine itself are not seen. Everything else is passed on.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import io
import os
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from hw_mocks.sensor import SENSOR, Fault, Platform

# linux/dma-heap.h, linux/dma-buf.h and linux/videodev2.h
DMA_HEAP_IOCTL_ALLOC: Final = 0xC0184800
DMA_BUF_IOCTL_SYNC: Final = 0x40086200
DMA_BUF_SYNC_END: Final = 1 << 2
DMA_BUF_SET_NAME: Final = 0x40086201
VIDIOC_QUERYCAP: Final = 0x80685600

_HEAPS: Final = "/dev/dma_heap/"
_VIDEO: Final = re.compile(r"/dev/video\d+")
_PISP_DEVICE: Final = "/dev/video0"
_NOWHERE: Final = "/dev/null"
_CARD: Final = (16, b"pispbe\0")  # offset and value of v4l2_capability.card
_MFD_NAME: Final = "simulated-dmabuf"

_real_ioctl: Callable[..., Any] = fcntl.ioctl
_real_os_open: Callable[..., int] = os.open
_real_open: Callable[..., Any] = builtins.open
_real_exists: Callable[..., bool] = os.path.exists

_lock = threading.Lock()
_depth: dict[int, int] = {}
_probes: weakref.WeakSet[io.IOBase] = weakref.WeakSet()


def unbalanced() -> dict[int, int]:
    """Buffers that the CPU's access has begun to and not ended: descriptor and how often."""
    with _lock:
        return dict(_depth)


def install() -> None:
    """Put the simulated devices in place. Does nothing when called again."""
    fcntl.ioctl = _ioctl
    os.open = _os_open
    builtins.open = _open
    os.path.exists = _exists


def uninstall() -> None:
    """Take the simulated devices away again."""
    fcntl.ioctl = _real_ioctl
    os.open = _real_os_open
    builtins.open = _real_open
    os.path.exists = _real_exists


def _ioctl(fd: Any, request: int, arg: Any = 0, mutate_flag: bool = True) -> Any:
    code = request & 0xFFFFFFFF
    if code == DMA_HEAP_IOCTL_ALLOC:
        arg.fd = _allocate(arg.len)
        return 0
    if code == DMA_BUF_IOCTL_SYNC:
        _sync(fd, ended=bool(arg.flags & DMA_BUF_SYNC_END))
        return 0
    if code == DMA_BUF_SET_NAME:
        return arg.encode() if isinstance(arg, str) else arg
    if code == VIDIOC_QUERYCAP and isinstance(fd, io.IOBase) and fd in _probes:
        offset, card = _CARD
        ctypes.memmove(ctypes.addressof(arg) + offset, card, len(card))
        return 0
    return _real_ioctl(fd, request, arg, mutate_flag)


def _allocate(size: int) -> int:
    if SENSOR.take(Fault.ALLOC_ERROR):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    fd = os.memfd_create(_MFD_NAME, os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


def _sync(fd: int, *, ended: bool) -> None:
    with _lock:
        depth = _depth.get(fd, 0) + (-1 if ended else 1)
        if depth > 0:
            _depth[fd] = depth
        else:
            _depth.pop(fd, None)
    if depth < 0:
        SENSOR.violations.append(f"DMA_BUF_SYNC_END without START on descriptor {fd}")


def _os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    if isinstance(path, str) and path.startswith(_HEAPS):
        path = _NOWHERE
    return _real_os_open(path, flags, *args, **kwargs)


def _exists(path: Any) -> bool:
    if isinstance(path, str) and _VIDEO.fullmatch(path):
        return SENSOR.platform is Platform.PISP and path == _PISP_DEVICE
    return _real_exists(path)


def _open(file: Any, *args: Any, **kwargs: Any) -> Any:
    if not (isinstance(file, str) and _VIDEO.fullmatch(file)):
        return _real_open(file, *args, **kwargs)
    if not _exists(file):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
    probe = _real_open(_NOWHERE, *args, **kwargs)
    _probes.add(probe)
    return probe
