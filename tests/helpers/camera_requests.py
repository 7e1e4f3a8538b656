"""Requests of a camera with given contents, as picamera2 hands them out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from picamera2.allocators.allocator import Allocator
from picamera2.request import Helpers

from camerad.capture.capture_settings import CaptureSettings

Bytes = NDArray[np.uint8]


class _Memory(Allocator):  # type: ignore[misc] # picamera2 has no types
    """Buffers in this process's memory."""

    def __init__(self, contents: dict[str, Bytes]) -> None:
        super().__init__()
        self.contents = contents
        self.sync = lambda _allocator, buffer, _write: _Held(self.contents[buffer.stream])


class _Held:
    def __init__(self, content: Bytes) -> None:
        self.content = content

    def __enter__(self) -> Bytes:
        return self.content

    def __exit__(self, *_: object) -> None:
        pass


class _Buffer:
    """A key of dictionaries, as libcamera's are."""

    def __init__(self, stream: str, used: int) -> None:
        self.stream = stream
        self.metadata = SimpleNamespace(planes=[SimpleNamespace(bytes_used=used)])


def request_of(
    settings: CaptureSettings,
    format_: str,
    stride: int,
    used: int | None = None,
    **contents: Bytes,
) -> Any:
    """A request whose streams, `main` and perhaps `lores`, have these contents.

    stride: of the main stream, bytes. used: bytes of a buffer that hold picture, all if None.
    """
    sizes = {
        "main": (settings.width, settings.height),
        "lores": (settings.lores_width, settings.lores_height),
    }
    strides = {"main": stride, "lores": settings.lores_width}
    configured = {
        name: {"format": format_, "size": sizes[name], "stride": strides[name]} for name in contents
    }
    picam2 = SimpleNamespace(
        allocator=_Memory(contents),
        helpers=Helpers(None),
        stream_map={name: name for name in contents},
        stream_configuration=configured.__getitem__,
    )
    buffers = {
        name: _Buffer(name, len(content) if used is None else used)
        for name, content in contents.items()
    }
    return SimpleNamespace(
        request=SimpleNamespace(buffers=buffers),
        picam2=picam2,
        stream_map=picam2.stream_map,
        config=configured,
    )
