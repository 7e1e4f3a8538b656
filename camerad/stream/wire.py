"""How the capture process and the controller talk over their socket pair.

The capture process sends *messages*: a header of fixed size (`HEADER`, little-endian) and a body of
`length` bytes. The body of a PACKET is one access unit of H.264 in Annex B form (ITU-T H.264,
annex B) and goes from the socket straight into the ring; the body of every other message is a JSON
object in UTF-8. The controller sends *commands*: one JSON object in UTF-8 on a line.

The socket is a stream, so a message may arrive in pieces; neither end ever blocks the other. A
header that is not of this form raises WireError, and the controller then restarts the capture
process: after it nothing on the socket can be trusted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from camerad.errors import WireError

MAGIC: Final = b"CW1\n"
HEADER: Final = struct.Struct("<4sBBHIIqI")
"""magic, kind, flags, reserved (0), epoch, frame, pts_us, length."""

FLAG_KEY: Final = 1
MAX_PACKET: Final = 16 * 1024 * 1024
MAX_JSON: Final = 64 * 1024
MAX_COMMAND: Final = 4096


class Kind(IntEnum):
    """What a message is."""

    PACKET = 1
    """One encoded picture."""
    HELLO = 2
    """First message of a process, what it opened: {"camera", "platform", "encoder", "width",
    "height", ...}"""
    BEAT = 3
    """Several times a second while the sensor delivers: {"frame", "pts_us", "delivered",
    "encoded"}, counted since the process began."""
    GAP = 4
    """Frames that the sensor exposed and that will never come: {"reason", "frames", "from_us",
    "to_us"}; the pts of the last frame before and the first frame after."""
    ERROR = 5
    """The process cannot go on: {"message"}; it exits afterwards."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one message.

    epoch: number of the `arm` command under which a PACKET was encoded; 0 in other messages.
    frame: the sensor's own frame number (libcamera ``FrameMetadata.sequence``), modulo 2**32.
    pts_us: media time in microseconds of CLOCK_BOOTTIME.
    length: bytes of the body.
    """

    kind: Kind
    key: bool
    epoch: int
    frame: int
    pts_us: int
    length: int

    def pack(self) -> bytes:
        """The header as it goes over the wire, `HEADER.size` bytes."""
        flags = FLAG_KEY if self.key else 0
        return HEADER.pack(
            MAGIC, self.kind, flags, 0, self.epoch, self.frame, self.pts_us, self.length
        )


def unpack(data: bytes | bytearray | memoryview) -> Header:
    """The header in exactly `HEADER.size` bytes.

    Raises WireError if the magic, the kind, a flag or the length is not of this format.
    """
    magic, kind, flags, reserved, epoch, frame, pts_us, length = HEADER.unpack(data)
    if magic != MAGIC:
        raise WireError(f"not a message of the capture process: it begins with {magic!r}")
    try:
        known = Kind(kind)
    except ValueError:
        raise WireError(f"unknown kind of message: {kind}") from None
    if flags & ~FLAG_KEY or reserved:
        raise WireError(f"unknown flags in a {known.name} message: {flags:#x}, {reserved:#x}")
    limit = MAX_PACKET if known is Kind.PACKET else MAX_JSON
    if not 0 < length <= limit:
        raise WireError(f"a {known.name} message of {length} bytes; allowed are 1 to {limit}")
    return Header(known, bool(flags & FLAG_KEY), epoch, frame, pts_us, length)


def message(kind: Kind, body: dict[str, Any]) -> bytes:
    """A whole JSON message."""
    data = json.dumps(body, separators=(",", ":")).encode()
    return Header(kind, False, 0, 0, 0, len(data)).pack() + data


def parse_body(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    """The JSON object of a message's body. Raises WireError if it is none."""
    try:
        body = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the body of a message is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise WireError(f"the body of a message is a {type(body).__name__}, not an object")
    return body


def command(name: str, **arguments: int | bool | str) -> bytes:
    """A command line for the capture process.

    arm(epoch): encode from now on, beginning with a key frame; packets carry `epoch`.
    disarm(): stop encoding and forget every encoded byte.
    view(on): write the low-resolution frames into the shared memory, or blacken it and stop.
    key_frame(): make the next picture a key frame.
    stop(): close the camera and exit.
    """
    return json.dumps({"command": name, **arguments}, separators=(",", ":")).encode() + b"\n"


class CommandReader:
    """Puts the command lines together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Every command that is complete with `data`.

        Raises WireError on a line that is not a JSON object with a "command", or is too long.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in (*lines, self._rest):
            if len(line) > MAX_COMMAND:
                raise WireError(f"a command of more than {MAX_COMMAND} bytes")
        for line in lines:
            body = parse_body(line)
            if not isinstance(body.get("command"), str):
                raise WireError(f"a command without a name: {line[:80]!r}")
            yield body
