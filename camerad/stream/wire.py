"""The protocol between the capture process and the controller on their socket pair.

The capture process sends *messages*: a header of fixed size (`HEADER`, little-endian) and a body of
`length` bytes. The body of a PACKET is one access unit of H.264 in Annex B form (ITU-T H.264,
annex B), that of a SOUND one access unit of AAC-LC without any framing (ISO/IEC 14496-3,
raw_data_block); both are footage and go from the socket straight into a ring. The body of every
other message is a JSON object in UTF-8. The controller sends *commands*: one JSON object in UTF-8
on a line.

The socket is a stream, so a message may arrive in pieces; neither end ever blocks the other. A
header that is not of this form raises WireError, and the controller then restarts the capture
process: after it nothing on the socket can be trusted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple

from camerad.base.errors import WireError

MAGIC: Final = b"CW1\n"
HEADER: Final = struct.Struct("<4sBBHIIqI")
"""magic, kind, flags, reserved (0), epoch, frame, pts_us, length."""

FLAG_KEY: Final = 1
MAX_PACKET: Final = 16 * 1024 * 1024
MAX_SOUND: Final = 64 * 1024
"""Far more than an access unit of AAC-LC can have, which is 768 bytes a channel (ISO/IEC 14496-3,
4.5.3.1: 6144 bits)."""
MAX_JSON: Final = 64 * 1024
MAX_COMMAND: Final = 4096


class MessageKind(IntEnum):
    """Kind of a message."""

    PACKET = 1
    """One encoded picture."""
    HELLO = 2
    """First message of a process, what it opened: {"camera", "platform", "encoder", "width",
    "height", ..., "sound"}. "sound" is null where no microphone is configured, else {"codec":
    "aac", "rate", "channels", "samples": per access unit, "config": AudioSpecificConfig in
    hexadecimal, "device"}; it is known before anything was heard."""
    BEAT = 3
    """Several times a second while the sensor delivers, and while it rests, then with the time of
    the beat and the frame from before: {"frame", "pts_us", "delivered",
    "encoded", "luma"}, counted since the process began. "luma" is how bright the picture is: nine
    tenths of it are not brighter (0 to 255); null if not measured."""
    GAP = 4
    """Frames that the sensor exposed and that will never come: {"reason", "frames", "from_us",
    "to_us"}; the pts of the last frame before and the first frame after."""
    ERROR = 5
    """The process cannot go on: {"message"}; it exits afterwards."""
    SOUND = 6
    """One access unit of sound. Its `pts_us` is the media time of the first sample that it decodes
    to, its `frame` counts the access units of this process life. Units with consecutive numbers
    follow each other without a seam, each exactly samples / rate later than the one before (the
    microphone's own clock is evened out). Where sound is missing, for whatever reason, the number
    jumps. `pts_us` never goes back, whatever the epoch. The first unit after a jump or of an epoch
    may decode to the silence before the first sample, which a decoder needs to begin with
    (encoder delay)."""
    SOUND_STATE = 7
    """What the microphone does, at every change: {"state": a `SoundState`, "at_us": since when,
    "why": str for MISSING and FAILED, else null}."""


FOOTAGE: Final = frozenset({MessageKind.PACKET, MessageKind.SOUND})
"""The kinds whose body is footage."""


class SoundState(StrEnum):
    """State of the microphone."""

    OFF = "off"
    """Its device is closed, as it was told."""
    STARTING = "starting"
    """Its device is being opened, or no sample has come yet."""
    ON = "on"
    """Samples arrive."""
    MISSING = "missing"
    """Its device cannot be opened, or was lost: it was unplugged, it has another name, or another
    program has it. It is tried again and again."""
    FAILED = "failed"
    """The device is there and gives no samples, or its library does not answer."""


class SoundMode(StrEnum):
    """Command for the microphone."""

    OFF = "off"
    """Its device is closed."""
    READY = "ready"
    """Its device is open; samples are read and overwritten, nothing is encoded."""
    ON = "on"
    """Sound is encoded and sent."""


class MessageHeader(NamedTuple):
    """The header of one message. A tuple, since two are made for every picture.

    epoch: number of the command under which footage was encoded, `arm` for a PACKET and `sound` for
    a SOUND; 0 in other messages. frame: of a PACKET the sensor's own frame number (libcamera
    ``FrameMetadata.sequence``), of a SOUND the number of the access unit, both modulo 2**32.
    pts_us: media time in microseconds of CLOCK_BOOTTIME. key: of a PACKET only.
    length: bytes of the body.
    """

    kind: MessageKind
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


_KINDS: Final = {kind.value: kind for kind in MessageKind}
_LIMITS: Final = {MessageKind.PACKET: MAX_PACKET, MessageKind.SOUND: MAX_SOUND}


def unpack(data: bytes | bytearray | memoryview) -> MessageHeader:
    """The header in exactly `HEADER.size` bytes.

    Raises WireError if the magic, the kind, a flag or the length is not of this format.
    """
    magic, kind, flags, reserved, epoch, frame, pts_us, length = HEADER.unpack(data)
    if magic != MAGIC:
        raise WireError(f"not a message of the capture process: it begins with {magic!r}")
    known = _KINDS.get(kind)
    if known is None:
        raise WireError(f"unknown kind of message: {kind}")
    if flags & ~(FLAG_KEY if known is not MessageKind.SOUND else 0) or reserved:
        raise WireError(f"unknown flags in a {known.name} message: {flags:#x}, {reserved:#x}")
    limit = _LIMITS.get(known, MAX_JSON)
    if not 0 < length <= limit:
        raise WireError(f"a {known.name} message of {length} bytes; allowed are 1 to {limit}")
    return MessageHeader(known, bool(flags & FLAG_KEY), epoch, frame, pts_us, length)


def message(kind: MessageKind, body: dict[str, Any]) -> bytes:
    """A whole JSON message."""
    data = json.dumps(body, separators=(",", ":")).encode()
    return MessageHeader(kind, False, 0, 0, 0, len(data)).pack() + data


def parse_body(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    """The JSON object of a message's body. Raises WireError if it is none."""
    try:
        body = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the body of a message is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise WireError(f"the body of a message is a {type(body).__name__}, not an object")
    return body


def command(name: str, **arguments: int | bool | str | None) -> bytes:
    """A command line for the capture process.

    arm(epoch): encode from now on, beginning with a key frame; packets carry `epoch`.
    disarm(): stop encoding and forget every encoded byte.
    view(on): write the low-resolution frames into the shared memory, or blacken it and stop.
    key_frame(): make the next picture a key frame.
    sound(mode, epoch): a `SoundMode`; in the mode ON sound carries `epoch`, which the other modes
    ignore. A new mode or epoch makes the process forget all sound that it holds.
    stamp(pre, trusted, wearer): what the stamp shows from the next picture on: whether it is from
    before a recording, whether something vouches for the wall clock, the wearer's id or null.
    rate(fps): take so many pictures per second from now on; at first as the settings say.
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
