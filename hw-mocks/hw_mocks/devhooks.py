"""Device files that picamera2 opens by itself, below libcamera.

picamera2's allocator opens a DMA heap and uses three ioctls on it and its buffers, its platform
probe asks the video devices who they are, and its hardware encoder is one of them. `install`
answers exactly those in this process, so that picamera2 runs unchanged: a heap allocation gives a
memfd, the CPU's access to a buffer (DMA_BUF_IOCTL_SYNC) is counted, so that a START without its END
shows, and the encoder's device is `hw_mocks.encoder`. The video devices of the machine itself are
not seen. Everything else is passed on.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import io
import mmap
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from hw_mocks.sensor import SENSOR, Fault, Platform

if TYPE_CHECKING:
    from hw_mocks.encoder import Encoder

# linux/dma-heap.h, linux/dma-buf.h and linux/videodev2.h
DMA_HEAP_IOCTL_ALLOC: Final = 0xC0184800
DMA_BUF_IOCTL_SYNC: Final = 0x40086200
DMA_BUF_SYNC_END: Final = 1 << 2
DMA_BUF_SET_NAME: Final = 0x40086201
VIDIOC_QUERYCAP: Final = 0x80685600

_HEAPS: Final = "/dev/dma_heap/"
_VIDEO: Final = re.compile(r"/dev/video\d+")
_PISP_DEVICE: Final = "/dev/video0"
_ENCODER_DEVICE: Final = "/dev/video11"
_NOWHERE: Final = "/dev/null"
_CARD: Final = (16, b"pispbe\0")  # offset and value of v4l2_capability.card
_MFD_NAME: Final = "simulated-dmabuf"

_real_ioctl: Callable[..., Any] = fcntl.ioctl
_real_os_open: Callable[..., int] = os.open
_real_open: Callable[..., Any] = builtins.open
_real_exists: Callable[..., bool] = os.path.exists
_real_mmap = mmap.mmap

_lock = threading.Lock()
_depth: dict[int, int] = {}
_probes: weakref.WeakSet[io.IOBase] = weakref.WeakSet()


class _Mmap(_real_mmap):
    """``mmap.mmap`` that maps the encoder's buffers where its device is what is to be mapped."""

    def __new__(cls, fileno: int, *args: Any, **kwargs: Any) -> Self:
        device = _encoder_of(fileno)
        return super().__new__(cls, fileno if device is None else device.memory, *args, **kwargs)


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
    mmap.mmap = _Mmap  # type: ignore[misc]


def uninstall() -> None:
    """Take the simulated devices away again."""
    fcntl.ioctl = _real_ioctl
    os.open = _real_os_open
    builtins.open = _real_open
    os.path.exists = _real_exists
    mmap.mmap = _real_mmap  # type: ignore[misc]


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
    if (device := _encoder_of(fd)) is not None:
        return device.ioctl(code, arg)
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
        if path == _ENCODER_DEVICE:
            return SENSOR.has_encoder
        return SENSOR.platform is Platform.PISP and path == _PISP_DEVICE
    return _real_exists(path)


def _open(file: Any, *args: Any, **kwargs: Any) -> Any:
    if not (isinstance(file, str) and _VIDEO.fullmatch(file)):
        return _real_open(file, *args, **kwargs)
    if not _exists(file):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
    if file == _ENCODER_DEVICE:
        return _open_encoder()
    probe = _real_open(_NOWHERE, *args, **kwargs)
    _probes.add(probe)
    return probe


def _open_encoder() -> Any:
    # Loads what only those need who encode.
    from hw_mocks import encoder

    return encoder.open_device()


def _encoder_of(file: Any) -> Encoder | None:
    """The encoder behind a descriptor or an open file, if it is one."""
    loaded = sys.modules.get("hw_mocks.encoder")
    found: Encoder | None = loaded.opened(file) if loaded is not None else None
    return found
