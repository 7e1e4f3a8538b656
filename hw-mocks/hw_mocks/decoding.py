"""What can be decoded of a film, as players do it: a packet that is bad costs what it holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av.container


def frames(path: Path, container: av.container.InputContainer, stream: Any) -> Iterator[Any]:
    """The frames of a stream in their order; at the end stderr says what was left out.

    A film that breaks off ends there. Raises av.FFmpegError, the first one, if nothing at all can
    be decoded.
    """
    import av

    first: av.FFmpegError | None = None
    bad = good = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:  # the file breaks off, or goes on with something else
            first, bad = first or error, bad + 1
            break
        if packet is None:
            break
        try:
            found = packet.decode()
        except av.FFmpegError as error:
            first, bad = first or error, bad + 1
            continue
        good += len(found)
        yield from found
    if first is None:
        return
    if not good:
        raise first
    sys.stderr.write(
        f"{path}: {bad} {stream.type} packet(s) cannot be decoded ({first.strerror}): "
        "what they hold is left out\n"
    )
